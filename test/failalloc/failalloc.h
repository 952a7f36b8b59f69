/* test/failalloc/failalloc.h: make every allocation of a call fail in turn.
 *
 * A scenario sets up what it needs, calls fail_begin(), makes the one call
 * under test, calls fail_end(), looks at what is left, and cleans up. It is run
 * again and again: first with its first allocation failing, then with the
 * second, and so on until a run needs no more; and once more with everything
 * failing from the n-th on. Each run must
 *   - end (no crash, no INVARIANT),
 *   - return -ENOMEM if an allocation failed,
 *   - leave as many blocks allocated as there were before.
 */
#pragma once
#include "base/err.h"

struct fail_scenario {
	const char *label;
	int (*run)(void); /* Return: what the call under test returned */
	/* some of its allocations can be done without: 0 is right as well */
	bool may_succeed;
};

/** fail_begin(), fail_end() - between them, allocations may fail */
void fail_begin(void);
void fail_end(void);

/** fail_exempt_malloc() - never fails; for a library that takes an allocator */
void *fail_exempt_malloc(size_t n);

/** fail_sweep() - all runs of all scenarios, as TAP on standard output
 * Return: what main() returns. */
MUST_USE int fail_sweep(const struct fail_scenario *scenarios, size_t n);
