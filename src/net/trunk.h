/* net/trunk.h: many byte streams, each by a name, between two programs that
 * keep tunnels to each other
 *
 * One side listens: the other's wish for a stream is offered to it by name, and
 * it accepts or refuses. The other side connects: it calls a name and is given
 * a leg; while no tunnel is up the call waits. Who dialled whom is the route's
 * matter (net/route.h). On the wire a stream is a CONNECT for
 * NAME.pipe.pharos:443, or pipe.pharos:443 without a name; doc/wire/tunnel.md.
 */
#pragma once
#include "net/uplink.h"

struct trunk;
struct trunk_call;

enum trunk_side { TRUNK_LISTEN, TRUNK_CONNECT };

enum {
	TRUNK_NAME_MOST = ROLE_NAME_MOST,
	TRUNK_WAITING_MOST = 1024, /* calls that have no stream yet */
	TRUNK_TRIES_MOST = 3,	 /* of one call, where the tunnel ended and the
				    peer says that it did not handle it */
	TRUNK_ANSWER_MS = 15000, /* for the peer to accept or refuse */
	TRUNK_LOOK_MS = 100, /* until a tunnel that was full is asked again */
};

/* What the peer of a listening trunk wants. The callee has @stream from now on
 * and ends it once: trunk_accept(), trunk_refuse(), http_stream_abandon().
 * Until then its leg tells LEG_GONE if the peer gives up. The peer waits for
 * TRUNK_ANSWER_MS. @name: "" for none; both are borrowed for the call. */
typedef void (*trunk_offered_fn)(
    void *ctx, struct http_stream *stream, const char *name, const char *peer);

struct trunk_config {
	enum trunk_side side;
	struct uplink_config uplink; /* role, peer_role, files, route; the rest
					is filled in */
	trunk_offered_fn offered;    /* TRUNK_LISTEN */
	uplink_told_fn told;	     /* as in uplink_config; or NULL */
	void *ctx;
	unsigned wait_ms; /* TRUNK_CONNECT: how long a call waits for a
			     tunnel; at least 1 */
};

/** trunk_open() - begin
 * @config: borrowed for the call.
 * Return: 0; -errno with @fault. */
MUST_USE int trunk_open(struct trunk **out, struct loop *loop,
    const struct trunk_config *config, struct fault *fault);
/** trunk_close() - cut the tunnels; calls that wait are dropped untold, legs
 * handed out fail. NULL is fine. Not from `told`. */
void trunk_close(struct trunk *t);
/** trunk_drain() - the orderly way out: no new streams, those that are open
 * may end for @ms, then the tunnels end; uplink_busy() says when that is done,
 * and `told` is called for each */
void trunk_drain(struct trunk *t, unsigned ms);
/** trunk_reload() - read the files of @config again, which but for their
 * contents is that of trunk_open(): for tunnels from now on
 * Return: 0; -errno with @fault: nothing has changed. */
MUST_USE int trunk_reload(
    struct trunk *t, const struct trunk_config *config, struct fault *fault);
struct uplink *trunk_uplink(const struct trunk *t);

/** trunk_name_ok() - is it 1 to TRUNK_NAME_MOST of a-z 0-9 . - ? */
bool trunk_name_ok(const char *name);

/* @leg: a stream, the callee's; or NULL, and @fault says why: -ETIMEDOUT: no
 * tunnel, or no answer, in time; -EBUSY: every tunnel is full; -ECONNREFUSED:
 * the peer refused, in its words; -ECONNRESET: the tunnel went; -ENOMEM. Called
 * once, from the loop. */
typedef void (*trunk_call_fn)(
    void *ctx, struct leg *leg, const struct fault *fault);

/** trunk_call() - (TRUNK_CONNECT) ask for a stream
 * @name: of what the peer offers; "" or NULL: the one without a name
 * @out: valid until @fn is called.
 * Return: 0; -EINVAL: the name; -EBUSY: TRUNK_WAITING_MOST calls wait;
 * -ENOMEM. */
MUST_USE int trunk_call(struct trunk_call **out, struct trunk *t,
    const char *name, trunk_call_fn fn, void *ctx);
/** trunk_call_cancel() - @fn is not called; NULL is fine */
void trunk_call_cancel(struct trunk_call *call);

/** trunk_accept() - (TRUNK_LISTEN) the stream is open
 * Return: its leg; NULL: the peer has given up, and the stream is ended. */
struct leg *trunk_accept(struct http_stream *stream);
/** trunk_refuse() - and why: @status (RFC 9110) and a sentence, which the
 * peer shows to its user */
void trunk_refuse(struct http_stream *stream, int status, const char *text);
