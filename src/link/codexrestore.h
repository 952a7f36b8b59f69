/* link/codexrestore.h: a tether from before in the place of the one that is
 * there, or where there is none.
 *
 * Nobody who died in between comes back: tombstones are those of both. Where
 * the host does not remember who died (a new machine, or one that was itself
 * put back to before), every peer is disabled until somebody enables it. And
 * whom the host has disabled, stays so.
 */
#pragma once
#include "link/codexstore.h"

/* What a backup has, each read and whole. */
struct codexrestore_from {
	struct codex codex;
	struct tombstones tombstones;
	struct keyring *keyring;
};
void codexrestore_from_deinit(struct codexrestore_from *f); /* repeatable */

/* What became of the peers. */
struct codexrestore_told {
	size_t n_dead;	  /* in the backup; revoked since */
	size_t n_turned;  /* have another key since, and keep it */
	size_t n_left;	  /* came after the backup, and are no more */
	bool unconfirmed; /* the host does not remember: all are disabled */
};

/** codexrestore_read() - the texts of @from; what belongs together, does
 * @name: of the backup, for @fault
 * Return: 0; -EINVAL; -ENOMEM; with @fault. */
struct backup;
MUST_USE int codexrestore_read(struct codexrestore_from *out,
    const struct backup *from, const char *name, struct fault *fault);
/** codexrestore_merge() - into @s, of CODEXSTORE_RESTORE; codexstore_commit()
 * writes it
 * @from: its values are moved away, also by a failure
 * Return: 0; -EEXIST: the host has another tether; -ENOBUFS, -ENOMEM; with
 * @fault. */
MUST_USE int codexrestore_merge(struct codexstore *s,
    struct codexrestore_from *from, struct codexrestore_told *told,
    struct fault *fault);
