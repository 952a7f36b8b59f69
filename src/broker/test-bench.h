/* broker/test-bench.h: a pod, a broker's pods and carry, and a bridge, joined
 * in memory by the real HTTP code at each end. Tests only.
 *
 *   pod (http_conn) == pods, carry == tunnel (http_conn, HTTP/2) == bridge
 */
#pragma once
#include "base/err.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/buf.h"
#include "broker/carry.h"
#include "broker/pods.h"
#include "net/httpd.h"
#include "link/test-fakeserver.h"
#include "net/loop.h"
#include "net/memleg.h"

enum { TURNS_MOST = 200000, TEXT_MOST = 8192 };

/* How a pod speaks. */
struct shape {
	const char *label;
	enum http_version version;
	size_t capacity, chop;
};

static const struct shape shapes[] = {
	{ "HTTP/1.1", HTTP_1, 65536, 0 },
	{ "HTTP/1.1 chopped", HTTP_1, 700, 13 },
	{ "HTTP/2", HTTP_2, 65536, 0 },
	{ "HTTP/2 chopped", HTTP_2, 700, 13 },
};

/* What the bridge does with a request. */
enum bridge_way {
	BRIDGE_ECHO,   /* 200, and sends back what it reads */
	BRIDGE_ANSWER, /* what bench.answer says */
	BRIDGE_HOLD,   /* keeps the stream: bench.held */
};

struct bench {
	struct loop *loop;
	const struct shape *shape;
	/* bridge */
	struct httpd *bridge;
	enum bridge_way bridge_way;
	struct http_answer answer;
	struct http_stream *held;
	int bridge_requests, bridge_resets;
	char saw[TEXT_MOST]; /* head of the last request, a line a field */
	/* broker */
	struct http_conn *tunnel; /* NULL: none is up */
	struct http_conn *spare;  /* picked when that is silent, or NULL */
	bool full;		  /* tunnels are up but take nothing */
	const char *fault;
	struct refusals refusals;
	struct way way;
	struct carry *carry;
	struct forward *forward;
	struct pods *pods;
	struct secret *token;
	/* the cluster, where the broker asks one */
	struct fake cluster;
	struct kube_access access;
	struct kube *kube;
	struct reviewer *reviewer;
	/* pod */
	struct http_conn *pod;
};

static inline void turn(struct bench *b, int times)
{
	for (int i = 0; i < times; i++)
		loop_turn(b->loop);
}

/* Where a cluster is asked, libcurl waits for some ms at times. */
static inline void bench_turn(struct bench *b, int n)
{
	if (b->reviewer && n % 64 == 63)
		loop_set_now(b->loop, loop_now(b->loop) + 1);
	loop_turn(b->loop);
}

#define EACH_SHAPE(shape)                                                      \
	for (const struct shape *shape = shapes;                               \
	     shape < shapes + N_ELEMS(shapes); shape++)

#define TURN_UNTIL(b, condition)                                               \
	do {                                                                   \
		for (int n_ = 0; n_ < TURNS_MOST && !(condition); n_++)        \
			bench_turn((b), n_);                                   \
		if (!(condition))                                              \
			fail_msg("%s: never came: %s", (b)->shape->label,      \
			    #condition);                                       \
	} while (0)

/* Let the clock go on by @ms, in steps, so that what follows a timer is due in
 * its time as well. */
static inline void pass(struct bench *b, uint64_t ms)
{
	uint64_t end = loop_now(b->loop) + ms;

	turn(b, 5);
	while (loop_now(b->loop) < end) {
		uint64_t next = loop_next_due(b->loop);

		loop_set_now(b->loop, next < end ? next : end);
		turn(b, 5);
	}
}

/* ---- the bridge */

struct echo {
	struct bench *bench;
	uint8_t bytes[3000];
	size_t n, at;
	bool ended;
};

static inline void echo_on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct echo *e = ctx;
	ssize_t n;

	if (events & LEG_GONE) {
		e->bench->bridge_resets++;
		leg_reset(leg);
		free(e);
		return;
	}
	if (events & LEG_READ && e->at == e->n && !e->ended) {
		n = leg_read(leg, e->bytes, sizeof(e->bytes));
		e->at = 0;
		e->n = n > 0 ? (size_t)n : 0;
		e->ended = !n;
	}
	if (e->at < e->n) {
		n = leg_write(leg, e->bytes + e->at, e->n - e->at);
		e->at += n > 0 ? (size_t)n : 0;
	}
	if (e->ended && e->at == e->n) {
		leg_close(leg);
		free(e);
		return;
	}
	leg_want(leg, e->at < e->n ? LEG_WRITE : LEG_READ);
}

