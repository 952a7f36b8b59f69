/* devstore/keep.h: the store's state in one SQLite file: rows of a kind, an
 * owner and a name, each a JSON object; what a request changes is written in
 * one transaction before it is answered.
 *
 * A room says what it has changed by keep_put() and keep_remove(), and reads it
 * again by keep_each(). With no file (keep NULL) all of it does nothing.
 */
#pragma once
#include "base/fault.h"
#include <jansson.h>

enum keep_kind {
	KEEP_SPACE,
	KEEP_POLICY,
	KEEP_MOUNT,
	KEEP_KV_CONFIG,
	KEEP_KV_SECRET,
	KEEP_JWT_CONFIG,
	KEEP_JWT_ROLE,
	KEEP_APPROLE_ROLE,
	KEEP_SECRET_ID,
	KEEP_PKI_CA,
	KEEP_PKI_ROLE,
	KEEP_PKI_CERT,
	KEEP_TOKEN,
	KEEP_WRAP,
	KEEP_KINDS
};

enum {
	KEEP_OWNER_SIZE = 36,	  /* a UUID, or "" */
	KEEP_CHANGES_MOST = 8192, /* of one request */
	KEEP_FORMAT = 1,	  /* of the file */
};

struct keep;

/* Whose rows they are. */
struct keep_at {
	struct keep *keep; /* borrowed; NULL: nothing is kept */
	char owner[KEEP_OWNER_SIZE + 1];
};

/** keep_open() - open or make the file, 0600, and lock it until keep_close()
 * Return: 0; -errno with @fault: it cannot be made or written, others may read
 * it, another process has it open, it is not of this program or of another
 * format, it is damaged. */
MUST_USE int keep_open(
    struct keep **out, const char *path, struct fault *fault);
void keep_close(struct keep *k);
/** keep_is_empty() - is there no row at all? */
bool keep_is_empty(const struct keep *k);

/** keep_put() - the object of that name is now @value, which is taken; NULL is
 * "no memory" and fails keep_commit() */
void keep_put(const struct keep_at *at, enum keep_kind kind, const char *name,
    json_t *value);
/** keep_remove() - there is no such object any more
 * keep_forget() - the same of an object whose time is over; that alone is no
 * reason to write: it goes with the next change, and may be left out
 * keep_drop() - nor any other of this owner */
void keep_remove(
    const struct keep_at *at, enum keep_kind kind, const char *name);
void keep_forget(
    const struct keep_at *at, enum keep_kind kind, const char *name);
void keep_drop(const struct keep_at *at);

/** keep_commit() - write what was said since the last time, all or nothing
 * @k: NULL: nothing to do
 * Return: 0; -ENOSPC, -EROFS, -EIO, -ENOMEM, -ENOBUFS (more than
 * KEEP_CHANGES_MOST) with @fault: the file is as it was, and what was said is
 * forgotten. */
MUST_USE int keep_commit(struct keep *k, struct fault *fault);

/** keep_discard() - what was said since the last time is forgotten
 * @k: may be NULL */
void keep_discard(struct keep *k);

struct keep_row {
	const char *owner, *name;
	json_t *value; /* borrowed */
};
/* Return: 0; -EINVAL: it cannot be read; -ENOMEM. */
typedef int (*keep_row_fn)(void *ctx, const struct keep_row *row);
/** keep_each() - @fn with the rows of @kind, in the order in which they came to
 * be; what was said and not written is not among them
 * Return: 0; what @fn returned, and -EIO, with @fault. */
MUST_USE int keep_each(struct keep *k, enum keep_kind kind, keep_row_fn fn,
    void *ctx, struct fault *fault);
