/* base/bucket.h: a rate limit as one number: the time at which its bucket would
 * be full again.
 *
 * `burst` tokens at once, and one more every step. A token is there while the
 * bucket would be full again in less than `burst` steps; taking one moves that
 * time a step further. So nothing has to be filled as time goes by, and what is
 * refused takes no token: whoever knocks too often still gets in as often as he
 * may. The number is zero at first.
 */
#pragma once
#include "base/err.h"

struct bucket_rule {
	uint32_t burst;	  /* at least 1 */
	uint32_t step_ms; /* at least 1 */
};

/** bucket_take() - take a token at @now_ms
 * Return: 0: taken; else in how many ms there will be one. */
MUST_USE uint32_t bucket_take(
    uint64_t *full_at, const struct bucket_rule *rule, uint64_t now_ms);