static inline void bridge_echo(struct bench *b, struct http_stream *s)
{
	struct echo *e = calloc(1, sizeof(*e));
	struct leg *leg = http_stream_leg(s);

	assert_non_null(e);
	e->bench = b;
	assert_int_equal(
	    http_stream_respond(
		s, &(struct http_head){ .status = 200, .length = -1 }, false),
	    0);
	leg_handle(leg, echo_on_leg, e);
	leg_want(leg, LEG_READ);
}

static inline void held_on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct bench *b = ctx;

	assert_int_equal(events, LEG_GONE);
	b->bridge_resets++;
	b->held = NULL;
	leg_reset(leg);
}

static inline void bridge_remember(
    struct bench *b, const struct http_head *head)
{
	int n = snprintf(b->saw, sizeof(b->saw), "%s %s %s\n", head->method,
	    head->authority, head->target ? head->target : "-");

	for (size_t i = 0; i < head->n_fields; i++)
		n += snprintf(b->saw + n, sizeof(b->saw) - (size_t)n,
		    "%s: %s\n", head->fields[i].name, head->fields[i].value);
}

static inline void bridge_on_request(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct bench *b = ctx;

	b->bridge_requests++;
	bridge_remember(b, head);
	switch (b->bridge_way) {
	case BRIDGE_ECHO:
		bridge_echo(b, s);
		break;
	case BRIDGE_ANSWER:
		http_stream_answer(s, &b->answer);
		break;
	case BRIDGE_HOLD:
		b->held = s;
		leg_handle(http_stream_leg(s), held_on_leg, b);
		break;
	}
}

static const struct httpd_route bridge_routes[] = {
	{ "CONNECT", NULL, bridge_on_request },
	{ NULL, "/*", bridge_on_request },
};

static inline void tunnel_on_gone(void *ctx, const struct fault *fault)
{
	struct bench *b = ctx;

	(void)fault;
	b->tunnel = NULL;
}

static inline void pod_on_gone(void *ctx, const struct fault *fault)
{
	struct bench *b = ctx;

	(void)fault;
	b->pod = NULL;
}

/* Two ends of a connection. */
static inline struct http_conn *bench_connect(struct bench *b, struct leg *leg,
    enum http_version version, const struct http_conn_events *events)
{
	struct http_conn_config config = {
		.version = version,
		.end = HTTP_CLIENT,
		.events = events,
		.ctx = b,
	};
	struct http_conn *c;

	assert_int_equal(http_conn_open(&c, leg, &config), 0);
	return c;
}

static inline void spare_on_gone(void *ctx, const struct fault *fault)
{
	struct bench *b = ctx;

	(void)fault;
	b->spare = NULL;
}

static inline struct http_conn *bench_tunnel(
    struct bench *b, const struct http_conn_events *events)
{
	struct leg *near, *far;

	assert_int_equal(memleg_pair(&near, &far, b->loop, 65536), 0);
	httpd_serve(b->bridge, far, HTTP_2);
	return bench_connect(b, near, HTTP_2, events);
}

static inline void bench_tunnel_up(struct bench *b)
{
	static const struct http_conn_events events = { .gone =
							    tunnel_on_gone };

	b->tunnel = bench_tunnel(b, &events);
}

static inline void bench_spare_up(struct bench *b)
{
	static const struct http_conn_events events = { .gone = spare_on_gone };

	b->spare = bench_tunnel(b, &events);
}

/** bench_tunnel_cut() - as when the network goes */
static inline void bench_tunnel_cut(struct bench *b)
{
	http_conn_cut(STEAL(b->tunnel));
}

/* ---- the broker */

static inline struct http_conn *bench_pick(void *ctx)
{
	struct bench *b = ctx;

	if (b->full)
		return NULL;
	if (b->spare && (!b->tunnel || http_conn_silent(b->tunnel)))
		return b->spare;
	return b->tunnel;
}

static inline bool bench_any(void *ctx)
{
	return ((struct bench *)ctx)->tunnel != NULL;
}

static inline const char *bench_fault(void *ctx)
{
	return ((struct bench *)ctx)->fault;
}

static inline void bench_look(void *ctx, struct status *status)
{
	struct bench *b = ctx;

	status->mode = "beacon";
	status->last_error = b->fault;
}

