/* Two arrays that grow by doubling. A peer names its allowed IPs by where they
 * begin and how many there are, so peers can be sorted without touching them.
 * What is outgrown is wiped before it is freed, since preshared keys lie in it.
 *
 * Sealing sorts the peers by key and each peer's prefixes, and makes one list
 * of all prefixes with who has them, by which two peers with one prefix are
 * found, and, later, the holder of one.
 */
#include "wire/wgstate.h"
#include "base/secret.h"

enum { ROOM_FIRST = 16 };

struct wgholding {
	struct prefix prefix;
	uint32_t peer;
};

void wgstate_init(struct wgstate *s)
{
	*s = (struct wgstate){ .n_peers = 0 };
}

static void wipe_and_free(void *at, size_t n)
{
	if (at)
		secret_wipe(at, n);
	free(at);
}

void wgstate_deinit(struct wgstate *s)
{
	wipe_and_free(s->peers, s->room_peers * sizeof(*s->peers));
	free(s->prefixes);
	free(s->holdings);
	secret_wipe(s->private_key, sizeof(s->private_key));
	wgstate_init(s);
}

/* Room for one more of @size bytes, after the @n that are there. */
static int grow(void **items, size_t *room, size_t n, size_t size)
{
	size_t more = *room ? 2 * *room : ROOM_FIRST;
	void *at;

	if (n < *room)
		return 0;
	at = calloc(more, size);
	if (!at)
		return -ENOMEM;
	if (n)
		memcpy(at, *items, n * size);
	wipe_and_free(*items, n * size);
	*items = at;
	*room = more;
	return 0;
}

int wgstate_add_peer(
    struct wgstate *s, const struct wgkey *key, struct wgpeer **out)
{
	void *items = s->peers;
	int r;

	INVARIANT(!s->holdings);
	if (s->n_peers >= WGSTATE_PEERS_MOST)
		return WGSTATE_E_FULL;
	r = grow(&items, &s->room_peers, s->n_peers, sizeof(*s->peers));
	if (r)
		return r;
	s->peers = items;
	s->peers[s->n_peers] = (struct wgpeer){
		.key = *key,
		.first = (uint32_t)s->n_prefixes,
	};
	if (out)
		*out = &s->peers[s->n_peers];
	s->n_peers++;
	return 0;
}

int wgstate_add_prefix(struct wgstate *s, const struct prefix *p)
{
	void *items = s->prefixes;
	int r;

	INVARIANT(s->n_peers && !s->holdings);
	if (s->n_prefixes >= WGSTATE_PREFIXES_MOST)
		return WGSTATE_E_FULL;
	r = grow(
	    &items, &s->room_prefixes, s->n_prefixes, sizeof(*s->prefixes));
	if (r)
		return r;
	s->prefixes = items;
	s->prefixes[s->n_prefixes++] = *p;
	s->peers[s->n_peers - 1].n_prefix++;
	return 0;
}

/* ---- sealed -------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
	const struct wgpeer *x = a, *y = b;

	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static int by_prefix(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static int by_held_prefix(const void *a, const void *b)
{
	const struct wgholding *x = a, *y = b;

	return prefix_compare(&x->prefix, &y->prefix);
}

static void sort(void *items, size_t n, size_t size,
    int (*compare)(const void *, const void *))
{
	if (n)
		qsort(items, n, size, compare);
}

static void hold_prefixes(struct wgstate *s)
{
	size_t at = 0;

	for (uint32_t i = 0; i < s->n_peers; i++) {
		const struct wgpeer *p = &s->peers[i];

		if (p->n_prefix)
			sort(&s->prefixes[p->first], p->n_prefix,
			    sizeof(*s->prefixes), by_prefix);
		for (uint32_t k = 0; k < p->n_prefix; k++)
			s->holdings[at++] = (struct wgholding){
				.prefix = s->prefixes[p->first + k],
				.peer = i,
			};
	}
	sort(s->holdings, at, sizeof(*s->holdings), by_held_prefix);
}

static int find_twice(const struct wgstate *s, struct wgkey *whose)
{
	for (size_t i = 1; i < s->n_peers; i++)
		if (!by_key(&s->peers[i - 1], &s->peers[i])) {
			*whose = s->peers[i].key;
			return WGSTATE_E_KEY_TWICE;
		}
	for (size_t i = 1; i < s->n_prefixes; i++)
		if (!by_held_prefix(&s->holdings[i - 1], &s->holdings[i])) {
			*whose = s->peers[s->holdings[i].peer].key;
			return WGSTATE_E_PREFIX_TWICE;
		}
	return 0;
}

int wgstate_seal(struct wgstate *s, struct wgkey *whose)
{
	struct wgkey unwanted;

	INVARIANT(!s->holdings);
	s->holdings = calloc(s->n_prefixes + 1, sizeof(*s->holdings));
	if (!s->holdings)
		return -ENOMEM;
	sort(s->peers, s->n_peers, sizeof(*s->peers), by_key);
	hold_prefixes(s);
	return find_twice(s, whose ? whose : &unwanted);
}

const struct prefix *wgpeer_prefixes(
    const struct wgstate *s, const struct wgpeer *p)
{
	return p->n_prefix ? s->prefixes + p->first : NULL;
}

const struct wgpeer *wgstate_find(
    const struct wgstate *s, const struct wgkey *key)
{
	struct wgpeer wanted = { .key = *key };

	INVARIANT(s->holdings);
	return s->n_peers ? bsearch(&wanted, s->peers, s->n_peers,
				sizeof(wanted), by_key)
			  : NULL;
}

const struct wgpeer *wgstate_holder(
    const struct wgstate *s, const struct prefix *p)
{
	struct wgholding wanted = { .prefix = *p };
	const struct wgholding *h;

	INVARIANT(s->holdings);
	h = s->n_prefixes ? bsearch(&wanted, s->holdings, s->n_prefixes,
				sizeof(wanted), by_held_prefix)
			  : NULL;
	return h ? &s->peers[h->peer] : NULL;
}

bool wgendpoint_equal(const struct wgendpoint *a, const struct wgendpoint *b)
{
	return a->family == b->family && a->port == b->port &&
	       !memcmp(a->address, b->address, sizeof(a->address));
}
