#include "beacon/report.h"
#include "base/hex.h"
#include "base/log.h"
#include "beacon/limits.h"
#include "beacon/pair.h"
#include "beacon/session.h"
#include "net/daemon.h"
#include "net/tls.h"
#include "net/vitals.h"
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { SHORT_HASH = 4, SECOND_MS = 1000 };

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *hex(const uint8_t *bytes, size_t n)
{
	char text[2 * FRAME_HASH + 1];

	INVARIANT(n <= FRAME_HASH);
	hex_encode(text, bytes, n);
	return json_string(text);
}

/* ---- status ---- */

static json_t *fill(uint64_t used, uint64_t most)
{
	return json_pack(
	    "{s:o, s:o}", "used", number(used), "most", number(most));
}

static json_t *descriptors_of(const struct beacon *b)
{
	const struct vitals *v = b->daemon ? daemon_vitals(b->daemon) : NULL;

	return fill(v ? vitals_descriptors(v) : 0, vitals_descriptors_most());
}

static json_t *limits_of(const struct beacon *b)
{
	const struct switchboard_counts *c = switchboard_counts(b->board);
	const struct limiter_counts *l = limiter_counts(b->limiter);

	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "pairs",
	    fill(c->paired, LIMIT_PAIRS), "waiting_legs",
	    fill(c->listeners + c->connectors, LIMIT_WAITING),
	    "unfinished_legs", fill(l->unfinished, LIMIT_UNFINISHED), "sources",
	    fill(l->sources, LIMIT_RATE_SOURCES), "descriptors",
	    descriptors_of(b));
}

static json_t *refusals_of(const struct meter *m)
{
	json_t *j = json_object();

	for (unsigned i = 1; i < FRAME_ERROR_COUNT; i++)
		json_object_set_new(
		    j, frame_error_name(i), number(m->refusals[i]));
	return j;
}

static json_t *failures_of(const struct meter *m)
{
	json_t *j = json_object();

	for (unsigned i = 0; i < TLS_FAILURE_COUNT; i++)
		json_object_set_new(
		    j, tls_failure_name(i), number(m->handshake_failures[i]));
	return j;
}

static json_t *time_of(int64_t seconds)
{
	char text[40];
	time_t at = (time_t)seconds;
	struct tm tm;

	if (!gmtime_r(&at, &tm))
		return json_null();
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	return json_string(text);
}

static json_t *bytes_of(const struct beacon *b)
{
	return json_pack("{s:o, s:o}", "to_connector",
	    number(meter_bytes(b, METER_TO_CONNECTOR)), "to_listener",
	    number(meter_bytes(b, METER_TO_LISTENER)));
}

static void put_drain(json_t *to, const struct beacon *b)
{
	uint64_t left_ms;
	bool draining = b->daemon && daemon_draining(b->daemon, &left_ms);

	json_object_set_new(to, "draining", json_boolean(draining));
	if (draining)
		json_object_set_new(
		    to, "drain_seconds_left", number(left_ms / SECOND_MS));
}

json_t *report_status(struct beacon *b)
{
	const struct switchboard_counts *c = switchboard_counts(b->board);
	const char *why = b->draining ? "draining" : beacon_ready(b);
	json_t *j = json_pack("{s:s, s:i, s:o, s:o, s:b, s:s*}", "version",
	    PHAROS_VERSION, "process", (int)getpid(), "instance",
	    hex(b->instance, FRAME_ID), "uptime_seconds",
	    number((loop_now(b->loop) - b->started_ms) / SECOND_MS), "ready",
	    !why, "not_ready_reason", why);

	if (!j)
		return NULL;
	put_drain(j, b);
	json_object_set_new(j, "listeners_waiting", number(c->listeners));
	json_object_set_new(j, "connectors_waiting", number(c->connectors));
	json_object_set_new(j, "pairs_queued", number(c->queued));
	json_object_set_new(j, "pairs", number(c->paired));
	json_object_set_new(j, "pairs_total", number(c->pairs_total));
	json_object_set_new(j, "limits", limits_of(b));
	json_object_set_new(j, "bytes", bytes_of(b));
	json_object_set_new(j, "refusals", refusals_of(&b->meter));
	json_object_set_new(j, "handshake_failures", failures_of(&b->meter));
	json_object_set_new(
	    j, "certificate_expires", time_of(tls_context_expiry(b->tls)));
	return j;
}

