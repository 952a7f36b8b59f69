/* net/route.c
 *
 * The plan (net/routeplan.h) decides, this module acts: it starts visits to
 * beacons or dials, reports to the plan what became of them, and asks it again,
 * from one posted task, whenever something has changed or the time that it
 * named has come. An attempt is on the list from its start until it has
 * become a leg or has failed. With ROUTE_ACCEPT there is no plan: a listener
 * hands out what comes.
 *
 * The owner's calls are the last thing that is done with an attempt, and the
 * owner may close the route from any of them.
 */
#include "net/route.h"
#include "net/dial.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/tcp.h"
#include "pki/identity.h"

#include <openssl/evp.h>
#include <stdio.h>

enum { DIAL_MS = 10000 };

struct attempt {
	struct attempt *next, **link;
	struct route *route;
	unsigned target;
	enum routeplan_kind kind;
	bool registered;
	struct beaconc *visit; /* one of the two */
	struct dial *dial;
};

struct target {
	char *text;
	char last_fault[FAULT_TEXT_MAX];
	bool draining;
};

struct route {
	struct loop *loop;
	enum route_kind kind;
	struct beaconc_config beacon;
	const struct route_events *events;
	void *ctx;
	struct routeplan plan;
	struct target target[ROUTE_TARGETS_MAX];
	size_t n_targets;
	struct attempt *attempts;
	struct listener *listener;
	unsigned accepted; /* ROUTE_ACCEPT: legs that live */
	struct wheel_timer timer;
	struct loop_task task;
	bool stopped;
	bool telling; /* the owner is called: */
	bool closed;  /* route_close() takes effect after it */
};

static void on_task(struct loop_task *task);

/* Is there all that a visit needs? */
static bool is_equipped(const struct route *r)
{
	return r->kind != ROUTE_BEACON || r->beacon.outer;
}

static void ask_plan_again(struct route *r)
{
	if (r->kind != ROUTE_ACCEPT && !r->stopped && is_equipped(r))
		loop_post(r->loop, &r->task, on_task);
}

static void attempt_free(struct attempt *a)
{
	*a->link = a->next;
	if (a->next)
		a->next->link = a->link;
	free(a);
}

/* Tell the owner of @target. Return: false when it has closed the route. */
static bool tell(struct route *r, unsigned target, const struct fault *fault)
{
	(void)snprintf(r->target[target].last_fault, FAULT_TEXT_MAX, "%s",
	    fault ? fault->text : "");
	r->telling = true;
	r->events->target(r->ctx, target, fault);
	r->telling = false;
	if (!r->closed)
		return true;
	route_close(r);
	return false;
}

/* The beacon goes down. Return: is that news? */
static bool note_draining(struct target *t)
{
	bool news = !t->draining;

	t->draining = true;
	return news;
}

/* @code, @retry_ms: what the beacon said, or 0. Return: as tell(). */
static bool attempt_failed(struct attempt *a, const struct fault *fault,
    unsigned code, uint32_t retry_ms)
{
	struct route *r = a->route;
	unsigned target = a->target;
	struct routeplan_end end = { .now = loop_now(r->loop),
		.retry_ms = retry_ms,
		.random = loop_random(r->loop, UINT32_MAX) };
	bool news =
	    routeplan_failed(&r->plan, target, a->kind, a->registered, &end);

	if (code == FRAME_ERROR_DRAINING)
		news = note_draining(&r->target[target]) || news;
	attempt_free(a);
	ask_plan_again(r);
	return !news || tell(r, target, fault);
}

static void attempt_got(struct attempt *a, struct leg *leg)
{
	struct route *r = a->route;
	unsigned target = a->target;
	bool works = routeplan_got(
	    &r->plan, target, a->kind, a->registered, loop_now(r->loop));

	r->target[target].draining = false;
	attempt_free(a);
	ask_plan_again(r);
	if (works && !tell(r, target, NULL)) {
		leg_reset(leg);
		return;
	}
	r->events->leg(r->ctx, leg, target);
}

static void on_waiting(void *ctx, uint32_t position)
{
	struct attempt *a = ctx;
	struct route *r = a->route;

	(void)position;
	if (a->registered)
		return;
	a->registered = true;
	r->target[a->target].draining = false;
	ask_plan_again(r);
	if (routeplan_registered(&r->plan, a->target, loop_now(r->loop)))
		(void)tell(r, a->target, NULL);
}

static void on_paired(void *ctx, struct leg *leg, const uint8_t pair[FRAME_ID])
{
	(void)pair;
	attempt_got(ctx, leg);
}

