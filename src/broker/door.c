/* Theory. Without reviews all is decided in door_knock(). With them there are
 * three cases, by what is remembered of the token:
 *
 *   good          counted as the pod, let in
 *   refused       counted as the address, told so
 *   not known     counted as the address, waits for the review as a visitor;
 *                 then one of the other two
 *
 * A visitor holds a ticket of its address while it waits, so an address has no
 * more than LIMIT_STREAMS_SOURCE of them. The head of its request is kept until
 * then; nothing is read of its body.
 */
#include "broker/door.h"
#include "base/text.h"
#include "net/loop.h"
#include "wire/httphead.h"
#include <stdio.h>
#include <sys/queue.h>

struct visitor {
	struct door *door;
	struct http_stream *stream;
	struct quota_ticket ticket;
	struct reviewer_question *question;
	struct door_knock knock; /* its head and token are not borrowed on */
	struct http_gather head;
	int64_t length;
	TAILQ_ENTRY(visitor) of_door;
};

struct door {
	struct loop *loop;
	struct door_config config;
	struct quota *quota;
	TAILQ_HEAD(, visitor) visitors;
	size_t n_visitors;
};

/* ---- the quota */

static void refuse_quota(struct door *d, struct http_stream *s,
    enum quota_verdict verdict, uint32_t retry_ms)
{
	static const enum refusal_kind kinds[] = {
		[QUOTA_RATE] = REFUSAL_RATE,
		[QUOTA_STREAMS] = REFUSAL_STREAMS,
		[QUOTA_FULL] = REFUSAL_SOURCES,
	};
	struct refusal r = { .kind = kinds[verdict] };

	if (verdict == QUOTA_RATE)
		r.retry_s = (retry_ms + 999) / 1000;
	refusal_send(d->config.refusals, s, &r);
}

static bool count(struct door *d, struct http_stream *s,
    const struct quota_who *who, struct quota_ticket *ticket)
{
	uint32_t retry_ms = 0;
	enum quota_verdict verdict =
	    quota_enter(d->quota, who, loop_now(d->loop), ticket, &retry_ms);

	if (verdict == QUOTA_WELCOME)
		return true;
	refuse_quota(d, s, verdict, retry_ms);
	return false;
}

bool door_pass(
    struct door *d, struct http_stream *s, struct quota_ticket *ticket)
{
	struct address_source source = { 0 };
	struct quota_who who;

	address_source_of(&source, leg_source(http_stream_leg(s)));
	quota_who_address(&who, &source);
	return count(d, s, &who, ticket);
}

/* ---- refusals */

/* RFC 9110, 15.5.2 and 15.5.8: 407 speaks of the field for proxies. */
static int unauthorized(const struct door_knock *knock)
{
	return knock->proxy ? 407 : 401;
}

static void refuse_no_token(
    struct door *d, struct http_stream *s, const struct door_knock *knock)
{
	static const char *const own[] = {
		"the broker asks for the pod's own token: X-Pharos-Token, with "
		"a projected token of audience " REVIEWER_AUDIENCE,
		"the broker asks for the pod's own token: Proxy-Authorization: "
		"Bearer, with a projected token of audience " REVIEWER_AUDIENCE,
	};
	struct refusal r = { .kind = knock->proxy ? REFUSAL_PROXY_TOKEN
						  : REFUSAL_TOKEN };

	if (d->config.reviewer)
		r.text = own[knock->proxy];
	refusal_send(d->config.refusals, s, &r);
}

/* What the cluster said of a token that is not let in. */
static void refuse_verdict(struct door *d, struct http_stream *s,
    const struct door_knock *knock, const struct verdict *verdict)
{
	struct refusal r = { .kind = REFUSAL_NO_POD };
	char text[VERDICT_WORDS_MOST + 200];

	if (verdict->kind == VERDICT_REFUSED) {
		(void)snprintf(text, sizeof(text),
		    "the cluster does not take this token%s%s: is it a "
		    "projected token of audience " REVIEWER_AUDIENCE
		    ", and is its pod still there?",
		    *verdict->words ? ": " : "", verdict->words);
		r = (struct refusal){ .kind = REFUSAL_REVIEW,
			.status = unauthorized(knock),
			.text = text };
	}
	refusal_send(d->config.refusals, s, &r);
}

