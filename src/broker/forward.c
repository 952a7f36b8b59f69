/* broker/forward.c: errands, from a pod's request to the end of its answer.
 *
 *   ASKING     the request is on its way; its body flows up
 *   ANSWERING  the head of the answer was passed on; its body flows down, and
 *              what is left of the request's still up
 *
 * A request may have reached the store, so it is never sent twice. But a tunnel
 * that has not answered after LIMIT_ASK_AGAIN_MS is pinged, so that those that
 * come next go by another one if it has fallen silent.
 *
 * All of it within LIMIT_FORWARD_MS: 504 while there is no head yet, a reset
 * after. The answer decides: when it is whole, the errand is over, whatever is
 * left of the request (a bridge may refuse before it has read all). So a bridge
 * that takes no more of the request only stops the flow up; a bridge whose
 * answer breaks off resets the pod, which must not take a part for the whole. A
 * pod that goes takes its errand along.
 *
 * An errand has both streams from its first moment to its last, but for the
 * pod's once that has been refused.
 */
#include "broker/forward.h"
#include "broker/limits.h"
#include "net/flow.h"
#include "net/loop.h"
#include "net/tunnel.h"
#include "wire/httphead.h"
#include <assert.h>
#include <stdio.h>
#include <sys/queue.h>

enum errand_state { ERRAND_ASKING, ERRAND_ANSWERING };

struct errand {
	TAILQ_ENTRY(errand) of_forward;
	struct forward *forward;
	enum errand_state state;
	struct http_stream *pod, *bridge;
	struct flow up, down;
	bool up_over; /* has ended, or the bridge takes no more */
	struct wheel_timer timer, doubt;
	struct quota_ticket ticket;
	uint64_t began_us;
};

TAILQ_HEAD(errands, errand);

struct forward {
	struct loop *loop;
	const struct way *way;
	struct errands errands;
	struct forward_counts counts;
	uint64_t bytes[WAY_DIRECTIONS]; /* of requests that have ended */
};

static void errand_move(struct errand *e, enum errand_state to)
{
	static const unsigned allowed[] = {
		[ERRAND_ASKING] = 1u << ERRAND_ANSWERING,
		[ERRAND_ANSWERING] = 0,
	};

	static_assert(
	    N_ELEMS(allowed) == ERRAND_ANSWERING + 1, "a row a state");
	INVARIANT(allowed[e->state] & 1u << to);
	e->state = to;
}

/* Everything but the two streams. */
static void errand_free(struct errand *e)
{
	struct forward *f = e->forward;

	loop_cancel(f->loop, &e->timer);
	loop_cancel(f->loop, &e->doubt);
	f->bytes[WAY_TO_BRIDGE] += e->up.bytes;
	f->bytes[WAY_TO_POD] += e->down.bytes;
	f->counts.open--;
	flow_deinit(&e->up);
	flow_deinit(&e->down);
	quota_leave(&e->ticket);
	TAILQ_REMOVE(&f->errands, e, of_forward);
	free(e);
}

static void errand_cut(struct errand *e)
{
	http_stream_abandon(e->pod);
	http_stream_abandon(e->bridge);
	errand_free(e);
}

static void errand_refuse(struct errand *e, const struct refusal *r)
{
	refusal_send(e->forward->way->refusals, e->pod, r);
	http_stream_abandon(e->bridge);
	errand_free(e);
}

static void errand_done(struct errand *e)
{
	struct leg *bridge = http_stream_leg(e->bridge);

	leg_close(http_stream_leg(e->pod));
	if (flow_ended(&e->up))
		leg_close(bridge);
	else
		leg_reset(bridge);
	errand_free(e);
}

/* ---- the two bodies */

static void errand_want(struct errand *e)
{
	unsigned pod = 0, bridge = 0;

	if (!e->up_over) {
		pod |= flow_wants_read(&e->up);
		bridge |= flow_wants_write(&e->up);
	}
	if (e->state == ERRAND_ANSWERING) {
		bridge |= flow_wants_read(&e->down);
		pod |= flow_wants_write(&e->down);
	}
	leg_want(http_stream_leg(e->pod), pod);
	leg_want(http_stream_leg(e->bridge), bridge);
}

