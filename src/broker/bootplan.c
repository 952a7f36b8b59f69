/* broker/bootplan.c
 *
 * One try goes through the stages in their order; where the keys are not
 * needed, ASKING is left out, and where the CA is known, all that words need.
 * Each stage can only end in the next one or in RESTING, and RESTING knows why:
 * `rest_until` after a try that got no certificate, else the certificate's own
 * time.
 *
 * A refusal is an answer, so it does not count as a failure in a row: the
 * bridge says when to come again, and its word counts, with up to a quarter
 * more, so that many replicas do not come in step.
 *
 * Every replica is on its own: nothing is shared but the store behind the
 * bridge.
 */
#include "broker/bootplan.h"
#include "base/backoff.h"
#include <assert.h>

#define TO(stage) (1u << BOOTPLAN_##stage)

static const struct stage {
	const char *text;
	unsigned deadline_ms;
	unsigned next; /* a set of stages */
} stages[] = {
	[BOOTPLAN_RESTING] = { "rest", 0,
	    TO(LOOKING) | TO(ASKING) | TO(MEETING) },
	[BOOTPLAN_LOOKING] = { "the cluster's ConfigMap", 20000,
	    TO(ASKING) | TO(RESTING) },
	[BOOTPLAN_ASKING] = { "the cluster's answers", 20000,
	    TO(MEETING) | TO(RESTING) },
	/* where the bridge dials, a tunnel has to end first */
	[BOOTPLAN_MEETING] = { "a connection to the bridge", 90000,
	    TO(SHAKING) | TO(RESTING) },
	[BOOTPLAN_SHAKING] = { "TLS with the bridge", 10000,
	    TO(COMPARING) | TO(VOUCHING) | TO(RESTING) },
	/* the bridge waits 10 s for each request */
	[BOOTPLAN_COMPARING] = { "the bridge's half of six words", 20000,
	    TO(VOUCHING) | TO(RESTING) },
	[BOOTPLAN_VOUCHING] = { "a token from the cluster", 9000,
	    TO(AWAITING) | TO(RESTING) },
	/* which reads, writes and signs at the store for it */
	[BOOTPLAN_AWAITING] = { "the bridge's answer", 45000,
	    TO(CONFIRMING) | TO(RESTING) },
	[BOOTPLAN_CONFIRMING] = { "a person who compares six words",
	    WORDS_LIFE_S * 1000, TO(RESTING) },
};
static_assert(N_ELEMS(stages) == BOOTPLAN_STAGES, "a row for each");

const char *bootplan_text(enum bootplan_stage stage)
{
	return stages[stage].text;
}

unsigned bootplan_deadline_ms(enum bootplan_stage stage)
{
	return stages[stage].deadline_ms;
}

static void bootplan_move(struct bootplan *p, enum bootplan_stage to)
{
	INVARIANT(stages[p->stage].next & 1u << to);
	p->stage = to;
}

void bootplan_init(struct bootplan *p, bool by_words)
{
	*p = (struct bootplan){ .sends_keys = true, .by_words = by_words };
}

/* ---- when --------------------------------------------------------------- */

static int64_t renew_at(const struct bootplan *p)
{
	return p->signed_at + (p->ends - p->signed_at) / 3 * 2;
}

bool bootplan_due(const struct bootplan *p, int64_t wall)
{
	return !p->ends || wall >= renew_at(p);
}

bool bootplan_expired(const struct bootplan *p, int64_t wall)
{
	return p->ends && wall >= p->ends;
}

uint64_t bootplan_wait_ms(const struct bootplan *p, uint64_t now, int64_t wall)
{
	int64_t left;

	INVARIANT(p->stage == BOOTPLAN_RESTING);
	if (p->rest_until > now)
		return p->rest_until - now;
	if (bootplan_due(p, wall))
		return 0;
	left = renew_at(p) - wall;
	return left < BOOTPLAN_LOOK_MS / 1000 ? (uint64_t)left * 1000
					      : BOOTPLAN_LOOK_MS;
}

/* ---- a try -------------------------------------------------------------- */

enum bootplan_stage bootplan_begin(struct bootplan *p)
{
	INVARIANT(p->stage == BOOTPLAN_RESTING);
	p->rest_until = 0;
	bootplan_move(p, p->by_words	 ? BOOTPLAN_LOOKING
			 : p->sends_keys ? BOOTPLAN_ASKING
					 : BOOTPLAN_MEETING);
	return p->stage;
}

enum bootplan_stage bootplan_next(struct bootplan *p)
{
	bool skips = p->stage == BOOTPLAN_SHAKING && !p->by_words;

	INVARIANT(p->stage != BOOTPLAN_RESTING);
	INVARIANT(p->stage != BOOTPLAN_AWAITING || p->by_words);
	bootplan_move(p, (enum bootplan_stage)(p->stage + (skips ? 2 : 1)));
	return p->stage;
}

void bootplan_introduced(struct bootplan *p)
{
	INVARIANT(p->by_words);
	bootplan_move(p, BOOTPLAN_RESTING);
	p->by_words = false;
	p->failures = 0;
}

void bootplan_lapsed(struct bootplan *p)
{
	INVARIANT(p->stage == BOOTPLAN_CONFIRMING);
	bootplan_move(p, BOOTPLAN_RESTING);
	p->failures = 0;
}

static uint64_t rest(struct bootplan *p, uint64_t now, uint64_t ms)
{
	bootplan_move(p, BOOTPLAN_RESTING);
	p->rest_until = now + ms;
	return ms;
}

uint64_t bootplan_failed(struct bootplan *p, uint64_t now, uint32_t random)
{
	static const struct backoff_rule rule = { BOOTPLAN_REST_LEAST_MS,
		BOOTPLAN_REST_MOST_MS };

	p->failures++;
	return rest(p, now, backoff_ms(&rule, p->failures, random));
}

uint64_t bootplan_refused(
    struct bootplan *p, unsigned retry_s, uint64_t now, uint32_t random)
{
	uint64_t ms = retry_s ? retry_s * 1000ull : BOOTPLAN_PERSON_MS;

	INVARIANT(
	    p->stage == BOOTPLAN_AWAITING || p->stage == BOOTPLAN_COMPARING);
	p->failures = 0;
	p->sends_keys = true;
	return rest(p, now, ms + (ms / 4 * random >> 32));
}

void bootplan_signed(
    struct bootplan *p, uint64_t now, int64_t wall, int64_t ends)
{
	INVARIANT(p->stage == BOOTPLAN_AWAITING && !p->by_words && ends > wall);
	(void)rest(p, now, BOOTPLAN_REST_LEAST_MS);
	p->failures = 0;
	p->sends_keys = false;
	p->signed_at = wall;
	p->ends = ends;
}
