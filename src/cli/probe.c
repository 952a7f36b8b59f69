#include "cli/probe.h"
#include "base/egressoption.h"
#include "net/dial.h"
#include "net/egress.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "net/shake.h"
#include <signal.h>

struct probe {
	struct loop *loop;
	struct egress *egress; /* NULL: none */
};

int probe_open(struct probe **out, const char *egress, struct fault *fault)
{
	CLEANUP(probe_closep) struct probe *p = calloc(1, sizeof(*p));
	struct egress_words said;
	int r = p ? loop_new(&p->loop) : -ENOMEM;

	if (r)
		return fault_set(fault, r, NULL, "%s", strerror(-r));
	(void)signal(SIGPIPE, SIG_IGN);
	egress_choose(&said, egress, getenv);
	r = said.url ? egress_new(&p->egress, &said, fault) : 0;
	if (r)
		return fault->code ? r
				   : fault_set(fault, r, NULL, "out of memory");
	loop_set_egress(p->loop, p->egress);
	*out = STEAL(p);
	return 0;
}

void probe_close(struct probe *p)
{
	if (!p)
		return;
	if (p->loop) {
		loop_set_egress(p->loop, NULL);
		loop_free(p->loop);
	}
	egress_free(p->egress);
	free(p);
}

void probe_closep(struct probe **p)
{
	probe_close(*p);
}

struct loop *probe_loop(const struct probe *p)
{
	return p->loop;
}

const struct egress *probe_egress(const struct probe *p)
{
	return p->egress;
}

/* ---- names --------------------------------------------------------------- */

struct lookup {
	struct resolve *resolve; /* NULL once it is over */
	struct wheel_timer timer;
	size_t n;
	char first[ADDRESS_TEXT_MOST];
	struct fault fault;
};

static void on_names(void *ctx, const struct address_place *addresses, size_t n,
    const struct fault *fault)
{
	struct lookup *l = ctx;

	l->resolve = NULL;
	l->n = n;
	if (n)
		address_text(l->first, &addresses[0].sa.any);
	else
		l->fault = *fault;
}

static void on_names_late(struct wheel_timer *t, uint64_t now_ms)
{
	struct lookup *l = CONTAINER_OF(t, struct lookup, timer);

	(void)now_ms;
	resolve_cancel(l->resolve);
	l->resolve = NULL;
	(void)fault_set(&l->fault, -ETIMEDOUT,
	    "Are the name servers of /etc/resolv.conf reachable?",
	    "no name server answered within %d s", PROBE_MS / 1000);
}

static void look_up(
    struct lookup *l, struct loop *loop, const struct address *a)
{
	struct resolve_config config = { .host = a->host, .port = a->port };
	int r = resolve_open(&l->resolve, loop, &config, on_names, l);

	if (r) {
		(void)fault_set(&l->fault, r, NULL, "%s", strerror(-r));
		return;
	}
	loop_after(loop, &l->timer, PROBE_MS, on_names_late);
	while (l->resolve)
		loop_wait(loop);
	loop_cancel(loop, &l->timer);
}

static bool check_name(
    struct probe *p, struct checks *c, size_t hop, const struct address *a)
{
	struct lookup l = { .n = 0 };

	look_up(&l, p->loop, a);
	if (l.n)
		checks_good(c, hop, "%s: %s%s", a->host, l.first,
		    l.n > 1 ? ", and more" : "");
	else
		checks_bad(c, hop, &l.fault);
	return l.n;
}

/* ---- connections --------------------------------------------------------- */

struct attempt {
	struct dial *dial; /* NULL once it is over */
	struct leg *leg;
	struct fault fault;
};

static void on_dialled(void *ctx, struct leg *leg, const struct fault *fault)
{
	struct attempt *a = ctx;

	a->dial = NULL;
	a->leg = leg;
	if (!leg)
		a->fault = *fault;
}

/* @near: not by the proxy. */
static struct leg *dial(
    struct probe *p, const char *target, bool near, struct fault *fault)
{
	struct attempt a = { .leg = NULL };
	int r = near ? dial_open_near(&a.dial, p->loop, target, PROBE_MS,
			   on_dialled, &a, &a.fault)
		     : dial_open(&a.dial, p->loop, target, PROBE_MS, on_dialled,
			   &a, &a.fault);

	if (r && !a.fault.code)
		(void)fault_set(&a.fault, r, NULL, "%s", strerror(-r));
	while (a.dial)
		loop_wait(p->loop);
	if (!a.leg)
		*fault = a.fault;
	return a.leg;
}

struct leg *probe_dial(struct probe *p, const char *target, struct fault *fault)
{
	return dial(p, target, false, fault);
}

static struct leg *check_dial(struct probe *p, struct checks *c, size_t hop,
    const char *target, bool near)
{
	struct fault fault = FAULT_NONE;
	struct leg *leg = dial(p, target, near, &fault);

	if (leg)
		checks_good(c, hop, "connected to %s", leg_source(leg));
	else
		checks_bad(c, hop, &fault);
	return leg;
}

struct leg *probe_reach(
    struct probe *p, struct checks *c, size_t first, const char *target)
{
	const struct egress_proxy *proxy;
	struct fault fault = FAULT_NONE;
	struct address where;
	struct leg *leg;

	if (!checks_turn(c, first + PROBE_DNS))
		return NULL;
	if (dial_check(target, &fault) || address_parse(&where, target)) {
		checks_bad(c, first + PROBE_DNS, &fault);
		return NULL;
	}
	proxy = egress_for(p->egress, &where);
	if (!check_name(
		p, c, first + PROBE_DNS, proxy ? &proxy->where : &where))
		return NULL;
	leg = check_dial(
	    p, c, first + PROBE_TCP, proxy ? proxy->target : target, true);
	if (!leg || !proxy) {
		if (leg)
			checks_skip(c, first + PROBE_PROXY, "none on this way");
		return leg;
	}
	leg_close(leg);
	return check_dial(p, c, first + PROBE_PROXY, target, false);
}

/* ---- TLS ----------------------------------------------------------------- */

struct handshake {
	struct tls_shake *shake; /* NULL once it is over */
	struct leg *leg;
	struct probe_tls *order;
};

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct handshake *h = ctx;

	h->shake = NULL;
	h->leg = leg;
	if (leg)
		return;
	h->order->why = why;
	h->order->fault = *fault;
}

struct leg *probe_tls(struct probe *p, struct probe_tls *order)
{
	struct handshake h = { .order = order };
	struct leg *lower = STEAL(order->lower);
	struct tls_shake_order shake = { .lower = lower,
		.context = order->context,
		.name = order->name,
		.ms = PROBE_MS,
		.fn = on_shaken,
		.ctx = &h };
	int r;

	if (!lower)
		return NULL;
	r = tls_shake(&h.shake, &shake);
	if (r) {
		order->why = TLS_FAILURE_OTHER;
		(void)fault_set(&order->fault, r, NULL, "%s", strerror(-r));
		return NULL;
	}
	while (h.shake)
		loop_wait(p->loop);
	return h.leg;
}