/* ---- a pod's request, and what came of it */

struct visit {
	struct http_stream *stream; /* NULL once ended */
	int status;		    /* 0: no head yet */
	bool failed;		    /* no head will come, or the body broke */
	bool ended;
	char retry[24], challenge[64], type[64];
	bool cookie;
	char body[TEXT_MOST];
	size_t n_body;
	const char *sends; /* body, or bytes of the session */
	size_t n_sends, sent;
	bool holds; /* does not end its direction */
	bool deaf;  /* does not read */
};

static inline void visit_keep(
    char *to, size_t room, const struct http_head *head, const char *name)
{
	const char *value = http_head_get(head, name);

	(void)snprintf(to, room, "%s", value ? value : "");
}

static inline void visit_read(struct visit *v, struct leg *leg)
{
	char spill[4096];
	bool full = v->n_body == sizeof(v->body) - 1;
	char *to = full ? spill : v->body + v->n_body;
	ssize_t n = leg_read(
	    leg, to, full ? sizeof(spill) : sizeof(v->body) - 1 - v->n_body);

	if (n > 0 && !full)
		v->n_body += (size_t)n;
	v->ended |= n == 0;
	v->failed |= n < 0 && n != -EAGAIN;
}

static inline void visit_on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct visit *v = ctx;
	unsigned want = 0;
	ssize_t n;

	if (events & LEG_READ)
		visit_read(v, leg);
	else
		v->failed |= (events & LEG_GONE) != 0;
	if (events & LEG_WRITE && v->sent < v->n_sends) {
		n = leg_write(leg, v->sends + v->sent, v->n_sends - v->sent);
		v->sent += n > 0 ? (size_t)n : 0;
		v->failed |= n < 0 && n != -EAGAIN;
	}
	if (v->sent == v->n_sends && !v->holds)
		leg_finish(leg);
	if (!v->ended && !v->failed && !v->deaf)
		want |= LEG_READ;
	if (v->sent < v->n_sends && !v->failed)
		want |= LEG_WRITE;
	leg_want(leg, want);
}

static inline void visit_on_response(void *ctx, struct http_stream *s,
    const struct http_head *head, enum http_why why)
{
	struct visit *v = ctx;

	(void)s;
	(void)why;
	if (!head) {
		v->failed = true;
		return;
	}
	v->status = head->status;
	visit_keep(v->retry, sizeof(v->retry), head, "retry-after");
	v->cookie = http_head_get(head, "set-cookie") != NULL;
	visit_keep(v->type, sizeof(v->type), head, "content-type");
	visit_keep(v->challenge, sizeof(v->challenge), head,
	    head->status == 407 ? "proxy-authenticate" : "www-authenticate");
}

/** visit_begin() - @v: what it sends is set, all else zero */
static inline void visit_begin(
    struct bench *b, struct visit *v, const struct http_head *head)
{
	bool ended = head->target && !v->n_sends && !v->holds;
	struct leg *leg;

	assert_int_equal(http_conn_request(b->pod, head, ended,
			     visit_on_response, v, &v->stream),
	    0);
	leg = http_stream_leg(v->stream);
	leg_handle(leg, visit_on_leg, v);
	leg_want(leg, v->deaf ? LEG_WRITE : LEG_READ | LEG_WRITE);
}

/** visit_connect_early() - what it sends goes along; HTTP/2 only */
static inline void visit_connect_early(struct bench *b, struct visit *v)
{
	static const struct http_head head = {
		.method = "CONNECT",
		.authority = "bridge.pharos:443",
		.length = -1,
		.early = true,
	};

	visit_begin(b, v, &head);
}

static inline void visit_connect(struct bench *b, struct visit *v)
{
	static const struct http_head head = {
		.method = "CONNECT",
		.authority = "bridge.pharos:443",
		.length = -1,
	};

	visit_begin(b, v, &head);
}

/** visit_send() - a request for the store
 * @fields: up to one without a name; or NULL */
static inline void visit_send(struct bench *b, struct visit *v,
    const char *method, const char *target, const struct http_field *fields)
{
	struct http_head head = {
		.method = method,
		.authority = "broker:8199",
		.target = target,
		.length = (int64_t)v->n_sends,
		.fields = fields,
	};

	while (fields && fields[head.n_fields].name)
		head.n_fields++;
	visit_begin(b, v, &head);
}

