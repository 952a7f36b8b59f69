/* base/backoff.h: how long to rest after failures in a row: full jitter under a
 * ceiling that doubles, so that many who wait for one thing do not come back in
 * step. */
#pragma once
#include "base/err.h"

struct backoff_rule {
	uint32_t least_ms, most_ms; /* the ceiling after the first failure, and
				       at last */
};
/** backoff_ms() - @failures: 1 and more. @random: uniform over all of uint32_t
 * Return: 1 ms up to the ceiling. */
uint64_t backoff_ms(
    const struct backoff_rule *rule, unsigned failures, uint32_t random);
