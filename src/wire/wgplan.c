/* Each peer of one state is looked up in the other by its key: it is gone, new,
 * or in both. The prefixes of a pair are sorted, so one walk along the two
 * lists finds what to give and what to take. Time: n log n of peers and
 * prefixes.
 *
 * What always holds, at each step of the plan and not only at its end:
 *   - a peer that is the same in both states is in no operation;
 *   - a prefix that a peer has before and after is never away from it between;
 *   - a prefix is never with a peer that has it neither before nor after.
 *
 * Order: the interface's own values; then what ends (peers, prefixes), so that
 * a plan that breaks off half way has revoked all that it should; then what
 * begins. A prefix that a remaining peer loses to another one is not taken: the
 * other's operation moves it.
 *
 * A new peer's prefixes are borrowed from the desired state. Lists that are a
 * part of a peer's (what it gets besides, what it loses) are copied to one
 * array that is never larger than all prefixes of both states.
 */
#include "wire/wgplan.h"

/* SHA-256 of "pharos: nobody has the private key of this peer", the top bit
 * cleared. Any 32 bytes are the public key of some private key; to find it for
 * a hash is the discrete logarithm. */
const struct wgkey WGPLAN_NOBODY = { { 0xed, 0x1a, 0xad, 0xe3, 0x48, 0xc5, 0xfe,
    0x08, 0xd5, 0x3d, 0xf1, 0xc4, 0xaf, 0x66, 0x50, 0xc8, 0x00, 0xff, 0x28,
    0x0d, 0xdb, 0x2e, 0x3e, 0xdd, 0xd8, 0xe5, 0x77, 0xca, 0x95, 0x5b, 0xa2,
    0x29 } };

enum { DEVICE_OPS = 3 };

struct walk {
	struct wgplan *plan;
	const struct wgstate *desired, *actual;
};

/* A peer, and the state that it stands in. */
struct side {
	const struct wgstate *state;
	const struct wgpeer *peer;
};

static struct wgop *add_op(
    struct wgplan *p, enum wgop_kind kind, const struct wgpeer *peer)
{
	struct wgop *op = &p->ops[p->n_ops];

	INVARIANT(p->n_ops < p->room_ops);
	p->n_ops++;
	*op = (struct wgop){ .kind = kind, .peer = peer };
	return op;
}

/* Has the peer of @there this prefix? @at: where to look from, in a walk. */
static bool has_prefix(struct side there, size_t *at, const struct prefix *p)
{
	const struct prefix *all = wgpeer_prefixes(there.state, there.peer);

	while (*at < there.peer->n_prefix && prefix_compare(&all[*at], p) < 0)
		(*at)++;
	return *at < there.peer->n_prefix && !prefix_compare(&all[*at], p);
}

/* Copies those of @here's prefixes that @there has not; with @free_only, those
 * that no other peer of @there's state has either. Return: how many. */
static size_t copy_difference(
    struct wgplan *plan, struct side here, struct side there, bool free_only)
{
	const struct prefix *mine = wgpeer_prefixes(here.state, here.peer);
	struct prefix *to = plan->prefixes + plan->n_prefixes;
	size_t at = 0, n = 0;

	for (size_t i = 0; i < here.peer->n_prefix; i++) {
		if (has_prefix(there, &at, &mine[i]))
			continue;
		if (free_only && wgstate_holder(there.state, &mine[i]))
			continue;
		to[n++] = mine[i];
	}
	return n;
}

static void set_prefixes(struct wgplan *plan, struct wgop *op, size_t n)
{
	op->prefixes = plan->prefixes + plan->n_prefixes;
	op->n_prefixes = n;
	plan->n_prefixes += n;
}

/* ---- what ends ----------------------------------------------------------- */

