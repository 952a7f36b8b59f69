/* net/http.h: an HTTP connection over a leg; both versions, both ends.
 *
 * Drives a wire/http.h machine: reads the leg into it, writes what it pulls.
 * A stream's body is a leg of its own (http_stream_leg): reading it reads the
 * peer's body, leg_finish() ends ours, leg_reset() resets the stream. So
 * bodies, CONNECT tunnels and whole connections are moved by the same pump, and
 * TLS runs in a CONNECT stream as it runs on TCP.
 *
 * Lifetime: a stream is its leg. Whoever has a stream (a handler from the
 * `request` event on, a client from http_conn_request() on) ends it once, by
 * leg_close() or leg_reset() on that leg, or by http_stream_answer() or
 * http_stream_abandon(), which do it. It stays valid until then, also when the
 * peer resets the stream or the connection goes first: writing then fails.
 * leg_close() delivers what was written and refuses what the peer still sends;
 * leg_reset() cuts both directions.
 */
#pragma once
#include "base/err.h"
#include "net/leg.h"
#include "wire/http.h"

struct http_conn;
struct http_stream;

struct http_conn_events {
	/* (server) a request has come; @head is borrowed for the call */
	void (*request)(void *ctx, struct http_stream *stream,
	    const struct http_head *head);
	/* the first bytes of the peer have come; may be NULL */
	void (*heard)(void *ctx);
	/* the connection has ended; all its streams have been told; the struct
	 * is freed after the call. @fault: why, empty text for an orderly end
	 */
	void (*gone)(void *ctx, const struct fault *fault);
};

enum http_version { HTTP_1, HTTP_2 };
enum { HTTP_HEAD_MS = 10000, HTTP_STALL_MS = 120000 };

struct http_conn_config {
	enum http_version version;
	enum http_end end;
	const struct http_conn_events *events;
	void *ctx;
	uint32_t streams_max; /* 0: default of wire/http.h */
	bool for_many;	      /* as in wire/http.h */
	unsigned head_ms;     /* (server) a request's head must be whole in
				 this time after its first byte; 0: 10 s */
	unsigned idle_ms; /* no stream for this long: orderly end; 0: never */
	unsigned ping_ms; /* (HTTP/2) ping when silent for this long; two
			     unanswered end the connection; 0: never */
};

/** http_conn_open() - @leg is taken, also on failure
 * A peer that takes none of our bytes for HTTP_STALL_MS is cut off.
 * Return: 0; -ENOMEM. */
MUST_USE int http_conn_open(struct http_conn **out, struct leg *leg,
    const struct http_conn_config *config);
/** http_conn_close() - orderly: streams that run may end, for @ms; then cut
 * `gone` comes. http_conn_cut() - at once; `gone` is not called. */
void http_conn_close(struct http_conn *c, unsigned ms);
void http_conn_cut(struct http_conn *c);
size_t http_conn_streams(const struct http_conn *c);
/** http_conn_takes() - (client) would http_conn_request() begin one now? */
bool http_conn_takes(const struct http_conn *c);
/** http_conn_leg() - the leg below, borrowed (for tls_leg_peer() and the like)
 */
struct leg *http_conn_leg(const struct http_conn *c);
/** http_conn_silent() - a ping is unanswered: the peer, or the network to it,
 * may be gone */
bool http_conn_silent(const struct http_conn *c);
/** http_conn_probe() - (HTTP/2) an answer is long in coming: ping now, unless
 * one is unanswered; so @c is silent until anything is heard of the peer */
void http_conn_probe(struct http_conn *c);

/* (client) @head: the response, borrowed for the call; or NULL: the stream was
 * reset or the connection went first; @why says which. Called once, unless the
 * stream is ended before. In both cases the stream is still the caller's to
 * end. */
typedef void (*http_response_fn)(void *ctx, struct http_stream *stream,
    const struct http_head *head, enum http_why why);

