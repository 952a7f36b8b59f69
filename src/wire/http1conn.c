#include "wire/http1conn.h"
#include <stdio.h>

#define TO(state) (1u << (state))

static const unsigned in_moves[] = {
	[IN_HEAD] = TO(IN_BODY) | TO(IN_WAIT) | TO(IN_TUNNEL) | TO(IN_DONE),
	[IN_BODY] = TO(IN_WAIT) | TO(IN_DONE),
	[IN_WAIT] = TO(IN_HEAD) | TO(IN_TUNNEL) | TO(IN_DONE),
	[IN_TUNNEL] = TO(IN_DONE),
	[IN_DONE] = 0,
};
_Static_assert(N_ELEMS(in_moves) == IN_DONE + 1, "a row a state");

static const unsigned out_moves[] = {
	[OUT_IDLE] =
	    TO(OUT_HEAD) | TO(OUT_BODY) | TO(OUT_DONE) | TO(OUT_CLOSED),
	[OUT_HEAD] =
	    TO(OUT_BODY) | TO(OUT_DONE) | TO(OUT_TUNNEL) | TO(OUT_CLOSED),
	[OUT_BODY] = TO(OUT_DONE) | TO(OUT_CLOSED),
	[OUT_DONE] = TO(OUT_IDLE) | TO(OUT_CLOSED),
	[OUT_TUNNEL] = TO(OUT_CLOSED),
	[OUT_CLOSED] = 0,
};
_Static_assert(N_ELEMS(out_moves) == OUT_CLOSED + 1, "a row a state");

void http1_in_move(struct http1 *h, enum in_state to)
{
	INVARIANT(in_moves[h->in] & TO(to));
	h->in = to;
}

void http1_out_move(struct http1 *h, enum out_state to)
{
	INVARIANT(out_moves[h->out] & TO(to));
	h->out = to;
}

void http1_shut(struct http1 *h)
{
	h->running = false; /* `pending` may be being read: pull drops it */
	http_gather_deinit(&h->gather);
	if (h->in != IN_DONE)
		http1_in_move(h, IN_DONE);
	if (h->out != OUT_CLOSED)
		http1_out_move(h, OUT_CLOSED);
}

void http1_cut(struct http1 *h)
{
	bool middle = h->out == OUT_BODY || h->out == OUT_TUNNEL;

	if (middle)
		buf_deinit(&h->output);
	if (middle || (!http1_is_server(h) && h->running))
		h->machine.broken = true;
	http1_shut(h);
}

void http1_cut_and_tell(struct http1 *h, enum http_why why)
{
	bool running = h->running;

	http1_cut(h);
	if (running)
		http_tell_reset(&h->machine, h->stream, why);
}

static void answer_refused(struct http1 *h, const struct http_refusal *refusal)
{
	const struct http_field type = { "content-type", "text/plain" };
	char text[120];
	int n = snprintf(text, sizeof(text), "refused: %s\n", refusal->text);
	struct http1_writing writing = { .length = n, .close = true };
	struct http_head head = {
		.status = refusal->status, .fields = &type, .n_fields = 1
	};

	if (http1_write_response(&h->output, &head, &writing) ||
	    (!h->head_only && buf_append(&h->output, text, (size_t)n)))
		h->machine.broken = true;
}

void http1_refuse(struct http1 *h, const struct http_refusal *refusal)
{
	enum http_why why =
	    http_refused(&h->machine, refusal->limit, refusal->text);

	if (http1_is_server(h) && (h->out == OUT_IDLE || h->out == OUT_HEAD))
		answer_refused(h, refusal);
	http1_cut_and_tell(h, why);
}

void http1_settle(struct http1 *h)
{
	if (!h->running || h->in != IN_WAIT || h->out != OUT_DONE)
		return;
	h->running = h->head_only = false;
	if (h->close) {
		http1_shut(h);
		return;
	}
	http1_out_move(h, OUT_IDLE);
	if (http1_is_server(h))
		http1_in_move(h, IN_HEAD);
	http1_read_begin(h);
}
