/* devstore/members.h: roles and configurations by table: what of a body is
 * taken for each of their members, kind by kind.
 *
 * The object starts as its defaults and is what reading it answers, so what is
 * shown is what counts.
 */
#pragma once
#include "devstore/ask.h"

enum member_kind {
	MEMBER_TEXT,
	MEMBER_TEXTS,
	MEMBER_BOOL,
	MEMBER_SECONDS,
	MEMBER_NUMBER,
	MEMBER_OBJECT,
	MEMBER_NAMED, /* the path says it; clients repeat it */
	MEMBER_EMPTY, /* known to OpenBao, not here: refused unless empty */
};

struct member {
	const char *name;
	enum member_kind kind;
};

enum { MEMBERS_MOST = 64 }; /* of one table */

/** members_take() - put what the body has of @members into @to
 * Return: 0; -EINVAL: it has others, or one of a wrong kind: the reply says so;
 * @to may have some of it. */
MUST_USE int members_take(
    struct ask *a, const struct member *members, size_t n, json_t *to);
