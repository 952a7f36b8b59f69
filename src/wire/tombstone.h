/* wire/tombstone.h: the keys that shall never have access again, with the
 * addresses that die with them; as a value and as the text of their file.
 *
 * A tombstone outlives every edit, import and restore of the codex: nothing
 * takes one away. So two lists of them can always be joined, and the longer one
 * is never wrong.
 */
#pragma once
#include "base/fault.h"
#include "wire/prefix.h"
#include "wire/wgkey.h"
#include "wire/wgname.h"

enum {
	TOMBSTONES_MOST = 65536,
	TOMBSTONES_TEXT_MOST = 16 * 1024 * 1024,
};

struct tombstone {
	struct wgkey key;
	struct prefix v4,
	    v6;	    /* family 0: its peer lives on under another key */
	int64_t at; /* seconds since 1970 */
	char name[WGNAME_PEER_MOST + 1]; /* whose it was */
};

struct tombstones {
	struct tombstone *items; /* owned; ascending by key */
	size_t n, room;
};
void tombstones_deinit(struct tombstones *t); /* repeatable */

/** tombstones_add() - of a key that has one, the first stays; but addresses
 * that the new one has and the first had not die too
 * Return: 0; -ENOBUFS: there are TOMBSTONES_MOST; -ENOMEM. */
MUST_USE int tombstones_add(struct tombstones *t, const struct tombstone *one);
/** tombstones_join() - add all of @more
 * Return: as tombstones_add(). */
MUST_USE int tombstones_join(
    struct tombstones *t, const struct tombstones *more);
/** tombstones_find() - NULL: the key has none */
const struct tombstone *tombstones_find(
    const struct tombstones *t, const struct wgkey *key);

/** tombstones_read() - @text: @n bytes
 * @name: of the file, for @fault, which has the line too
 * Return: 0; -EINVAL; -ENOMEM; with @fault. */
struct tombstones_source {
	const char *name;
	const char *text;
	size_t n;
};
MUST_USE int tombstones_read(struct tombstones *out,
    const struct tombstones_source *source, struct fault *fault);
/** tombstones_write() - @out: on the heap, with a NUL that @n does not count
 * Return: 0; -ENOMEM. */
MUST_USE int tombstones_write(
    char **out, size_t *n, const struct tombstones *t);
