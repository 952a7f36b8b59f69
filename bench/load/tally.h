/* load/tally.h: many durations, and what a report says of them. */
#pragma once
#include "base/err.h"

struct tally {
	uint64_t *ns;
	size_t n, room;
};

void tally_deinit(struct tally *t);
void tally_add(struct tally *t, uint64_t ns);
/** tally_ms() - the duration, in ms, that @per_mille of all do not exceed; 0
 * when there is none. Sorts. */
double tally_ms(struct tally *t, unsigned per_mille);
/** tally_print() - `"name": {"n": …, "p50": …, "p99": …, "p999": …, "max": …}`
 * in ms, to standard output */
void tally_print(struct tally *t, const char *name);

/** tally_now() - monotonic, in ns, as of now: loop_now() is once a turn */
uint64_t tally_now(void);
