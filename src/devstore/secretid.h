/* devstore/secretid.h: the secret-ids of AppRole: half of a login, each with an
 * end, a number of uses, and an accessor that names it without being it.
 */
#pragma once
#include "devstore/ask.h"

enum {
	SECRETID_MOST = 256, /* of a mount */
	SECRETID_SIZE_MOST = 256,
	SECRETID_ACCESSOR_SIZE = 36,
};

struct secretid {
	struct secretid *next;
	struct secret *id;
	char accessor[SECRETID_ACCESSOR_SIZE + 1];
	char role[TOKEN_NAME_MOST + 1];
	json_t *meta;				/* texts by name */
	int64_t created_ms, updated_ms, ttl_ms; /* ttl 0: does not end */
	long uses_left;				/* 0: as often as one likes */
};

struct secretids {
	struct secretid *first;
	size_t n;
	struct keep_at at; /* where they are kept */
};

struct secretid_order {
	const char *role;
	const char *id; /* NULL: a random one */
	json_t *meta;	/* borrowed */
	int64_t ttl_ms, now_ms;
	long uses;
	void (*random)(void *to, size_t n);
};
enum { SECRETID_E_FULL = 1, SECRETID_E_TAKEN };
/** secretid_make() - Return: 0; SECRETID_E_FULL; SECRETID_E_TAKEN; -ENOMEM. */
MUST_USE int secretid_make(
    struct secretid **out, struct secretids *s, const struct secretid_order *o);
/** secretid_find() - of @role, by itself or by its accessor; NULL: there is
 * none
 */
struct secretid *secretid_find(
    const struct secretids *s, const char *role, const char *id);
struct secretid *secretid_find_accessor(
    const struct secretids *s, const char *role, const char *accessor);
/** secretid_use() - count a login; after the last it is gone */
void secretid_use(struct secretids *s, struct secretid *id, int64_t now_ms);
void secretid_drop(struct secretids *s, struct secretid *id);
void secretid_drop_role(struct secretids *s, const char *role);
/** secretid_clear() - free all; they stay where they are kept */
void secretid_clear(struct secretids *s);
/** secretid_restore() - one that was kept */
MUST_USE int secretid_restore(struct secretids *s, const struct keep_row *row);
/** secretid_sweep() - drop those that have ended */
void secretid_sweep(struct secretids *s, int64_t now_ms);
json_t *secretid_json(const struct secretid *id);
/** secretid_accessors() - of @role, a new array */
json_t *secretid_accessors(const struct secretids *s, const char *role);
