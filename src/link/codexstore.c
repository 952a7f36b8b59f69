/* link/codexstore.c: four files that are one, by the order of their writing.
 *
 * Each file is replaced whole: written under another name, brought to the disk,
 * renamed, and the folder brought to the disk. The four are written in an order
 * in which each step alone says nothing false:
 *
 *   1. tombstones   only ever more. What is dead is dead from here on: readers
 *                   take it out of whatever codex they find
 *   2. keyring      with what is new, and with what will go
 *   3. codex        the change itself: before it the old one, behind it the new
 *   4. keyring      without what nobody has any more
 *   5. generation
 *
 * A crash between leaves an old codex with more tombstones (then the revocation
 * is what happened, and nothing else of the change: a change revokes, or does
 * something else), with keys in the keyring that nobody has (the next commit
 * takes them away), or a codex that is one generation ahead of the count.
 *
 * What was read is what `apply` and every verb go by: peers() takes out those
 * whose key is dead, and lets a key that waited take its turn where only the
 * old one is.
 */
#include "link/codexstore.h"
#include "base/file.h"
#include "base/number.h"
#include "base/replace.h"
#include "wire/ipam.h"
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define KEYRING	   "keyring"
#define TOMBSTONES "tombstones"
#define GENERATION "generation"
#define LOCK	   "lock"

enum { FULL_PATH = CODEXSTORE_PATH_MOST + 32, LOCK_STEP_MS = 20 };

/* ---- one file, whole ----------------------------------------------------- */

static int cannot(struct fault *fault, int code, const char *path)
{
	return fault_set(fault, code,
	    "Nothing was lost. Check who owns the folder, its mode and the "
	    "space that is left.",
	    "cannot write %s: %s", path, strerror(-code));
}

static void state_file(
    char out[FULL_PATH], const struct codexstore *s, const char *name)
{
	(void)snprintf(out, FULL_PATH, "%s/%s", s->state_path, name);
}

struct content {
	const void *bytes;
	size_t n;
	mode_t mode;
};

static int replace(
    const char *path, const struct content *content, struct fault *fault)
{
	int r = replace_file(path, content->bytes, content->n, content->mode);

	return r ? cannot(fault, r, path) : 0;
}

/* ---- the lock ------------------------------------------------------------ */

static int wait_for_lock(int fd, const char *path, struct fault *fault)
{
	const struct timespec step = { .tv_nsec = LOCK_STEP_MS * 1000000L };

	for (int waited = 0; flock(fd, LOCK_EX | LOCK_NB);
	     waited += LOCK_STEP_MS) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return cannot(fault, -errno, path);
		if (waited >= CODEXSTORE_PATIENCE_MS)
			return fault_set(fault, -ETIMEDOUT,
			    "Try again when the other command has ended.",
			    "somebody else changes the tether: %s is locked",
			    path);
		(void)nanosleep(&step, NULL);
	}
	return 0;
}

static int take_lock(struct codexstore *s, struct fault *fault)
{
	char path[FULL_PATH];

	state_file(path, s, LOCK);
	s->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (s->lock < 0)
		return cannot(fault, -errno, path);
	return wait_for_lock(s->lock, path, fault);
}

/* ---- reading ------------------------------------------------------------- */

static int no_tether(const char *path, struct fault *fault)
{
	return fault_set(fault, -ENOENT, "Make one with `pharos tether init`.",
	    "there is no tether here: %s is missing", path);
}

static int unreadable(
    struct fault *fault, int code, const char *path, size_t most)
{
	const int told = code > 0 ? -EINVAL : code;

	file_fault(fault, code, path, most);
	if (fault)
		fault->code = told;
	return told;
}

static int read_file(
    char **out, size_t *n, const char *path, size_t most, struct fault *fault)
{
	int r = file_read(out, n, path, most);

	return r ? unreadable(fault, r, path, most) : 0;
}

static int read_codex(struct codexstore *s, struct fault *fault)
{
	CLEANUP(free_p) char *text = NULL;
	struct yaml_source source = { .name = s->codex_path };
	int r =
	    read_file(&text, &source.n, s->codex_path, CODEXTEXT_MOST, fault);

	if (r == -ENOENT)
		return no_tether(s->codex_path, fault);
	source.bytes = text;
	return r ? r : codextext_read(&s->codex, &source, &s->edited, fault);
}

static int load_keyring(struct codexstore *s, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *text = NULL;
	char path[FULL_PATH];
	int r;

	state_file(path, s, KEYRING);
	r = secret_read_file(&text, path, KEYRING_TEXT_MOST);
	if (r)
		return unreadable(fault, r, path, KEYRING_TEXT_MOST);
	return keyring_read(&s->keyring, text, path, fault);
}

