/* Theory. A review is what is asked about one token. It begins with the first
 * pod that shows the token and ends with the cluster's answer, or after
 * reviewer_rules.ms; whoever shows the same token meanwhile waits for the same
 * review (struct reviewer_question). Reviews wait in line until one of
 * `at_once` calls is free, so a crowd of pods is no crowd for the API server.
 * Pods that go away end their questions, not the review: its answer is
 * remembered, and the pod will come again.
 *
 * Nothing is called from within reviewer_ask(): sending is posted.
 *
 * The API is away when it gives no answer, or none that decides: it cannot be
 * reached, is overloaded, or does not let us ask. Then tokens that nobody knows
 * wait in vain and are refused (fail closed); those that were good a while ago
 * are let in by that answer until their grace ends, at once and without asking.
 * But every `probe_ms` one of them asks, and waits, so that the end of grace is
 * noticed while nobody new comes.
 */
#include "broker/reviewer.h"
#include "base/log.h"
#include "base/table.h"
#include "base/text.h"
#include "broker/limits.h"
#include "net/loop.h"
#include "wire/claims.h"
#include <stdio.h>
#include <sys/queue.h>

enum { SILENT_MS = 60000 };

struct reviewer_question {
	struct review *review;
	reviewer_fn fn;
	void *ctx;
	TAILQ_ENTRY(reviewer_question) of_review;
};

struct review {
	struct table_node node;
	struct verdicts_key key;
	struct reviewer *reviewer;
	struct kube_call call;
	bool in_line;		   /* waits to be sent */
	struct kube_request *sent; /* has been */
	struct wheel_timer late;
	uint64_t began_us, token_ends;
	TAILQ_HEAD(, reviewer_question) questions;
	TAILQ_ENTRY(review) of_line;
};

struct reviewer {
	struct loop *loop;
	struct kube *kube;
	struct reviewer_rules rules;
	struct verdicts *verdicts;
	struct table reviews;
	TAILQ_HEAD(, review) line;
	unsigned under_way;
	struct loop_task send;
	bool away, said_away;
	uint64_t probe_at; /* while away */
	uint64_t silent_until;
	struct fault last;
	struct reviewer_counts counts;
};

const struct reviewer_rules reviewer_rules = {
	.remember = { .most = LIMIT_TOKENS,
	    .good_ms = LIMIT_GOOD_MS,
	    .refused_ms = LIMIT_REFUSED_MS,
	    .grace_ms = LIMIT_GRACE_MS },
	.most = LIMIT_REVIEWS,
	.at_once = LIMIT_REVIEWS_AT_ONCE,
	.ms = LIMIT_REVIEW_MS,
	.probe_ms = LIMIT_PROBE_MS,
};

/* ---- the end of a review */

static void send_more(struct loop_task *task);

/* Out of all lists; nobody finds it any more, and nothing comes for it. */
static void review_leave(struct review *v)
{
	struct reviewer *r = v->reviewer;

	if (v->in_line)
		TAILQ_REMOVE(&r->line, v, of_line);
	if (v->sent) {
		kube_cancel(STEAL(v->sent));
		r->under_way--;
	}
	loop_cancel(r->loop, &v->late);
	table_remove(&r->reviews, &v->node);
	kube_call_clear(&v->call);
	loop_post(r->loop, &r->send, send_more);
}

/* Whoever is told may ask again, or cancel another question of this review. */
static void review_end(
    struct review *v, const struct verdict *verdict, const struct fault *fault)
{
	struct reviewer_question *q;

	review_leave(v);
	while ((q = TAILQ_FIRST(&v->questions))) {
		struct reviewer_question told = *q;

		TAILQ_REMOVE(&v->questions, q, of_review);
		free(q);
		v->reviewer->counts.leant += verdict && fault;
		told.fn(told.ctx, verdict, verdict ? NULL : fault);
	}
	free(v);
}

/* An API that answers now and then is not told of each time. */
static void say_away(struct reviewer *r, const struct fault *fault)
{
	uint64_t now = loop_now(r->loop);

	if (!r->away && now >= r->silent_until) {
		log_warn("pods' tokens are not reviewed",
		    LOG_STR("error", fault->text),
		    LOG_STR("hint", fault->hint));
		r->silent_until = now + SILENT_MS;
		r->said_away = true;
	}
	r->away = true;
	r->probe_at = now + r->rules.probe_ms;
	r->last = *fault;
}

static void say_back(struct reviewer *r)
{
	if (r->said_away)
		log_info("pods' tokens are reviewed again");
	r->said_away = r->away = false;
	r->last = (struct fault)FAULT_NONE;
}

