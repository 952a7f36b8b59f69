/* wire/http.h: an HTTP connection as a machine, of either version, either end.
 *
 * Bytes in (http_feed), bytes out (http_pull), events in between. No socket, no
 * clock, no thread. HTTP/1.1 (wire/http1.h, llhttp inside) and HTTP/2
 * (wire/h2.h, nghttp2 inside) are two makers of the same machine, so whatever
 * runs above (net/http.h) does not know which it has.
 *
 * A connection carries streams. A stream is one request and its response; each
 * direction is a head, then body bytes, then an end. HTTP/1.1 has one stream
 * at a time; its ids count 1, 2, 3 …; HTTP/2's are the protocol's own. After a
 * 2xx answer to CONNECT the body directions are the tunnel's bytes, in both
 * versions.
 *
 * Back-pressure in: the machine hands body bytes to the listener at once and
 * counts them as unread until http_credit(). HTTP/2 stops the peer by its
 * windows; for HTTP/1.1 http_hungry() turns false, and the driver stops feeding
 * (so what is unread exceeds the window by at most one feed).
 * Back-pressure out: http_write() takes what the stream's buffer and window
 * allow; `room` says when there is more.
 *
 * The driver's turn: feed while hungry, then pull until nothing comes; then ask
 * http_over() and http_spent(). After any verb it pulls again: bytes kept from
 * an earlier feed (a pipelined request, a tunnel's first bytes) are handled by
 * the pull that follows.
 *
 * Strictness (RFC 9110, 9112, 9113): a message that could be understood in two
 * ways is refused, never repaired: both Content-Length and Transfer-Encoding,
 * several lengths, obsolete folding, bare CR or LF, spaces before the colon,
 * unknown transfer codings, Host missing or twice, control characters.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

/* Limits, the same for both versions. At a limit the stream (or, for HTTP/1.1,
 * the connection after an answer) ends with the named reason. */
enum {
	HTTP_FIELDS_MAX = 64,	    /* fields of a head */
	HTTP_HEAD_MAX = 16 * 1024,  /* names and values of a head together */
	HTTP_TARGET_MAX = 4 * 1024, /* a path with its query */
	HTTP_STREAM_WINDOW = 65536, /* unread body bytes of a stream */
	HTTP_STREAM_BUFFER = 65536, /* unsent body bytes of a stream */
	HTTP_STREAMS_MAX = 1024,    /* at once on a connection */
	HTTP_FEED_MAX = 65536,	    /* bytes of one http_feed() */
	HTTP_INTERIM_MAX = 16,	    /* 1xx heads before the final one */
	HTTP_QUEUE_MAX = 4096,	    /* (HTTP/2) frames not yet pulled: more is
				       a peer that makes us answer and does
				       not read; the connection ends */
};

/* What a peer can run into; each has a counter. */
enum http_limit {
	HTTP_LIMIT_FIELDS,	 /* too many fields */
	HTTP_LIMIT_HEAD,	 /* too large a head */
	HTTP_LIMIT_TARGET,	 /* too long a target */
	HTTP_LIMIT_INTERIM,	 /* 1xx without end */
	HTTP_LIMIT_STREAMS,	 /* (HTTP/2) more streams than allowed */
	HTTP_LIMIT_RESETS,	 /* (HTTP/2) streams opened and reset */
	HTTP_LIMIT_CONTINUATION, /* (HTTP/2) a head in too many frames */
	HTTP_LIMIT_SETTINGS,	 /* (HTTP/2) too many settings */
	HTTP_LIMIT_QUEUE,	 /* (HTTP/2) answers that nobody pulls */
	HTTP_LIMIT_PROTOCOL,	 /* all else that was refused */
	HTTP_LIMIT_COUNT
};
struct metric_table;
/** http_metrics() - rows for all of them, of the whole process; add it once */
struct metric_table *http_metrics(void);
/** http_limit_hits() - one of the counters */
uint64_t http_limit_hits(enum http_limit limit);

