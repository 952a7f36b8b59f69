#include "load/talk.h"
#include <sodium.h>

/* A prime, so that no block size divides it. */
enum { TEXT = 65521, SHARE = 256 * 1024 };

static const uint8_t *text(void)
{
	static uint8_t bytes[TEXT];
	static const uint8_t seed[randombytes_SEEDBYTES] = "what is said";

	if (!bytes[0] && !bytes[1])
		randombytes_buf_deterministic(bytes, sizeof(bytes), seed);
	return bytes;
}

/* The stretch of the text at @at: how far it goes without a turn. */
static size_t stretch(
    uint64_t seed, uint64_t at, uint64_t left, const uint8_t **from)
{
	size_t place = (size_t)((seed % TEXT + at) % TEXT);
	size_t n = TEXT - place;

	*from = text() + place;
	return left < n ? (size_t)left : n;
}

void talk_stop(struct talk *t)
{
	leg_reset(STEAL(t->leg));
}

static void talk_end(struct talk *t, enum talk_end how)
{
	if (how == TALK_GOOD)
		leg_close(STEAL(t->leg));
	else
		talk_stop(t);
	t->plan.ended(t->plan.ctx, how);
}

/* Return: false when that was the end. */
static bool say(struct talk *t)
{
	uint64_t until =
	    t->plan.reset_at < t->plan.say ? t->plan.reset_at : t->plan.say;
	const uint8_t *from;
	ssize_t n = 1;

	for (uint64_t share = 0; t->said < until && n > 0 && share < SHARE;
	     share += (uint64_t)n) {
		size_t most =
		    stretch(t->plan.say_seed, t->said, until - t->said, &from);

		n = leg_write(t->leg, from, most);
		if (n > 0)
			t->said += (uint64_t)n;
	}
	if (n < 0 && n != -EAGAIN) {
		talk_end(t, TALK_RESET);
		return false;
	}
	if (t->said == t->plan.reset_at) {
		talk_end(t, TALK_RESET);
		return false;
	}
	if (t->said == t->plan.say && !t->finished) {
		leg_finish(t->leg);
		t->finished = true;
	}
	return true;
}

static bool is_right(struct talk *t, const uint8_t *bytes, size_t n)
{
	const uint8_t *from;

	while (n) {
		size_t most = stretch(t->plan.hear_seed, t->heard, n, &from);

		if (memcmp(from, bytes, most) != 0)
			return false;
		bytes += most;
		t->heard += most;
		n -= most;
	}
	return true;
}

static bool hear(struct talk *t)
{
	static uint8_t bytes[SHARE];
	ssize_t n = leg_read(t->leg, bytes, sizeof(bytes));

	if (n > 0 && t->heard + (uint64_t)n <= t->plan.hear) {
		if (is_right(t, bytes, (size_t)n))
			return true;
		talk_end(t, TALK_WRONG);
		return false;
	}
	if (n == -EAGAIN)
		return true;
	if (n == 0 && t->heard == t->plan.hear) {
		t->heard_end = true;
		return true;
	}
	talk_end(t, n < 0 ? TALK_RESET : TALK_SHORT);
	return false;
}

static void on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct talk *t = ctx;

	if (events & LEG_READ && !t->heard_end && !hear(t))
		return;
	if (events & LEG_WRITE && !t->finished && !say(t))
		return;
	if (events & LEG_GONE) {
		talk_end(t, TALK_RESET);
		return;
	}
	if (t->heard_end && t->finished) {
		talk_end(t, TALK_GOOD);
		return;
	}
	leg_want(leg,
	    (t->heard_end ? 0u : LEG_READ) | (t->finished ? 0u : LEG_WRITE));
}

void talk_start(struct talk *t, struct leg *leg, const struct talk_plan *plan)
{
	*t = (struct talk){ .plan = *plan, .leg = leg };
	leg_handle(leg, on_leg, t);
	leg_want(leg, LEG_READ | LEG_WRITE);
}
