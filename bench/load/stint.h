/* load/stint.h: what comes and goes in a run, many at once: each ends in order,
 * by a fault, or when its patience is over.
 */
#pragma once
#include "net/loop.h"
#include "base/fault.h"
#include <sys/queue.h>

struct stint;

/* All of a run. */
struct stints {
	struct loop *loop;
	long patience_ms;
	const char *impatience; /* what a fault says then */
	/* it is in no list any more: free it */
	void (*over)(struct stint *s);
	TAILQ_HEAD(, stint) all;
	long started, under_way, faults;
	char first_fault[FAULT_TEXT_MAX];
};

/* Embedded in what comes and goes, zeroed at first. */
struct stint {
	struct stints *stints;
	TAILQ_ENTRY(stint) of_all;
	struct wheel_timer patience;
	struct loop_task end;
};

void stint_begin(struct stint *s, struct stints *all);
/** stint_end() - `over` is called soon, from the loop; repeatable */
void stint_end(struct stint *s);
/** stint_fault() - count it and end; nothing to one that is ending */
void stint_fault(struct stint *s, const char *text);
/** stint_ending() - has it ended, and is not over yet? */
bool stint_ending(const struct stint *s);