static void refuse_away(
    struct door *d, struct http_stream *s, const struct fault *fault)
{
	char text[FAULT_TEXT_MAX + FAULT_HINT_MAX + 60];

	(void)snprintf(text, sizeof(text),
	    "the broker cannot ask the cluster about tokens: %s; %s",
	    fault->text, fault->hint);
	text_tame(text); /* it may end inside a letter */
	refusal_send(d->config.refusals, s,
	    &(struct refusal){ .kind = REFUSAL_CLUSTER, .text = text });
}

static void refuse_question(struct door *d, struct http_stream *s,
    const struct door_knock *knock, int code)
{
	static const struct verdict shape = { .kind = VERDICT_REFUSED };
	struct refusal r = { .kind = REFUSAL_MEMORY };

	if (code == REVIEWER_E_SHAPE) {
		refuse_verdict(d, s, knock, &shape);
		return;
	}
	if (code == REVIEWER_E_FULL)
		r.kind = REFUSAL_REVIEWS;
	refusal_send(d->config.refusals, s, &r);
}

/* ---- pods */

static void let_pod_in(struct door *d, struct http_stream *s,
    const struct door_knock *knock, const struct verdict *verdict)
{
	struct quota_ticket ticket;
	struct quota_who who;

	quota_who_pod(&who, verdict->pod_uid);
	if (count(d, s, &who, &ticket))
		knock->fn(knock->ctx, s, knock->head, ticket);
}

static void refuse_known(struct door *d, struct http_stream *s,
    const struct door_knock *knock, const struct verdict *verdict)
{
	struct quota_ticket ticket;

	if (!door_pass(d, s, &ticket))
		return;
	quota_leave(&ticket);
	refuse_verdict(d, s, knock, verdict);
}

/* ---- visitors */

/* Its stream goes on. */
static struct http_stream *visitor_free(struct visitor *v)
{
	struct http_stream *s = v->stream;

	reviewer_cancel(v->question);
	quota_leave(&v->ticket);
	http_gather_deinit(&v->head);
	TAILQ_REMOVE(&v->door->visitors, v, of_door);
	v->door->n_visitors--;
	free(v);
	return s;
}

static void on_gone(void *ctx, struct leg *leg, unsigned events)
{
	(void)leg;
	(void)events;
	http_stream_abandon(visitor_free(ctx));
}

static int keep_head(struct http_gather *g, const struct http_head *head)
{
	int r =
	    http_gather_part(g, &g->method, head->method, strlen(head->method));

	if (!r)
		r = http_gather_part(
		    g, &g->authority, head->authority, strlen(head->authority));
	if (!r && head->target)
		r = http_gather_part(
		    g, &g->target, head->target, strlen(head->target));
	for (size_t i = 0; !r && i < head->n_fields; i++) {
		const struct http_field *f = &head->fields[i];

		if (!(r = http_gather_field(g)) &&
		    !(r = http_gather_name(g, f->name, strlen(f->name))))
			r = http_gather_value(g, f->value, strlen(f->value));
	}
	return r;
}

static void let_visitor_in(struct visitor *v, const struct verdict *verdict)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_gather *g = &v->head;
	struct http_head head = {
		.method = http_gather_text(g, g->method),
		.authority = http_gather_text(g, g->authority),
		.target = g->target ? http_gather_text(g, g->target) : NULL,
		.length = v->length,
		.fields = fields,
		.n_fields = g->n_fields,
	};
	struct door_knock knock = v->knock;

	knock.head = &head;
	http_gather_fields(g, fields);
	quota_leave(&v->ticket);
	let_pod_in(v->door, v->stream, &knock, verdict);
	(void)visitor_free(v);
}

