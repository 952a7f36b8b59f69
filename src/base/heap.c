/* A tree in which nobody comes before his parent. Two trees are joined by
 * putting the root that comes later below the other; that is all there is to
 * adding. Removing a node leaves its children as trees of their own, which are
 * joined in pairs from the left and then all together from the right; this
 * order of joining is what keeps the cost logarithmic in the long run (Fredman,
 * Sedgewick, Sleator, Tarjan: The pairing heap, 1986).
 *
 * Children form a list by `next`; `prev` leads back, and up from the first.
 */
#include "base/heap.h"

/* The earlier of two roots, with the other as its first child. */
static struct heap_node *join(
    const struct heap *h, struct heap_node *a, struct heap_node *b)
{
	if (h->before(b, a)) {
		struct heap_node *swap = a;

		a = b;
		b = swap;
	}
	b->next = a->child;
	if (b->next)
		b->next->prev = b;
	b->prev = a;
	a->child = b;
	a->next = NULL;
	return a;
}

/* From a list of trees, joined two and two, a list in reverse order. */
static struct heap_node *join_pairs(
    const struct heap *h, struct heap_node *list)
{
	struct heap_node *done = NULL;

	while (list) {
		struct heap_node *a = list, *b = a->next;

		list = b ? b->next : NULL;
		if (b)
			a = join(h, a, b);
		a->next = done;
		done = a;
	}
	return done;
}

/* One tree of a list of trees; NULL of none. */
static struct heap_node *join_all(const struct heap *h, struct heap_node *list)
{
	struct heap_node *all = join_pairs(h, list);

	list = all ? all->next : NULL;
	while (list) {
		struct heap_node *next = list->next;

		all = join(h, all, list);
		list = next;
	}
	if (all)
		all->next = NULL;
	return all;
}

static void set_root(struct heap *h, struct heap_node *n)
{
	h->root = n;
	if (n)
		n->prev = n;
}

void heap_add(struct heap *h, struct heap_node *n)
{
	INVARIANT(!heap_holds(n));
	n->child = n->next = NULL;
	set_root(h, h->root ? join(h, h->root, n) : n);
}

/* Take a node with all that is below it out of its parent's list. */
static void cut(struct heap_node *n)
{
	if (n->prev->child == n)
		n->prev->child = n->next;
	else
		n->prev->next = n->next;
	if (n->next)
		n->next->prev = n->prev;
}

void heap_remove(struct heap *h, struct heap_node *n)
{
	struct heap_node *below;

	if (!heap_holds(n))
		return;
	if (n != h->root)
		cut(n);
	below = join_all(h, n->child);
	if (n == h->root)
		set_root(h, below);
	else if (below)
		set_root(h, join(h, h->root, below));
	*n = (struct heap_node){ 0 };
}

/* Removing compares what is below @n and beside it, never @n itself. */
void heap_update(struct heap *h, struct heap_node *n)
{
	heap_remove(h, n);
	heap_add(h, n);
}

struct heap_node *heap_first(const struct heap *h)
{
	return h->root;
}