/* Return: false when that was the end of the errand. */
static bool errand_run_up(struct errand *e)
{
	enum flow_outcome outcome = e->up_over ? FLOW_STUCK : flow_run(&e->up);

	if (outcome == FLOW_FROM_FAILED || outcome == FLOW_NO_MEMORY) {
		errand_cut(e);
		return false;
	}
	e->up_over |= outcome == FLOW_TO_FAILED || flow_ended(&e->up);
	return true;
}

static bool errand_run_down(struct errand *e)
{
	enum flow_outcome outcome =
	    e->state == ERRAND_ANSWERING ? flow_run(&e->down) : FLOW_STUCK;

	if (flow_ended(&e->down)) {
		errand_done(e);
		return false;
	}
	if (outcome != FLOW_MOVED && outcome != FLOW_STUCK) {
		errand_cut(e);
		return false;
	}
	return true;
}

static void on_pod(void *ctx, struct leg *leg, unsigned events)
{
	struct errand *e = ctx;

	(void)leg;
	if (events & LEG_GONE) {
		errand_cut(e);
		return;
	}
	if (events & LEG_READ && !errand_run_up(e))
		return;
	if (events & LEG_WRITE && !errand_run_down(e))
		return;
	errand_want(e);
}

/* LEG_GONE is not the end: what the bridge had said before may still be read;
 * the flow down finds out whether that is all. */
static void on_bridge(void *ctx, struct leg *leg, unsigned events)
{
	struct errand *e = ctx;

	(void)leg;
	if (events & (LEG_READ | LEG_GONE) && !errand_run_down(e))
		return;
	if (events & LEG_WRITE && !errand_run_up(e))
		return;
	errand_want(e);
}

/* ---- heads */

enum direction { TO_BRIDGE = 1, TO_POD = 2 };

static const struct {
	const char *name; /* or a prefix, when it ends in "-" */
	unsigned directions;
} crossing[] = {
	{ "x-vault-", TO_BRIDGE | TO_POD }, /* token, namespace, wrapping … */
	{ "authorization", TO_BRIDGE },	    /* the store takes tokens there */
	{ "content-type", TO_BRIDGE | TO_POD },
	{ "cache-control", TO_POD },
	{ "retry-after", TO_POD },
};

static bool crosses(const char *name, enum direction direction)
{
	for (size_t i = 0; i < N_ELEMS(crossing); i++) {
		size_t n = strlen(crossing[i].name);
		bool prefix = crossing[i].name[n - 1] == '-';

		if (crossing[i].directions & direction &&
		    !strncmp(name, crossing[i].name, prefix ? n : n + 1))
			return true;
	}
	return false;
}

static size_t copy_fields(struct http_field *to, const struct http_head *head,
    enum direction direction)
{
	size_t n = 0;

	for (size_t i = 0; i < head->n_fields && n < HTTP_FIELDS_MAX; i++)
		if (crosses(head->fields[i].name, direction))
			to[n++] = head->fields[i];
	return n;
}

static size_t drop_field(struct http_field *fields, size_t n, const char *name)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++)
		if (strcmp(fields[i].name, name) != 0)
			fields[kept++] = fields[i];
	return kept;
}

/* ---- the answer */

static void errand_answer(struct errand *e, const struct http_head *head)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	struct http_head answer = {
		.status = head->status,
		.length = head->length,
		.fields = fields,
		.n_fields = copy_fields(fields, head, TO_POD),
	};

	if (http_stream_respond(
		e->pod, &answer, http_is_bodiless(head->status))) {
		errand_cut(e);
		return;
	}
	errand_move(e, ERRAND_ANSWERING);
	loop_cancel(e->forward->loop, &e->doubt);
	metric_observe(&e->forward->counts.answer,
	    loop_us(e->forward->loop) - e->began_us);
	errand_want(e);
}

static void on_response(void *ctx, struct http_stream *stream,
    const struct http_head *head, enum http_why why)
{
	struct errand *e = ctx;
	char text[160];

	(void)stream;
	if (head) {
		errand_answer(e, head);
		return;
	}
	(void)snprintf(text, sizeof(text),
	    "the tunnel gave no answer from the bridge: %s; whether the store "
	    "has acted on the request is not known",
	    http_why_text(why));
	errand_refuse(
	    e, &(struct refusal){ .kind = REFUSAL_CUT, .text = text });
}

