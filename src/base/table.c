/* The hash is SipHash-2-4 under a key drawn once a process, so a peer who
 * chooses keys cannot choose their buckets. Order of iteration is that of
 * insertion (uthash keeps a list), so it does not depend on the key either. */
#include <sodium.h>

#define HASH_NONFATAL_OOM	   1
#define uthash_nonfatal_oom(node)  ((node)->key = NULL)
#define HASH_FUNCTION(at, n, hash) ((hash) = keyed_hash((at), (n)))
#include "base/table.h"

static uint8_t hash_key[crypto_shorthash_KEYBYTES];

static unsigned keyed_hash(const void *bytes, size_t n)
{
	uint8_t out[crypto_shorthash_BYTES];
	unsigned hash;

	crypto_shorthash(out, bytes, n, hash_key);
	memcpy(&hash, out, sizeof(hash));
	return hash;
}

static void draw_key(void)
{
	static bool drawn;

	if (drawn)
		return;
	INVARIANT(sodium_init() >= 0);
	randombytes_buf(hash_key, sizeof(hash_key));
	drawn = true;
}

void table_init(struct table *t, size_t limit)
{
	draw_key();
	*t = (struct table){ .limit = limit };
}

int table_add(
    struct table *t, struct table_node *n, const void *key, size_t key_size)
{
	if (table_find(t, key, key_size))
		return TABLE_E_TAKEN;
	if (table_count(t) >= t->limit)
		return TABLE_E_FULL;
	n->key = key;
	n->key_size = key_size;
	HASH_ADD_KEYPTR(hh, t->head, key, key_size, n);
	return n->key ? 0 : -ENOMEM;
}

void table_remove(struct table *t, struct table_node *n)
{
	HASH_DEL(t->head, n);
}

struct table_node *table_find(
    const struct table *t, const void *key, size_t key_size)
{
	struct table_node *n;

	HASH_FIND(hh, t->head, key, key_size, n);
	return n;
}

size_t table_count(const struct table *t)
{
	return HASH_COUNT(t->head);
}

void table_each(
    struct table *t, void (*fn)(struct table_node *, void *), void *ctx)
{
	struct table_node *n = t->head;

	while (n) {
		struct table_node *next = n->hh.next;

		fn(n, ctx);
		n = next;
	}
}
