/* devstore/ask.h: a request as the rooms of the store see it. */
#pragma once
#include "devstore/reply.h"
#include "devstore/token.h"
#include "wire/vaultpath.h"

struct space;

enum ask_kind {
	ASK_READ,
	ASK_LIST,
	ASK_WRITE,
	ASK_DELETE,
	ASK_PATCH,
	ASK_HEAD
};

struct ask {
	enum ask_kind kind;
	const struct vault_path *path; /* within the namespace */
	struct space *space;
	json_t *body;		/* an object; NULL: none was sent */
	const char *token_text; /* as it was sent, or NULL */
	struct token *token;	/* NULL: none, or not a good one */
	int64_t now_ms;
	struct reply *reply;
};

/** ask_text() - a member of the body as text
 * Return: borrowed; NULL: not there, not text, or with a NUL in it. */
const char *ask_text(const struct ask *a, const char *name);
/** text_seconds() - a duration's text: "600", "10m", "1h30m"
 * Return: 0; -EINVAL. */
MUST_USE int text_seconds(const char *text, int64_t *seconds);
/** ask_seconds() - a member as a duration: 600, "600", "10m", "1h30m"
 * Return: 0; ASK_E_NONE: not there (or null); -EINVAL: the reply says so. */
enum { ASK_E_NONE = 1 };
MUST_USE int ask_seconds(const struct ask *a, const char *name, int64_t *s);
/** ask_bool() - a member as truth; @otherwise when it is not there */
bool ask_bool(const struct ask *a, const char *name, bool otherwise);
/** ask_texts() - a member as a list of texts: an array, or one with commas
 * Return: a new array; NULL: not there, or not that. */
json_t *ask_texts(const struct ask *a, const char *name);
/** ask_only() - refuse the body (with a reply) if it has a member that is not
 * in @known: a development store must not take what it then ignores */
bool ask_only(const struct ask *a, const char *const *known, size_t n);

/** text_matches() - `*` in @glob stands for any text, anywhere */
bool text_matches(const char *glob, const char *text);
/** texts_sort() - @list, an array of texts, into order */
void texts_sort(json_t *list);

/* Members of any object, with "" and 0 and false for what is not there. */
const char *object_text(const json_t *j, const char *name);
int64_t object_number(const json_t *j, const char *name);
bool object_truth(const json_t *j, const char *name);
/** object_is_empty() - "", 0, false, null, [] or {} */
bool object_is_empty(const json_t *j);