struct http_field {
	const char *name; /* lower case */
	const char *value;
};

/* Heads are borrowed by whoever receives them, for the call; NULL where a part
 * does not apply. In a request: method, authority, and target, which is NULL
 * for CONNECT. In a response: status. */
struct http_head {
	const char *method;    /* "GET" */
	const char *scheme;    /* "https"; given by the driver for HTTP/1.1 */
	const char *authority; /* Host, :authority; for CONNECT host:port */
	const char *target;    /* "/v1/status?x=1"; starts with '/' or is "*" */
	int status;	       /* 100..599 */
	int64_t length;	       /* of the body; -1: not known beforehand */
	bool early;	       /* (client, CONNECT in HTTP/2) bytes may be sent
				  before the answer; who refuses drops them */
	const struct http_field *fields; /* without those that speak of the
					    connection: Host, Content-Length,
					    Transfer-Encoding, Connection and
					    what it names, Expect, TE,
					    Trailer, Upgrade, Keep-Alive,
					    Proxy-Connection */
	size_t n_fields;
};

/** http_head_get() - the value of the first field of that (lower case) name
 * Return: borrowed; NULL when there is none. */
const char *http_head_get(const struct http_head *head, const char *name);
enum { HTTP_RETRY_MOST_S = 3600 };
/** http_retry_after() - the seconds that Retry-After asks to wait, at most
 * HTTP_RETRY_MOST_S (RFC 9110, 10.2.3); 0: none, or given as a date */
unsigned http_retry_after(const struct http_head *head);

enum http_why {
	HTTP_WHY_NONE,
	HTTP_WHY_PEER,	   /* the peer reset it or went away before the end */
	HTTP_WHY_PROTOCOL, /* the peer broke the rules; see http_reason() */
	HTTP_WHY_LIMIT,	   /* a limit above; see http_reason() */
	HTTP_WHY_REFUSED,  /* HTTP/2 REFUSED_STREAM or GOAWAY before it was
			      handled: safe to try again elsewhere */
	HTTP_WHY_DONE,	/* HTTP/2 NO_ERROR after the peer's end: it has said all
			   and takes no more, as by closing a socket */
	HTTP_WHY_LOCAL, /* our own doing; told by net/http.h, never here */
};
/** http_why_text() - in plain words, for faults and logs */
const char *http_why_text(enum http_why why);

/* Events. They come from within http_feed() and http_pull() only; the listener
 * may call every verb below but those two and http_free(). @stream is the id.
 * After reset (or our own http_reset(), which tells nothing) no more events of
 * that stream come; after end of both directions neither. Bytes handed over
 * before stay the listener's, and it credits every one of them in the end, also
 * those of a stream that is gone. */
struct http_listener {
	/* a request (server) or the final response (client; 1xx are skipped);
	 * @ended: there is no body */
	void (*head)(void *ctx, uint32_t stream, const struct http_head *head,
	    bool ended);
	void (*body)(void *ctx, uint32_t stream, const void *bytes, size_t n);
	void (*end)(void *ctx, uint32_t stream);
	void (*reset)(void *ctx, uint32_t stream, enum http_why why);
	/* http_write() will take bytes again, after it had taken too few */
	void (*room)(void *ctx, uint32_t stream);
};

enum http_end { HTTP_SERVER, HTTP_CLIENT };

struct http_options { /* copied */
	enum http_end end;
	const struct http_listener *listener;
	void *ctx;
	struct pool *pool;    /* borrowed; blocks for all buffers */
	const char *scheme;   /* for requests: "https" or "http" */
	uint32_t streams_max; /* 0: HTTP_STREAMS_MAX */
	uint32_t window;      /* of a stream; 0: HTTP_STREAM_WINDOW */
	bool for_many; /* the peer is known and brings the streams of many
			  others: how often they are reset is not limited */
};

