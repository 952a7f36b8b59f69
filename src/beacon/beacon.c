#include "beacon/beacon.h"
#include "base/log.h"
#include "beacon/admin.h"
#include "beacon/allow.h"
#include "beacon/gate.h"
#include "beacon/hello.h"
#include "beacon/limits.h"
#include "beacon/pair.h"
#include "beacon/session.h"
#include "net/control.h"
#include "net/listen.h"
#include "net/tls.h"
#include "pki/known.h"
#include <sys/random.h>

enum { TOUCH_EACH_MS = 100 };

/* ---- what the switchboard decides ---- */

static struct session *session_of(struct switchboard_leg *leg)
{
	return CONTAINER_OF(leg, struct session, board_leg);
}

static void cut(struct session *s, const char *text)
{
	struct pair *p = s->pair;

	log_debug("cut", LOG_HEX("pair", pair_id(p), PAIR_SHORT_ID),
	    LOG_STR("text", text));
	pair_fail(p);
}

static void carry_out(const struct switchboard_action *a)
{
	struct session *s = session_of(a->leg);

	switch (a->what) {
	case SWITCHBOARD_WAIT:
		session_wait(s, a->position);
		break;
	case SWITCHBOARD_PING:
		session_ping(s, a->opaque);
		break;
	case SWITCHBOARD_PAIR:
		pair_open(s, session_of(a->peer));
		break;
	case SWITCHBOARD_DROP:
		session_refuse(s,
		    &(struct session_refusal){ a->code, a->retry_ms, a->text });
		break;
	case SWITCHBOARD_CUT:
		cut(s, a->text);
		break;
	case SWITCHBOARD_GOAWAY:
		session_goaway(s, a->retry_ms);
		break;
	case SWITCHBOARD_WHAT_COUNT:
		break;
	}
}

static void on_clock(struct wheel_timer *t, uint64_t now_ms)
{
	struct beacon *b = CONTAINER_OF(t, struct beacon, clock);

	switchboard_tick(b->board, now_ms);
	beacon_run(b);
}

static void set_clock(struct beacon *b)
{
	uint64_t due = switchboard_due(b->board), now = loop_now(b->loop);

	if (due == UINT64_MAX)
		loop_cancel(b->loop, &b->clock);
	else
		loop_after(
		    b->loop, &b->clock, due > now ? due - now : 0, on_clock);
}

void beacon_run(struct beacon *b)
{
	struct switchboard_action a;

	if (b->running)
		return;
	b->running = true;
	while (switchboard_next(b->board, &a))
		carry_out(&a);
	b->running = false;
	set_clock(b);
}

void beacon_touch_pairs(struct beacon *b)
{
	uint64_t now = loop_now(b->loop);
	struct pair *p;

	if (switchboard_counts(b->board)->paired < LIMIT_PAIRS ||
	    now - b->touched_ms < TOUCH_EACH_MS)
		return;
	b->touched_ms = now;
	TAILQ_FOREACH (p, &b->pairs, of_beacon)
		pair_touch(p);
}

/* ---- going down ---- */

void beacon_drain(void *ctx)
{
	struct beacon *b = ctx;

	b->draining = true;
	if (b->control)
		control_give_up(b->control);
	gate_drain(b);
	switchboard_drain(b->board, loop_now(b->loop));
	beacon_run(b);
}

bool beacon_busy(void *ctx)
{
	const struct beacon *b = ctx;
	const struct switchboard_counts *c = switchboard_counts(b->board);

	return c->listeners || c->connectors || !TAILQ_EMPTY(&b->pairs);
}

/* ---- opening and closing ---- */

/* What stands in files. */
struct papers {
	struct tls_context *tls;
	struct allow *allow;
};

static int open_tls(
    struct tls_context **out, const struct config *config, struct fault *fault)
{
	static const char *const alpn[] = { FRAME_ALPN, NULL };
	const struct tls_config tls = {
		.end = TLS_SERVER,
		.hop = "outer TLS with a client",
		.alpn = alpn,
		.cert_file = config->tls_cert,
		.key_file = config->tls_key,
		.is_outer = true,
		.trust = TLS_TRUST_NOBODY,
	};

