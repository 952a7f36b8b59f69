#include "load/joint.h"
#include "base/hex.h"
#include "net/shake.h"
#include "net/tcp.h"
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

enum { SHAKE_MS = 30000 };

static void joint_failed(struct joint *j, const char *text)
{
	if (j->failed)
		return;
	j->failed = true;
	j->plan->failed(j, text);
}

static unsigned number_of(const struct joint_end *e)
{
	return e == &e->joint->end[1];
}

/* ---- the inner session */

static void on_inner(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct joint_end *e = ctx;

	(void)why;
	e->shake = NULL;
	if (!leg) {
		joint_failed(e->joint, fault->text);
		return;
	}
	e->leg = leg;
	if (++e->joint->up == 2 && !e->joint->failed)
		e->joint->plan->ready(e->joint);
}

static void start_inner(struct joint_end *e, struct leg *leg)
{
	unsigned number = number_of(e);
	struct tls_shake_order order = { .lower = leg,
		.context = e->joint->plan->inner[number],
		.name = number ? NULL : TUNNEL_BRIDGE_NAME,
		.ms = SHAKE_MS,
		.fn = on_inner,
		.ctx = e };

	INVARIANT(!tls_shake(&e->shake, &order));
}

/* ---- how they meet: a beacon */

static void on_waiting(void *ctx, uint32_t position)
{
	(void)ctx, (void)position;
}

static void on_beacon_paired(
    void *ctx, struct leg *leg, const uint8_t pair[FRAME_ID])
{
	struct joint_end *e = ctx;

	(void)pair;
	e->beaconc = NULL;
	start_inner(e, leg);
}

static void on_beacon_failed(
    void *ctx, const struct fault *fault, unsigned code, uint32_t retry_ms)
{
	struct joint_end *e = ctx;

	(void)code, (void)retry_ms;
	e->beaconc = NULL;
	joint_failed(e->joint, fault->text);
}

static void start_beacon(struct joint_end *e)
{
	static const struct beaconc_events events = {
		.waiting = on_waiting,
		.paired = on_beacon_paired,
		.failed = on_beacon_failed,
	};
	const struct joint_plan *p = e->joint->plan;
	unsigned number = number_of(e);
	struct beaconc_config config = { .target = p->target,
		.outer = p->load->outer,
		.role = number ? FRAME_LISTEN : FRAME_CONNECT,
		.identity = p->identity[number],
		.require_proven = true,
		.shed = !p->options->no_shed };

	memcpy(config.hash, p->identity[number]->realm, FRAME_HASH);
	INVARIANT(!beaconc_open(
	    &e->beaconc, p->load->loop, &config, &events, e, NULL));
}

/* ---- other relays, and proxies */

static struct joint_end *end_of(struct visit *v)
{
	return CONTAINER_OF(v, struct joint_end, visit);
}

static bool is_proxy(const struct joint_plan *p)
{
	return p->options->way == JOINT_TLS || p->options->way == JOINT_TCP;
}

static void on_secured(struct visit *v)
{
	if (is_proxy(end_of(v)->joint->plan))
		start_inner(end_of(v), STEAL(v->leg));
	else
		visit_greet(v);
}

static void on_paired(struct visit *v)
{
	start_inner(end_of(v), STEAL(v->leg));
}

static void on_failed(struct visit *v, const char *text)
{
	joint_failed(end_of(v)->joint, text);
}

static void on_served(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct joint_end *e = ctx;

	(void)why;
	e->shake = NULL;
	if (leg)
		start_inner(e, leg);
	else
		joint_failed(e->joint, fault->text);
}

/* The proxy dials end 1. */
static void on_door(void *ctx, int fd, const char *source)
{
	struct joint_plan *p = ctx;
	struct joint *j = STEAL(p->at_door);
	struct leg *leg;
	struct tls_shake_order order = {
		.context = p->server, .ms = SHAKE_MS, .fn = on_served
	};

	(void)source;
	if (!j) {
		close(fd);
		return;
	}
	INVARIANT(!tcp_leg_open(&leg, p->load->loop, fd, false));
	if (p->options->way == JOINT_TCP) {
		start_inner(&j->end[1], leg);
		return;
	}
	order.lower = leg;
	order.ctx = &j->end[1];
	INVARIANT(!tls_shake(&j->end[1].shake, &order));
}

