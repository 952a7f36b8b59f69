/* net/dial.c
 *
 * Phases: looking up the name, then racing its addresses. A race has attempts,
 * each a TCP leg on its way. The next address is started when the last one
 * has failed or its head start is over; so at most all of them are under way at
 * once, and they are few. The first leg that opens wins, the others are reset.
 * One deadline covers everything; what was under way then is named.
 *
 * By a proxy, the race is for the proxy's addresses, and its winner is led on
 * to the target (net/detour.h) before it is handed out.
 */
#include "net/dial.h"
#include "net/address.h"
#include "net/detour.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "net/tcp.h"

#include <stdio.h>
#include <unistd.h>

enum { HEAD_START_MS = 250 };

struct dial {
	struct loop *loop;
	struct address where, place;	  /* the target; what is connected to */
	const struct egress_proxy *proxy; /* by which; NULL: directly */
	struct detour *detour;
	struct resolve *resolve; /* while looking up */
	struct address_place address[RESOLVE_MOST];
	struct leg *attempt[RESOLVE_MOST];
	size_t n, started, running;
	struct wheel_timer head_start, deadline;
	unsigned ms;
	dial_fn fn;
	void *ctx;
	struct dial_network *network; /* a simulation's, asked for the leg */
	int last_error;		      /* of the attempt that failed last */
	char last[ADDRESS_TEXT_MOST];
	char *target; /* what is connected to, as typed */
};

static void start_next(struct dial *d);

/* The race is over. */
static void stop_race(struct dial *d)
{
	for (size_t i = 0; i < d->started; i++)
		leg_reset(STEAL(d->attempt[i]));
	loop_cancel(d->loop, &d->head_start);
}

static void dial_free(struct dial *d)
{
	if (d->network)
		d->network->forget(d->network, d);
	resolve_cancel(d->resolve);
	detour_cancel(d->detour);
	stop_race(d);
	loop_cancel(d->loop, &d->deadline);
	free(d->target);
	free(d);
}

static void dial_end(struct dial *d, struct leg *leg, const struct fault *fault)
{
	dial_fn fn = d->fn;
	void *ctx = d->ctx;
	struct fault own;

	if (fault && d->proxy) {
		own = *fault;
		fault_wrap(&own, "egress proxy");
		fault = &own;
	}
	dial_free(d);
	fn(ctx, leg, fault);
}

static const char *hint_of(int error)
{
	switch (error) {
	case -ECONNREFUSED:
		return "nothing listens there: check that it runs, and the "
		       "port";
	case -ENETUNREACH:
	case -EHOSTUNREACH:
		return "there is no way to that address: check the network "
		       "and its routes";
	case -EACCES:
	case -EPERM:
		return "a local firewall forbids it";
	default:
		return "check the address, and the firewalls on the way";
	}
}

/* The address in brackets, unless the target is that address. */
static void dial_fault(
    struct dial *d, struct fault *fault, int code, const char *what)
{
	bool same = !strcmp(d->target, d->last);

	fault_set(fault, code, hint_of(code), "connecting to %s%s%s%s: %s",
	    d->target, same ? "" : " (", same ? "" : d->last, same ? "" : ")",
	    what);
}

/* Every address has been tried, and none is under way. */
static void all_failed(struct dial *d)
{
	const char *why = uv_strerror(d->last_error);
	struct fault fault = FAULT_NONE;

	if (d->n == 1)
		dial_fault(d, &fault, d->last_error, why);
	else
		fault_set(&fault, d->last_error, hint_of(d->last_error),
		    "connecting to %s: none of %zu addresses works; the last "
		    "one, %s: %s",
		    d->target, d->n, d->last, why);
	dial_end(d, NULL, &fault);
}

static void on_deadline(struct wheel_timer *t, uint64_t now)
{
	struct dial *d = CONTAINER_OF(t, struct dial, deadline);
	struct fault fault = FAULT_NONE;
	char what[64];

	(void)now;
	if (d->network) {
		dial_fault(d, &fault, -ETIMEDOUT, "no answer");
	} else if (d->detour) {
		fault_set(&fault, -ETIMEDOUT,
		    "is that a proxy, and of the kind that its URL says?",
		    "%s: no answer to %s in %u ms", d->target,
		    detour_silence(d->detour), d->ms);
	} else if (d->resolve) {
		fault_set(&fault, -ETIMEDOUT,
		    "check the network, and the servers in /etc/resolv.conf",
		    "connecting to %s: no answer from a name server in %u ms",
		    d->target, d->ms);
	} else {
		(void)snprintf(what, sizeof(what), "no answer in %u ms", d->ms);
		address_text(d->last, &d->address[d->started - 1].sa.any);
		dial_fault(d, &fault, -ETIMEDOUT, what);
	}
	dial_end(d, NULL, &fault);
}

static void attempt_failed(struct dial *d, size_t i, int error)
{
	address_text(d->last, &d->address[i].sa.any);
	d->last_error = error;
	d->running--;
	if (d->started < d->n)
		start_next(d);
	else if (!d->running)
		all_failed(d);
}

static void on_detour(void *ctx, struct leg *leg, const struct fault *fault)
{
	struct dial *d = ctx;

	d->detour = NULL;
	dial_end(d, leg, fault);
}

/* The first one that is open. */
static void won(struct dial *d, struct leg *leg)
{
	struct fault fault = FAULT_NONE;
	int r;

	leg_want(leg, 0);
	leg_handle(leg, NULL, NULL);
	if (!d->proxy) {
		dial_end(d, leg, NULL);
		return;
	}
	stop_race(d);
	r = detour_open(
	    &d->detour, leg, d->proxy, &d->where, on_detour, d, &fault);
	if (r == -ENOMEM)
		fault_set(&fault, r, NULL, "out of memory");
	if (r)
		dial_end(d, NULL, &fault);
}