static void on_visit_failed(
    void *ctx, const struct fault *fault, unsigned code, uint32_t retry_ms)
{
	(void)attempt_failed(ctx, fault, code, retry_ms);
}

static void on_dialled(void *ctx, struct leg *leg, const struct fault *fault)
{
	if (leg)
		attempt_got(ctx, leg);
	else
		(void)attempt_failed(ctx, fault, 0, 0);
}

static int open_visit(struct attempt *a, struct fault *fault)
{
	static const struct beaconc_events events = { on_waiting, on_paired,
		on_visit_failed };
	struct route *r = a->route;
	struct beaconc_config config = r->beacon;

	config.target = r->target[a->target].text;
	config.shed &= routeplan_sheds(&r->plan, a->target, loop_now(r->loop));
	if (r->plan.keep == ROUTE_EVERY)
		config.require_proven &= a->kind == ROUTEPLAN_PROVEN;
	return beaconc_open(&a->visit, r->loop, &config, &events, a, fault);
}

static int attempt_open(struct attempt *a, struct fault *fault)
{
	struct route *r = a->route;

	if (r->kind == ROUTE_BEACON)
		return open_visit(a, fault);
	return dial_open(&a->dial, r->loop, r->target[a->target].text, DIAL_MS,
	    on_dialled, a, fault);
}

static void on_timer(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	ask_plan_again(CONTAINER_OF(t, struct route, timer));
}

static struct attempt *attempt_new(
    struct route *r, const struct routeplan_step *step)
{
	struct attempt *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->route = r;
	a->target = step->target;
	a->kind = step->kind;
	a->next = r->attempts;
	a->link = &r->attempts;
	if (a->next)
		a->next->link = &a->next;
	r->attempts = a;
	return a;
}

static void on_task(struct loop_task *task)
{
	struct route *r = CONTAINER_OF(task, struct route, task);
	uint64_t now = loop_now(r->loop);
	struct routeplan_step step;

	while ((step = routeplan_next(&r->plan, now)).attempt) {
		struct attempt *a = attempt_new(r, &step);
		struct fault fault = FAULT_NONE;

		if (!a) { /* no memory: look again in a while */
			step.until = now + ROUTEPLAN_REST_LEAST_MS;
			break;
		}
		routeplan_started(&r->plan, step.target, step.kind);
		if (attempt_open(a, &fault) && !attempt_failed(a, &fault, 0, 0))
			return;
	}
	if (step.until == UINT64_MAX)
		loop_cancel(r->loop, &r->timer);
	else
		loop_after(r->loop, &r->timer, step.until - now, on_timer);
}

static void on_accepted(void *ctx, int fd, const char *source)
{
	struct route *r = ctx;
	struct leg *leg;

	(void)source;
	if (tcp_leg_open(&leg, r->loop, fd, false)) {
		close_p(&fd);
		return;
	}
	r->accepted++;
	r->events->leg(r->ctx, leg, 0);
}

/* Rendezvous hashing: every client of an info hash orders the targets alike,
 * and the loss of one moves only its own clients. */
static uint64_t score_of(const uint8_t hash[FRAME_HASH], const char *target)
{
	uint8_t digest[EVP_MAX_MD_SIZE];
	uint64_t score = 0;
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	bool good = md && EVP_DigestInit_ex(md, EVP_sha256(), NULL) &&
		    EVP_DigestUpdate(md, hash, FRAME_HASH) &&
		    EVP_DigestUpdate(md, target, strlen(target)) &&
		    EVP_DigestFinal_ex(md, digest, NULL);

	EVP_MD_CTX_free(md);
	INVARIANT(good);
	for (int i = 0; i < 8; i++)
		score = score << 8 | digest[i];
	return score;
}

void route_order(uint8_t order[ROUTE_TARGETS_MAX],
    const uint8_t hash[FRAME_HASH], const char *const *targets, size_t n)
{
	uint64_t score[ROUTE_TARGETS_MAX];

	for (size_t i = 0; i < n; i++) {
		size_t k = i;

		score[i] = score_of(hash, targets[i]);
		for (; k && score[order[k - 1]] < score[i]; k--)
			order[k] = order[k - 1];
		order[k] = (uint8_t)i;
	}
}

/* Two tunnels to one place are no more than one, when it goes. */
static int check_target(
    const struct route *r, const char *target, struct fault *fault)
{
	if (r->kind == ROUTE_ACCEPT)
		return 0; /* listen_open() looks at it */
	for (size_t i = 0; i < r->n_targets; i++)
		if (!strcmp(r->target[i].text, target))
			return fault_set(fault, -EINVAL, "Name it once.",
			    "%s: this address is given twice", target);
	return dial_check(target, fault);
}

