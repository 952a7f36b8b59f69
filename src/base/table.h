/* base/table.h: a bounded hash table keyed by bytes that a peer chooses.
 *
 * uthash with a keyed SipHash, so that nobody can make keys collide on purpose.
 * Nodes are embedded in the caller's objects; the key is borrowed from there.
 */
#pragma once
#include "base/err.h"
#include <uthash.h>

struct table_node {
	UT_hash_handle hh;
	const void *key;
	size_t key_size;
};

struct table {
	struct table_node *head;
	size_t limit;
};

/** table_init() - empty, for at most @limit nodes */
void table_init(struct table *t, size_t limit);
/** table_add() - @key (borrowed) must live as long as the node is in the table
 * Return: 0; TABLE_E_FULL; TABLE_E_TAKEN: the key is there already;
 * -ENOMEM. */
enum { TABLE_E_FULL = 1, TABLE_E_TAKEN };
MUST_USE int table_add(
    struct table *t, struct table_node *n, const void *key, size_t key_size);
void table_remove(struct table *t, struct table_node *n);
struct table_node *table_find(
    const struct table *t, const void *key, size_t key_size);
size_t table_count(const struct table *t);
/** table_each() - call @fn with every node, in order of insertion; @fn may
 * remove the node it was given */
void table_each(
    struct table *t, void (*fn)(struct table_node *, void *), void *ctx);