static void start_visit(struct joint_end *e, const uint8_t token[FRAME_HASH])
{
	const struct joint_plan *p = e->joint->plan;
	unsigned number = number_of(e);
	int r = 0;

	e->visit.plan = &p->visits;
	e->visit.role = number ? FRAME_LISTEN : FRAME_CONNECT;
	memcpy(e->visit.key, token, FRAME_HASH);
	if (p->options->session[number])
		r = hex_decode(
		    e->visit.key, FRAME_HASH, p->options->session[number]);
	if (!r)
		r = visit_start(&e->visit);
	if (r)
		joint_failed(e->joint, strerror(r < 0 ? -r : EINVAL));
}

void joint_start(struct joint *j, struct joint_plan *plan)
{
	uint8_t token[FRAME_HASH];

	INVARIANT(getrandom(token, sizeof(token), 0) == sizeof(token));
	j->plan = plan;
	for (int i = 0; i < 2; i++)
		j->end[i].joint = j;
	if (is_proxy(plan)) {
		plan->at_door = j;
		start_visit(&j->end[0], token);
		return;
	}
	for (int i = 1; i >= 0; i--) {
		if (plan->options->way == JOINT_BEACON)
			start_beacon(&j->end[i]);
		else
			start_visit(&j->end[i], token);
	}
}

void joint_deinit(struct joint *j)
{
	if (!j->plan)
		return;
	if (j->plan->at_door == j)
		j->plan->at_door = NULL;
	for (int i = 0; i < 2; i++) {
		struct joint_end *e = &j->end[i];

		beaconc_cancel(STEAL(e->beaconc));
		visit_deinit(&e->visit);
		tls_shake_cancel(STEAL(e->shake));
		leg_reset(STEAL(e->leg));
	}
}

/* ---- what they share */

static int open_inner(struct joint_plan *p, struct fault *fault)
{
	const struct joint_options *o = p->options;

	for (int i = 0; i < 2; i++) {
		int r;

		if (!o->cert[i] || !o->key[i] || !o->ca)
			return fault_set(fault, -EINVAL, NULL,
			    "give --broker-cert, --broker-key, --bridge-cert, "
			    "--bridge-key and --ca");
		r = identity_load(
		    &p->identity[i], o->cert[i], o->key[i], o->ca, fault);
		if (r)
			return r;
		p->trust[i] = (struct tunnel_trust){
			.identity = p->identity[i],
			.end = i ? TLS_SERVER : TLS_CLIENT,
			.peer_role = i ? ROLE_BROKER : ROLE_BRIDGE,
		};
		r = tunnel_context(&p->inner[i], &p->trust[i], fault);
		if (r)
			return r;
	}
	return 0;
}

static int open_door(struct joint_plan *p, struct fault *fault)
{
	const struct tls_config server = { .end = TLS_SERVER,
		.hop = "TLS with the relay",
		.cert_file = p->options->server_cert,
		.key_file = p->options->server_key,
		.is_outer = true,
		.trust = TLS_TRUST_NOBODY };
	char address[32];
	int r = 0;

	if (p->options->way == JOINT_TLS)
		r = tls_context_new(&p->server, &server, fault);
	if (r)
		return r;
	(void)snprintf(
	    address, sizeof(address), "127.0.0.1:%ld", p->options->back_port);
	return listen_open(&p->door, p->load->loop, address, on_door, p, fault);
}

int joint_plan_open(struct joint_plan *p, struct load *load,
    const struct joint_options *options, struct fault *fault)
{
	int r;

	p->load = load;
	p->options = options;
	p->visits = (struct visit_plan){
		.crowd = &load->crowd,
		.outer = load->plain_outer,
		.way = (enum visit_way)options->way,
		.secured = on_secured,
		.paired = on_paired,
		.failed = on_failed,
	};
	(void)snprintf(
	    p->target, sizeof(p->target), "127.0.0.1:%u", load->crowd.port);
	r = open_inner(p, fault);
	if (!r && is_proxy(p))
		r = open_door(p, fault);
	return r;
}

void joint_plan_close(struct joint_plan *p)
{
	listen_close(p->door);
	for (int i = 0; i < 2; i++) {
		tls_context_free(p->inner[i]);
		identity_free(p->identity[i]);
	}
	tls_context_free(p->server);
}
