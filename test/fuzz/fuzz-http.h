/* test/fuzz/fuzz-http.h: a listener for the fuzz targets of the HTTP machines.
 *
 * It checks what must hold whatever the peer sends: events come in their order
 * (a head, then bytes, then an end or a reset, nothing after), limits are kept,
 * what a head holds is well formed. It hashes what it is told, so that two ways
 * of cutting the same bytes can be compared. The first byte of an input says
 * which end plays and how it behaves.
 */
#pragma once
#include "fuzz.h"
#include "wire/httphead.h"

enum {
	PLAY_CLIENT = 1,
	PLAY_ANSWER = 2,   /* a server answers each request at once */
	PLAY_RESET = 4,	   /* gives a stream up at its first body byte */
	PLAY_HOARD = 8,	   /* credits nothing until the end */
	PLAY_CONNECT = 16, /* a client begins with CONNECT */
};

enum { PLAYER_STREAMS = 512 };

struct player {
	struct http_machine *machine;
	unsigned play;
	uint64_t hash;
	size_t hoarded;
	struct seen {
		uint32_t id;
		bool headed, ended, gone;
	} seen[PLAYER_STREAMS];
	size_t n_seen;
};

static inline void player_hash(struct player *p, const void *bytes, size_t n)
{
	const uint8_t *at = bytes;

	for (size_t i = 0; i < n; i++)
		p->hash = (p->hash ^ at[i]) * 1099511628211u;
}

static inline void player_hash_text(struct player *p, const char *text)
{
	player_hash(p, text ? text : "-", text ? strlen(text) + 1 : 2);
}

static inline struct seen *player_seen(struct player *p, uint32_t id)
{
	for (size_t i = 0; i < p->n_seen; i++)
		if (p->seen[i].id == id)
			return &p->seen[i];
	INVARIANT(p->n_seen < PLAYER_STREAMS);
	p->seen[p->n_seen].id = id;
	return &p->seen[p->n_seen++];
}

static inline void player_check_head(const struct http_head *head)
{
	size_t size = 0;

	INVARIANT(head->n_fields <= HTTP_FIELDS_MAX && head->length >= -1);
	for (size_t i = 0; i < head->n_fields; i++) {
		const struct http_field *f = &head->fields[i];

		INVARIANT(http_is_token(f->name) && http_is_value(f->value));
		INVARIANT(!http_is_connection_field(f->name));
		size += strlen(f->name) + strlen(f->value);
	}
	INVARIANT(size <= HTTP_HEAD_MAX);
	if (head->status) {
		INVARIANT(head->status >= 200 && head->status <= 599);
		return;
	}
	INVARIANT(http_is_token(head->method));
	INVARIANT(!*head->authority ||
		  http_is_authority(head->authority, !head->target));
	INVARIANT(
	    !head->target || (http_is_target(head->target) &&
				 strlen(head->target) <= HTTP_TARGET_MAX));
}

static inline void player_answer(struct player *p, uint32_t id)
{
	const struct http_head ok = { .status = 200, .length = -1 };

	INVARIANT(!http_respond(p->machine, id, &ok, false));
	INVARIANT(http_write(p->machine, id, "ok", 2) == 2);
	http_finish(p->machine, id);
}

static inline void player_on_head(
    void *ctx, uint32_t id, const struct http_head *head, bool ended)
{
	struct player *p = ctx;
	struct seen *s = player_seen(p, id);

	INVARIANT(!s->headed && !s->ended && !s->gone);
	s->headed = true;
	s->ended = ended;
	player_check_head(head);
	player_hash(p, "head", 4);
	player_hash(p, &id, sizeof(id));
	player_hash_text(p, head->method);
	player_hash_text(p, head->target);
	player_hash_text(p, head->authority);
	player_hash(p, &head->length, sizeof(head->length));
	for (size_t i = 0; i < head->n_fields; i++) {
		player_hash_text(p, head->fields[i].name);
		player_hash_text(p, head->fields[i].value);
	}
	if (!head->status && p->play & PLAY_ANSWER)
		player_answer(p, id);
}

static inline void player_on_body(
    void *ctx, uint32_t id, const void *bytes, size_t n)
{
	struct player *p = ctx;
	struct seen *s = player_seen(p, id);

	INVARIANT(s->headed && !s->ended && !s->gone);
	player_hash(p, bytes, n);
	if (p->play & PLAY_HOARD)
		p->hoarded += n;
	else
		http_credit(p->machine, id, n);
	if (!(p->play & PLAY_RESET))
		return;
	s->gone = true;
	http_reset(p->machine, id);
}

static inline void player_on_end(void *ctx, uint32_t id)
{
	struct seen *s = player_seen(ctx, id);

	INVARIANT(s->headed && !s->ended && !s->gone);
	s->ended = true;
	player_hash(ctx, "end", 3);
}

static inline void player_on_reset(void *ctx, uint32_t id, enum http_why why)
{
	struct seen *s = player_seen(ctx, id);

	INVARIANT(!s->gone && why != HTTP_WHY_NONE && why != HTTP_WHY_LOCAL);
	s->gone = true;
	player_hash(ctx, "reset", 5);
}

static inline void player_on_room(void *ctx, uint32_t id)
{
	struct seen *s = player_seen(ctx, id);

	INVARIANT(!s->gone);
}

static const struct http_listener player_listener = {
	.head = player_on_head,
	.body = player_on_body,
	.end = player_on_end,
	.reset = player_on_reset,
	.room = player_on_room,
};

static inline void player_request(struct player *p)
{
	const struct http_head get = {
		.method = "GET", .authority = "h", .target = "/", .length = -1
	};
	const struct http_head connect = {
		.method = "CONNECT", .authority = "h:1", .length = -1
	};
	bool tunnel = p->play & PLAY_CONNECT;
	uint32_t id;

	INVARIANT(
	    !http_request(p->machine, tunnel ? &connect : &get, !tunnel, &id));
}

static inline void player_pull(struct player *p)
{
	char dropped[16 * 1024];

	while (http_pull(p->machine, dropped, sizeof(dropped)) > 0)
		;
}

/** player_play() - one connection, from its first byte to its end
 * Return: the hash of what it told. */
static inline uint64_t player_play(struct pool *pool,
    int (*make)(struct http_machine **, const struct http_options *),
    const uint8_t *bytes, size_t n, size_t step)
{
	struct player *p = calloc(1, sizeof(*p));
	struct http_options options = { .listener = &player_listener,
		.ctx = p,
		.pool = pool,
		.scheme = "https" };
	uint64_t hash;

	INVARIANT(p);
	p->play = n ? bytes[0] : 0;
	options.end = p->play & PLAY_CLIENT ? HTTP_CLIENT : HTTP_SERVER;
	INVARIANT(!make(&p->machine, &options));
	if (p->play & PLAY_CLIENT)
		player_request(p);
	player_pull(p);
	for (size_t at = 1; at < n && http_hungry(p->machine);) {
		size_t most = n - at < step ? n - at : step;

		INVARIANT(!http_feed(p->machine, bytes + at, most));
		player_pull(p);
		at += most;
	}
	if (http_hungry(p->machine))
		INVARIANT(!http_feed(p->machine, NULL, 0));
	player_pull(p);
	hash = p->hash;
	http_free(p->machine);
	free(p);
	INVARIANT(!pool_lent(pool));
	return hash;
}
