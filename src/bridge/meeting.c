/* bridge/meeting.c: a place that everybody can compute who knows a cluster's
 * fingerprint, and that is no secret.
 *
 * So whoever takes a leg there is a stranger: he gets a handshake with a
 * deadline, and then a boot session with its own. He can take legs as fast as
 * they are put out, and say nothing. What he cannot do is keep the broker out
 * for good: legs are replaced every second, the beacon serves those who wait in
 * the order in which they came and lets no source wait with more than eight,
 * and of silent handshakes and sessions the oldest makes room.
 *
 * He can also wait there himself, in our place. Then the broker makes words
 * with him, and a person who compares them finds that nobody at the store has
 * them.
 */
#include "bridge/meeting.h"
#include "base/log.h"
#include "net/loop.h"
#include "net/route.h"
#include "net/shake.h"
#include <stdio.h>
#include <sys/queue.h>

enum { TARGET_TEXT = 264 };

struct stranger {
	TAILQ_ENTRY(stranger) of_meeting; /* oldest first */
	struct meeting *meeting;
	struct tls_shake *shake;
	char target[TARGET_TEXT];
};

struct meeting {
	struct loop *loop;
	struct route_config route_config;
	const char *targets[ROUTE_TARGETS_MAX];
	struct uplink_guests guests;
	const char *realm, *beacon_ca, *beacon_pin;
	struct identity *identity; /* NULL: no certificate yet */
	struct route *route;	   /* NULL: we do not wait. And else, */
	struct fingerprint met;	   /* for whose broker */
	struct tls_context *outer, *inner;
	struct wheel_timer timer;
	TAILQ_HEAD(, stranger) strangers;
	size_t n_strangers;
	/* of the record */
	bool pending;
	int64_t closes;
	struct fingerprint fingerprint;
	bool stopped;
	struct meeting_counts counts;
};

static struct log_field field_of(const struct meeting *m)
{
	return m->realm ? LOG_STR("realm", m->realm) : LOG_END;
}

/* ---- strangers ----------------------------------------------------------- */

static void stranger_free(struct stranger *s)
{
	struct meeting *m = s->meeting;

	TAILQ_REMOVE(&m->strangers, s, of_meeting);
	m->n_strangers--;
	free(s);
}

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct stranger *s = ctx;
	const struct uplink_guests *guests = &s->meeting->guests;

	(void)why;
	if (leg) {
		guests->fn(guests->ctx, leg, s->target);
	} else {
		s->meeting->counts.failed++;
		log_debug("handshake at the meeting",
		    LOG_STR("target", s->target), LOG_STR("fault", fault->text),
		    field_of(s->meeting));
	}
	stranger_free(s);
}

static void make_room(struct meeting *m)
{
	struct stranger *oldest = TAILQ_FIRST(&m->strangers);

	if (m->n_strangers < MEETING_SHAKES_MOST)
		return;
	m->counts.displaced++;
	tls_shake_cancel(oldest->shake);
	stranger_free(oldest);
}

static struct stranger *stranger_new(struct meeting *m, unsigned target)
{
	struct stranger *s = calloc(1, sizeof(*s));
	struct route_state state;

	if (!s)
		return NULL;
	route_look(m->route, target, &state);
	(void)snprintf(s->target, sizeof(s->target), "%s", state.target);
	s->meeting = m;
	TAILQ_INSERT_TAIL(&m->strangers, s, of_meeting);
	m->n_strangers++;
	return s;
}

static void on_leg(void *ctx, struct leg *leg, unsigned target)
{
	struct meeting *m = ctx;
	struct stranger *s;

	m->counts.legs++;
	make_room(m);
	s = stranger_new(m, target);
	route_ended(m->route, target); /* it is not the route's any more */
	if (!s) {
		leg_reset(leg);
		return;
	}
	if (tls_shake(&s->shake, &(struct tls_shake_order){ .lower = leg,
				     .context = m->inner,
				     .ms = MEETING_SHAKE_MS,
				     .fn = on_shaken,
				     .ctx = s }))
		stranger_free(s);
}

/* ---- to wait there or not ------------------------------------------------ */

static void on_target(void *ctx, unsigned target, const struct fault *fault)
{
	const struct meeting *m = ctx;
	struct route_state state;

	route_look(m->route, target, &state);
	if (fault)
		log_warn("meeting", LOG_STR("target", state.target),
		    LOG_STR("fault", fault->text), LOG_STR("hint", fault->hint),
		    field_of(m));
	else
		log_info("meeting: waiting for a broker without a join string",
		    LOG_STR("target", state.target), field_of(m));
}

static int make_inner(
    struct tls_context **out, const struct meeting *m, struct fault *fault)
{
	const char *const alpn[] = { m->guests.alpn, NULL };
	const struct tls_config config = { .end = TLS_SERVER,
		.hop = "boot session",
		.alpn = alpn,
		.identity = m->identity,
		.trust = TLS_TRUST_NOBODY };

