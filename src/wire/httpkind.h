/* wire/httpkind.h: for the makers of HTTP machines; others use wire/http.h.
 *
 * A maker embeds struct http_machine first and fills in the verbs; http.c calls
 * them, so that what is the same for both versions is written there once.
 */
#pragma once
#include "wire/http.h"

struct http_verbs {
	void (*free)(struct http_machine *m);
	int (*feed)(struct http_machine *m, const void *bytes, size_t n);
	bool (*hungry)(const struct http_machine *m);
	ssize_t (*pull)(struct http_machine *m, void *to, size_t room);
	bool (*spent)(const struct http_machine *m);
	bool (*over)(const struct http_machine *m);
	bool (*midhead)(const struct http_machine *m);
	int (*takes)(const struct http_machine *m);
	int (*request)(struct http_machine *m, const struct http_head *head,
	    bool ended, uint32_t *stream);
	int (*respond)(struct http_machine *m, uint32_t stream,
	    const struct http_head *head, bool ended);
	ssize_t (*write)(struct http_machine *m, uint32_t stream,
	    const void *bytes, size_t n);
	void (*finish)(struct http_machine *m, uint32_t stream);
	void (*reset)(struct http_machine *m, uint32_t stream);
	void (*credit)(struct http_machine *m, uint32_t stream, size_t n);
	void (*goaway)(struct http_machine *m);
	size_t (*streams)(const struct http_machine *m);
	void (*ping)(struct http_machine *m);
};

struct http_machine {
	const struct http_verbs *verbs;
	struct http_options options; /* no zeros left where 0 is a default */
	bool broken;
	uint64_t pongs;
	char reason[96];
};

/** http_init() - fill in what is common; zeros of @options become defaults */
void http_init(struct http_machine *m, const struct http_verbs *verbs,
    const struct http_options *options);
/** http_refused() - count @limit; @reason is kept if it is the first
 * Return: the why that the streams are told. */
enum http_why http_refused(
    struct http_machine *m, enum http_limit limit, const char *reason);

static inline void http_tell_head(struct http_machine *m, uint32_t stream,
    const struct http_head *head, bool ended)
{
	m->options.listener->head(m->options.ctx, stream, head, ended);
}

static inline void http_tell_body(
    struct http_machine *m, uint32_t stream, const void *bytes, size_t n)
{
	m->options.listener->body(m->options.ctx, stream, bytes, n);
}

static inline void http_tell_end(struct http_machine *m, uint32_t stream)
{
	m->options.listener->end(m->options.ctx, stream);
}

static inline void http_tell_reset(
    struct http_machine *m, uint32_t stream, enum http_why why)
{
	m->options.listener->reset(m->options.ctx, stream, why);
}

static inline void http_tell_room(struct http_machine *m, uint32_t stream)
{
	m->options.listener->room(m->options.ctx, stream);
}

/* The body that we send: how much of it is allowed, and what becomes of it. */
struct http_outgoing {
	int64_t left; /* of the announced length; -1: no length was announced */
	bool swallow; /* an answer that has no body on the wire (HEAD) */
};

/** http_outgoing_begin() - as @head says
 * @bodiless: what is written is swallowed */
void http_outgoing_begin(
    struct http_outgoing *o, const struct http_head *head, bool bodiless);
/** http_outgoing_take() - may @n bytes go?
 * Return: 0; -EMSGSIZE: more than announced. */
MUST_USE int http_outgoing_take(const struct http_outgoing *o, size_t n);
void http_outgoing_took(struct http_outgoing *o, size_t n);
/** http_outgoing_whole() - all that was announced has been written */
bool http_outgoing_whole(const struct http_outgoing *o);