static void on_doubt(struct wheel_timer *t, uint64_t now)
{
	struct errand *e = CONTAINER_OF(t, struct errand, doubt);
	struct http_conn *conn = http_stream_conn(e->bridge);

	(void)now;
	if (conn)
		http_conn_probe(conn);
}

static void on_late(struct wheel_timer *t, uint64_t now)
{
	struct errand *e = CONTAINER_OF(t, struct errand, timer);

	(void)now;
	if (e->state == ERRAND_ASKING)
		errand_refuse(e, &(struct refusal){ .kind = REFUSAL_LATE });
	else
		errand_cut(e);
}

/* ---- the request */

static struct http_stream *open_bridge(struct errand *e,
    struct http_stream *pod, const struct forward_request *request)
{
	struct http_field fields[HTTP_FIELDS_MAX];
	bool ended = http_stream_drained(pod);
	struct http_head head = {
		.method = request->head->method,
		.authority = TUNNEL_BRIDGE_NAME,
		.target = request->head->target,
		.length = ended ? 0 : request->head->length,
		.fields = fields,
		.n_fields = copy_fields(fields, request->head, TO_BRIDGE),
	};
	struct way_request asked = {
		.head = &head, .ended = ended, .fn = on_response, .ctx = e
	};

	if (request->hide_authorization)
		head.n_fields =
		    drop_field(fields, head.n_fields, "authorization");
	e->up_over = ended;
	return way_open(e->forward->way, pod, &asked);
}

static void errand_start(
    struct errand *e, struct http_stream *pod, struct http_stream *bridge)
{
	struct forward *f = e->forward;
	struct leg *pod_leg = http_stream_leg(pod);
	struct leg *bridge_leg = http_stream_leg(bridge);

	e->began_us = loop_us(f->loop);
	e->pod = pod;
	e->bridge = bridge;
	flow_init(&e->up, pod_leg, bridge_leg);
	flow_init(&e->down, bridge_leg, pod_leg);
	TAILQ_INSERT_TAIL(&f->errands, e, of_forward);
	f->counts.open++;
	f->counts.total++;
	loop_after(f->loop, &e->timer, LIMIT_FORWARD_MS, on_late);
	loop_after(f->loop, &e->doubt, LIMIT_ASK_AGAIN_MS, on_doubt);
	leg_handle(pod_leg, on_pod, e);
	leg_handle(bridge_leg, on_bridge, e);
	errand_want(e);
}

void forward_send(struct forward *f, struct http_stream *pod,
    const struct forward_request *request)
{
	struct errand *e = calloc(1, sizeof(*e));
	struct quota_ticket ticket = request->ticket;
	struct http_stream *bridge;

	if (!e) {
		quota_leave(&ticket);
		way_refuse(f->way, pod, REFUSAL_MEMORY);
		return;
	}
	e->forward = f;
	e->ticket = ticket;
	bridge = open_bridge(e, pod, request);
	if (bridge) {
		errand_start(e, pod, bridge);
		return;
	}
	quota_leave(&ticket);
	free(e);
}

/* ---- its life */

int forward_new(struct forward **out, struct loop *loop, const struct way *way)
{
	struct forward *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->loop = loop;
	f->way = way;
	TAILQ_INIT(&f->errands);
	*out = f;
	return 0;
}

void forward_free(struct forward *f)
{
	if (!f)
		return;
	while (!TAILQ_EMPTY(&f->errands))
		errand_cut(TAILQ_FIRST(&f->errands));
	free(f);
}

const struct forward_counts *forward_counts(const struct forward *f)
{
	return &f->counts;
}

uint64_t forward_bytes(const struct forward *f, enum way_direction to)
{
	const struct errand *e;
	uint64_t n;

	if (!f)
		return 0;
	n = f->bytes[to];
	TAILQ_FOREACH (e, &f->errands, of_forward)
		n += to == WAY_TO_BRIDGE ? e->up.bytes : e->down.bytes;
	return n;
}
