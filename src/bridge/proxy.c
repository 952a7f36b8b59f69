/* bridge/proxy.c: one request from its head to its answer.
 *
 * A transit is in one of three states: its body is being received, the store is
 * being asked, or it is answered and gone. While the store is asked the
 * stream's leg is watched, so that a client that goes takes its call with it.
 *
 * Refusals are answered at once, without reading the body. A read is never
 * asked twice here: a retried dynamic read would make a second lease.
 */
#include "bridge/proxy.h"
#include "base/log.h"
#include "net/loop.h"
#include "wire/json.h"
#include <stdio.h>

struct transit {
	struct transit *next, **link;
	struct proxy *proxy;
	struct http_stream *stream;
	struct http_collect *body; /* while it is received */
	struct web_call *call;	   /* while the store is asked */
	struct policy_verdict verdict;
	uint64_t began_us;
};

struct proxy {
	const struct policy *policy;
	struct store *store;
	struct transit *transits;
	uint64_t n_transits, busy;
	uint64_t judged[POLICY_REASON_COUNT];
	uint64_t answered[6]; /* by the first digit of the status */
	char labels[POLICY_REASON_COUNT][40];
	struct metric_histogram took;
	struct metric_row rows[POLICY_REASON_COUNT + 7];
	struct metric_table metrics;
};

static void transit_free(struct transit *t)
{
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	t->proxy->n_transits--;
	policy_verdict_clear(&t->verdict);
	free(t);
}

static void count(struct transit *t, int status)
{
	struct loop *loop = leg_loop(http_stream_leg(t->stream));

	t->proxy->answered[status / 100]++;
	metric_observe(&t->proxy->took, loop_us(loop) - t->began_us);
}

static void answer(struct transit *t, const struct http_answer *a)
{
	count(t, a->status);
	http_stream_answer(t->stream, a);
	transit_free(t);
}

static void refuse(struct transit *t, int status, const char *text)
{
	count(t, status);
	http_stream_refuse(t->stream, status, text);
	transit_free(t);
}

/* ---- the answer --------------------------------------------------------- */

/* What a store's answer becomes. */
enum shape {
	SHAPE_PASS,    /* as it is */
	SHAPE_REFUSAL, /* the store's refusal: name the hop */
	SHAPE_FOREIGN, /* not how a store answers */
};

static enum shape shape_of(const struct transit *t, const struct web_answer *a)
{
	JSON *j = json_read_object(a->body, a->n, JSON_ALLOW_NUL);
	bool silent =
	    a->status == 204 || !strcmp(t->verdict.call.method, "HEAD");

	if (a->status < 200 || a->status / 100 == 3 || a->status > 599)
		return SHAPE_FOREIGN;
	if (!a->n)
		return silent ? SHAPE_PASS : SHAPE_FOREIGN;
	if (!j)
		return SHAPE_FOREIGN;
	return json_object_get(j, "errors") ? SHAPE_REFUSAL : SHAPE_PASS;
}

/* The status for a client: the store's own when it is the store that speaks;
 * else that of a gateway: 503 invites to try again. */
static int status_of(const struct web_answer *a, enum shape shape, int code)
{
	if (shape != SHAPE_FOREIGN)
		return a->status;
	return code == -EAGAIN ? 503 : 502;
}

static void answer_fault(
    struct transit *t, const struct web_answer *a, enum shape shape)
{
	struct vault_failure failure = {
		.store = store_address(t->proxy->store),
		.status = a->status,
		.content_type = a->content_type,
		.body = a->body,
		.n = a->n,
	};
	struct http_field retry = { "retry-after", a->retry_after };
	char body[FAULT_TEXT_MAX * 2 + 64];
	struct fault fault;
	int code = vault_fault(&fault, &failure);

	log_debug("store refused",
	    LOG_STR("operation", vault_operation_name(t->verdict.op)),
	    LOG_INT("status", a->status), LOG_STR("fault", fault.text));
	answer(t, &(struct http_answer){
		      .status = status_of(a, shape, code),
		      .content_type = "application/json",
		      .fields = &retry,
		      .n_fields = *a->retry_after ? 1 : 0,
		      .body = body,
		      .n = vault_errors_body(body, sizeof(body), fault.text),
		  });
}

static void answer_pass(struct transit *t, const struct web_answer *a)
{
	static const struct http_field fields[] = { { "cache-control",
	    "no-store" } };

	answer(t, &(struct http_answer){
		      .status = a->status,
		      .content_type = a->n ? "application/json" : NULL,
		      .fields = fields,
		      .n_fields = N_ELEMS(fields),
		      .body = a->body,
		      .n = a->n,
		  });
}

static void on_answer(
    void *ctx, const struct web_answer *a, const struct fault *fault)
{
	struct transit *t = ctx;
	enum shape shape;

	t->call = NULL;
	if (!a) {
		log_warn("store failed",
		    LOG_STR("operation", vault_operation_name(t->verdict.op)),
		    LOG_STR("fault", fault->text),
		    LOG_STR("hint", fault->hint));
		refuse(t, fault->code == -ETIMEDOUT ? 504 : 502, fault->text);
		return;
	}
	shape = shape_of(t, a);
	if (shape == SHAPE_PASS)
		answer_pass(t, a);
	else
		answer_fault(t, a, shape);
}

/* ---- the question ------------------------------------------------------- */

