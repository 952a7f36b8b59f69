#include "load/tally.h"
#include <stdio.h>
#include <time.h>

void tally_deinit(struct tally *t)
{
	free(t->ns);
	*t = (struct tally){ 0 };
}

void tally_add(struct tally *t, uint64_t ns)
{
	if (t->n == t->room) {
		t->room = t->room ? 2 * t->room : 1024;
		t->ns = reallocarray(t->ns, t->room, sizeof(*t->ns));
		INVARIANT(t->ns);
	}
	t->ns[t->n++] = ns;
}

static int compare(const void *a, const void *b)
{
	uint64_t one, other;

	memcpy(&one, a, sizeof(one));
	memcpy(&other, b, sizeof(other));
	return one < other ? -1 : one > other;
}

double tally_ms(struct tally *t, unsigned per_mille)
{
	size_t at = t->n * per_mille / 1000;

	if (!t->n)
		return 0;
	qsort(t->ns, t->n, sizeof(*t->ns), compare);
	return (double)t->ns[at < t->n ? at : t->n - 1] / 1e6;
}

void tally_print(struct tally *t, const char *name)
{
	printf("\"%s\": {\"n\": %zu, \"p50\": %.4f, \"p99\": %.4f, "
	       "\"p999\": %.4f, \"max\": %.4f}",
	    name, t->n, tally_ms(t, 500), tally_ms(t, 990), tally_ms(t, 999),
	    tally_ms(t, 1000));
}

uint64_t tally_now(void)
{
	struct timespec now;

	INVARIANT(!clock_gettime(CLOCK_MONOTONIC, &now));
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}
