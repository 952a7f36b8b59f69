#include "pki/known.h"
#include "base/table.h"
#include <openssl/evp.h>
#include <sys/queue.h>

enum { ID_SIZE = 32 };

struct entry {
	struct table_node node;
	TAILQ_ENTRY(entry) of_known; /* last used first */
	uint8_t id[ID_SIZE];
	struct known_leaf leaf;
};

struct known {
	struct table by_id;
	TAILQ_HEAD(entries, entry) by_use;
	struct known_counts counts;
};

int known_new(struct known **out, size_t limit)
{
	struct known *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	table_init(&k->by_id, limit);
	TAILQ_INIT(&k->by_use);
	*out = k;
	return 0;
}

static void entry_free(struct known *k, struct entry *e)
{
	TAILQ_REMOVE(&k->by_use, e, of_known);
	table_remove(&k->by_id, &e->node);
	EVP_PKEY_free(e->leaf.key);
	free(e);
	k->counts.leaves--;
}

void known_free(struct known *k)
{
	if (!k)
		return;
	while (!TAILQ_EMPTY(&k->by_use))
		entry_free(k, TAILQ_FIRST(&k->by_use));
	free(k);
}

/* Realm and leaf cannot be divided otherwise: a realm has its one size. */
static bool id_of(uint8_t out[ID_SIZE], const struct known_name *name)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool done = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
		    EVP_DigestUpdate(ctx, name->realm, REALM_SIZE) &&
		    EVP_DigestUpdate(ctx, name->leaf, name->n_leaf) &&
		    EVP_DigestFinal_ex(ctx, out, NULL);

	EVP_MD_CTX_free(ctx);
	return done;
}

static struct entry *entry_find(
    const struct known *k, const uint8_t id[ID_SIZE])
{
	struct table_node *node = table_find(&k->by_id, id, ID_SIZE);

	return node ? CONTAINER_OF(node, struct entry, node) : NULL;
}

const struct known_leaf *known_find(
    struct known *k, const struct known_name *name, int64_t now)
{
	uint8_t id[ID_SIZE];
	struct entry *e = id_of(id, name) ? entry_find(k, id) : NULL;

	if (!e || now < e->leaf.from || now > e->leaf.until)
		return NULL;
	TAILQ_REMOVE(&k->by_use, e, of_known);
	TAILQ_INSERT_HEAD(&k->by_use, e, of_known);
	k->counts.found++;
	return &e->leaf;
}

void known_add(struct known *k, const struct known_name *name,
    const struct known_leaf *leaf)
{
	struct entry *e = calloc(1, sizeof(*e));

	if (!e || !id_of(e->id, name) || entry_find(k, e->id)) {
		free(e);
		return;
	}
	if (table_count(&k->by_id) == k->by_id.limit) {
		entry_free(k, TAILQ_LAST(&k->by_use, entries));
		k->counts.replaced++;
	}
	if (table_add(&k->by_id, &e->node, e->id, sizeof(e->id))) {
		free(e);
		return;
	}
	e->leaf = *leaf;
	EVP_PKEY_up_ref(leaf->key);
	TAILQ_INSERT_HEAD(&k->by_use, e, of_known);
	k->counts.leaves++;
}

const struct known_counts *known_counts(const struct known *k)
{
	return &k->counts;
}