/** visit_end() - the pod gives it up, as a process that dies */
static inline void visit_end(struct visit *v)
{
	if (v->stream)
		http_stream_abandon(STEAL(v->stream));
}

#define ASSERT_BODY_HAS(v, text)                                               \
	do {                                                                   \
		(v)->body[(v)->n_body] = '\0';                                 \
		if (!strstr((v)->body, (text)))                                \
			fail_msg("no \"%s\" in: %s", (text), (v)->body);       \
	} while (0)

/* ---- its life */

/** bench_nothing_left() - all that pods took has been given back */
static inline void bench_nothing_left(struct bench *b)
{
	TURN_UNTIL(b, !pods_gauges(b->pods).streams);
	assert_int_equal(carry_counts(b->carry)->open, 0);
	if (b->forward)
		assert_int_equal(forward_counts(b->forward)->open, 0);
}

static inline void bench_pod(struct bench *b)
{
	static const struct http_conn_events events = { .gone = pod_on_gone };
	struct leg *near, *far;

	assert_int_equal(
	    memleg_pair(&near, &far, b->loop, b->shape->capacity), 0);
	memleg_chop(near, b->shape->chop, 7);
	pods_serve(b->pods, far, b->shape->version);
	b->pod = bench_connect(b, near, b->shape->version, &events);
}

static inline void bench_pods(
    struct bench *b, const struct quota_rules *rules, const char *token)
{
	struct pods_config pods = {
		.rules = rules,
		.reviewer = b->reviewer,
		.carry = b->carry,
		.forward = b->forward,
		.refusals = &b->refusals,
		.look = bench_look,
		.ctx = b,
	};

	if (token)
		assert_int_equal(
		    secret_from(&b->token, token, strlen(token)), 0);
	pods.client_token = b->token;
	assert_int_equal(pods_open(&b->pods, b->loop, &pods, NULL), 0);
	bench_pod(b);
}

struct order {
	const struct shape *shape;
	const struct quota_rules *rules;      /* NULL: those of limits.h */
	const char *token;		      /* NULL: none is asked for */
	const struct reviewer_rules *reviews; /* NULL: no reviews */
	bool pass_through;
};

static inline void bench_cluster(
    struct bench *b, const struct reviewer_rules *rules)
{
	struct fault fault = FAULT_NONE;

	fake_open(&b->cluster, b->loop);
	b->access.server = b->cluster.address;
	if (kube_open(&b->kube, b->loop, &b->access, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(
	    reviewer_new(&b->reviewer, b->loop, b->kube, rules), 0);
}

static inline void bench_init_as(struct bench *b, const struct order *order)
{
	*b = (struct bench){ .shape = order->shape, .fault = "" };
	assert_int_equal(loop_new(&b->loop), 0);
	loop_fake_clock(b->loop, 1000);
	assert_int_equal(httpd_new(&b->bridge, b->loop,
			     &(struct httpd_config){ .routes = bridge_routes,
				 .n_routes = N_ELEMS(bridge_routes),
				 .ctx = b }),
	    0);
	bench_tunnel_up(b);
	b->way = (struct way){ .pick = bench_pick,
		.any = bench_any,
		.fault = bench_fault,
		.ctx = b,
		.refusals = &b->refusals };
	assert_int_equal(carry_new(&b->carry, b->loop, &b->way), 0);
	if (order->pass_through)
		assert_int_equal(forward_new(&b->forward, b->loop, &b->way), 0);
	if (order->reviews)
		bench_cluster(b, order->reviews);
	bench_pods(b, order->rules ? order->rules : &quota_rules, order->token);
}

static inline void bench_init(struct bench *b, const struct shape *shape)
{
	bench_init_as(b, &(struct order){ .shape = shape });
}

static inline void bench_deinit(struct bench *b)
{
	pods_shut(b->pods);
	carry_free(b->carry);
	forward_free(b->forward);
	pods_close(b->pods);
	secret_free(b->token);
	reviewer_free(b->reviewer);
	kube_close(b->kube);
	if (b->kube)
		fake_close(&b->cluster);
	if (b->pod)
		http_conn_cut(b->pod);
	turn(b, 20);
	if (b->held)
		http_stream_abandon(b->held);
	if (b->tunnel)
		http_conn_cut(b->tunnel);
	if (b->spare)
		http_conn_cut(b->spare);
	turn(b, 20);
	httpd_free(b->bridge);
	turn(b, 20);
	assert_int_equal(pool_lent(loop_pool(b->loop)), 0);
	loop_free(b->loop);
}
