#include "beacon/pair.h"
#include "base/log.h"
#include "base/slab.h"
#include "beacon/limits.h"
#include "beacon/session.h"
#include "net/pump.h"
#include "net/tcp.h"
#include "net/tls.h"
#include <sys/random.h>

enum { SHORT_HASH = 4 };

static struct slab slab = SLAB_OF(struct pair);

/* The pump's legs are a, the listener, and b, the connector. */
static const int from[METER_WAYS] = {
	[METER_TO_CONNECTOR] = 0,
	[METER_TO_LISTENER] = 1,
};

/* Without its pump. */
static void pair_end(struct pair *p)
{
	TAILQ_REMOVE(&p->beacon->pairs, p, of_beacon);
	session_end(p->listener);
	session_end(p->connector);
	slab_give(&slab, p);
}

/* The one line that a pair is worth: who, how long, how much, how it ended. */
static void tell_end(const struct pair *p, const uint64_t bytes[2], bool reset)
{
	const struct session *l = p->listener, *c = p->connector;

	log_info("pair ended", LOG_HEX("hash", c->hash, SHORT_HASH),
	    LOG_HEX("pair", p->id, PAIR_SHORT_ID),
	    LOG_STR("listener", l->source), LOG_STR("connector", c->source),
	    LOG_BOOL("proven", c->board_leg.proven),
	    LOG_UINT("ms", loop_now(p->beacon->loop) - p->opened_ms),
	    LOG_UINT("to_connector", bytes[from[METER_TO_CONNECTOR]]),
	    LOG_UINT("to_listener", bytes[from[METER_TO_LISTENER]]),
	    LOG_BOOL("shed", pair_shed(p)), LOG_BOOL("reset", reset));
}

static void count(struct pair *p, const uint64_t bytes[2], bool reset)
{
	struct meter *m = &p->beacon->meter;

	for (size_t way = 0; way < METER_WAYS; way++)
		m->bytes[way] += bytes[from[way]];
	m->pair_resets += reset;
	m->shed_pairs += pair_shed(p);
	tell_end(p, bytes, reset);
}

static void on_pump(void *ctx, const struct pump_result *result)
{
	struct pair *p = ctx;
	struct beacon *b = p->beacon;

	p->pump = NULL;
	p->shed = result->shed;
	count(p, result->bytes, result->reset || result->timed_out);
	pair_end(p);
	beacon_run(b);
}

void pair_fail(struct pair *p)
{
	uint64_t bytes[2] = { 0, 0 };

	if (p->pump) {
		bytes[0] = pump_bytes(p->pump, 0);
		bytes[1] = pump_bytes(p->pump, 1);
		p->shed = pump_shed(p->pump);
		pump_stop(STEAL(p->pump));
	}
	leg_reset(STEAL(p->listener->leg));
	leg_reset(STEAL(p->connector->leg));
	count(p, bytes, true);
	pair_end(p);
}

/* Both are told. */
static void measure(const struct pair *p)
{
	uint64_t one = p->listener->began_us, other = p->connector->began_us;

	metric_observe(&p->beacon->meter.pairing,
	    loop_us(p->beacon->loop) - (one > other ? one : other));
}

void pair_try(struct pair *p)
{
	struct beacon *b = p->beacon;
	struct leg *a, *c;

	if (!session_ready(p->listener) || !session_ready(p->connector))
		return;
	measure(p);
	a = session_take_leg(p->listener);
	c = session_take_leg(p->connector);
	tcp_leg_user_timeout(a, 0);
	tcp_leg_user_timeout(c, 0);
	if (pair_sheds(p)) {
		tls_leg_agree_shed(a);
		tls_leg_agree_shed(c);
	}
	if (pump_start(&p->pump, a, c, LIMIT_HALF_CLOSED_MS, on_pump, p)) {
		pair_fail(p);
		beacon_run(b);
	}
}

static void tell(const struct pair *p)
{
	const struct session *c = p->connector;

	log_debug("paired", LOG_HEX("hash", c->hash, SHORT_HASH),
	    LOG_HEX("pair", p->id, PAIR_SHORT_ID),
	    LOG_BOOL("proven", c->board_leg.proven),
	    LOG_BOOL("sheds", pair_sheds(p)),
	    LOG_UINT("waited_ms",
		loop_now(p->beacon->loop) - c->board_leg.joined_ms));
}

void pair_open(struct session *listener, struct session *connector)
{
	struct beacon *b = listener->beacon;
	struct pair *p = slab_take(&slab);

	if (!p || getrandom(p->id, sizeof(p->id), 0) != sizeof(p->id)) {
		slab_give(&slab, p);
		session_end(listener);
		session_end(connector);
		return;
	}
	tidy_note(&b->tidy);
	p->beacon = b;
	p->listener = listener;
	p->connector = connector;
	p->opened_ms = p->active_ms = loop_now(b->loop);
	TAILQ_INSERT_TAIL(&b->pairs, p, of_beacon);
	tell(p);
	if (session_pair(listener, p) || session_pair(connector, p))
		pair_fail(p);
	else
		pair_try(p);
}

const uint8_t *pair_id(const struct pair *p)
{
	return p->id;
}

bool pair_sheds(const struct pair *p)
{
	return p->listener->sheds && p->connector->sheds &&
	       !p->beacon->config->no_shed;
}

bool pair_shed(const struct pair *p)
{
	return p->pump ? pump_shed(p->pump) : p->shed;
}

uint64_t pair_bytes(const struct pair *p, enum meter_way way)
{
	return p->pump ? pump_bytes(p->pump, from[way]) : 0;
}

void pair_touch(struct pair *p)
{
	uint64_t active_ms = p->pump ? pump_last_active(p->pump) : 0;

	if (active_ms <= p->active_ms)
		return;
	p->active_ms = active_ms;
	switchboard_active(&p->connector->board_leg);
}