	return tls_context_new(out, &tls, fault);
}

static int load_papers(
    struct papers *out, const struct config *config, struct fault *fault)
{
	struct papers p = { .tls = NULL };
	int r = open_tls(&p.tls, config, fault);

	if (!r && config->allow)
		r = allow_load(&p.allow, config->allow, fault);
	if (r)
		tls_context_free(p.tls);
	else
		*out = p;
	return r;
}

static void use_papers(struct beacon *b, const struct papers *p)
{
	tls_context_free(b->tls);
	allow_free(b->allow);
	b->tls = p->tls;
	b->allow = p->allow;
}

/* Those that wait and are not on the list any more. */
static void refuse_strangers(struct beacon *b)
{
	struct session_refusal why;
	struct session *s, *next;

	b->running = true; /* so that only the one at hand goes */
	for (s = TAILQ_FIRST(&b->sessions); s; s = next) {
		next = TAILQ_NEXT(s, of_beacon);
		if (s->state != SESSION_WAITING ||
		    hello_allowed(b->allow, s->hash, &why))
			continue;
		session_refuse(s, &why);
	}
	b->running = false;
	beacon_run(b);
}

int beacon_reload(void *ctx, struct fault *fault)
{
	struct beacon *b = ctx;
	struct papers p;
	int r = load_papers(&p, b->config, fault);

	if (r)
		return r;
	use_papers(b, &p);
	refuse_strangers(b);
	return 0;
}

static int open_core(struct beacon *b, struct fault *fault)
{
	uint64_t seed;

	if (getrandom(b->instance, sizeof(b->instance), 0) !=
		sizeof(b->instance) ||
	    getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return fault_set(
		    fault, -EIO, NULL, "the kernel gave no random bytes");
	if (known_new(&b->known, LIMIT_KNOWN_LEAVES) ||
	    limiter_new(&b->limiter, &limiter_rules) ||
	    switchboard_new(
		&b->board, &switchboard_limits, loop_now(b->loop), seed))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	meter_init(b);
	return 0;
}

const char *beacon_ready(void *ctx)
{
	const struct beacon *b = ctx;

	if (tls_context_expiry(b->tls) <= loop_wall(b->loop))
		return "the certificate has expired";
	return NULL;
}

int beacon_new(struct beacon **out, struct loop *loop,
    const struct config *config, struct fault *fault)
{
	CLEANUP(beacon_freep) struct beacon *b = calloc(1, sizeof(*b));
	struct papers p;
	int r;

	if (!b)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	b->loop = loop;
	tidy_init(&b->tidy, loop);
	b->started_ms = loop_now(loop);
	TAILQ_INIT(&b->sessions);
	TAILQ_INIT(&b->pairs);
	b->config = config;
	r = load_papers(&p, config, fault);
	if (!r)
		use_papers(b, &p);
	if (!r)
		r = gate_trust(b, &config->proxy_protocol, fault);
	if (!r)
		r = open_core(b, fault);
	if (!r)
		*out = STEAL(b);
	return r;
}

int beacon_open(
    struct beacon *b, const struct config *config, struct fault *fault)
{
	char control[CONFIG_PATH_MOST];
	int r = 0;

	if (config_control(config, control))
		r = admin_open(b, control, fault);
	return r ? r : gate_open(b, config->addr, fault);
}

void beacon_free(struct beacon *b)
{
	if (!b)
		return;
	control_close(b->control);
	if (b->listener)
		listen_close(b->listener);
	b->running = true; /* nobody is left to hear of anything */
	while (!TAILQ_EMPTY(&b->pairs))
		pair_fail(TAILQ_FIRST(&b->pairs));
	while (!TAILQ_EMPTY(&b->sessions))
		session_end(TAILQ_FIRST(&b->sessions));
	loop_cancel(b->loop, &b->clock);
	tidy_deinit(&b->tidy);
	switchboard_free(b->board);
	limiter_free(b->limiter);
	allow_free(b->allow);
	known_free(b->known);
	free(b->proxies);
	tls_context_free(b->tls);
	free(b);
}

void beacon_freep(struct beacon **b)
{
	beacon_free(*b);
}
