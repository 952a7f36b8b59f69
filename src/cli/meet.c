/* cli/meet.c: a visit as a broker makes it, taken apart.
 *
 * Name, TCP, proxy and outer TLS are tried on a connection of their own, which
 * is then closed: so each can be told from the next. The visit proper is
 * net/beaconc.h's. Then TLS with whoever was paired with us, as a client that
 * has no certificate: in TLS 1.3 the server shows its own before it looks at
 * ours. No request is sent, so nothing is changed anywhere.
 */
#include "cli/meet.h"
#include "base/hex.h"
#include "cli/bridgecheck.h"
#include "net/address.h"
#include "net/loop.h"
#include "pki/identity.h"
#include <stdio.h>

enum { DNS, TCP, PROXY, OUTER, HELLO, PAIRING, INNER };

static const struct checks_hop hops[] = {
	PROBE_ROWS("the beacon"),
	{ "outer tls", "a beacon with a certificate of a CA that we trust",
	    "Name its CA with --beacon-ca; whatever ends TLS on the way (a "
	    "load balancer, an inspecting proxy) has to let it through." },
	{ "hello", "the beacon takes us on",
	    "A limit, or a beacon that drains: see its log by the code." },
	{ "pairing", "a bridge waits there under our info hash",
	    "Start the bridge, or look in its log whether it reaches this "
	    "beacon; allow outbound TCP 443 on its side. Both sides must have "
	    "the same CA." },
	BRIDGECHECK_ROWS("inner tls"),
};

/* ---- the visit ----------------------------------------------------------- */

struct visit {
	struct beaconc *beacon; /* NULL once it is over */
	struct wheel_timer timer;
	struct leg *leg; /* paired */
	bool waiting;	 /* the beacon has taken us on */
	unsigned code;	 /* FRAME_ERROR_*, or 0 */
	unsigned wait_ms;
	struct fault fault;
};

static void on_waiting(void *ctx, uint32_t position)
{
	struct visit *v = ctx;

	(void)position;
	v->waiting = true;
}

static void on_paired(void *ctx, struct leg *leg, const uint8_t pair[FRAME_ID])
{
	struct visit *v = ctx;

	(void)pair;
	v->beacon = NULL;
	v->leg = leg;
}

static void on_failed(
    void *ctx, const struct fault *fault, unsigned code, uint32_t retry_ms)
{
	struct visit *v = ctx;

	(void)retry_ms;
	v->beacon = NULL;
	v->fault = *fault;
	v->code = code;
}

static void on_late(struct wheel_timer *t, uint64_t now_ms)
{
	struct visit *v = CONTAINER_OF(t, struct visit, timer);

	(void)now_ms;
	beaconc_cancel(v->beacon);
	v->beacon = NULL;
	(void)fault_set(&v->fault, -ETIMEDOUT, NULL,
	    v->waiting ? "nobody came in %u s" : "no answer within %u s",
	    v->wait_ms / 1000);
}

static const struct beaconc_events events = {
	.waiting = on_waiting,
	.paired = on_paired,
	.failed = on_failed,
};

/* @v: the outcome. */
static void visit(struct visit *v, struct probe *p,
    const struct meet_order *order, struct tls_context *outer)
{
	struct beaconc_config config = { .target = order->beacon,
		.outer = outer,
		.role = FRAME_CONNECT,
		.name = "pharos-debug" };
	struct loop *loop = probe_loop(p);
	int r = realm_of(config.hash, order->ca);

	*v = (struct visit){ .wait_ms = order->wait_ms };
	if (!r)
		r = beaconc_open(
		    &v->beacon, loop, &config, &events, v, &v->fault);
	if (r && !v->fault.code)
		(void)fault_set(&v->fault, r, NULL, "%s", strerror(-r));
	if (r)
		return;
	loop_after(loop, &v->timer, order->wait_ms, on_late);
	while (v->beacon)
		loop_wait(loop);
	loop_cancel(loop, &v->timer);
}

static void tell_visit(
    struct checks *c, const struct visit *v, const struct meet_order *order)
{
	bool taken = v->leg || v->waiting || v->code == FRAME_ERROR_NO_PEER;
	uint8_t hash[REALM_SIZE];
	char text[2 * REALM_SIZE + 1] = "";

	if (!realm_of(hash, order->ca))
		hex_encode(text, hash, sizeof(hash));
	if (taken)
		checks_good(c, HELLO, "registered under %s", text);
	else
		checks_bad(c, HELLO, &v->fault);
	if (taken && v->leg)
		checks_good(c, PAIRING, "paired with a side that waited");
	else if (taken)
		checks_bad(c, PAIRING, &v->fault);
}

/* ---- all of it ----------------------------------------------------------- */

static void check_outer(struct checks *c, struct probe *p,
    const struct meet_order *order, struct tls_context *outer)
{
	struct address where;
	struct probe_tls tls = {
		.lower = probe_reach(p, c, DNS, order->beacon),
		.context = outer,
		.name = where.host,
	};
	struct leg *leg;

	if (!tls.lower)
		return;
	INVARIANT(!address_parse(&where, order->beacon));
	leg = probe_tls(p, &tls);
	if (leg)
		checks_good(c, OUTER, "%s", tls_leg_alpn(leg));
	else
		checks_bad(c, OUTER, &tls.fault);
	leg_close(leg);
}

int meet_check(struct checks *out, struct probe *p,
    const struct meet_order *order, struct fault *fault)
{
	CLEANUP(tls_context_freep) struct tls_context *outer = NULL;
	struct bridgecheck_order bridge = {
		.ca = order->ca, .alpn = order->alpn, .first = INNER
	};
	char about[CHECKS_ABOUT_MOST];
	struct visit v;
	struct leg *leg;
	int r = beaconc_outer_context(&outer, &order->trust, fault);

	if (r)
		return r;
	(void)snprintf(about, sizeof(about), "beacon %s", order->beacon);
	checks_init(out, about, hops, N_ELEMS(hops));
	check_outer(out, p, order, outer);
	if (!checks_turn(out, HELLO))
		return 0;
	visit(&v, p, order, outer);
	tell_visit(out, &v, order);
	if (!v.leg)
		return 0;
	bridge.lower = v.leg;
	r = bridgecheck(&leg, p, out, &bridge, fault);
	if (!r)
		leg_close(leg);
	return r;
}