/* No answer, or none that decides. */
static void review_fail(struct review *v, const struct fault *fault)
{
	struct reviewer *r = v->reviewer;
	const struct verdict *old =
	    verdicts_lean(r->verdicts, &v->key, loop_now(r->loop));
	struct fault why = *fault;
	struct verdict verdict;

	r->counts.failed++;
	say_away(r, &why);
	if (old)
		verdict = *old;
	review_end(v, old ? &verdict : NULL, &why);
}

static void on_late(struct wheel_timer *timer, uint64_t now)
{
	struct review *v = CONTAINER_OF(timer, struct review, late);
	struct fault fault = FAULT_NONE;

	(void)now;
	fault_set(&fault, -ETIMEDOUT,
	    "Is the API server overloaded, or the way there?",
	    "cluster: no answer to a TokenReview in %u ms",
	    v->reviewer->rules.ms);
	review_fail(v, &fault);
}

/* ---- what the cluster says */

/* "system:serviceaccount:NAMESPACE:NAME" */
static bool is_service_account(const char *user)
{
	static const char start[] = "system:serviceaccount:";

	return !strncmp(user, start, sizeof(start) - 1);
}

static struct verdict verdict_of(const struct kube_review *review)
{
	struct verdict v = { .kind = VERDICT_GOOD };

	if (!review->good) {
		v.kind = VERDICT_REFUSED;
		(void)snprintf(v.words, sizeof(v.words), "%.*s",
		    VERDICT_WORDS_MOST - 1, review->error);
		text_tame(v.words); /* it may end inside a letter */
	} else if (!is_service_account(review->user) || !*review->pod_uid) {
		v.kind = VERDICT_NO_POD;
	} else {
		memcpy(v.pod_uid, review->pod_uid, sizeof(v.pod_uid));
	}
	return v;
}

static void count(struct reviewer *r, enum verdict_kind kind)
{
	switch (kind) {
	case VERDICT_GOOD:
		r->counts.good++;
		break;
	case VERDICT_REFUSED:
		r->counts.refused++;
		break;
	case VERDICT_NO_POD:
		r->counts.no_pod++;
		break;
	}
}

static void review_decide(struct review *v, const struct kube_review *review)
{
	struct verdict verdict = verdict_of(review);
	struct reviewer *r = v->reviewer;

	say_back(r);
	count(r, verdict.kind);
	metric_observe(&r->counts.took, loop_us(r->loop) - v->began_us);
	log_debug("reviewed", LOG_STR("user", review->user),
	    LOG_STR("pod", review->pod_name), LOG_STR("error", review->error));
	verdicts_keep(
	    r->verdicts, &v->key, &verdict, loop_now(r->loop), v->token_ends);
	review_end(v, &verdict, NULL);
}

static void on_answer(
    void *ctx, const char *body, size_t n, const struct fault *fault)
{
	struct review *v = ctx;
	struct fault unread = FAULT_NONE;
	struct kube_review review;

	v->sent = NULL;
	v->reviewer->under_way--;
	if (!body) {
		review_fail(v, fault);
		return;
	}
	if (!kube_read_review(&review, REVIEWER_AUDIENCE, body, n)) {
		review_decide(v, &review);
		return;
	}
	kube_unread(v->reviewer->kube, &v->call, &unread);
	review_fail(v, &unread);
}

/* ---- sending */

static void review_send(struct review *v)
{
	struct reviewer *r = v->reviewer;
	struct fault fault = FAULT_NONE;
	int e = kube_send(&v->sent, r->kube, &v->call, on_answer, v, &fault);

	if (!e) {
		r->under_way++;
		secret_free(STEAL(v->call.body));
		return;
	}
	if (e == KUBE_E_BUSY)
		fault_set(&fault, -EAGAIN, NULL,
		    "cluster: as many calls as may be are under way");
	else if (e == -ENOMEM)
		fault_set(&fault, e, NULL, "cluster: no memory for a call");
	review_fail(v, &fault);
}

static void send_more(struct loop_task *task)
{
	struct reviewer *r = CONTAINER_OF(task, struct reviewer, send);

	while (r->under_way < r->rules.at_once && !TAILQ_EMPTY(&r->line)) {
		struct review *v = TAILQ_FIRST(&r->line);

		TAILQ_REMOVE(&r->line, v, of_line);
		v->in_line = false;
		review_send(v);
	}
}

/* ---- asking */

const struct verdict *reviewer_known(
    struct reviewer *r, const struct verdicts_key *key)
{
	uint64_t now = loop_now(r->loop);
	const struct verdict *v = verdicts_find(r->verdicts, key, now);

