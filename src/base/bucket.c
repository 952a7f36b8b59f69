#include "base/bucket.h"

uint32_t bucket_take(
    uint64_t *full_at, const struct bucket_rule *rule, uint64_t now_ms)
{
	uint64_t most = now_ms + (uint64_t)rule->burst * rule->step_ms;
	uint64_t full = *full_at > now_ms ? *full_at : now_ms;

	if (full + rule->step_ms > most)
		return (uint32_t)(full + rule->step_ms - most);
	*full_at = full + rule->step_ms;
	return 0;
}
