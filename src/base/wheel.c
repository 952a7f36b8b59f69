/* A hierarchical timer wheel over 64-bit milliseconds.
 *
 * Time is read as eleven digits of six bits. A timer lies at the level of the
 * highest digit in which its due time differs from the wheel's own time, in the
 * slot that this digit of its due time names:
 *
 *     level(t) = highest digit where t.due differs from wheel.at
 *     slot(t)  = that digit of t.due
 *
 * All digits above are equal, so every slot in use lies ahead of the wheel's
 * own digit, and everything at a level is due before anything at a higher one.
 * The next thing to happen is therefore always in the lowest slot of the lowest
 * level in use: two bit scans find it. At level 0 its timers are due. Above, it
 * is emptied: the wheel's time moves to the start of the slot and its timers go
 * to lower levels. A timer moves down at most ten times in its life, which is
 * the whole cost of the order.
 *
 * While wheel_advance() runs, `at` walks from one slot to the next and `now` is
 * already the time that was asked for. A timer armed for a time that `now` has
 * reached goes to the list `late` and not into a slot; that list is taken once,
 * when the next advance begins. So a callback that arms itself without delay
 * does not keep the advance from ending, and no slot ever lies behind `at`.
 *
 * Timers with the same due time run in the order in which they were armed.
 */
#include "base/wheel.h"

enum { DIGIT_BITS = 6, SLOTS = 1 << DIGIT_BITS, LEVELS = 11 };

struct wheel {
	uint64_t at;	/* every slot lies ahead of it */
	uint64_t now;	/* the latest time we were told; at <= now */
	size_t count;	/* armed timers */
	bool advancing; /* a callback must not advance again */
	struct wheel_link late;
	struct wheel_link ready; /* taken out, being run */
	uint64_t in_use[LEVELS]; /* a bit a slot */
	struct wheel_link slots[LEVELS][SLOTS];
};

static void list_init(struct wheel_link *list)
{
	list->next = list->prev = list;
}

static bool list_empty(const struct wheel_link *list)
{
	return list->next == list;
}

static void list_append(struct wheel_link *list, struct wheel_link *l)
{
	l->next = list;
	l->prev = list->prev;
	list->prev->next = l;
	list->prev = l;
}

static void list_remove(struct wheel_link *l)
{
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->next = l->prev = NULL;
}

/* All of @from goes behind what @to has. */
static void list_move(struct wheel_link *to, struct wheel_link *from)
{
	if (list_empty(from))
		return;
	from->next->prev = to->prev;
	to->prev->next = from->next;
	from->prev->next = to;
	to->prev = from->prev;
	list_init(from);
}

static struct wheel_timer *timer_of(struct wheel_link *l)
{
	return CONTAINER_OF(l, struct wheel_timer, link);
}

int wheel_new(struct wheel **out, uint64_t now_ms)
{
	struct wheel *w = calloc(1, sizeof(*w));

	if (!w)
		return -ENOMEM;
	w->at = w->now = now_ms;
	list_init(&w->late);
	list_init(&w->ready);
	for (size_t level = 0; level < LEVELS; level++)
		for (size_t slot = 0; slot < SLOTS; slot++)
			list_init(&w->slots[level][slot]);
	*out = w;
	return 0;
}

void wheel_free(struct wheel *w)
{
	if (!w)
		return;
	INVARIANT(!w->count);
	free(w);
}

static unsigned level_of(const struct wheel *w, uint64_t due)
{
	INVARIANT(due != w->at);
	return (63 - (unsigned)__builtin_clzll(due ^ w->at)) / DIGIT_BITS;
}

static unsigned slot_of(uint64_t due, unsigned level)
{
	return due >> (level * DIGIT_BITS) & (SLOTS - 1);
}

static void place(struct wheel *w, struct wheel_timer *t)
{
	unsigned level = level_of(w, t->due_ms);
	unsigned slot = slot_of(t->due_ms, level);

	list_append(&w->slots[level][slot], &t->link);
	w->in_use[level] |= UINT64_C(1) << slot;
}

void wheel_arm(
    struct wheel *w, struct wheel_timer *t, uint64_t due_ms, wheel_fn fn)
{
	wheel_disarm(w, t);
	t->due_ms = due_ms;
	t->fn = fn;
	w->count++;
	if (due_ms <= w->now)
		list_append(&w->late, &t->link);
	else
		place(w, t);
}

void wheel_disarm(struct wheel *w, struct wheel_timer *t)
{
	unsigned level, slot;

	if (!wheel_armed(t))
		return;
	list_remove(&t->link);
	w->count--;
	if (t->due_ms <= w->at)
		return; /* it was in no slot */
	level = level_of(w, t->due_ms);
	slot = slot_of(t->due_ms, level);
	if (list_empty(&w->slots[level][slot]))
		w->in_use[level] &= ~(UINT64_C(1) << slot);
}

static uint64_t slot_start(const struct wheel *w, unsigned level, unsigned slot)
{
	unsigned low = level * DIGIT_BITS;
	uint64_t above = 0;

	if (low + DIGIT_BITS < 64)
		above = w->at >> (low + DIGIT_BITS) << (low + DIGIT_BITS);
	return above | (uint64_t)slot << low;
}

/* The next slot in use: its level, or LEVELS when there is none. */
static unsigned next_slot(const struct wheel *w, unsigned *slot)
{
	for (unsigned level = 0; level < LEVELS; level++) {
		if (!w->in_use[level])
			continue;
		*slot = (unsigned)__builtin_ctzll(w->in_use[level]);
		return level;
	}
	return LEVELS;
}

uint64_t wheel_next(const struct wheel *w)
{
	unsigned slot, level;

	if (!list_empty(&w->late))
		return w->now;
	level = next_slot(w, &slot);
	return level == LEVELS ? UINT64_MAX : slot_start(w, level, slot);
}

static void run_ready(struct wheel *w)
{
	while (!list_empty(&w->ready)) {
		struct wheel_timer *t = timer_of(w->ready.next);

		list_remove(&t->link);
		w->count--;
		t->fn(t, w->now);
	}
}

/* Move to the start of a slot; what is due there becomes ready, the rest goes
 * to lower levels. */
static void open_slot(struct wheel *w, unsigned level, unsigned slot)
{
	struct wheel_link opened;

	w->at = slot_start(w, level, slot);
	list_init(&opened);
	list_move(&opened, &w->slots[level][slot]);
	w->in_use[level] &= ~(UINT64_C(1) << slot);
	while (!list_empty(&opened)) {
		struct wheel_timer *t = timer_of(opened.next);

		list_remove(&t->link);
		if (t->due_ms == w->at)
			list_append(&w->ready, &t->link);
		else
			place(w, t);
	}
}

void wheel_advance(struct wheel *w, uint64_t now_ms)
{
	INVARIANT(!w->advancing);
	w->advancing = true;
	if (now_ms > w->now)
		w->now = now_ms;
	list_move(&w->ready, &w->late);
	run_ready(w);
	for (;;) {
		unsigned slot = 0, level = next_slot(w, &slot);

		if (level == LEVELS || slot_start(w, level, slot) > w->now)
			break;
		open_slot(w, level, slot);
		run_ready(w);
	}
	w->at = w->now;
	w->advancing = false;
}

size_t wheel_count(const struct wheel *w)
{
	return w->count;
}
