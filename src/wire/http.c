#include "wire/http.h"
#include "base/metric.h"
#include "base/number.h"
#include "wire/httpkind.h"
#include <stdio.h>

/* The counters are of the process, not of a connection: a connection that ran
 * into a limit is gone when somebody looks. Only the loop's thread counts. */

static uint64_t limit_hits[HTTP_LIMIT_COUNT];

#define LIMIT_ROW(limit, label)                                                \
	[limit] = { .name = "pharos_http_refused_total",                       \
		.labels = "limit=\"" label "\"",                               \
		.kind = METRIC_COUNTER,                                        \
		.value = &limit_hits[limit],                                   \
		.help = (limit) ? NULL : "HTTP peers refused, by reason" }

static const struct metric_row limit_rows[] = {
	LIMIT_ROW(HTTP_LIMIT_FIELDS, "fields"),
	LIMIT_ROW(HTTP_LIMIT_HEAD, "head"),
	LIMIT_ROW(HTTP_LIMIT_TARGET, "target"),
	LIMIT_ROW(HTTP_LIMIT_INTERIM, "interim"),
	LIMIT_ROW(HTTP_LIMIT_STREAMS, "streams"),
	LIMIT_ROW(HTTP_LIMIT_RESETS, "resets"),
	LIMIT_ROW(HTTP_LIMIT_CONTINUATION, "continuation"),
	LIMIT_ROW(HTTP_LIMIT_SETTINGS, "settings"),
	LIMIT_ROW(HTTP_LIMIT_QUEUE, "queue"),
	LIMIT_ROW(HTTP_LIMIT_PROTOCOL, "protocol"),
};
_Static_assert(N_ELEMS(limit_rows) == HTTP_LIMIT_COUNT, "a row a limit");

static struct metric_table limit_table = {
	.rows = limit_rows,
	.n_rows = N_ELEMS(limit_rows),
};

struct metric_table *http_metrics(void)
{
	return &limit_table;
}

uint64_t http_limit_hits(enum http_limit limit)
{
	return limit_hits[limit];
}

const char *http_why_text(enum http_why why)
{
	static const char *const text[] = {
		[HTTP_WHY_NONE] = "no reason",
		[HTTP_WHY_PEER] = "the peer gave it up before the end",
		[HTTP_WHY_PROTOCOL] = "the peer broke the rules of HTTP",
		[HTTP_WHY_LIMIT] = "a limit was reached",
		[HTTP_WHY_REFUSED] = "the peer refused it unhandled",
		[HTTP_WHY_DONE] = "the peer has closed it",
		[HTTP_WHY_LOCAL] = "it was given up on this side",
	};

	return text[why];
}

const char *http_head_get(const struct http_head *head, const char *name)
{
	for (size_t i = 0; i < head->n_fields; i++)
		if (!strcmp(head->fields[i].name, name))
			return head->fields[i].value;
	return NULL;
}

unsigned http_retry_after(const struct http_head *head)
{
	const char *text = http_head_get(head, "retry-after");
	uint64_t seconds = 0;

	if (text && number_parse(text, HTTP_RETRY_MOST_S, &seconds) == -ERANGE)
		return HTTP_RETRY_MOST_S;
	return (unsigned)seconds;
}

void http_init(struct http_machine *m, const struct http_verbs *verbs,
    const struct http_options *options)
{
	m->verbs = verbs;
	m->options = *options;
	if (!m->options.streams_max)
		m->options.streams_max = HTTP_STREAMS_MAX;
	if (!m->options.window)
		m->options.window = HTTP_STREAM_WINDOW;
}

enum http_why http_refused(
    struct http_machine *m, enum http_limit limit, const char *reason)
{
	/* one process may have several threads with machines (libpharos-leg) */
	__atomic_fetch_add(&limit_hits[limit], 1, __ATOMIC_RELAXED);
	if (!m->reason[0])
		snprintf(m->reason, sizeof(m->reason), "%s", reason);
	return limit == HTTP_LIMIT_PROTOCOL ? HTTP_WHY_PROTOCOL
					    : HTTP_WHY_LIMIT;
}

void http_outgoing_begin(
    struct http_outgoing *o, const struct http_head *head, bool bodiless)
{
	o->swallow = bodiless;
	o->left = bodiless ? -1 : head->length;
}

int http_outgoing_take(const struct http_outgoing *o, size_t n)
{
	return o->left >= 0 && n > (uint64_t)o->left ? -EMSGSIZE : 0;
}

void http_outgoing_took(struct http_outgoing *o, size_t n)
{
	if (o->left >= 0)
		o->left -= (int64_t)n;
}

bool http_outgoing_whole(const struct http_outgoing *o)
{
	return o->left <= 0;
}

void http_free(struct http_machine *m)
{
	if (m)
		m->verbs->free(m);
}

void http_freep(struct http_machine **m)
{
	http_free(*m);
	*m = NULL;
}

int http_feed(struct http_machine *m, const void *bytes, size_t n)
{
	INVARIANT(n <= HTTP_FEED_MAX);
	INVARIANT(m->verbs->hungry(m));
	return m->verbs->feed(m, bytes, n);
}

bool http_hungry(const struct http_machine *m)
{
	return m->verbs->hungry(m);
}

ssize_t http_pull(struct http_machine *m, void *to, size_t room)
{
	return m->verbs->pull(m, to, room);
}

bool http_spent(const struct http_machine *m)
{
	return m->verbs->spent(m);
}

bool http_over(const struct http_machine *m)
{
	return m->verbs->over(m);
}

bool http_broken(const struct http_machine *m)
{
	return m->broken;
}

bool http_midhead(const struct http_machine *m)
{
	return m->verbs->midhead(m);
}

const char *http_reason(const struct http_machine *m)
{
	return m->reason;
}

int http_takes(const struct http_machine *m)
{
	INVARIANT(m->options.end == HTTP_CLIENT);
	return m->verbs->takes(m);
}

int http_request(struct http_machine *m, const struct http_head *head,
    bool ended, uint32_t *stream)
{
	INVARIANT(m->options.end == HTTP_CLIENT);
	return m->verbs->request(m, head, ended, stream);
}

int http_respond(struct http_machine *m, uint32_t stream,
    const struct http_head *head, bool ended)
{
	INVARIANT(m->options.end == HTTP_SERVER);
	return m->verbs->respond(m, stream, head, ended);
}

ssize_t http_write(
    struct http_machine *m, uint32_t stream, const void *bytes, size_t n)
{
	return m->verbs->write(m, stream, bytes, n);
}

void http_finish(struct http_machine *m, uint32_t stream)
{
	m->verbs->finish(m, stream);
}

void http_reset(struct http_machine *m, uint32_t stream)
{
	m->verbs->reset(m, stream);
}

void http_credit(struct http_machine *m, uint32_t stream, size_t n)
{
	m->verbs->credit(m, stream, n);
}

void http_goaway(struct http_machine *m)
{
	m->verbs->goaway(m);
}

size_t http_streams(const struct http_machine *m)
{
	return m->verbs->streams(m);
}

void http_ping(struct http_machine *m)
{
	m->verbs->ping(m);
}

uint64_t http_pongs(const struct http_machine *m)
{
	return m->pongs;
}