static void on_attempt(void *ctx, struct leg *leg, unsigned events)
{
	struct dial *d = ctx;
	size_t i = 0;

	while (d->attempt[i] != leg)
		i++;
	d->attempt[i] = NULL;
	if (events & LEG_GONE) {
		int error = leg_fault(leg)->code;

		leg_close(leg);
		attempt_failed(d, i, error);
		return;
	}
	won(d, leg);
}

static int start_connecting(const struct address_place *a)
{
	CLEANUP(close_p)
	int fd = socket(
	    a->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	tcp_set_keepalive(fd);
	if (connect(fd, &a->sa.any, a->size) && errno != EINPROGRESS)
		return -errno;
	return steal_fd(&fd);
}

static int attempt_open(struct dial *d, size_t i)
{
	CLEANUP(close_p) int fd = start_connecting(&d->address[i]);
	int r;

	if (fd < 0)
		return fd;
	r = tcp_leg_open(&d->attempt[i], d->loop, fd, true);
	if (r)
		return r;
	steal_fd(&fd);
	leg_handle(d->attempt[i], on_attempt, d);
	leg_want(d->attempt[i], LEG_WRITE);
	return 0;
}

static void on_head_start(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	start_next(CONTAINER_OF(t, struct dial, head_start));
}

/* Start the next address that can be started at all. */
static void start_next(struct dial *d)
{
	while (d->started < d->n) {
		size_t i = d->started++;
		int r = attempt_open(d, i);

		if (!r) {
			d->running++;
			break;
		}
		address_text(d->last, &d->address[i].sa.any);
		d->last_error = r;
	}
	if (d->started < d->n)
		loop_after(
		    d->loop, &d->head_start, HEAD_START_MS, on_head_start);
	else
		loop_cancel(d->loop, &d->head_start);
	if (!d->running)
		all_failed(d);
}

static void on_resolved(void *ctx, const struct address_place *addresses,
    size_t n, const struct fault *fault)
{
	struct dial *d = ctx;
	struct fault own;

	d->resolve = NULL;
	if (!n) {
		own = *fault;
		fault_wrap(&own, "connecting to %s", d->target);
		dial_end(d, NULL, &own);
		return;
	}
	memcpy(d->address, addresses, n * sizeof(*addresses));
	d->n = n;
	start_next(d);
}

static int target_parse(
    struct address *out, const char *target, struct fault *fault)
{
	if (!address_parse(out, target) && out->host[0] && out->port)
		return 0;
	return fault_set(fault, -EINVAL,
	    "write \"name.example:443\", \"192.0.2.7:443\" or \"[::1]:443\"",
	    "address \"%s\" is not a host with a port", target);
}

int dial_check(const char *target, struct fault *fault)
{
	struct address where;

	return target_parse(&where, target, fault);
}

void dial_answer(struct dial *d, struct leg *leg)
{
	d->network = NULL;
	if (leg) {
		dial_end(d, leg, NULL);
		return;
	}
	d->n = 1;
	d->last_error = -ECONNREFUSED;
	(void)snprintf(d->last, sizeof(d->last), "%s", d->target);
	all_failed(d);
}

static int look_up(struct dial *d, const char *servers)
{
	d->network = loop_network(d->loop);
	if (d->network) {
		d->network->connect(d->network, d, d->target);
		return 0;
	}
	return resolve_open(&d->resolve, d->loop,
	    &(struct resolve_config){ .host = d->place.host,
		.port = d->place.port,
		.servers = servers },
	    on_resolved, d);
}

static struct dial *dial_new(struct loop *loop, const char *target,
    const struct address *where, const struct egress_proxy *proxy)
{
	struct dial *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	d->loop = loop;
	d->where = *where;
	d->proxy = proxy;
	d->place = proxy ? proxy->where : *where;
	d->target = strdup(proxy ? proxy->target : target);
	if (!d->target) {
		free(d);
		return NULL;
	}
	return d;
}

/* @d is new; it goes at a failure. */
static int begin(struct dial *d, unsigned ms, struct fault *fault)
{
	int r = look_up(d, NULL);

	if (r) {
		fault_set(fault, r, NULL,
		    "connecting to %s: the resolver cannot be set up",
		    d->target);
		dial_free(d);
		return r;
	}
	d->ms = ms;
	loop_after(d->loop, &d->deadline, ms, on_deadline);
	return 0;
}

int dial_open(struct dial **out, struct loop *loop, const char *target,
    unsigned ms, dial_fn fn, void *ctx, struct fault *fault)
{
	const struct egress *egress =
	    loop_network(loop) ? NULL : loop_egress(loop);
	struct address where;
	struct dial *d;
	int r = target_parse(&where, target, fault);

	if (r)
		return r;
	d = dial_new(loop, target, &where, egress_for(egress, &where));
	if (!d)
		return -ENOMEM;
	d->fn = fn;
	d->ctx = ctx;
	r = begin(d, ms, fault);
	if (!r)
		*out = d;
	return r;
}

int dial_open_near(struct dial **out, struct loop *loop, const char *target,
    unsigned ms, dial_fn fn, void *ctx, struct fault *fault)
{
	const struct egress *egress = loop_egress(loop);
	int r;

	loop_set_egress(loop, NULL);
	r = dial_open(out, loop, target, ms, fn, ctx, fault);
	loop_set_egress(loop, egress);
	return r;
}

int dial_name_servers(struct dial *d, const char *servers)
{
	resolve_cancel(STEAL(d->resolve));
	return look_up(d, servers);
}

void dial_cancel(struct dial *d)
{
	if (d)
		dial_free(d);
}
