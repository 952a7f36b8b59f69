/* pharos/leg.h: byte streams to a program that nobody can reach
 *
 * Two programs that both dial out to a beacon (or one of them to the other) get
 * a tunnel: mutual TLS 1.3 with certificates of one CA. In it one side opens
 * streams by name and the other takes them, as connections and listeners do,
 * many at once. This is libpharos-leg: what `pharos pipe` does, in your own
 * program. `pharos pki init --pipe` makes the certificates. See
 * pharos-leg(3).
 *
 *   struct pharos_route_config config = {
 *           .size = sizeof(config), .side = PHAROS_CONNECT,
 *           .beacons = (const char *[]){ "beacon.example.com:443", NULL },
 *           .cert_file = "laptop.crt", .key_file = "laptop.key",
 *           .ca_file = "ca.crt" };
 *
 *   pharos_route_open(&route, &config, &error);
 *   pharos_stream_open(&stream, route, "ssh");
 *   pharos_stream_wait(stream, PHAROS_WRITE, 30000);
 *   pharos_stream_write(stream, "hello", 5);
 *
 * Event loops. A route has one descriptor, pharos_route_fd(). Poll it for
 * reading, and call pharos_route_dispatch() when it is readable; deadlines
 * make it readable too, so no timeout has to be asked for. A program without a
 * loop of its own calls pharos_route_wait() or pharos_stream_wait(). One that
 * does neither for 45 s is taken for dead by its peer, and its tunnels are
 * cut.
 *
 * Callbacks come from inside pharos_route_dispatch(), pharos_route_wait() and
 * pharos_stream_wait(), and from nowhere else. In them everything may be
 * called but the two that wait; also pharos_route_close(), which then takes
 * effect when the callback has returned.
 *
 * Threads. A route with its streams is used by one thread at a time; different
 * routes are independent. The library starts no thread.
 *
 * The process. No signal handler, no signal sent (SIGPIPE neither), nothing
 * written to standard error, no exit: but a programmer's error that the
 * library notices (a stream used after it was closed is not among them) aborts.
 * Descriptors are close-on-exec. After fork() the child must not use or
 * close what the parent has opened: it calls exec or _exit.
 *
 * Return values are 0 or more, or a negative errno.
 */
#ifndef PHAROS_LEG_H
#define PHAROS_LEG_H

#include <stddef.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PHAROS_API __attribute__((visibility("default")))

struct pharos_route;
struct pharos_stream;

/* What a person reads: which hop failed, what was expected and seen, and what
 * to do about it. */
struct pharos_error {
	int code;	/* negative errno; 0: no error */
	char text[400]; /* one line */
	char hint[300]; /* what helps; may be empty */
};

enum pharos_side {
	PHAROS_LISTEN = 1, /* is offered streams */
	PHAROS_CONNECT,	   /* opens them */
};

enum pharos_level { PHAROS_WARNING = 1, PHAROS_INFO };

/* Zero means: the default. Strings and lists are copied. */
struct pharos_route_config {
	size_t size; /* sizeof(struct pharos_route_config); always set it */
	enum pharos_side side;

	/* Who we are and whom we trust, as PEM files; all three are needed. */
	const char *cert_file, *key_file, *ca_file;
	const char *role;	       /* of our certificate; "pipe" */
	const char *peer_role;	       /* of the peer's; "pipe" */
	const char *const *peer_names; /* NULL-terminated: only with these
					  names in the peer's certificate */

	/* How to meet: one of these three. Lists are NULL-terminated. */
	const char *const *beacons; /* "host:port"; the listening side waits
				       at all of them, the connecting one
				       takes the next when one fails */
	const char *const *dial;    /* "host:port" of the peer */
	const char *accept;	    /* an address: the peer dials us; ":0": any
				       free port, see
				       pharos_route_address() */

	const char *beacon_ca;	/* PEM file; the system's CAs */
	const char *beacon_pin; /* instead: SHA-256 of the beacon's public key
				   (SPKI), in hex */

