/* wire/test-http.h: for the tests of HTTP machines: what happens, as text.
 *
 * A recorder is a listener that writes one line an event; consecutive body
 * events of a stream make one line, so that a trace does not depend on how the
 * bytes were cut. A row of a server's script says how it answers.
 */
#pragma once
#include "wire/http.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* clang-format off */
#include <cmocka.h>
/* clang-format on */

enum { TRACE_ROOM = 1 << 20 };

struct recorder {
	struct http_machine *machine;
	bool answers; /* a server: 200 with the body "ok" to every request */
	bool hoards;  /* credits nothing */
	uint32_t body_of; /* the stream whose body line is open, or 0 */
	size_t n_bodies;  /* body bytes in all */
	uint32_t last;	  /* stream of the last head */
	unsigned heads, ends, resets, rooms;
	size_t used;
	char text[TRACE_ROOM];
};

static inline void trace_put(struct recorder *r, const void *bytes, size_t n)
{
	assert_true(n < TRACE_ROOM - r->used);
	memcpy(r->text + r->used, bytes, n);
	r->used += n;
	r->text[r->used] = '\0';
}

static inline __attribute__((format(printf, 2, 3))) void trace_line(
    struct recorder *r, const char *fmt, ...)
{
	char line[32 * 1024];
	va_list args;
	int n;

	if (r->body_of)
		trace_put(r, "\n", 1);
	r->body_of = 0;
	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	assert_true(n >= 0 && (size_t)n < sizeof(line));
	trace_put(r, line, (size_t)n);
}

/** trace_of() - the text so far, whole lines */
static inline const char *trace_of(struct recorder *r)
{
	trace_line(r, "%s", "");
	return r->text;
}

static inline void trace_answer(struct recorder *r, uint32_t stream)
{
	const struct http_head head = { .status = 200, .length = 2 };

	assert_int_equal(http_respond(r->machine, stream, &head, false), 0);
	assert_int_equal(http_write(r->machine, stream, "ok", 2), 2);
	http_finish(r->machine, stream);
}

static inline void trace_on_head(
    void *ctx, uint32_t stream, const struct http_head *head, bool ended)
{
	struct recorder *r = ctx;

	r->heads++;
	r->last = stream;
	if (head->status)
		trace_line(r, "head %u %d", stream, head->status);
	else
		trace_line(r, "head %u %s %s %s", stream, head->method,
		    head->authority, head->target ? head->target : "-");
	if (head->length >= 0)
		trace_line(r, " length=%lld", (long long)head->length);
	for (size_t i = 0; i < head->n_fields; i++)
		trace_line(r, " {%s: %s}", head->fields[i].name,
		    head->fields[i].value);
	trace_line(r, ended ? " ended\n" : "\n");
	if (ended && r->answers)
		trace_answer(r, stream);
}

static inline void trace_on_body(
    void *ctx, uint32_t stream, const void *bytes, size_t n)
{
	struct recorder *r = ctx;

	if (r->body_of != stream)
		trace_line(r, "body %u ", stream);
	r->body_of = stream;
	r->n_bodies += n;
	trace_put(r, bytes, n);
	if (!r->hoards)
		http_credit(r->machine, stream, n);
}

static inline void trace_on_end(void *ctx, uint32_t stream)
{
	struct recorder *r = ctx;

	r->ends++;
	trace_line(r, "end %u\n", stream);
	if (r->answers)
		trace_answer(r, stream);
}

static inline void trace_on_reset(void *ctx, uint32_t stream, enum http_why why)
{
	static const char *const names[] = { "none", "peer", "protocol",
		"limit", "refused", "done", "local" };
	struct recorder *r = ctx;

	r->resets++;
	trace_line(r, "reset %u %s\n", stream, names[why]);
}

static inline void trace_on_room(void *ctx, uint32_t stream)
{
	struct recorder *r = ctx;

	(void)stream;
	r->rooms++;
}

static const struct http_listener trace_listener = {
	.head = trace_on_head,
	.body = trace_on_body,
	.end = trace_on_end,
	.reset = trace_on_reset,
	.room = trace_on_room,
};

static inline struct recorder *recorder_new(struct pool *pool,
    enum http_end end,
    int (*make)(struct http_machine **, const struct http_options *))
{
	struct recorder *r = calloc(1, sizeof(*r));
	struct http_options options = { .end = end,
		.listener = &trace_listener,
		.ctx = r,
		.pool = pool,
		.scheme = "https" };

	assert_non_null(r);
	assert_int_equal(make(&r->machine, &options), 0);
	return r;
}

static inline void recorder_free(struct recorder *r)
{
	http_free(r->machine);
	free(r);
}

/** recorder_pull() - all that the machine has to say, appended to @to */
static inline size_t recorder_pull(
    struct recorder *r, char *to, size_t room, size_t step)
{
	size_t used = 0;

	for (;;) {
		size_t most = step && step < room - used ? step : room - used;
		ssize_t n = http_pull(r->machine, to + used, most);

		assert_true(n >= 0);
		if (!n)
			return used;
		used += (size_t)n;
		assert_true(used < room);
	}
}

/** recorder_feed() - in pieces of at most @step bytes, pulling after each
 * Return: how many bytes were taken before it stopped being hungry. */
static inline size_t recorder_feed(
    struct recorder *r, const char *bytes, size_t n, size_t step)
{
	char dropped[8192];
	size_t at = 0;

	while (at < n && http_hungry(r->machine)) {
		size_t most = n - at < step ? n - at : step;

		assert_int_equal(http_feed(r->machine, bytes + at, most), 0);
		at += most;
		while (http_pull(r->machine, dropped, sizeof(dropped)) > 0)
			;
	}
	return at;
}

static inline uint32_t test_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/** join() - carry bytes both ways, in random pieces of at most @most, until
 * nothing moves; 0: whole. An end is passed as an end. */
static inline void join(
    struct recorder *a, struct recorder *b, size_t most, uint32_t seed)
{
	struct recorder *from[2] = { a, b };
	char bytes[HTTP_FEED_MAX];
	unsigned still = 0;
	bool ended[2] = { false, false };

	for (unsigned i = 0; still < 4; i ^= 1) {
		struct http_machine *m = from[i]->machine,
				    *to = from[i ^ 1]->machine;
		size_t room =
		    most ? 1 + test_random(&seed) % most : sizeof(bytes);
		ssize_t n = http_hungry(to) ? http_pull(m, bytes, room) : 0;

		assert_true(n >= 0);
		still = n ? 0 : still + 1;
		if (n)
			assert_int_equal(http_feed(to, bytes, (size_t)n), 0);
		if (!n && http_spent(m) && !ended[i] && http_hungry(to)) {
			ended[i] = true;
			still = 0;
			assert_int_equal(http_feed(to, NULL, 0), 0);
		}
	}
}