static void on_client(void *ctx, struct leg *leg, unsigned events)
{
	struct transit *t = ctx;

	(void)leg;
	if (!(events & LEG_GONE))
		return;
	web_cancel(t->call);
	http_stream_abandon(t->stream);
	transit_free(t);
}

static void ask_store(struct transit *t)
{
	int r = store_send(&t->call, t->proxy->store, &t->verdict.call,
	    t->verdict.token, on_answer, t);

	if (!r) {
		leg_handle(http_stream_leg(t->stream), on_client, t);
		return;
	}
	t->proxy->busy++;
	refuse(t, 503,
	    r == WEB_E_BUSY ? "bridge: too many calls to the store at once; "
			      "try again"
			    : "bridge: out of memory; try again");
}

static void refuse_policy(struct transit *t, int status)
{
	enum policy_reason reason = t->verdict.reason;
	char text[300];

	log_debug(
	    "request refused", LOG_STR("reason", policy_reason_name(reason)));
	snprintf(text, sizeof(text), "bridge: refused: %s",
	    policy_reason_text(reason));
	refuse(t, status, text);
}

static void go_on(struct transit *t)
{
	enum policy_reason reason = t->verdict.reason;

	t->proxy->judged[reason]++;
	if (reason)
		refuse_policy(t, policy_reason_status(reason));
	else
		ask_store(t);
}

static void on_body(void *ctx, char *body, size_t n, int error)
{
	struct transit *t = ctx;
	int r = 0;

	t->body = NULL;
	if (!error)
		r = policy_judge_body(t->proxy->policy, &t->verdict, body, n);
	else
		t->verdict.reason = POLICY_BODY;
	if (body)
		secret_wipe(body, n);
	free(body);
	if (r)
		refuse(t, 503, "bridge: out of memory; try again");
	else if (error == -EMSGSIZE) {
		t->proxy->judged[POLICY_BODY]++;
		refuse_policy(t, 413);
	} else
		go_on(t);
}

static struct transit *transit_new(struct proxy *p, struct http_stream *s)
{
	struct transit *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->proxy = p;
	t->stream = s;
	t->began_us = loop_us(leg_loop(http_stream_leg(s)));
	t->next = p->transits;
	t->link = &p->transits;
	if (t->next)
		t->next->link = &t->next;
	p->transits = t;
	p->n_transits++;
	return t;
}

void proxy_handle(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct proxy *p = ctx;
	struct transit *t =
	    p->n_transits < PROXY_CALLS_MOST ? transit_new(p, s) : NULL;
	int r;

	if (!t) {
		p->busy++;
		http_stream_refuse(
		    s, 503, "bridge: too many requests at once; try again");
		return;
	}
	r = policy_judge(p->policy, head, &t->verdict);
	if (!r && t->verdict.wants_body)
		r = http_receive(
		    &t->body, s, POLICY_BODY_MOST, PROXY_BODY_MS, on_body, t);
	if (r)
		refuse(t, 503, "bridge: out of memory; try again");
	else if (!t->verdict.wants_body)
		go_on(t);
}

/* ---- the whole ---------------------------------------------------------- */

static void metrics_init(struct proxy *p)
{
	static const char *const classes[] = { "class=\"2xx\"", "class=\"3xx\"",
		"class=\"4xx\"", "class=\"5xx\"" };
	struct metric_row *row = p->rows;

	for (size_t i = 0; i < POLICY_REASON_COUNT; i++, row++) {
		snprintf(p->labels[i], sizeof(p->labels[i]), "verdict=\"%s\"",
		    policy_reason_name((enum policy_reason)i));
		*row = (struct metric_row){
			.name = "pharos_bridge_requests_total",
			.labels = p->labels[i],
			.help = i ? NULL : "Requests by verdict.",
			.value = &p->judged[i],
		};
	}
	for (size_t i = 0; i < N_ELEMS(classes); i++, row++)
		*row = (struct metric_row){
			.name = "pharos_bridge_answers_total",
			.labels = classes[i],
			.help = i ? NULL : "Answers by class of status.",
			.value = &p->answered[i + 2],
		};
	*row++ = (struct metric_row){ .name = "pharos_bridge_busy_total",
		.help = "Requests refused because too many were under way.",
		.value = &p->busy };
	*row++ = (struct metric_row){ .name = "pharos_bridge_requests",
		.help = "Requests under way.",
		.kind = METRIC_GAUGE,
		.value = &p->n_transits };
	*row++ = (struct metric_row){ .name = "pharos_bridge_request_seconds",
		.help = "From a request's head to its answer, refusals too.",
		.kind = METRIC_HISTOGRAM,
		.histogram = &p->took };
	p->metrics.rows = p->rows;
	p->metrics.n_rows = (size_t)(row - p->rows);
}

int proxy_new(
    struct proxy **out, const struct policy *policy, struct store *store)
{
	struct proxy *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->policy = policy;
	p->store = store;
	metrics_init(p);
	*out = p;
	return 0;
}

void proxy_free(struct proxy *p)
{
	if (!p)
		return;
	while (p->transits) {
		struct transit *t = p->transits;

		http_receive_cancel(t->body);
		web_cancel(t->call);
		http_stream_abandon(t->stream);
		transit_free(t);
	}
	free(p);
}

struct metric_table *proxy_metrics(struct proxy *p)
{
	return &p->metrics;
}

uint64_t proxy_refused(const struct proxy *p, enum policy_reason reason)
{
	return p->judged[reason];
}