	return tls_context_new(out, &config, fault);
}

static void leave(struct meeting *m)
{
	if (m->route) {
		route_close(STEAL(m->route));
		m->counts.open = 0;
		log_info("meeting: over", field_of(m));
	}
	tls_context_free(STEAL(m->inner));
	tls_context_free(STEAL(m->outer));
}

static int open_route(struct meeting *m, struct fault *fault)
{
	static const struct route_events events = { on_leg, on_target };
	struct route_config config = m->route_config;

	config.targets = m->targets;
	config.beacon.outer = m->outer;
	fingerprint_meeting(config.beacon.hash, &m->fingerprint);
	return route_open(&m->route, m->loop, &config, &events, m, fault);
}

/* Contexts are dear, and of many realms few are pending: they are made here. */
static int start(struct meeting *m, struct fault *fault)
{
	const struct beaconc_trust trust = { m->beacon_ca, m->beacon_pin };
	int r = beaconc_outer_context(&m->outer, &trust, fault);

	if (!r)
		r = make_inner(&m->inner, m, fault);
	if (!r)
		r = open_route(m, fault);
	if (r) {
		leave(m);
		return r;
	}
	m->met = m->fingerprint;
	m->counts.open = 1;
	return 0;
}

static uint64_t until_next_look(const struct meeting *m)
{
	int64_t left = m->closes - loop_wall(m->loop);

	if (!m->route)
		return MEETING_REST_MS;
	return left < MEETING_LOOK_MS / 1000 ? (uint64_t)left * 1000
					     : MEETING_LOOK_MS;
}

static void on_timer(struct wheel_timer *t, uint64_t now);

static void settle(struct meeting *m)
{
	bool wanted = m->pending && m->identity && !m->stopped &&
		      loop_wall(m->loop) < m->closes;
	struct fault fault = FAULT_NONE;

	if (!wanted || !fingerprint_equal(&m->met, &m->fingerprint))
		leave(m);
	loop_cancel(m->loop, &m->timer);
	if (!wanted)
		return;
	if (!m->route && start(m, &fault))
		log_err("no meeting", LOG_STR("fault", fault.text),
		    LOG_STR("hint", fault.hint), field_of(m));
	loop_after(m->loop, &m->timer, until_next_look(m), on_timer);
}

static void on_timer(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	settle(CONTAINER_OF(t, struct meeting, timer));
}

void meeting_follow(struct meeting *m, const struct registration *record)
{
	m->pending = record && record->state == REGISTRATION_PENDING;
	if (m->pending) {
		m->closes = record->closes;
		m->fingerprint = record->fingerprint;
	}
	settle(m);
}

void meeting_stop(struct meeting *m)
{
	m->stopped = true;
	settle(m);
}

int meeting_show(
    struct meeting *m, const struct identity *identity, struct fault *fault)
{
	struct identity *old = m->identity;
	struct tls_context *inner;
	int r = identity_new(
	    &m->identity, identity->leaf, identity->key, identity->ca, fault);

	if (r)
		return r;
	identity_free(old);
	if (m->route && !make_inner(&inner, m, NULL)) {
		tls_context_free(m->inner);
		m->inner = inner;
	}
	settle(m);
	return 0;
}

/* ---- the whole ----------------------------------------------------------- */

/* Bare, and for the bare; so little passes that outer TLS is not shed. */
static void use_route(struct meeting *m, const struct route_config *of_realm)
{
	struct route_config *to = &m->route_config;

	*to = *of_realm;
	for (size_t i = 0; i < to->n_targets && i < ROUTE_TARGETS_MAX; i++)
		m->targets[i] = of_realm->targets[i];
	to->keep = ROUTE_EVERY;
	to->count = MEETING_LEGS;
	to->bare_spares = 0;
	to->beacon = (struct beaconc_config){ .role = FRAME_LISTEN };
}

int meeting_open(struct meeting **out, struct loop *loop,
    const struct meeting_config *config)
{
	struct meeting *m = calloc(1, sizeof(*m));

	if (!m)
		return -ENOMEM;
	m->loop = loop;
	m->guests = config->guests;
	m->realm = config->realm;
	m->beacon_ca = config->uplink->beacon_ca;
	m->beacon_pin = config->uplink->beacon_pin;
	TAILQ_INIT(&m->strangers);
	use_route(m, &config->uplink->route);
	*out = m;
	return 0;
}

void meeting_close(struct meeting *m)
{
	if (!m)
		return;
	leave(m);
	loop_cancel(m->loop, &m->timer);
	while (!TAILQ_EMPTY(&m->strangers)) {
		tls_shake_cancel(TAILQ_FIRST(&m->strangers)->shake);
		stranger_free(TAILQ_FIRST(&m->strangers));
	}
	identity_free(m->identity);
	free(m);
}

const struct meeting_counts *meeting_counts(const struct meeting *m)
{
	return &m->counts;
}