	const char *egress_proxy; /* "http://", "https://" or "socks5://" URL by
				     which to go out, or "none"; what the
				     variables HTTPS_PROXY, ALL_PROXY and
				     NO_PROXY say */
	int keep_outer_tls; /* 1: keep the TLS with the beacon once the tunnel
			       in it has its own; 0: shed it where the beacon
			       and the peer do so too */

	unsigned tunnels; /* connecting: how many to keep where there are as
			     many addresses; 1. Listening: how many wait at
			     each beacon; 4 */
	unsigned wait_ms; /* how long a new stream waits for a tunnel; 30 s */

	/* (PHAROS_LISTEN, needed) the peer wants @stream: look at its name, and
	 * accept, refuse or close it, now or later; the peer waits 15 s */
	void (*offered)(void *ctx, struct pharos_stream *stream);
	/* what becomes of tunnels and addresses, one line each; may be NULL */
	void (*log)(void *ctx, enum pharos_level level, const char *line);
	void *ctx; /* of both */
};

/** pharos_version() - of the library, "0.1.0" */
PHAROS_API const char *pharos_version(void);

/* ---- routes */

/** pharos_route_open() - load the files and begin; does not wait
 * @out: the caller's, until pharos_route_close()
 * @error: filled in on failure; may be NULL
 * Return: 0; -EINVAL: the configuration; -ENOENT, -EACCES …: a file; -ENOMEM.
 */
PHAROS_API int pharos_route_open(struct pharos_route **out,
    const struct pharos_route_config *config, struct pharos_error *error);
/** pharos_route_close() - cut the tunnels and free everything: streams that are
 * open are ended as by pharos_stream_reset(), and must not be used any more.
 * NULL is fine. For an orderly end, drain before. */
PHAROS_API void pharos_route_close(struct pharos_route *route);

/** pharos_route_renew() - read the certificates and keys again, for tunnels
 * from now on; those that are up go on
 * @config: as at pharos_route_open(), where the files may have other names
 * Return: 0; as pharos_route_open(): nothing has changed. */
PHAROS_API int pharos_route_renew(struct pharos_route *route,
    const struct pharos_route_config *config, struct pharos_error *error);

/** pharos_route_drain() - no new streams from now on; those that are open may
 * go on for @ms, then the tunnels end
 * pharos_route_busy() - 1 while there is a tunnel, or something that was
 * written is still on its way; 0: pharos_route_close() loses nothing */
PHAROS_API void pharos_route_drain(struct pharos_route *route, unsigned ms);
PHAROS_API int pharos_route_busy(const struct pharos_route *route);

/** pharos_route_fd() - to be polled for reading; the library's, never closed or
 * read by the caller; the same as long as the route lives */
PHAROS_API int pharos_route_fd(const struct pharos_route *route);
/** pharos_route_dispatch() - do what can be done now, without waiting
 * Return: 0; -EDEADLK: called from a callback. */
PHAROS_API int pharos_route_dispatch(struct pharos_route *route);
/** pharos_route_wait() - the same, but wait for something to happen
 * @ms: at most so long; negative: for ever
 * Return: 0; -EDEADLK: called from a callback. */
PHAROS_API int pharos_route_wait(struct pharos_route *route, int ms);

/** pharos_route_tunnels() - how many are up */
PHAROS_API unsigned pharos_route_tunnels(const struct pharos_route *route);
/** pharos_route_address() - with config.accept: where it listens, with the real
 * port; else NULL. The route's. */
PHAROS_API const char *pharos_route_address(const struct pharos_route *route);
/** pharos_route_error() - why there is no tunnel: the last failure since one
 * came up; code 0 if there was none */
PHAROS_API void pharos_route_error(
    const struct pharos_route *route, struct pharos_error *error);

/* ---- streams
 *
 * A stream is opened (connecting) or offered and accepted (listening); then
 * each direction runs until its end; then it is closed. Whoever has a stream
 * ends it once: close, reset or refuse; with the route all of them end. At most
 * 1,024 run in a tunnel, and at most 1,024 wait for one. A peer that does not
 * read holds back its own stream only: 64 KiB are taken, then write says
 * -EAGAIN. */