struct http_machine; /* made by http1_new() or h2_new() */
void http_free(struct http_machine *m);
void http_freep(struct http_machine **m);

/** http_feed() - bytes from the peer, at most HTTP_FEED_MAX; all are taken
 * With @n = 0: the peer has closed its direction. Only while http_hungry().
 * Return: 0; -ENOMEM. */
MUST_USE int http_feed(struct http_machine *m, const void *bytes, size_t n);
/** http_hungry() - may the driver feed now? (see back-pressure in) */
bool http_hungry(const struct http_machine *m);
/** http_pull() - bytes for the peer
 * Return: how many were put into @to; 0: nothing to send now; -ENOMEM. */
MUST_USE ssize_t http_pull(struct http_machine *m, void *to, size_t room);
/** http_spent() - nothing will be pulled any more: half-close the leg */
bool http_spent(const struct http_machine *m);
/** http_over() - nothing more to feed, nothing more to pull: close the leg
 * http_broken() - it ended in the middle of a message of ours: reset the leg
 * instead, so that the peer does not take what it has for the whole */
bool http_over(const struct http_machine *m);
bool http_broken(const struct http_machine *m);
/** http_midhead() - part of a head (or of HTTP/2's preface) has come, the rest
 * has not: what the deadline for heads is about */
bool http_midhead(const struct http_machine *m);
/** http_reason() - why the machine refused the peer, for the log; "" if not */
const char *http_reason(const struct http_machine *m);

enum { HTTP_E_OVER = 1, HTTP_E_BUSY, HTTP_E_STREAM };

/** http_takes() - (client) would http_request() begin a stream now?
 * Return: 0; HTTP_E_BUSY, HTTP_E_OVER as http_request(). */
MUST_USE int http_takes(const struct http_machine *m);
/** http_request() - (client) begin a stream
 * @ended: there is no body. @stream: set to its id.
 * Return: 0; HTTP_E_BUSY: no stream is free now (HTTP/1.1: one at a time);
 * HTTP_E_OVER: the connection takes no more; -EINVAL: the head is not
 * sendable (a line break in a field, too large); -ENOMEM. */
MUST_USE int http_request(struct http_machine *m, const struct http_head *head,
    bool ended, uint32_t *stream);
/** http_respond() - (server) the head of the answer; once a stream
 * Return: 0; HTTP_E_STREAM: that stream is gone; -EINVAL; -ENOMEM. */
MUST_USE int http_respond(struct http_machine *m, uint32_t stream,
    const struct http_head *head, bool ended);
/** http_write() - body bytes
 * With head->length given, at most that many in all, and http_finish() before
 * them counts as http_reset(). The body of an answer to HEAD is swallowed. A
 * CONNECT stream takes none before its 2xx.
 * Return: how many were taken, possibly 0 (then `room` comes); -EPIPE: that
 * stream is gone or finished; -EMSGSIZE: more than head->length; -ENOMEM. */
MUST_USE ssize_t http_write(
    struct http_machine *m, uint32_t stream, const void *bytes, size_t n);
/** http_finish() - end of our direction, after what was written; repeatable */
void http_finish(struct http_machine *m, uint32_t stream);
/** http_reset() - give a stream up: what is not finished is cut, what is
 * finished is still delivered; HTTP/1.1 ends the connection with it unless both
 * directions are through */
void http_reset(struct http_machine *m, uint32_t stream);
/** http_credit() - @n more body bytes of the stream have been used up */
void http_credit(struct http_machine *m, uint32_t stream, size_t n);
/** http_goaway() - finish the streams that run, take no more */
void http_goaway(struct http_machine *m);
/** http_streams() - how many streams run */
size_t http_streams(const struct http_machine *m);
/** http_ping() - (HTTP/2) ask for a sign of life; http_pongs() counts answers
 */
void http_ping(struct http_machine *m);
uint64_t http_pongs(const struct http_machine *m);