static int read_keyring(struct codexstore *s, struct fault *fault)
{
	struct wgkey key;
	int r = load_keyring(s, fault);

	if (r)
		return r;
	wgkey_public(&key, keyring_private(s->keyring));
	if (!wgkey_equal(&key, &s->codex.key))
		return fault_set(fault, -EINVAL,
		    "Both are of one tether, or of one backup.",
		    "%s: its key is not that of the private key in %s/%s",
		    s->codex_path, s->state_path, KEYRING);
	return 0;
}

static int read_tombstones(struct codexstore *s, struct fault *fault)
{
	CLEANUP(free_p) char *text = NULL;
	char path[FULL_PATH];
	struct tombstones_source source = { .name = path };
	int r;

	state_file(path, s, TOMBSTONES);
	r = read_file(&text, &source.n, path, TOMBSTONES_TEXT_MOST, fault);
	source.text = text;
	return r ? r : tombstones_read(&s->tombstones, &source, fault);
}

/* A codex from before is one that somebody put there. */
static int read_generation(struct codexstore *s, struct fault *fault)
{
	CLEANUP(free_p) char *text = NULL;
	char path[FULL_PATH];
	uint64_t known;
	int r;

	state_file(path, s, GENERATION);
	r = read_file(&text, NULL, path, 32, fault);
	if (r)
		return r == -ENOENT ? 0 : r; /* a crash before the first */
	text[strcspn(text, "\n")] = '\0';
	if (number_parse(text, INT64_MAX, &known))
		return fault_set(
		    fault, -EINVAL, "Remove it.", "%s: not a number", path);
	if (s->codex.generation < known) {
		s->codex.generation = known;
		s->edited = true;
	}
	return 0;
}

/* Take out whoever is dead. */
static void bury_the_dead(struct codexstore *s)
{
	struct codex *c = &s->codex;

	for (size_t i = c->n_peers; i-- > 0;) {
		struct codex_peer *p = &c->peers[i];

		if (p->next.pending &&
		    tombstones_find(&s->tombstones, &p->next.key))
			p->next = (struct codex_turn){ .pending = false };
		if (!tombstones_find(&s->tombstones, &p->key))
			continue;
		if (p->next.pending)
			codex_turn_take(p);
		else
			codex_peer_remove(c, p);
	}
}

static int check_shared(const struct codexstore *s, struct fault *fault)
{
	for (size_t i = 0; i < s->codex.n_peers; i++) {
		const struct codex_peer *p = &s->codex.peers[i];

		if (!keyring_serves(s->keyring, p))
			return fault_set(fault, -EINVAL,
			    "Put the keyring back from a backup, or take "
			    "`pre-shared: true` out of the codex; then rotate "
			    "the peer's key.",
			    "peer %s: its pre-shared key is not in %s/%s",
			    p->name, s->state_path, KEYRING);
	}
	return 0;
}

static int read_all(struct codexstore *s, struct fault *fault)
{
	int r = read_codex(s, fault);

	if (!r)
		r = read_tombstones(s, fault);
	if (!r)
		r = read_keyring(s, fault);
	if (!r)
		r = read_generation(s, fault);
	if (r)
		return r;
	bury_the_dead(s);
	return check_shared(s, fault);
}

/* ---- opening ------------------------------------------------------------- */

static int make_folders(char *path, mode_t mode)
{
	for (char *at = path + 1; *at; at++) {
		int r;

		if (*at != '/')
			continue;
		*at = '\0';
		r = mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
		*at = '/';
		if (r)
			return r;
	}
	return mkdir(path, mode) && errno != EEXIST ? -errno : 0;
}

static int make_place(struct codexstore *s, struct fault *fault)
{
	char folder[CODEXSTORE_PATH_MOST + 1];
	char *slash;
	int r = make_folders(s->state_path, 0700);

	if (r)
		return cannot(fault, r, s->state_path);
	memcpy(folder, s->codex_path, sizeof(folder));
	slash = strrchr(folder, '/');
	if (slash && slash != folder) {
		*slash = '\0';
		r = make_folders(folder, 0755);
	}
	return r ? cannot(fault, r, folder) : 0;
}

static bool is_there(const struct codexstore *s, const char *name)
{
	char path[FULL_PATH];

	state_file(path, s, name);
	return !access(path, F_OK);
}

/* A codex is never overwritten. What else is there, of one that was lost or of
 * an `init` that was cut short, stays in force: who was revoked, and the key
 * that peers know. */