enum {
	PHAROS_READ = 1, /* bytes, the end or an error can be read */
	PHAROS_WRITE =
	    2,		 /* write would take something; so, first: it is open */
	PHAROS_GONE = 4, /* it has failed: pharos_stream_error() says why */
};

/* @events: those that are wanted and hold; PHAROS_GONE comes unasked, once. */
typedef void (*pharos_stream_fn)(
    void *ctx, struct pharos_stream *stream, unsigned events);

/** pharos_stream_open() - (PHAROS_CONNECT) ask for what the peer offers as
 * @name, 1 to 64 of a-z 0-9 . -; NULL: the one without a name
 * It opens when PHAROS_WRITE holds; PHAROS_GONE: it could not be opened.
 * @out: the caller's.
 * Return: 0; -EINVAL: the name, or the side; -EBUSY: 1,024 wait; -ENOMEM. */
PHAROS_API int pharos_stream_open(
    struct pharos_stream **out, struct pharos_route *route, const char *name);

/** pharos_stream_accept() - (offered) it is open from now on
 * Return: 0; -ECONNRESET: the peer has given up; -EINVAL: it is not offered.
 * The stream is still the caller's. */
PHAROS_API int pharos_stream_accept(struct pharos_stream *stream);
/** pharos_stream_refuse() - (offered) end it; @text, a sentence, is shown to
 * the peer's user */
PHAROS_API void pharos_stream_refuse(
    struct pharos_stream *stream, const char *text);

/** pharos_stream_name() - what it was asked for by; "" without a name
 * pharos_stream_peer() - (offered) the name in the peer's certificate; else ""
 * Both are the stream's. */
PHAROS_API const char *pharos_stream_name(const struct pharos_stream *stream);
PHAROS_API const char *pharos_stream_peer(const struct pharos_stream *stream);

/** pharos_stream_handle() - who is told; replaces the one before. Level: while
 * an event that is wanted holds, it is told again with each dispatch
 * pharos_stream_want() - which events, PHAROS_READ | PHAROS_WRITE or 0 */
PHAROS_API void pharos_stream_handle(
    struct pharos_stream *stream, pharos_stream_fn fn, void *ctx);
PHAROS_API void pharos_stream_want(
    struct pharos_stream *stream, unsigned events);
/** pharos_stream_wait() - until one of @events or PHAROS_GONE holds; handlers
 * of this and of other streams are called meanwhile as always
 * @ms: at most so long; negative: for ever
 * Return: the events that hold; 0: none in time; -EDEADLK: called from a
 * callback. */
PHAROS_API int pharos_stream_wait(
    struct pharos_stream *stream, unsigned events, int ms);

/** pharos_stream_read() - up to @n bytes
 * Return: how many; 0: the peer has ended its direction; -EAGAIN: none now;
 * -ECONNRESET: reset or cut; else see pharos_stream_error(). */
PHAROS_API ssize_t pharos_stream_read(
    struct pharos_stream *stream, void *to, size_t n);
/** pharos_stream_write() - up to @n bytes
 * Return: how many were taken; -EAGAIN: none now; -EPIPE: after
 * pharos_stream_finish(), or the peer takes no more; else as above. */
PHAROS_API ssize_t pharos_stream_write(
    struct pharos_stream *stream, const void *bytes, size_t n);
/** pharos_stream_finish() - end our direction after what was written; reading
 * goes on; repeatable */
PHAROS_API void pharos_stream_finish(struct pharos_stream *stream);
/** pharos_stream_close() - an orderly end of both directions: what was written
 * is delivered, what the peer still sends is dropped
 * pharos_stream_reset() - end at once; the peer sees a reset
 * Both free the stream; NULL is fine. */
PHAROS_API void pharos_stream_close(struct pharos_stream *stream);
PHAROS_API void pharos_stream_reset(struct pharos_stream *stream);

/** pharos_stream_error() - why it failed; code 0 if it did not */
PHAROS_API void pharos_stream_error(
    const struct pharos_stream *stream, struct pharos_error *error);

#ifdef __cplusplus
}
#endif

#endif
