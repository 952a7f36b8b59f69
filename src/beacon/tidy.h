/* beacon/tidy.h: gives memory back to the system after a crowd has gone.
 *
 * A TLS session is some sixty objects on the heap. When many have ended, their
 * pages are free and the allocator keeps them, unless it is asked; and so does
 * the loop with the blocks that their bytes went through. Both are asked a
 * moment after so many legs have come, paired or gone that it is worth it; and
 * later for the few that were a crowd's last.
 */
#pragma once
#include "net/loop.h"

struct tidy {
	struct loop *loop;
	struct wheel_timer timer;
	unsigned changes; /* since it was done last */
	uint64_t done;	  /* how often it was */
};

enum { TIDY_CHANGES = 64, TIDY_MS = 1000, TIDY_FEW_MS = 10000 };

void tidy_init(struct tidy *t, struct loop *loop);
void tidy_deinit(struct tidy *t);
/** tidy_note() - a leg has come, paired or gone */
void tidy_note(struct tidy *t);
