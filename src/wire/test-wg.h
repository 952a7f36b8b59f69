/* wire/test-wg.h: random states of an interface, from a small world so that
 * they meet: a few keys, a few prefixes; for the tests of the plan and of the
 * drivers.
 */
#pragma once
#include "wire/wgstate.h"

enum { WORLD_KEYS = 6, WORLD_PREFIXES = 9 };

/* A stream of numbers that is the same on each run (xorshift64). */
static inline uint32_t chance(uint64_t *seed, uint32_t below)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return (uint32_t)(*seed >> 32) % below;
}

static inline struct wgkey world_key(unsigned i)
{
	struct wgkey key = { { 9, (uint8_t)(i + 1) } };

	return key;
}

static inline struct prefix world_prefix(unsigned i)
{
	static const char *const texts[WORLD_PREFIXES] = { "10.88.0.2/32",
		"10.88.0.3/32", "10.88.0.4/32", "10.88.0.0/24", "10.0.0.0/8",
		"fd00::2/128", "fd00::3/128", "fd00::/64", "0.0.0.0/0" };
	struct prefix p;

	INVARIANT(!prefix_read(&p, texts[i]));
	return p;
}

static inline void world_peer(struct wgpeer *p, uint64_t *seed)
{
	if (!chance(seed, 3))
		p->preshared[0] = (uint8_t)(1 + chance(seed, 2));
	if (!chance(seed, 3))
		p->keepalive = (uint16_t)(20 + chance(seed, 2));
	if (!chance(seed, 3))
		p->endpoint = (struct wgendpoint){ 4, { 127, 0, 0, 9 },
			(uint16_t)(4000 + chance(seed, 2)) };
}

/* Each prefix is with one of the peers at most. */
static inline void world_state(struct wgstate *s, uint64_t *seed)
{
	uint8_t owner[WORLD_PREFIXES];

	wgstate_init(s);
	s->private_key[0] = (uint8_t)(8 * chance(seed, 2));
	s->private_key[31] = 0x40;
	s->port = (uint16_t)(chance(seed, 2) ? 40001 : 0);
	s->mark = chance(seed, 3);
	for (unsigned i = 0; i < WORLD_PREFIXES; i++)
		owner[i] = (uint8_t)chance(seed, WORLD_KEYS);
	for (unsigned k = WORLD_KEYS; k--;) {
		struct wgkey key = world_key(k);
		struct wgpeer *p;

		if (!chance(seed, 3))
			continue;
		INVARIANT(!wgstate_add_peer(s, &key, &p));
		world_peer(p, seed);
		for (unsigned i = WORLD_PREFIXES; i--;) {
			struct prefix it = world_prefix(i);

			if (owner[i] == k && chance(seed, 4))
				INVARIANT(!wgstate_add_prefix(s, &it));
		}
	}
	INVARIANT(!wgstate_seal(s, NULL));
}

static inline bool same_prefixes(const struct wgstate *a,
    const struct wgpeer *x, const struct wgstate *b, const struct wgpeer *y)
{
	const struct prefix *p = wgpeer_prefixes(a, x);
	const struct prefix *q = wgpeer_prefixes(b, y);

	if (x->n_prefix != y->n_prefix)
		return false;
	for (size_t i = 0; i < x->n_prefix; i++)
		if (prefix_compare(&p[i], &q[i]) != 0)
			return false;
	return true;
}

/* Is @p, of @actual, as @desired has it? */
static inline bool peer_as_desired(const struct wgstate *desired,
    const struct wgpeer *want, const struct wgstate *actual,
    const struct wgpeer *p)
{
	return !memcmp(want->preshared, p->preshared, WGKEY_SIZE) &&
	       want->keepalive == p->keepalive &&
	       (!want->endpoint.family || p->endpoint.family) &&
	       same_prefixes(desired, want, actual, p);
}

/* NULL, or what differs. */
static inline const char *state_differs(
    const struct wgstate *desired, const struct wgstate *actual)
{
	if (memcmp(desired->private_key, actual->private_key, WGKEY_SIZE) != 0)
		return "the private key";
	if (desired->port && desired->port != actual->port)
		return "the port";
	if (desired->mark != actual->mark)
		return "the mark";
	if (desired->n_peers != actual->n_peers)
		return "the number of peers";
	for (size_t i = 0; i < desired->n_peers; i++) {
		const struct wgpeer *want = &desired->peers[i];
		const struct wgpeer *p = wgstate_find(actual, &want->key);

		if (!p)
			return "a peer is missing";
		if (!peer_as_desired(desired, want, actual, p))
			return "a peer";
	}
	return NULL;
}
