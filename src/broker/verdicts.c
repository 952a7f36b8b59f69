#include "broker/verdicts.h"
#include "base/table.h"
#include <assert.h>
#include <sodium.h>
#include <sys/queue.h>

TAILQ_HEAD(known_list, known);

struct known {
	struct table_node node;
	struct verdicts_key key;
	struct verdict verdict;
	uint64_t fresh_until, grace_until;
	TAILQ_ENTRY(known) of_list;
};

struct verdicts {
	struct verdicts_rules rules;
	struct table table;
	struct known_list good, refused; /* who was used last is at the end */
};

void verdicts_key(struct verdicts_key *out, const char *token)
{
	static_assert(sizeof(out->hash) == crypto_hash_sha256_BYTES, "SHA-256");
	crypto_hash_sha256(
	    out->hash, (const unsigned char *)token, strlen(token));
}

int verdicts_new(struct verdicts **out, const struct verdicts_rules *rules)
{
	struct verdicts *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	v->rules = *rules;
	table_init(&v->table, rules->most);
	TAILQ_INIT(&v->good);
	TAILQ_INIT(&v->refused);
	*out = v;
	return 0;
}

static struct known_list *list_of(struct verdicts *v, const struct known *k)
{
	return k->verdict.kind == VERDICT_GOOD ? &v->good : &v->refused;
}

static void forget(struct verdicts *v, struct known *k)
{
	TAILQ_REMOVE(list_of(v, k), k, of_list);
	table_remove(&v->table, &k->node);
	free(k);
}

static void forget_one(struct verdicts *v)
{
	struct known *k = TAILQ_FIRST(&v->refused);

	if (!k)
		k = TAILQ_FIRST(&v->good);
	if (k)
		forget(v, k);
}

void verdicts_free(struct verdicts *v)
{
	if (!v)
		return;
	while (table_count(&v->table))
		forget_one(v);
	free(v);
}

static struct known *find(struct verdicts *v, const struct verdicts_key *key)
{
	struct table_node *n = table_find(&v->table, key, sizeof(*key));

	return n ? CONTAINER_OF(n, struct known, node) : NULL;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void verdicts_keep(struct verdicts *v, const struct verdicts_key *key,
    const struct verdict *verdict, uint64_t now, uint64_t ends)
{
	const struct verdicts_rules *rules = &v->rules;
	bool good = verdict->kind == VERDICT_GOOD;
	struct known *k = find(v, key);

	if (k)
		forget(v, k);
	if (table_count(&v->table) >= rules->most)
		forget_one(v);
	k = calloc(1, sizeof(*k));
	if (!k)
		return;
	k->key = *key;
	k->verdict = *verdict;
	k->fresh_until =
	    least(now + (good ? rules->good_ms : rules->refused_ms), ends);
	k->grace_until =
	    good ? least(now + rules->good_ms + rules->grace_ms, ends)
		 : k->fresh_until;
	if (table_add(&v->table, &k->node, &k->key, sizeof(k->key))) {
		free(k);
		return;
	}
	TAILQ_INSERT_TAIL(list_of(v, k), k, of_list);
}

/* Whoever is past its grace is of no use any more. */
static struct known *use(
    struct verdicts *v, const struct verdicts_key *key, uint64_t now)
{
	struct known *k = find(v, key);

	if (!k)
		return NULL;
	if (now >= k->grace_until) {
		forget(v, k);
		return NULL;
	}
	TAILQ_REMOVE(list_of(v, k), k, of_list);
	TAILQ_INSERT_TAIL(list_of(v, k), k, of_list);
	return k;
}

const struct verdict *verdicts_find(
    struct verdicts *v, const struct verdicts_key *key, uint64_t now)
{
	const struct known *k = use(v, key, now);

	return k && now < k->fresh_until ? &k->verdict : NULL;
}

const struct verdict *verdicts_lean(
    struct verdicts *v, const struct verdicts_key *key, uint64_t now)
{
	const struct known *k = use(v, key, now);

	return k ? &k->verdict : NULL;
}

size_t verdicts_count(const struct verdicts *v)
{
	return table_count(&v->table);
}
