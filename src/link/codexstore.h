/* link/codexstore.h: the files of a tether, changed together under one lock.
 *
 *   tether.yaml        the codex, for people and git (wire/codextext.h)
 *   STATE/keyring      the secrets, 0600
 *   STATE/tombstones   the keys that never come back
 *   STATE/generation   how often it was written, so that a codex from before is
 *                      seen
 *   STATE/lock
 *
 * codexstore_open() reads all, the caller changes the values in the struct, and
 * codexstore_commit() writes them: whoever reads later, also after a crash at
 * any point, has the old ones or the new ones. Whoever is dead by a tombstone
 * is gone from what is read, whatever the codex says.
 */
#pragma once
#include "wire/codextext.h"
#include "wire/keyring.h"
#include "wire/tombstone.h"

#define CODEXSTORE_CODEX "/etc/pharos/tether.yaml"
#define CODEXSTORE_STATE "/var/lib/pharos/tether"
/* where pharos-tether is told that they have changed */
#define CODEXSTORE_CONTROL "/run/pharos-tether/control"

enum { CODEXSTORE_PATH_MOST = 200, CODEXSTORE_PATIENCE_MS = 10000 };

struct codexstore {
	char codex_path[CODEXSTORE_PATH_MOST + 1];
	char state_path[CODEXSTORE_PATH_MOST + 1];
	int lock; /* descriptor */

	struct codex codex;
	struct tombstones tombstones;
	struct keyring *keyring;
	bool edited; /* the codex is another than was written last: an edit by
		      * hand, or one from before */
	bool locked; /* it may be committed */
	bool remembers; /* CODEXSTORE_RESTORE: there were tombstones, a keyring
			 * and a count of the generations */
};

enum codexstore_use {
	CODEXSTORE_READ,    /* nobody waits, and nothing can be written */
	CODEXSTORE_CHANGE,  /* others who would change wait */
	CODEXSTORE_MAKE,    /* there is none yet; folders are made */
	CODEXSTORE_RESTORE, /* whatever there is (link/codexrestore.h) */
};
struct codexstore_place {
	const char *codex, *state; /* paths; NULL: the usual ones */
	enum codexstore_use use;
};
/** codexstore_open() - lock, read, check
 * @out: codexstore_close() it, also after a failure. CODEXSTORE_MAKE leaves
 * the codex empty, and the keyring NULL or as it was found without a codex: the
 * caller fills them, and commits. CODEXSTORE_RESTORE
 * reads what can be read, and makes folders; tombstones that cannot be read are
 * a failure all the same, for they would be lost.
 * Return: 0; -ENOENT: there is none (with CODEXSTORE_MAKE -EEXIST: there is
 * one); -ETIMEDOUT: somebody else has the lock; -EINVAL; -errno; all with
 * @fault. */
MUST_USE int codexstore_open(struct codexstore *out,
    const struct codexstore_place *place, struct fault *fault);
void codexstore_close(struct codexstore *s); /* repeatable */
/** codexstore_unlock() - others may change it; what was read stays; repeatable
 */
void codexstore_unlock(struct codexstore *s);

/* Which files stand there: another one after each write, by whoever. */
struct codexstore_mark {
	struct {
		uint64_t device, inode, size;
		int64_t seconds, nanoseconds;
	} files[3]; /* codex, keyring, tombstones; zeros: there is none */
};
/** codexstore_mark() - taken before codexstore_open(), it is the same later
 * only if nothing was written since */
void codexstore_mark(
    struct codexstore_mark *out, const struct codexstore_place *place);
bool codexstore_mark_same(
    const struct codexstore_mark *a, const struct codexstore_mark *b);

/** codexstore_commit() - check, count the generation up and write
 * Return: 0; -EINVAL: codex_check() does not hold, nothing was written; -errno
 * (a full disk): the old ones stand, or the new ones did not all reach the disk
 * but stand; all with @fault. */
MUST_USE int codexstore_commit(struct codexstore *s, struct fault *fault);

/** codexstore_bury() - a tombstone for @key of @peer
 * @whole: the peer dies with it, and so do its addresses
 * Return: 0; -ENOBUFS, -ENOMEM; with @fault. */
MUST_USE int codexstore_bury(struct codexstore *s,
    const struct codex_peer *peer, const struct wgkey *key, bool whole,
    int64_t now, struct fault *fault);
/** codexstore_taken() - every address that a new peer cannot have
 * @out: ipam_taken_deinit() it
 * Return: 0; -ENOMEM. */
struct ipam_taken;
MUST_USE int codexstore_taken(
    struct ipam_taken *out, const struct codexstore *s);
