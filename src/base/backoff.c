#include "base/backoff.h"

uint64_t backoff_ms(
    const struct backoff_rule *rule, unsigned failures, uint32_t random)
{
	uint64_t ceiling = rule->least_ms;

	INVARIANT(failures && rule->least_ms);
	while (--failures && ceiling < rule->most_ms)
		ceiling *= 2;
	if (ceiling > rule->most_ms)
		ceiling = rule->most_ms;
	return (ceiling * random >> 32) + 1;
}
