#include "beacon/tidy.h"
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* musl's allocator gives free pages back by itself. */
static void give_back(void)
{
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
}

void tidy_init(struct tidy *t, struct loop *loop)
{
	t->loop = loop;
}

void tidy_deinit(struct tidy *t)
{
	if (t->loop)
		loop_cancel(t->loop, &t->timer);
}

static void on_time(struct wheel_timer *timer, uint64_t now)
{
	struct tidy *t = CONTAINER_OF(timer, struct tidy, timer);

	(void)now;
	t->changes = 0;
	t->done++;
	give_back();
}

/* Once it is due it stays due: changes that go on do not put it off. */
void tidy_note(struct tidy *t)
{
	if (++t->changes == TIDY_CHANGES)
		loop_after(t->loop, &t->timer, TIDY_MS, on_time);
}
