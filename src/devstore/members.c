/* devstore/members.c: members by their kinds. */
#include "devstore/members.h"

static json_t *member_seconds(struct ask *a, const char *name)
{
	int64_t seconds;
	int r = ask_seconds(a, name, &seconds);

	if (r < 0)
		return NULL;
	return json_integer(r == ASK_E_NONE ? 0 : seconds);
}

/* The member's value in its proper kind; NULL: it is of another kind. */
static json_t *member_value(struct ask *a, const struct member *m)
{
	json_t *j = json_object_get(a->body, m->name);

	switch (m->kind) {
	case MEMBER_TEXT:
	case MEMBER_NAMED:
		return ask_text(a, m->name) ? json_incref(j) : NULL;
	case MEMBER_TEXTS:
		return ask_texts(a, m->name);
	case MEMBER_BOOL:
		return json_boolean(ask_bool(a, m->name, false));
	case MEMBER_SECONDS:
		return member_seconds(a, m->name);
	case MEMBER_NUMBER:
		return json_is_integer(j) && json_integer_value(j) >= 0
			   ? json_incref(j)
			   : NULL;
	case MEMBER_OBJECT:
		return json_is_object(j) ? json_deep_copy(j) : NULL;
	default:
		return object_is_empty(j) ? json_incref(j) : NULL;
	}
}

int members_take(
    struct ask *a, const struct member *members, size_t n, json_t *to)
{
	const char *names[MEMBERS_MOST] = { NULL };

	INVARIANT(n <= N_ELEMS(names));
	for (size_t i = 0; i < n; i++)
		names[i] = members[i].name;
	if (!ask_only(a, names, n))
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		json_t *j = json_object_get(a->body, members[i].name);
		json_t *value;

		if (!j || json_is_null(j))
			continue;
		value = member_value(a, &members[i]);
		if (!value && !a->reply->errors)
			reply_fail(a->reply, 400,
			    "field \"%s\": of a wrong kind, or not known to "
			    "this development store",
			    members[i].name);
		if (!value)
			return -EINVAL;
		if (members[i].kind == MEMBER_EMPTY ||
		    members[i].kind == MEMBER_NAMED)
			json_decref(value);
		else
			json_object_set_new(to, members[i].name, value);
	}
	return 0;
}
