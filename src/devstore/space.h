/* devstore/space.h: one namespace: its own mounts, policies and tokens.
 *
 * Namespaces are nested; the root has no name. A token belongs to the one it
 * was made in, its policies are those of that namespace, and their paths begin
 * there. So a token reaches into the namespaces below its own, never beside or
 * above it.
 */
#pragma once
#include "devstore/keep.h"

struct mounts;
struct policies;

enum {
	SPACE_PATH_MOST = 256,
	SPACE_ID_SIZE = 6,
};

struct space {
	char path[SPACE_PATH_MOST + 1]; /* "ct/fp01/"; the root: "" */
	char id[SPACE_ID_SIZE + 1];	/* ends its tokens; the root: "" */
	json_t *custom;			/* custom_metadata */
	struct keep_at at;		/* owner: its UUID */
	struct space *parent, *next;
	struct policies *policies;
	struct mounts *mounts;
};

/** space_inside() - @in as seen from @of: "" itself, "fp01/" below it
 * Return: borrowed from @in; NULL: it is neither. */
const char *space_inside(const struct space *in, const struct space *of);