/* ---- list ---- */

static json_t *leg_id(const struct session *s)
{
	char text[32];

	(void)snprintf(
	    text, sizeof(text), "leg-%llu", (unsigned long long)s->serial);
	return json_string(text);
}

static json_t *source_of(const struct session *s)
{
	return log_shows_addresses() ? json_string(s->source) : json_null();
}

static json_t *age_of(const struct beacon *b, uint64_t since_ms)
{
	return number((loop_now(b->loop) - since_ms) / SECOND_MS);
}

static const char *state_of(const struct session *s)
{
	static const char *const names[] = {
		[SESSION_NEW] = "new",
		[SESSION_SHAKING] = "handshake",
		[SESSION_HELLO] = "hello",
		[SESSION_WAITING] = "waiting",
		[SESSION_PAIRING] = "pairing",
		[SESSION_PAIRED] = "paired",
	};

	if (s->state == SESSION_WAITING &&
	    s->board_leg.state == SWITCHBOARD_RESERVED)
		return "queued";
	return names[s->state];
}

/* What it has said of itself, if it has. */
static void put_hello(json_t *to, const struct session *s)
{
	bool listens = s->board_leg.role == FRAME_LISTEN;

	if (s->state < SESSION_WAITING)
		return;
	json_object_set_new(to, "hash", hex(s->hash, SHORT_HASH));
	json_object_set_new(
	    to, "role", json_string(listens ? "listen" : "connect"));
	json_object_set_new(to, "proven", json_boolean(s->board_leg.proven));
}

static json_t *leg_entry(const struct session *s)
{
	json_t *j = json_pack("{s:s, s:o, s:s, s:o, s:o}", "kind", "leg", "id",
	    leg_id(s), "state", state_of(s), "source", source_of(s),
	    "age_seconds", age_of(s->beacon, s->accepted_ms));

	put_hello(j, s);
	return j;
}

static json_t *end_of(const struct session *s)
{
	return json_pack("{s:o, s:o, s:b}", "id", leg_id(s), "source",
	    source_of(s), "proven", s->board_leg.proven);
}

static json_t *pair_entry(const struct pair *p)
{
	json_t *j = json_pack("{s:s, s:o, s:s, s:o, s:o, s:o, s:o}", "kind",
	    "pair", "id", hex(p->id, PAIR_SHORT_ID), "state",
	    state_of(p->connector), "hash", hex(p->connector->hash, SHORT_HASH),
	    "age_seconds", age_of(p->beacon, p->opened_ms), "listener",
	    end_of(p->listener), "connector", end_of(p->connector));

	json_object_set_new(j, "shed", json_boolean(pair_shed(p)));
	json_object_set_new(
	    j, "to_connector", number(pair_bytes(p, METER_TO_CONNECTOR)));
	json_object_set_new(
	    j, "to_listener", number(pair_bytes(p, METER_TO_LISTENER)));
	return j;
}

/* A listener in a pair is shown with its connector. */
static bool is_shown(const struct session *s)
{
	return !s->pair || s->pair->connector == s;
}

json_t *report_list(const struct beacon *b, uint64_t after)
{
	json_t *legs = json_array(), *next = NULL;
	const struct session *s;
	uint64_t last = after;

	TAILQ_FOREACH (s, &b->sessions, of_beacon) {
		if (s->serial <= after || !is_shown(s))
			continue;
		if (json_array_size(legs) == REPORT_PAGE) {
			next = number(last);
			break;
		}
		json_array_append_new(
		    legs, s->pair ? pair_entry(s->pair) : leg_entry(s));
		last = s->serial;
	}
	return json_pack(
	    "{s:o, s:o}", "legs", legs, "next", next ? next : json_null());
}