static int begin_new(struct codexstore *s, struct fault *fault)
{
	int r = 0;

	if (!access(s->codex_path, F_OK))
		return fault_set(fault, -EEXIST,
		    "Nothing was changed. Another one has other paths: "
		    "--codex, --state.",
		    "there is a tether already: %s", s->codex_path);
	if (is_there(s, TOMBSTONES))
		r = read_tombstones(s, fault);
	if (!r && is_there(s, KEYRING))
		r = load_keyring(s, fault);
	return r;
}

/* A codex and a keyring that do not hold are what a restore is for; what could
 * not be read for another reason is not to be overwritten. */
static int pass_nonsense(int r)
{
	return r == -EINVAL || r == -ENOENT ? 0 : r;
}

/* Nothing of a tether needs to be there, and what is there need not fit. */
static int begin_restore(struct codexstore *s, struct fault *fault)
{
	struct fault lesser = FAULT_NONE;
	const bool tombstones = is_there(s, TOMBSTONES);
	int r = tombstones ? read_tombstones(s, fault) : 0;

	if (r)
		return r;
	r = pass_nonsense(load_keyring(s, &lesser));
	if (!r)
		r = pass_nonsense(read_codex(s, &lesser));
	s->remembers = tombstones && s->keyring && is_there(s, GENERATION);
	if (!r && read_generation(s, NULL))
		s->remembers = false;
	if (r && fault)
		*fault = lesser;
	s->edited = false; /* whatever it is, it goes */
	bury_the_dead(s);
	return r;
}

static int take_path(
    char out[CODEXSTORE_PATH_MOST + 1], const char *path, struct fault *fault)
{
	size_t n = strlen(path);

	if (!n || n > CODEXSTORE_PATH_MOST)
		return fault_set(fault, -ENAMETOOLONG, NULL,
		    "%.40s...: a path has 1 to %d characters", path,
		    CODEXSTORE_PATH_MOST);
	memcpy(out, path, n + 1);
	return 0;
}

static int open_change(
    struct codexstore *s, enum codexstore_use use, struct fault *fault)
{
	int r = 0;

	if (use != CODEXSTORE_CHANGE)
		r = make_place(s, fault);
	else if (access(s->codex_path, F_OK))
		return no_tether(s->codex_path, fault);
	if (!r)
		r = take_lock(s, fault);
	if (r)
		return r;
	s->locked = true;
	if (use == CODEXSTORE_RESTORE)
		return begin_restore(s, fault);
	return use == CODEXSTORE_MAKE ? begin_new(s, fault)
				      : read_all(s, fault);
}

int codexstore_open(struct codexstore *out,
    const struct codexstore_place *place, struct fault *fault)
{
	int r;

	*out = (struct codexstore){ .lock = -1 };
	r = take_path(out->codex_path,
	    place->codex ? place->codex : CODEXSTORE_CODEX, fault);
	if (!r)
		r = take_path(out->state_path,
		    place->state ? place->state : CODEXSTORE_STATE, fault);
	if (r)
		return r;
	if (place->use == CODEXSTORE_READ)
		return read_all(out, fault);
	return open_change(out, place->use, fault);
}

static void mark_file(
    struct codexstore_mark *m, size_t i, const char *folder, const char *name)
{
	char path[FULL_PATH];
	struct stat st;

	(void)snprintf(
	    path, sizeof(path), "%s%s%s", folder, *name ? "/" : "", name);
	if (stat(path, &st))
		return;
	m->files[i].device = st.st_dev;
	m->files[i].inode = st.st_ino;
	m->files[i].size = (uint64_t)st.st_size;
	m->files[i].seconds = st.st_ctim.tv_sec;
	m->files[i].nanoseconds = st.st_ctim.tv_nsec;
}

void codexstore_mark(
    struct codexstore_mark *out, const struct codexstore_place *place)
{
	const char *state = place->state ? place->state : CODEXSTORE_STATE;

	*out = (struct codexstore_mark){ .files = { { 0 } } };
	mark_file(out, 0, place->codex ? place->codex : CODEXSTORE_CODEX, "");
	mark_file(out, 1, state, KEYRING);
	mark_file(out, 2, state, TOMBSTONES);
}

bool codexstore_mark_same(
    const struct codexstore_mark *a, const struct codexstore_mark *b)
{
	return !memcmp(a, b, sizeof(*a));
}

void codexstore_close(struct codexstore *s)
{
	codex_deinit(&s->codex);
	tombstones_deinit(&s->tombstones);
	keyring_free(s->keyring);
	s->keyring = NULL;
	codexstore_unlock(s);
}

