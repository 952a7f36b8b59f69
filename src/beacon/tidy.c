#include "beacon/tidy.h"
#include "base/buf.h"
#ifdef __GLIBC__
#include <malloc.h>
#endif

/* mimalloc's, where a program is linked with it (make release). It keeps free
 * pages until it is asked, as glibc does; musl's own allocator does not. */
extern void mi_collect(bool force) __attribute__((weak));

/* The blocks go first: they lie between the pages of what has ended. */
static void give_back(struct loop *loop)
{
	pool_trim(loop_pool(loop));
#ifdef __GLIBC__
	(void)malloc_trim(0);
#endif
	if (mi_collect)
		mi_collect(true);
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
	give_back(t->loop);
}

/* Once it is due it stays due: changes that go on do not put it off. */
void tidy_note(struct tidy *t)
{
	t->changes++;
	if (t->changes == 1)
		loop_after(t->loop, &t->timer, TIDY_FEW_MS, on_time);
	else if (t->changes == TIDY_CHANGES)
		loop_after(t->loop, &t->timer, TIDY_MS, on_time);
}
