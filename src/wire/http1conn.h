/* wire/http1conn.h: an HTTP/1.1 connection from the inside; for the three files
 * that make it: http1.c (verbs and writing), http1read.c, http1conn.c (states
 * and ends).
 */
#pragma once
#include "wire/http1head.h"
#include "wire/http1scan.h"
#include "wire/httphead.h"
#include "wire/httpkind.h"
#include <llhttp/llhttp.h>

enum in_state {
	IN_HEAD,   /* a head is due or under way */
	IN_BODY,   /* its body */
	IN_WAIT,   /* the peer's message is whole; nothing more is due */
	IN_TUNNEL, /* bytes of a tunnel */
	IN_DONE,   /* nothing more is read */
};

enum out_state {
	OUT_IDLE,   /* no message of ours is due */
	OUT_HEAD,   /* server: the answer is due; client: CONNECT is sent */
	OUT_BODY,   /* the head is written */
	OUT_DONE,   /* our message is whole */
	OUT_TUNNEL, /* bytes of a tunnel */
	OUT_CLOSED, /* nothing follows what is in the buffer */
};

struct http1 {
	struct http_machine machine;
	enum in_state in;
	enum out_state out;
	struct buf pending; /* fed, not yet handled */
	struct buf output;
	bool ended; /* the peer has closed its direction */
	size_t unread;

	/* the peer's message */
	llhttp_t parser;
	struct http1_scan scan;
	struct http_gather gather;
	const struct http_refusal *refusal; /* said by a callback of llhttp */
	bool no_memory;			    /* likewise */
	bool value_begun;		    /* of the field being gathered */
	unsigned list;	  /* letters of "LIST" seen; see http1read.c */
	bool until_close; /* its body has no other end */
	unsigned interim;

	/* the exchange */
	uint32_t stream;
	bool running, connect, head_only, old;
	bool close; /* it is the last one */
	bool chunked, wants_room;
	struct http_outgoing outgoing;
};

/** http1_in_move(), _out_move() - the only writers of the states */
void http1_in_move(struct http1 *h, enum in_state to);
void http1_out_move(struct http1 *h, enum out_state to);

static inline bool http1_is_server(const struct http1 *h)
{
	return h->machine.options.end == HTTP_SERVER;
}

/** http1_shut() - nothing more is read; what is in the output still goes */
void http1_shut(struct http1 *h);
/** http1_cut() - like http1_shut(), but where a message of ours is unfinished
 * nothing of it goes out any more, and the driver resets the leg
 * http1_cut_and_tell() - and the listener hears of it */
void http1_cut(struct http1 *h);
void http1_cut_and_tell(struct http1 *h, enum http_why why);
/** http1_refuse() - the peer broke a rule: answer it if an answer is due and
 * has not begun, then cut and tell */
void http1_refuse(struct http1 *h, const struct http_refusal *refusal);
/** http1_settle() - if both messages are whole: the next exchange, or the end
 */
void http1_settle(struct http1 *h);

/** http1_read_begin() - ready for a head */
void http1_read_begin(struct http1 *h);
/** http1_can_read() - may the next byte be handled now? A further request is
 * read only when the answer to the last one does not fill the output. */
bool http1_can_read(const struct http1 *h);
/** http1_read() - handle some of these bytes
 * @used: set to how many
 * Return: 0; -ENOMEM. */
MUST_USE int http1_read(
    struct http1 *h, const char *bytes, size_t n, size_t *used);
/** http1_read_end() - the peer has closed its direction and all that came
 * before is handled; repeatable */
void http1_read_end(struct http1 *h);
/** http1_exchange_begin() - a request of this method comes or goes */
void http1_exchange_begin(struct http1 *h, const char *method);