static int copy_targets(
    struct route *r, const struct route_config *config, struct fault *fault)
{
	for (size_t i = 0; i < config->n_targets; i++) {
		int error = check_target(r, config->targets[i], fault);

		if (error)
			return error;
		r->target[i].text = strdup(config->targets[i]);
		if (!r->target[i].text)
			return -ENOMEM;
		r->n_targets++;
	}
	return 0;
}

static int route_start(
    struct route *r, const struct route_config *config, struct fault *fault)
{
	if (config->kind == ROUTE_ACCEPT)
		return listen_open(&r->listener, r->loop, r->target[0].text,
		    on_accepted, r, fault);
	r->plan.keep = config->keep;
	r->plan.count = config->count;
	r->plan.spares =
	    config->kind == ROUTE_BEACON && config->keep == ROUTE_EVERY;
	r->plan.bare = r->plan.spares ? config->bare_spares : 0;
	r->plan.n_targets = r->n_targets;
	route_order(r->plan.order, config->beacon.hash, config->targets,
	    config->n_targets);
	routeplan_init(&r->plan, loop_now(r->loop));
	ask_plan_again(r);
	return 0;
}

int route_open(struct route **out, struct loop *loop,
    const struct route_config *config, const struct route_events *events,
    void *ctx, struct fault *fault)
{
	struct route *r;
	int error;

	if (!config->n_targets || config->n_targets > ROUTE_TARGETS_MAX)
		return fault_set(fault, -EINVAL, NULL,
		    "%zu addresses to connect to; 1 to %d can be given",
		    config->n_targets, ROUTE_TARGETS_MAX);
	r = calloc(1, sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->loop = loop;
	r->kind = config->kind;
	r->beacon = config->beacon;
	r->events = events;
	r->ctx = ctx;
	error = copy_targets(r, config, fault);
	if (!error)
		error = route_start(r, config, fault);
	if (error) {
		if (error != -ENOMEM && config->option)
			fault_wrap(fault, "%s", config->option);
		route_close(r);
		return error;
	}
	*out = r;
	return 0;
}

void route_stop(struct route *r)
{
	r->stopped = true;
	while (r->attempts) {
		beaconc_cancel(r->attempts->visit);
		dial_cancel(r->attempts->dial);
		attempt_free(r->attempts);
	}
	listen_close(STEAL(r->listener));
	loop_cancel(r->loop, &r->timer);
	loop_unpost(r->loop, &r->task);
}

void route_close(struct route *r)
{
	if (!r)
		return;
	if (r->telling) {
		r->closed = true;
		return;
	}
	route_stop(r);
	for (size_t i = 0; i < r->n_targets; i++)
		free(r->target[i].text);
	free(r);
}

void route_renew(
    struct route *r, struct tls_context *outer, const struct identity *identity)
{
	r->beacon.outer = outer;
	r->beacon.identity = identity;
	r->beacon.name = identity->subject.name;
	ask_plan_again(r);
}

void route_ended(struct route *r, unsigned target)
{
	struct routeplan_end end = { .now = loop_now(r->loop),
		.random = loop_random(r->loop, UINT32_MAX) };

	if (r->kind == ROUTE_ACCEPT) {
		INVARIANT(r->accepted);
		r->accepted--;
		return;
	}
	routeplan_ended(&r->plan, target, &end);
	ask_plan_again(r);
}

void route_welcome(struct route *r, const char *target)
{
	for (unsigned i = 0; r->kind != ROUTE_ACCEPT && i < r->n_targets; i++)
		if (!strcmp(r->target[i].text, target))
			routeplan_welcome(&r->plan, i, loop_now(r->loop));
	ask_plan_again(r);
}

void route_cut_at_shed(struct route *r, unsigned target)
{
	routeplan_cut_at_shed(&r->plan, target, loop_now(r->loop));
}

const char *route_address(const struct route *r)
{
	return r->listener ? listen_address(r->listener) : NULL;
}

size_t route_targets(const struct route *r)
{
	return r->n_targets;
}

void route_look(const struct route *r, unsigned target, struct route_state *out)
{
	const struct routeplan_target *t = &r->plan.target[target];

	*out = (struct route_state){
		.target = r->target[target].text,
		.waiting = r->stopped ? 0
				      : t->on_way[ROUTEPLAN_PROVEN] +
					    t->on_way[ROUTEPLAN_BARE],
		.live = r->kind == ROUTE_ACCEPT ? r->accepted : t->live,
		.resting_until =
		    t->rest_until > loop_now(r->loop) ? t->rest_until : 0,
		.last_fault = r->target[target].last_fault,
		.draining = r->target[target].draining,
	};
}
