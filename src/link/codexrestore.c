/* link/codexrestore.c: a restore is a change like another: the values of an
 * open store are made what they are to be, and the store writes them in its
 * order, so that a crash leaves the old tether or the new one.
 *
 * For that the keyring has the pre-shared keys of both while it is written
 * before the codex; the store drops those that nobody has when the codex is
 * written.
 *
 * A key has a tombstone for two reasons. With addresses, its peer was revoked:
 * it is taken out of the backup. Without, the peer has had another key since:
 * then the host's own codex says which, and the peer of the backup is given
 * that, or the device would be cut off by the restore. Name and address both
 * have to be the same, so that a peer of a revoked one's name gets nothing.
 */
#include "link/codexrestore.h"
#include "wire/backup.h"

void codexrestore_from_deinit(struct codexrestore_from *f)
{
	codex_deinit(&f->codex);
	tombstones_deinit(&f->tombstones);
	keyring_free(f->keyring);
	f->keyring = NULL;
}

/* ---- the texts ----------------------------------------------------------- */

static bool all_served(const struct codexrestore_from *f)
{
	for (size_t i = 0; i < f->codex.n_peers; i++)
		if (!keyring_serves(f->keyring, &f->codex.peers[i]))
			return false;
	return true;
}

static int check_together(
    const struct codexrestore_from *f, const char *name, struct fault *fault)
{
	struct wgkey key;

	wgkey_public(&key, keyring_private(f->keyring));
	if (!wgkey_equal(&key, &f->codex.key) || !all_served(f))
		return fault_set(fault, -EINVAL, "Take another backup.",
		    "%s: its keys are not those of its codex", name);
	return 0;
}

static int read_parts(struct codexrestore_from *to, const struct backup *from,
    const char *name, struct fault *fault)
{
	const struct yaml_source codex = {
		.name = name, .bytes = from->codex, .n = from->n_codex
	};
	const struct tombstones_source dead = { name, from->tombstones,
		from->n_tombstones };
	int r = codextext_read(&to->codex, &codex, NULL, fault);

	if (!r)
		r = tombstones_read(&to->tombstones, &dead, fault);
	if (!r)
		r = keyring_read(&to->keyring, from->keyring, name, fault);
	return r ? r : check_together(to, name, fault);
}

int codexrestore_read(struct codexrestore_from *out, const struct backup *from,
    const char *name, struct fault *fault)
{
	struct codexrestore_from f = { .keyring = NULL };
	int r = read_parts(&f, from, name, fault);

	if (r)
		codexrestore_from_deinit(&f);
	else
		*out = f;
	return r;
}

/* ---- whose tether it is -------------------------------------------------- */

static int no_memory(struct fault *fault)
{
	return fault_set(
	    fault, -ENOMEM, NULL, "no memory that can be locked is left");
}

static bool same_tether(const struct codexstore *s, const struct wgkey *key)
{
	struct wgkey here;

	if (!s->keyring)
		return true; /* the codex alone is no reason to refuse */
	wgkey_public(&here, keyring_private(s->keyring));
	return wgkey_equal(&here, key);
}

static int refuse_other(
    const struct codexstore *s, const struct wgkey *key, struct fault *fault)
{
	return same_tether(s, key)
		   ? 0
		   : fault_set(fault, -EEXIST,
			 "Nothing was changed. Move that folder and the codex "
			 "away first, or give others with --state and --codex.",
			 "the backup is of another tether than the key in %s",
			 s->state_path);
}

/* ---- peers --------------------------------------------------------------- */

/* The peer of the host that is @p under a later key; NULL: none. */
static const struct codex_peer *turned_of(
    const struct codexstore *s, const struct codex_peer *p)
{
	const struct tombstone *t = tombstones_find(&s->tombstones, &p->key);
	const struct codex_peer *here = codex_peer_find(&s->codex, p->name);

	if (!t || t->v4.family || t->v6.family || !here ||
	    prefix_compare(&here->v4, &p->v4) != 0 ||
	    !keyring_serves(s->keyring, here))
		return NULL;
	return here;
}

