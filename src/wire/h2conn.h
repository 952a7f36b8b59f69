/* wire/h2conn.h: an HTTP/2 connection from the inside; for the files that make
 * it: h2.c (verbs and writing) and h2read.c (what nghttp2 calls).
 */
#pragma once
#include "base/buf.h"
#include "base/table.h"
#include "wire/h2memory.h"
#include "wire/httphead.h"
#include "wire/httpkind.h"
#include <nghttp2/nghttp2.h>

struct h2_stream {
	struct table_node node; /* keyed by id */
	uint32_t id;
	struct buf output;
	struct http_outgoing outgoing;
	unsigned interim;
	bool connect, head_only;
	bool early;	 /* (client) a tunnel's bytes go before its 2xx */
	bool head_told;	 /* the listener has had the peer's head */
	bool peer_ended; /* and the end of its body */
	bool peer_reset; /* RST_STREAM came */
	bool answered;	 /* server: http_respond(); client: true */
	bool tunnelled;	 /* a CONNECT has had its 2xx */
	bool finished;	 /* our end is written */
	bool end_sent;	 /* and has been pulled */
	bool deferred;	 /* nghttp2 waits for us to have bytes */
	bool wants_room;
	bool dropped; /* ours no more: no event is told */
};

struct h2 {
	struct http_machine machine;
	struct h2_memory memory; /* of the session */
	nghttp2_session *session;
	struct table streams;
	const uint8_t *rest; /* given by nghttp2, not yet pulled */
	size_t n_rest;
	bool fed, greeted; /* greeted: the peer's SETTINGS have come */
	bool dead;	   /* nothing more is fed */
	bool ended;	   /* the peer has closed its direction */
	bool going;	   /* GOAWAY, ours or the peer's */
	bool last_call;	   /* (server) ours is announced, but not yet final */
	bool rooms_due;	   /* a stream's `room` is to be told */
	bool judged;	   /* we have sent GOAWAY with an error */
	enum http_why why; /* of the streams that end with the connection */

	/* the head that is under way; a connection has one at a time */
	bool gathering;
	struct http_gather gather;
	char status[4];
	const struct http_refusal *refusal;
};

/** h2_lost() - memory ran out inside nghttp2: its session is not to be touched
 * any more, and the connection is over without a word */
static inline bool h2_lost(const struct h2 *h)
{
	return h2_memory_spent(&h->memory);
}

/** h2_callbacks() - what nghttp2 calls
 * Return: 0; -ENOMEM. */
MUST_USE int h2_callbacks(nghttp2_session_callbacks **out);

static inline struct h2_stream *h2_stream_of(struct table_node *node)
{
	return CONTAINER_OF(node, struct h2_stream, node);
}

/** h2_stream_new() - into the table; NULL without memory */
struct h2_stream *h2_stream_new(struct h2 *h, uint32_t id);
void h2_stream_free(struct h2 *h, struct h2_stream *s);
/** h2_stream_get() - in the table; NULL if gone
 * h2_stream_find() - and still the listener's */
struct h2_stream *h2_stream_get(struct h2 *h, uint32_t id);
struct h2_stream *h2_stream_find(struct h2 *h, uint32_t id);
/** h2_stream_drop() - no further event */
void h2_stream_drop(struct h2 *h, struct h2_stream *s);
/** h2_fail() - the connection is over: tell every stream */
void h2_fail(struct h2 *h, enum http_why why);
/** h2_last_call - what the PING says that follows a server's announcement of
 * its GOAWAY: with its answer, all that the client had sent before it heard of
 * that is here h2_go() - the final GOAWAY: the streams that are here may end */
extern const uint8_t h2_last_call[8];
void h2_go(struct h2 *h);
/** h2_refuse() - a limit of the connection was reached: GOAWAY, and over */
void h2_refuse(struct h2 *h, enum http_limit limit, const char *reason);
/** h2_answer_refused() - (server) a status and no body; the stream is dropped
 * Return: 0; -ENOMEM. */
MUST_USE int h2_answer_refused(
    struct h2 *h, struct h2_stream *s, const struct http_refusal *refusal);
/** h2_say_continue() - (server) 100 */
MUST_USE int h2_say_continue(struct h2 *h, struct h2_stream *s);
