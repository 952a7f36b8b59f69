/* A long life: thousands of legs come, wait, are paired, fall silent and go, in
 * an order that a seed decides; every invariant is checked as it goes. Tight
 * limits, so that each of them is reached many times.
 */
#include "world.h"
#include <stdio.h>

enum { LEGS = 2000, HASHES = 25, SOURCES = 60 };
enum { STEPS = 200000, PHASE = 4000, CHECK_EACH = 50 };

static const struct switchboard_limits limits = {
	.pairs = 60,
	.pairs_fair = 4,
	.waiting = 500,
	.hall_proven = 24,
	.hall_bare = 8,
	.source_bare = 3,
	.connector_ms = 10000,
	.ping_ms = 25000,
	.pong_ms = 10000,
	.retry_peer_ms = 1000,
	.retry_busy_ms = 5000,
	.retry_drain_ms = 1000,
	.drain_step = 20,
	.drain_step_ms = 10,
	.positions_told = 4,
};

static uint64_t random_state;

static unsigned any(unsigned below)
{
	random_state = random_state * UINT64_C(6364136223846793005) +
		       UINT64_C(1442695040888963407);
	return (unsigned)(random_state >> 33) % below;
}

/* A few hashes and sources have most of the traffic. */
static unsigned skewed(unsigned below)
{
	unsigned a = any(below), b = any(below);

	return a < b ? a : b;
}

/* For a while few sources come and take all slots, then many want some. */
static unsigned any_source(unsigned step)
{
	return step / PHASE % 2 ? skewed(SOURCES) : any(3);
}

static void write_script(struct switchboard_hello *script, unsigned step)
{
	*script = (struct switchboard_hello){
		.role = any(5) < 3 ? FRAME_CONNECT : FRAME_LISTEN,
		.hash = { (uint8_t)skewed(HASHES) },
		.source = { .family = 4,
		    .prefix = { (uint8_t)any_source(step) } },
		.proven = any(4) != 0,
		.require_proven = any(3) == 0,
	};
}

static struct world_event next_event(struct world *w, unsigned step)
{
	static const enum world_kind kinds[] = { WORLD_JOIN, WORLD_JOIN,
		WORLD_JOIN, WORLD_PONG, WORLD_PONG, WORLD_PONG, WORLD_PONG,
		WORLD_ACTIVE, WORLD_LEAVE, WORLD_TICK, WORLD_TICK };

	for (;;) {
		struct world_event e = {
			.kind = kinds[any(N_ELEMS(kinds))],
			.leg = any((unsigned)w->n_legs),
		};

		if (!world_can(w, e))
			continue;
		if (e.kind == WORLD_JOIN)
			write_script(&w->legs[e.leg].script, step);
		return e;
	}
}

static void check(
    const struct world *w, const char *bad, uint64_t seed, unsigned step)
{
	if (!bad && !w->disbelief)
		return;
	fprintf(stderr, "seed %llu, step %u: broken: %s\n",
	    (unsigned long long)seed, step, bad ? bad : w->disbelief);
	exit(1);
}

/* The end of such a life: all that wait are told in so many steps, the pairs
 * stay. */
static void drain(struct world *w, uint64_t seed)
{
	const struct switchboard_counts *counts = switchboard_counts(w->board);
	size_t steps =
	    (counts->listeners + counts->connectors) / limits.drain_step;

	world_do(w, (struct world_event){ .kind = WORLD_DRAIN }, 0);
	for (unsigned i = 0; i < steps; i++) {
		check(w, world_check(w), seed, STEPS + i);
		world_do(w, (struct world_event){ .kind = WORLD_TICK },
		    limits.drain_step_ms);
	}
	check(w, world_check(w), seed, STEPS);
	INVARIANT(!counts->listeners && !counts->connectors);
	INVARIANT(counts->paired);
}

static void run(uint64_t seed)
{
	static struct world_leg legs[LEGS];
	struct world w;

	memset(legs, 0, sizeof(legs));
	random_state = seed;
	world_open(&w, &limits, legs, LEGS);
	for (unsigned step = 0; step < STEPS; step++) {
		struct world_event e = next_event(&w, step);
		const char *bad = NULL;

		world_do(&w, e, any(60));
		if (step % CHECK_EACH == 0)
			bad = world_check(&w);
		check(&w, bad, seed, step);
	}
	drain(&w, seed);
	/* A run that did not reach a limit proves nothing about it. */
	for (size_t i = 0; i < N_ELEMS(w.taken); i++)
		INVARIANT(w.taken[i] > 100);
	INVARIANT(w.codes[FRAME_ERROR_NO_PEER] > 100);
	INVARIANT(w.codes[FRAME_ERROR_TIMEOUT] > 100);
	INVARIANT(w.codes[FRAME_ERROR_HASH_BUSY] > 100);
	INVARIANT(w.codes[FRAME_ERROR_SOURCE_BUSY] > 100);
	INVARIANT(switchboard_counts(w.board)->yielded > 100);
	printf("ok %llu - %llu pairs, %llu yielded\n", (unsigned long long)seed,
	    (unsigned long long)switchboard_counts(w.board)->pairs_total,
	    (unsigned long long)switchboard_counts(w.board)->yielded);
	world_close(&w);
}

int main(void)
{
	enum { SEEDS = 4 };

	printf("1..%d\n", SEEDS);
	for (uint64_t seed = 1; seed <= SEEDS; seed++)
		run(seed);
	return 0;
}