void codexstore_unlock(struct codexstore *s)
{
	if (s->lock >= 0)
		close(s->lock);
	s->lock = -1;
	s->locked = false;
}

/* ---- writing ------------------------------------------------------------- */

static int write_tombstones(const struct codexstore *s, struct fault *fault)
{
	CLEANUP(free_p) char *text = NULL;
	struct content content = { .mode = 0600 };
	char path[FULL_PATH];

	state_file(path, s, TOMBSTONES);
	if (tombstones_write(&text, &content.n, &s->tombstones))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	content.bytes = text;
	return replace(path, &content, fault);
}

static int write_keyring(const struct codexstore *s, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *text = NULL;
	struct content content = { .mode = 0600 };
	char path[FULL_PATH];

	state_file(path, s, KEYRING);
	if (keyring_write(&text, s->keyring))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	content.bytes = secret_bytes(text);
	content.n = secret_size(text);
	return replace(path, &content, fault);
}

static int write_codex(const struct codexstore *s, struct fault *fault)
{
	CLEANUP(free_p) char *text = NULL;
	struct content content = { .mode = 0644 };

	if (codextext_write(&text, &content.n, &s->codex))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	content.bytes = text;
	return replace(s->codex_path, &content, fault);
}

static int write_generation(const struct codexstore *s, struct fault *fault)
{
	char text[32], path[FULL_PATH];
	int n =
	    snprintf(text, sizeof(text), "%" PRIu64 "\n", s->codex.generation);
	const struct content content = { text, (size_t)n, 0600 };

	state_file(path, s, GENERATION);
	return replace(path, &content, fault);
}

/* Forget what is shared with nobody.
 * Return: was there any? */
static bool prune_keyring(struct codexstore *s)
{
	struct keyring *k = s->keyring;
	const size_t before = keyring_count(k);

	for (size_t i = before; i-- > 0;) {
		const struct wgkey *key = keyring_peer(k, i);
		const struct codex_peer *p = codex_peer_of_key(&s->codex, key);

		if (!p || !p->shared)
			keyring_drop(k, key);
	}
	return keyring_count(k) != before;
}

int codexstore_commit(struct codexstore *s, struct fault *fault)
{
	size_t peer;
	int r = codex_check(&s->codex, &peer, fault);

	INVARIANT(s->locked && s->keyring);
	if (r)
		return r;
	s->codex.generation++;
	r = write_tombstones(s, fault);
	if (!r)
		r = write_keyring(s, fault);
	if (!r)
		r = write_codex(s, fault);
	if (!r && prune_keyring(s))
		r = write_keyring(s, fault);
	return r ? r : write_generation(s, fault);
}

/* ---- what a verb does in it ---------------------------------------------- */

int codexstore_bury(struct codexstore *s, const struct codex_peer *peer,
    const struct wgkey *key, bool whole, int64_t now, struct fault *fault)
{
	struct tombstone stone = { .key = *key, .at = now };
	int r;

	memcpy(stone.name, peer->name, sizeof(stone.name));
	if (whole) {
		stone.v4 = peer->v4;
		stone.v6 = peer->v6;
	}
	r = tombstones_add(&s->tombstones, &stone);
	if (r == -ENOBUFS)
		return fault_set(fault, r,
		    "A new tether (`init` elsewhere) begins without any.",
		    "there are %d tombstones, the most that are kept",
		    TOMBSTONES_MOST);
	return r ? fault_set(fault, r, NULL, "out of memory") : 0;
}

static int take_addresses(
    struct ipam_taken *to, const struct prefix *v4, const struct prefix *v6)
{
	int r = v4->family ? ipam_taken_add(to, v4) : 0;

	return !r && v6->family ? ipam_taken_add(to, v6) : r;
}

int codexstore_taken(struct ipam_taken *out, const struct codexstore *s)
{
	const struct codex *c = &s->codex;
	const struct prefix v4 = codex_host(&c->v4), v6 = codex_host(&c->v6);
	struct ipam_taken taken = { .n = 0 };
	int r = take_addresses(&taken, &v4, &v6);

	for (size_t i = 0; !r && i < c->n_reserved; i++)
		r = ipam_taken_add(&taken, &c->reserved[i]);
	for (size_t i = 0; !r && i < c->n_peers; i++)
		r = take_addresses(&taken, &c->peers[i].v4, &c->peers[i].v6);
	for (size_t i = 0; !r && i < s->tombstones.n; i++)
		r = take_addresses(&taken, &s->tombstones.items[i].v4,
		    &s->tombstones.items[i].v6);
	if (r) {
		ipam_taken_deinit(&taken);
		return r;
	}
	*out = taken;
	return 0;
}
