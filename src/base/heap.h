/* base/heap.h: which of many comes first, when the order may change at any
 * time.
 *
 * A pairing heap of nodes that are embedded in the caller's objects: no memory
 * of its own, no limit of its own. Adding and looking cost O(1); removing, from
 * any place, O(log n) amortised.
 */
#pragma once
#include "base/err.h"

struct heap_node {		 /* all zero: in no heap */
	struct heap_node *child; /* the first of those below */
	struct heap_node *next;	 /* the next one beside */
	struct heap_node *prev;	 /* the one beside before, or, for the first,
				    the one above; for the root itself */
};

struct heap {
	struct heap_node *root;
	/* Does @a come before @b? See heap_update(). */
	bool (*before)(const struct heap_node *a, const struct heap_node *b);
};

/** heap_add() - INVARIANT: @n is in no heap */
void heap_add(struct heap *h, struct heap_node *n);
/** heap_remove() - from @h; nothing happens when it is in no heap */
void heap_remove(struct heap *h, struct heap_node *n);
/** heap_update() - what orders @n has changed; to be called before anything
 * else is done with the heap */
void heap_update(struct heap *h, struct heap_node *n);
/** heap_first() - the one that comes first; NULL when empty
 * Of two that are equal, either. */
struct heap_node *heap_first(const struct heap *h);
static inline bool heap_holds(const struct heap_node *n)
{
	return n->prev != NULL;
}
