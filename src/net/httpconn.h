/* net/httpconn.h: what the files of net/http share; others use net/http.h. */
#pragma once
#include "base/table.h"
#include "net/http.h"
#include "net/legkind.h"
#include "net/loop.h"

struct http_conn {
	struct loop *loop;
	struct leg *leg;
	struct http_machine *machine;
	struct http_conn_config config;
	struct table streams;	/* by id */
	struct pool_block *out; /* pulled, not yet written; NULL while idle */
	bool out_blocked;
	bool heard;    /* bytes of the peer have come */
	bool in_ended; /* the peer has closed its direction, and was fed so */
	bool half_closed;
	bool leg_gone;	       /* told so; what had come before is still read */
	bool inside;	       /* in a call of the machine: do not free it */
	bool cut;	       /* http_conn_cut() was called meanwhile */
	bool going;	       /* being freed */
	unsigned pings_open;   /* unanswered */
	struct loop_task task; /* flush, then look whether it is over */
	struct wheel_timer head_timer, idle_timer, ping_timer, stall_timer,
	    close_timer;
};

/* One stream, which is a kind of leg. */
struct http_stream {
	struct leg leg;
	struct table_node node; /* in conn->streams */
	uint32_t id;
	struct http_conn *conn; /* NULL once that is gone */
	struct buf in;		/* body bytes that the owner has not read */
	bool in_ended;
	bool may_write, blocked, finished;
	bool gone; /* the machine knows it no more */
	bool client, connect;
	bool tunnelled;		   /* the CONNECT was answered with 2xx */
	http_response_fn response; /* NULL once called */
	void *response_ctx;
	enum http_why why;	       /* of the missing response, */
	struct loop_task tell_task;    /* which is told by this */
	struct wheel_timer last_words; /* of a tunnel that the peer closed */
};

/* The peer has closed a tunnel and is gone; its owner has so long to read what
 * is left and to close it as well. */
enum { HTTP_LAST_WORDS_MS = 30000 };

/** http_conn_kick() - flush at the end of this turn */
void http_conn_kick(struct http_conn *c);

/** http_stream_new() - in the connection's table; its leg is open
 * Return: 0; -ENOMEM. */
MUST_USE int http_stream_new(
    struct http_stream **out, struct http_conn *c, uint32_t id);
/** http_stream_orphan() - the connection is going */
void http_stream_orphan(struct http_stream *s, enum http_why why);

/* events of the machine */
void http_stream_on_body(struct http_stream *s, const void *bytes, size_t n);
void http_stream_on_end(struct http_stream *s);
void http_stream_on_reset(struct http_stream *s, enum http_why why);
void http_stream_on_room(struct http_stream *s);
void http_stream_on_response(
    struct http_stream *s, const struct http_head *head);
