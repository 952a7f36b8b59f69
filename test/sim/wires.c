#include "wires.h"

static int place_of(const char *target)
{
	int place = target[0] - '0';

	INVARIANT(place >= 0 && place < WIRE_PLACES);
	return place;
}

static enum test_network_answer on_dial(void *ctx, const char *target)
{
	static const enum test_network_answer answer[] = {
		[WIRE_UP] = TEST_CONNECT,
		[WIRE_DOWN] = TEST_REFUSE,
		[WIRE_MUTE] = TEST_MUTE,
	};
	struct wires *w = ctx;

	return answer[w->fate[place_of(target)]];
}

static void on_arrive(void *ctx, const char *target, struct leg *leg)
{
	struct wires *w = ctx;
	struct wire *new = calloc(1, sizeof(*new));
	struct leg *far;

	INVARIANT(new);
	new->place = place_of(target);
	new->end[0] = leg;
	new->most = 200 + loop_random(w->loop, WIRE_BLOCK - 200);
	INVARIANT(!memleg_pair(
	    &new->end[1], &far, w->loop, 1 + loop_random(w->loop, 30000)));
	new->next = w->first;
	w->first = new;
	w->n++;
	w->opened++;
	w->arrive(w->ctx, new->place, far);
}

void wires_join(struct wires *w, struct loop *loop)
{
	w->loop = loop;
	w->network = (struct test_network){ .capacity = 20000,
		.answer = on_dial,
		.arrive = on_arrive,
		.ctx = w };
	test_network_join(&w->network, loop);
}

static struct wire **find(struct wires *w, size_t i)
{
	struct wire **at = &w->first;

	while (i--)
		at = &(*at)->next;
	return at;
}

static void unlink_wire(struct wires *w, struct wire **at)
{
	struct wire *gone = *at;

	*at = gone->next;
	free(gone);
	w->n--;
}

static void cut_at(struct wires *w, struct wire **at)
{
	leg_reset((*at)->end[0]);
	leg_reset((*at)->end[1]);
	unlink_wire(w, at);
	w->cuts++;
}

void wires_cut(struct wires *w, size_t i)
{
	cut_at(w, find(w, i));
}

void wires_cut_place(struct wires *w, int place)
{
	struct wire **at = &w->first;

	while (*at) {
		if (place < 0 || (*at)->place == place)
			cut_at(w, at);
		else
			at = &(*at)->next;
	}
}

void wires_stall(struct wires *w, size_t i, uint64_t until)
{
	(*find(w, i))->stalled_until = until;
}

/* Return: 1: something moved; 0: nothing; -1: an end has failed. */
static int carry(struct wires *w, struct wire *wire, int from)
{
	struct leg *to = wire->end[1 - from];
	ssize_t n;

	if (!wire->n[from] && !wire->ended[from]) {
		n = leg_read(wire->end[from], wire->bytes[from], wire->most);
		if (n < 0)
			return n == -EAGAIN ? 0 : -1;
		if (!n) {
			wire->ended[from] = true;
			leg_finish(to);
			return 1;
		}
		wire->n[from] = (size_t)n;
		wire->start[from] = 0;
	}
	if (!wire->n[from])
		return 0;
	n = leg_write(to, wire->bytes[from] + wire->start[from], wire->n[from]);
	if (n < 0)
		return n == -EAGAIN ? 0 : -1;
	wire->start[from] += (size_t)n;
	wire->n[from] -= (size_t)n;
	w->carried += (uint64_t)n;
	return n > 0;
}

static bool carry_both(struct wires *w, struct wire **at, bool *gone)
{
	struct wire *wire = *at;
	int up = carry(w, wire, 0);
	int down = up < 0 ? -1 : carry(w, wire, 1);

	*gone = true;
	if (up < 0 || down < 0) {
		leg_reset(wire->end[0]);
		leg_reset(wire->end[1]);
		unlink_wire(w, at);
	} else if (wire->ended[0] && wire->ended[1] && !wire->n[0] &&
		   !wire->n[1]) {
		leg_close(wire->end[0]);
		leg_close(wire->end[1]);
		unlink_wire(w, at);
	} else {
		*gone = false;
		return up || down;
	}
	return true;
}

bool wires_carry(struct wires *w)
{
	struct wire **at = &w->first;
	bool moved = false, gone;

	while (*at) {
		if ((*at)->stalled_until > loop_now(w->loop)) {
			at = &(*at)->next;
			continue;
		}
		moved |= carry_both(w, at, &gone);
		if (!gone)
			at = &(*at)->next;
	}
	return moved;
}