static void plan_end(const struct walk *w, const struct wgpeer *actual)
{
	const struct wgpeer *desired = wgstate_find(w->desired, &actual->key);
	size_t n;

	if (!desired) {
		(void)add_op(w->plan, WGOP_REMOVE_PEER, actual);
		return;
	}
	n = copy_difference(w->plan, (struct side){ w->actual, actual },
	    (struct side){ w->desired, desired }, true);
	if (n)
		set_prefixes(w->plan, add_op(w->plan, WGOP_TAKE, actual), n);
}

/* ---- what begins --------------------------------------------------------- */

static bool is_zero(const uint8_t *key)
{
	static const uint8_t zero[WGKEY_SIZE];

	return !memcmp(key, zero, sizeof(zero));
}

static void plan_new_peer(const struct walk *w, const struct wgpeer *desired)
{
	struct wgop *op = add_op(w->plan, WGOP_ADD_PEER, desired);

	op->prefixes = wgpeer_prefixes(w->desired, desired);
	op->n_prefixes = desired->n_prefix;
	if (!is_zero(desired->preshared))
		op->what |= WGOP_PRESHARED;
	if (desired->endpoint.family)
		op->what |= WGOP_ENDPOINT;
	if (desired->keepalive)
		op->what |= WGOP_KEEPALIVE;
}

static unsigned differs(const struct wgpeer *to, const struct wgpeer *from)
{
	unsigned what = 0;

	if (memcmp(to->preshared, from->preshared, sizeof(to->preshared)) != 0)
		what |= WGOP_PRESHARED;
	if (to->endpoint.family && !from->endpoint.family)
		what |= WGOP_ENDPOINT;
	if (to->keepalive != from->keepalive)
		what |= WGOP_KEEPALIVE;
	return what;
}

static void plan_begin(const struct walk *w, const struct wgpeer *desired)
{
	const struct wgpeer *actual = wgstate_find(w->actual, &desired->key);
	struct wgop *op;
	unsigned what;
	size_t n;

	if (!actual) {
		plan_new_peer(w, desired);
		return;
	}
	what = differs(desired, actual);
	n = copy_difference(w->plan, (struct side){ w->desired, desired },
	    (struct side){ w->actual, actual }, false);
	if (!what && !n)
		return;
	op = add_op(w->plan, WGOP_CHANGE_PEER, desired);
	op->what = what;
	set_prefixes(w->plan, op, n);
}

/* ---- the whole ----------------------------------------------------------- */

static void plan_device(const struct walk *w)
{
	const struct wgstate *to = w->desired, *from = w->actual;

	if (memcmp(to->private_key, from->private_key, WGKEY_SIZE) != 0)
		(void)add_op(w->plan, WGOP_PRIVATE_KEY, NULL);
	if (to->port && to->port != from->port)
		(void)add_op(w->plan, WGOP_PORT, NULL);
	if (to->mark != from->mark)
		(void)add_op(w->plan, WGOP_MARK, NULL);
}

static void plan_all(const struct walk *w)
{
	plan_device(w);
	for (size_t i = 0; i < w->actual->n_peers; i++)
		plan_end(w, &w->actual->peers[i]);
	for (size_t i = 0; i < w->desired->n_peers; i++)
		plan_begin(w, &w->desired->peers[i]);
}

int wgplan_make(struct wgplan *out, const struct wgstate *desired,
    const struct wgstate *actual)
{
	struct wgplan p = {
		.desired = desired,
		.room_ops = DEVICE_OPS + desired->n_peers + actual->n_peers,
	};

	p.ops = calloc(p.room_ops, sizeof(*p.ops));
	p.prefixes = calloc(
	    desired->n_prefixes + actual->n_prefixes + 1, sizeof(*p.prefixes));
	if (!p.ops || !p.prefixes) {
		wgplan_deinit(&p);
		return -ENOMEM;
	}
	plan_all(&(struct walk){ &p, desired, actual });
	*out = p;
	return 0;
}

void wgplan_deinit(struct wgplan *p)
{
	free(p->ops);
	free(p->prefixes);
	*p = (struct wgplan){ .n_ops = 0 };
}