static void on_review(
    void *ctx, const struct verdict *verdict, const struct fault *fault)
{
	struct visitor *v = ctx;
	struct door_knock knock = v->knock;
	struct door *d = v->door;

	v->question = NULL;
	if (!verdict)
		refuse_away(d, visitor_free(v), fault);
	else if (verdict->kind == VERDICT_GOOD)
		let_visitor_in(v, verdict);
	else
		refuse_verdict(d, visitor_free(v), &knock, verdict);
}

/* @ticket: moved, unless it fails. */
static int visitor_new(struct door *d, struct http_stream *s,
    const struct door_knock *knock, const struct verdicts_key *key,
    const struct quota_ticket *ticket)
{
	struct visitor *v = calloc(1, sizeof(*v));
	int r = v ? keep_head(&v->head, knock->head) : -ENOMEM;

	if (!r)
		r = reviewer_ask(&v->question, d->config.reviewer,
		    &(struct reviewer_order){
			key, knock->token, on_review, v });
	if (r) {
		if (v)
			http_gather_deinit(&v->head);
		free(v);
		return r;
	}
	v->door = d;
	v->stream = s;
	v->ticket = *ticket;
	v->knock = *knock;
	v->length = knock->head->length;
	TAILQ_INSERT_TAIL(&d->visitors, v, of_door);
	d->n_visitors++;
	leg_handle(http_stream_leg(s), on_gone, v);
	leg_want(http_stream_leg(s), 0);
	return 0;
}

/* ---- knocking */

bool door_asks(const struct door *d)
{
	return d->config.client_token || d->config.reviewer;
}

/* By the one token of all, or without any. */
static void knock_plain(
    struct door *d, struct http_stream *s, const struct door_knock *knock)
{
	const struct secret *token = d->config.client_token;
	struct quota_ticket ticket;

	if (!door_pass(d, s, &ticket))
		return;
	if (!token || (knock->token && secret_equal(token, knock->token,
					   strlen(knock->token)))) {
		knock->fn(knock->ctx, s, knock->head, ticket);
		return;
	}
	quota_leave(&ticket);
	refuse_no_token(d, s, knock);
}

/* Counted as its address, and asks about its token, or has none. */
static void knock_stranger(struct door *d, struct http_stream *s,
    const struct door_knock *knock, const struct verdicts_key *key)
{
	struct quota_ticket ticket;
	int r;

	if (!door_pass(d, s, &ticket))
		return;
	if (!knock->token) {
		quota_leave(&ticket);
		refuse_no_token(d, s, knock);
		return;
	}
	r = visitor_new(d, s, knock, key, &ticket);
	if (!r)
		return;
	quota_leave(&ticket);
	refuse_question(d, s, knock, r);
}

void door_knock(
    struct door *d, struct http_stream *s, const struct door_knock *knock)
{
	const struct verdict *known = NULL;
	struct verdicts_key key;

	if (!d->config.reviewer) {
		knock_plain(d, s, knock);
		return;
	}
	if (knock->token) {
		verdicts_key(&key, knock->token);
		known = reviewer_known(d->config.reviewer, &key);
	}
	if (!known)
		knock_stranger(d, s, knock, &key);
	else if (known->kind == VERDICT_GOOD)
		let_pod_in(d, s, knock, known);
	else
		refuse_known(d, s, knock, known);
}

/* ---- its life */

int door_new(
    struct door **out, struct loop *loop, const struct door_config *config)
{
	struct door *d = calloc(1, sizeof(*d));
	int r = d ? quota_new(&d->quota, config->rules) : -ENOMEM;

	if (r) {
		free(d);
		return r;
	}
	d->loop = loop;
	d->config = *config;
	TAILQ_INIT(&d->visitors);
	*out = d;
	return 0;
}

void door_renew(struct door *d, const struct secret *token)
{
	d->config.client_token = token;
}

void door_shut(struct door *d)
{
	while (d && !TAILQ_EMPTY(&d->visitors))
		http_stream_abandon(visitor_free(TAILQ_FIRST(&d->visitors)));
}

void door_free(struct door *d)
{
	if (!d)
		return;
	quota_free(d->quota);
	free(d);
}

size_t door_waiting(const struct door *d)
{
	return d->n_visitors;
}

const struct quota *door_quota(const struct door *d)
{
	return d->quota;
}
