/* devstore/spaces.h: the namespaces by path, and sys/namespaces. */
#pragma once
#include "devstore/ask.h"
#include "devstore/space.h"

enum { SPACES_MOST = 128, SPACE_NAME_MOST = 64 };

struct spaces;
struct spaces_options {
	struct token_set *tokens; /* borrowed */
	void (*random)(void *to, size_t n);
	struct keep *keep; /* borrowed; NULL: in memory alone */
};
/** spaces_new() - with none
 * spaces_begin() - make the root
 * spaces_restore() - one that was kept, or (any other @kind) what is in one */
MUST_USE int spaces_new(struct spaces **out, const struct spaces_options *o);
void spaces_free(struct spaces *s);
MUST_USE int spaces_begin(struct spaces *s, int64_t now_ms);
MUST_USE int spaces_restore(
    struct spaces *s, enum keep_kind kind, const struct keep_row *row);
/** spaces_of() - by its UUID; NULL: there is none */
struct space *spaces_of(const struct spaces *s, const char *uuid);
/** spaces_root() - NULL: not yet */
struct space *spaces_root(const struct spaces *s);
/** spaces_find() - by the text of X-Vault-Namespace, "ct/fp01" with or without
 * slashes around it; NULL or "": the root
 * Return: NULL: there is none. */
struct space *spaces_find(const struct spaces *s, const char *text);
/** spaces_enter() - the namespace that the first segments of @p name, from
 * @from on; they are taken off @p */
struct space *spaces_enter(
    const struct spaces *s, struct space *from, struct vault_path *p);
/** spaces_handle() - sys/namespaces of a->space
 * @from: the segment of the name
 * Return: 0, the reply is filled; -ENOMEM. */
MUST_USE int spaces_handle(struct spaces *s, struct ask *a, size_t from);
/** spaces_has() - is there a namespace of that name in @parent? */
bool spaces_has(
    const struct spaces *s, const struct space *parent, const char *name);
size_t spaces_count(const struct spaces *s);
