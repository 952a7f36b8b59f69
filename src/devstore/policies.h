/* devstore/policies.h: policies by name, and sys/policies/acl, sys/policy. */
#pragma once
#include "devstore/acl.h"
#include "devstore/ask.h"
#include "devstore/space.h"

enum { POLICIES_MOST = 256 };

struct policies;
/** policies_new() - with none; in the root namespace `root` is always there and
 * has no rules
 * policies_begin() - make `default`
 * policies_restore() - one that was kept */
MUST_USE int policies_new(struct policies **out, const struct space *space);
MUST_USE int policies_begin(struct policies *p, int64_t now_ms);
MUST_USE int policies_restore(struct policies *p, const struct keep_row *row);
void policies_free(struct policies *p);
/** policies_handle() - @from: the segment of the name; @old: sys/policy, where
 * the text is called `rules`
 * Return: 0, the reply is filled; -ENOMEM. */
MUST_USE int policies_handle(
    struct policies *p, struct ask *a, size_t from, bool old);
bool policies_has(const struct policies *p, const char *name);
/** policies_allow() - what @t may do on @path of @space, as acl_allows(); with
 * the root policy all there is, outside its own namespace nothing */
unsigned policies_allow(const struct token *t, const struct space *space,
    const char *path, bool listing);
/** policies_of() - the rules that @t is under
 * Return: how many were put into @to. */
size_t policies_of(
    const struct token *t, const struct acl *to[TOKEN_POLICIES_MOST]);
