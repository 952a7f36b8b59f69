/* net/bulk.c */
#include "net/bulk.h"
#include "base/slab.h"
#include "net/loop.h"

struct bulk_watch {
	struct bulk *bulk;
	struct leg *const *from;
	struct loop *loop;
	struct wheel_timer timer; /* while the owner waits */
};

static struct slab slab = SLAB_OF(struct bulk_watch);

static void begin(struct bulk *b, struct leg *const *from)
{
	b->watch = slab_take(&slab);
	if (!b->watch)
		return;
	b->watch->bulk = b;
	b->watch->from = from;
	b->watch->loop = leg_loop(*from);
	leg_gather(*from, BULK_BYTES);
}

/* Counts in stretches of BULK_MS. */
static bool is_bulk(struct bulk *b, uint32_t now, size_t n)
{
	if (now - b->since_ms >= BULK_MS) {
		b->since_ms = now;
		b->bytes = 0;
	}
	b->bytes += (uint32_t)n;
	return b->bytes >= BULK_BYTES;
}

void bulk_note(struct bulk *b, struct leg *const *from, size_t n)
{
	if (b->watch)
		loop_cancel(b->watch->loop, &b->watch->timer);
	else if (is_bulk(b, (uint32_t)loop_now(leg_loop(*from)), n))
		begin(b, from);
}

static void on_time(struct wheel_timer *timer, uint64_t now)
{
	(void)now;
	bulk_end(CONTAINER_OF(timer, struct bulk_watch, timer)->bulk);
}

void bulk_wait(struct bulk *b)
{
	struct bulk_watch *w = b->watch;

	if (w && !wheel_armed(&w->timer))
		loop_after(w->loop, &w->timer, BULK_MS, on_time);
}

void bulk_end(struct bulk *b)
{
	struct bulk_watch *w = STEAL(b->watch);

	if (!w)
		return;
	loop_cancel(w->loop, &w->timer);
	leg_gather(*w->from, 1);
	slab_give(&slab, w);
}
