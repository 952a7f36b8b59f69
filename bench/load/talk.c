#include "load/talk.h"
#include "base/rd.h"
#include "base/wr.h"
#include <sodium.h>

/* A prime, so that no block size divides it. */
enum { TEXT = 65521, BLOCK = 64 * 1024, TURN = 4 };

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
	t->ended(t, how);
}

static void talk_gone(struct talk *t)
{
	talk_end(t, t->breaks || t->peer_breaks ? TALK_BROKEN : TALK_RESET);
}

/* ---- saying */

/* Nothing but the head is said before the other's is heard: so whoever hears
 * more than a head knows that its own has arrived. */
static uint64_t may_say(const struct talk *t)
{
	if (t->heard < TALK_HEAD)
		return TALK_HEAD;
	return TALK_HEAD + (t->breaks ? t->say / 2 : t->say);
}

static size_t next_words(const struct talk *t, const uint8_t **from)
{
	if (t->said < TALK_HEAD) {
		*from = t->head + t->said;
		return TALK_HEAD - (size_t)t->said;
	}
	return stretch(
	    t->seed, t->said - TALK_HEAD, may_say(t) - t->said, from);
}

static bool has_said_all(const struct talk *t)
{
	return t->heard >= TALK_HEAD && t->said == may_say(t);
}

static bool may_break(const struct talk *t)
{
	return has_said_all(t) && (t->heard > TALK_HEAD || t->heard_end);
}

/* Return: false when that was the end. */
static bool say(struct talk *t)
{
	const uint8_t *from;
	ssize_t n = 1;

	for (int i = 0; i < TURN && n > 0 && t->said < may_say(t); i++) {
		size_t most = next_words(t, &from);

		n = leg_write(t->leg, from, most);
		t->said += n > 0 ? (uint64_t)n : 0;
	}
	if (n < 0 && n != -EAGAIN) {
		talk_gone(t);
		return false;
	}
	return true;
}

/* ---- hearing */

static void take_head(struct talk *t)
{
	struct rd r = rd_over(t->peer_head, TALK_HEAD);

	t->peer_seed = rd_u64(&r);
	t->peer_say = rd_u64(&r);
	t->peer_breaks = rd_u8(&r);
}

static bool is_right(struct talk *t, const uint8_t *bytes, size_t n)
{
	const uint8_t *from;

	if (t->heard - TALK_HEAD + n > t->peer_say)
		return false;
	while (n) {
		size_t most =
		    stretch(t->peer_seed, t->heard - TALK_HEAD, n, &from);

		if (memcmp(from, bytes, most) != 0)
			return false;
		bytes += most;
		t->heard += most;
		n -= most;
	}
	return true;
}

static ssize_t hear_head(struct talk *t)
{
	ssize_t n = leg_read(
	    t->leg, t->peer_head + t->heard, TALK_HEAD - (size_t)t->heard);

	t->heard += n > 0 ? (uint64_t)n : 0;
	if (t->heard == TALK_HEAD)
		take_head(t);
	return n;
}

/* Return: false when that was the end. */
static bool hear(struct talk *t)
{
	static uint8_t bytes[BLOCK];
	bool in_head = t->heard < TALK_HEAD;
	ssize_t n =
	    in_head ? hear_head(t) : leg_read(t->leg, bytes, sizeof(bytes));

	if (n > 0) {
		if (in_head || is_right(t, bytes, (size_t)n))
			return true;
		talk_end(t, TALK_WRONG);
		return false;
	}
	if (n == -EAGAIN)
		return true;
	if (n < 0) {
		talk_gone(t);
		return false;
	}
	t->heard_end = true;
	if (!t->peer_breaks && t->heard == TALK_HEAD + t->peer_say)
		return true;
	talk_end(t, TALK_SHORT);
	return false;
}

static void talk_settle(struct talk *t)
{
	unsigned wanted = t->heard_end ? 0u : LEG_READ;

	if (t->breaks && may_break(t)) {
		talk_end(t, TALK_BROKEN);
		return;
	}
	if (!t->breaks && !t->finished && has_said_all(t)) {
		leg_finish(t->leg);
		t->finished = true;
	}
	if (t->finished && t->heard_end) {
		talk_end(t, TALK_GOOD);
		return;
	}
	if (t->said < may_say(t))
		wanted |= LEG_WRITE;
	leg_want(t->leg, wanted);
}

static void on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct talk *t = ctx;

	(void)leg;
	if (events & LEG_READ && !t->heard_end && !hear(t))
		return;
	if (events & LEG_WRITE && !say(t))
		return;
	if (events & LEG_GONE)
		talk_gone(t);
	else
		talk_settle(t);
}

void talk_start(struct talk *t, struct leg *leg)
{
	struct wr w = wr_over(t->head, TALK_HEAD);

	wr_u64(&w, t->seed);
	wr_u64(&w, t->say);
	wr_u8(&w, t->breaks);
	t->leg = leg;
	leg_handle(leg, on_leg, t);
	leg_want(leg, LEG_READ | LEG_WRITE);
}