/** http_conn_request() - (client) begin a request
 * @ended: no body; else write it to the stream's leg
 * Return: 0; HTTP_E_BUSY, HTTP_E_OVER, -EINVAL, -ENOMEM as http_request(). */
MUST_USE int http_conn_request(struct http_conn *c,
    const struct http_head *head, bool ended, http_response_fn fn, void *ctx,
    struct http_stream **out);
/** http_stream_respond() - (server) the head of the answer
 * Return: 0; HTTP_E_STREAM: it is gone; -EINVAL; -ENOMEM. */
MUST_USE int http_stream_respond(
    struct http_stream *s, const struct http_head *head, bool ended);
/** http_stream_leg() - the body leg
 * A server's becomes writable with its answer's head, a client's at once (for
 * CONNECT that is not early: with the 2xx answer). What is read before that
 * answer's head is told is nothing yet; after a refusal it is the refusal's
 * body. */
struct leg *http_stream_leg(struct http_stream *s);
/** http_stream_peek() - what has come and was not read yet; it stays there, and
 * in the window
 * Return: how many bytes were copied, at most @n. */
size_t http_stream_peek(const struct http_stream *s, void *to, size_t n);
/** http_stream_abandon() - give a stream up: leg_reset() on its leg */
void http_stream_abandon(struct http_stream *s);
/** http_stream_drained() - the peer has ended its direction and all of it was
 * read: in the `request` event, the request has no body */
bool http_stream_drained(const struct http_stream *s);
/** http_stream_conn() - the connection it belongs to; NULL once that is gone */
struct http_conn *http_stream_conn(struct http_stream *s);

/* Whole bodies. */
typedef void (*http_body_fn)(void *ctx, char *body, size_t n, int error);
/** http_collect() - read @leg (taken) to its end, at most @most bytes
 * @fn: once; @error 0: @body on the heap (NUL-terminated, the callee frees it);
 * -EMSGSIZE, -ECONNRESET, -ETIMEDOUT: @body is NULL. The leg is closed then.
 * @ms: for all of it. What is not handed over is wiped.
 * Return: 0; -ENOMEM (the leg is closed, no call comes). */
struct http_collect;
MUST_USE int http_collect(struct http_collect **out, struct leg *leg,
    size_t most, unsigned ms, http_body_fn fn, void *ctx);
void http_collect_cancel(struct http_collect *c);
/** http_receive() - (server) the same for a request's body, but the stream goes
 * on: in @fn it is the callee's again, to answer and so to end it, also after
 * an error. Until then, and after http_receive_cancel(), nothing else ends it.
 * Return: 0; -ENOMEM (no call comes). Either way the caller keeps the stream.
 */
MUST_USE int http_receive(struct http_collect **out, struct http_stream *s,
    size_t most, unsigned ms, http_body_fn fn, void *ctx);
void http_receive_cancel(struct http_collect *c);
/* A whole response: the body is copied, and wiped when it has been sent. */
struct http_answer {
	int status;
	const char *content_type;	 /* NULL: none */
	const struct http_field *fields; /* more of them */
	size_t n_fields;
	const void *body;
	size_t n;
};
enum { HTTP_ANSWER_FIELDS = 8, HTTP_ANSWER_MS = 60000 };
/** http_stream_answer() - (server) send a whole response and end the stream;
 * at most HTTP_ANSWER_FIELDS fields; a peer that does not read it in
 * HTTP_ANSWER_MS loses it */
void http_stream_answer(struct http_stream *s, const struct http_answer *a);
/** http_stream_answer_json() - the same with 200 and JSON
 * @text: borrowed; NULL: there was no memory for it, which is said, with 503 */
void http_stream_answer_json(struct http_stream *s, const char *text);
/** http_stream_refuse() - answer with a JSON body {"errors":[text]}, as the
 * stores do; @text needs no escaping: it is made safe */
void http_stream_refuse(struct http_stream *s, int status, const char *text);