	if (v || !r->away)
		return v;
	v = verdicts_lean(r->verdicts, key, now);
	if (v && now >= r->probe_at) {
		r->probe_at = now + r->rules.probe_ms;
		return NULL;
	}
	r->counts.leant += v != NULL;
	return v;
}

/* When the token says that it ends, on the loop's clock; now, if it does not
 * say. Whether that is true is for the cluster to say. */
static uint64_t end_of(const struct reviewer *r, const char *token)
{
	uint64_t now = loop_now(r->loop);
	JSON *claims = NULL;
	int64_t left;

	if (claims_read(&claims, token))
		return now;
	left = json_integer_value(json_object_get(claims, "exp")) -
	       loop_wall(r->loop);
	if (left <= 0)
		return now;
	return left > INT32_MAX ? UINT64_MAX : now + (uint64_t)left * 1000;
}

static int make_call(struct kube_call *out, const char *token)
{
	CLEANUP(secret_freep) struct secret *shown = NULL;
	int r = secret_from(&shown, token, strlen(token));

	if (!r)
		r = kube_call_review(out, shown, REVIEWER_AUDIENCE);
	return r == -EINVAL ? REVIEWER_E_SHAPE : r;
}

static int review_new(
    struct review **out, struct reviewer *r, const struct reviewer_order *order)
{
	struct review *v = calloc(1, sizeof(*v));
	int e = v ? make_call(&v->call, order->token) : -ENOMEM;

	if (!e) {
		v->key = *order->key;
		e = table_add(&r->reviews, &v->node, &v->key, sizeof(v->key));
	}
	if (e) {
		if (v)
			kube_call_clear(&v->call);
		free(v);
		return e;
	}
	v->reviewer = r;
	v->began_us = loop_us(r->loop);
	v->token_ends = end_of(r, order->token);
	TAILQ_INIT(&v->questions);
	TAILQ_INSERT_TAIL(&r->line, v, of_line);
	v->in_line = true;
	loop_after(r->loop, &v->late, r->rules.ms, on_late);
	loop_post(r->loop, &r->send, send_more);
	*out = v;
	return 0;
}

static int review_get(
    struct review **out, struct reviewer *r, const struct reviewer_order *order)
{
	struct table_node *n =
	    table_find(&r->reviews, order->key, sizeof(*order->key));

	if (n) {
		*out = CONTAINER_OF(n, struct review, node);
		return 0;
	}
	if (table_count(&r->reviews) >= r->rules.most)
		return REVIEWER_E_FULL;
	return review_new(out, r, order);
}

int reviewer_ask(struct reviewer_question **out, struct reviewer *r,
    const struct reviewer_order *order)
{
	struct reviewer_question *q = calloc(1, sizeof(*q));
	int e = q ? review_get(&q->review, r, order) : -ENOMEM;

	if (e) {
		free(q);
		return e;
	}
	q->fn = order->fn;
	q->ctx = order->ctx;
	TAILQ_INSERT_TAIL(&q->review->questions, q, of_review);
	*out = q;
	return 0;
}

void reviewer_cancel(struct reviewer_question *q)
{
	if (!q)
		return;
	TAILQ_REMOVE(&q->review->questions, q, of_review);
	free(q);
}

/* ---- its life */

int reviewer_new(struct reviewer **out, struct loop *loop, struct kube *kube,
    const struct reviewer_rules *rules)
{
	struct reviewer *r = calloc(1, sizeof(*r));
	int e = r ? verdicts_new(&r->verdicts, &rules->remember) : -ENOMEM;

	if (e) {
		free(r);
		return e;
	}
	r->loop = loop;
	r->kube = kube;
	r->rules = *rules;
	table_init(&r->reviews, rules->most);
	TAILQ_INIT(&r->line);
	*out = r;
	return 0;
}

static void review_drop(struct table_node *node, void *ctx)
{
	struct review *v = CONTAINER_OF(node, struct review, node);

	(void)ctx;
	while (!TAILQ_EMPTY(&v->questions))
		reviewer_cancel(TAILQ_FIRST(&v->questions));
	review_leave(v);
	free(v);
}

void reviewer_free(struct reviewer *r)
{
	if (!r)
		return;
	table_each(&r->reviews, review_drop, NULL);
	loop_unpost(r->loop, &r->send);
	verdicts_free(r->verdicts);
	free(r);
}

const struct reviewer_counts *reviewer_counts(struct reviewer *r)
{
	r->counts.waiting = table_count(&r->reviews);
	r->counts.remembered = verdicts_count(r->verdicts);
	return &r->counts;
}

const char *reviewer_last_fault(const struct reviewer *r)
{
	return r->last.text;
}