static void take_keys(struct codex_peer *to, const struct codex_peer *from)
{
	to->key = from->key;
	to->next = from->next;
	to->on_device = from->on_device;
	to->shared = from->shared;
}

/* The key that waits may have died alone. */
static void bury_turn(struct codex_peer *p, const struct tombstones *dead)
{
	if (p->next.pending && tombstones_find(dead, &p->next.key))
		p->next = (struct codex_turn){ .pending = false };
}

/* Return: does the peer live on? */
static bool settle_peer(struct codex_peer *p, const struct codexstore *s,
    struct codexrestore_told *told)
{
	const struct codex_peer *here = turned_of(s, p);

	if (here) {
		take_keys(p, here);
		told->n_turned++;
	}
	bury_turn(p, &s->tombstones);
	if (tombstones_find(&s->tombstones, &p->key)) {
		if (!p->next.pending) {
			told->n_dead++;
			return false;
		}
		codex_turn_take(p);
	}
	here = codex_peer_of_key(&s->codex, &p->key);
	if (!s->remembers || (here && here->disabled))
		p->disabled = true;
	return true;
}

static void settle_peers(
    struct codex *c, const struct codexstore *s, struct codexrestore_told *told)
{
	for (size_t i = c->n_peers; i-- > 0;)
		if (!settle_peer(&c->peers[i], s, told))
			codex_peer_remove(c, &c->peers[i]);
	for (size_t i = 0; i < s->codex.n_peers; i++)
		if (!codex_peer_of_key(c, &s->codex.peers[i].key))
			told->n_left++;
}

/* ---- the merge ----------------------------------------------------------- */

static int join_keyrings(struct codexstore *s, struct keyring *from)
{
	int r = 0;

	for (size_t i = 0; !r && i < keyring_count(from); i++) {
		CLEANUP(secret_freep) struct secret *shared = NULL;
		const struct wgkey *peer = keyring_peer(from, i);

		if (keyring_shared(s->keyring, peer))
			continue;
		r = secret_from(
		    &shared, keyring_shared(from, peer), WGKEY_SIZE);
		if (!r)
			r = keyring_put(s->keyring, peer, shared);
	}
	return r;
}

static int take_keyring(
    struct codexstore *s, struct codexrestore_from *from, struct fault *fault)
{
	int r;

	if (!s->keyring) {
		s->keyring = STEAL(from->keyring);
		return 0;
	}
	r = join_keyrings(s, from->keyring);
	if (r == -ENOBUFS)
		return fault_set(fault, r, NULL,
		    "there are %d pre-shared keys, the most that are kept",
		    KEYRING_SHARED_MOST);
	return r ? no_memory(fault) : 0;
}

static int join_tombstones(
    struct codexstore *s, const struct tombstones *more, struct fault *fault)
{
	int r = tombstones_join(&s->tombstones, more);

	if (r == -ENOBUFS)
		return fault_set(fault, r, NULL,
		    "there are %d tombstones, the most that are kept",
		    TOMBSTONES_MOST);
	return r ? fault_set(fault, r, NULL, "out of memory") : 0;
}

int codexrestore_merge(struct codexstore *s, struct codexrestore_from *from,
    struct codexrestore_told *told, struct fault *fault)
{
	struct codexrestore_told t = { .n_dead = 0 };
	uint64_t generation = s->codex.generation;
	int r = refuse_other(s, &from->codex.key, fault);

	if (!r)
		r = join_tombstones(s, &from->tombstones, fault);
	if (!r)
		r = take_keyring(s, from, fault);
	if (r)
		return r;
	if (generation < from->codex.generation) {
		generation = from->codex.generation;
		s->remembers = false;
	}
	t.unconfirmed = !s->remembers;
	settle_peers(&from->codex, s, &t);
	codex_deinit(&s->codex);
	s->codex = from->codex;
	from->codex = (struct codex){ .n_peers = 0 };
	s->codex.generation = generation;
	*told = t;
	return 0;
}
