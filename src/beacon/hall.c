/* The hall of an info hash.
 *
 * A leg stands in one of eight queues: by role, by proven or bare, by whether
 * it asks for a proven peer. Two legs may be paired if each is what the other
 * asks for, which follows from their classes alone; within a class whoever came
 * first goes first. So a partner is found by looking at the four heads of the
 * other role.
 *
 * A leg that waits again, since its peer went, stands before the others of its
 * class: it has waited longer than they have.
 */
#include "beacon/hall.h"

static size_t role_index(enum frame_role role)
{
	return role == FRAME_CONNECT;
}

static struct roster_legs *queue_of(const struct switchboard_leg *leg)
{
	size_t kind = (size_t)leg->proven << 1 | leg->require_proven;

	return &leg->hall->waiting[role_index(leg->role)][kind];
}

void hall_stand(struct switchboard_leg *leg, bool first)
{
	if (first)
		TAILQ_INSERT_HEAD(queue_of(leg), leg, of_class);
	else
		TAILQ_INSERT_TAIL(queue_of(leg), leg, of_class);
}

void hall_leave(struct switchboard_leg *leg)
{
	TAILQ_REMOVE(queue_of(leg), leg, of_class);
}

static bool fits(
    const struct switchboard_leg *a, const struct switchboard_leg *b)
{
	return (!a->require_proven || b->proven) &&
	       (!b->require_proven || a->proven);
}

/* Proven ones first. Of listeners those that take proven connectors alone, so
 * that the others stay for bare ones. Then whoever came first. */
static bool preferred(
    const struct switchboard_leg *a, const struct switchboard_leg *b)
{
	if (a->proven != b->proven)
		return a->proven;
	if (a->role == FRAME_LISTEN && a->require_proven != b->require_proven)
		return a->require_proven;
	return a->serial < b->serial;
}

struct switchboard_leg *hall_peer(const struct switchboard_leg *leg)
{
	struct roster_legs *queues = leg->hall->waiting[!role_index(leg->role)];
	struct switchboard_leg *best = NULL;

	for (size_t kind = 0; kind < ROSTER_KINDS; kind++) {
		struct switchboard_leg *head = TAILQ_FIRST(&queues[kind]);

		if (head && fits(leg, head) && (!best || preferred(head, best)))
			best = head;
	}
	return best;
}
