/* wire/json.h: what every reader of JSON needs beside jansson itself.
 */
#pragma once
#include "base/err.h"
#include <jansson.h>

static inline void json_decref_p(json_t **j)
{
	json_decref(*j);
}
/* A local whose value is counted down at the end of its block. */
#define JSON CLEANUP(json_decref_p) json_t

/** json_read_object() - a text that is one object, in which no name comes twice
 * @flags: JSON_ALLOW_NUL, or 0. The caller has bounded @n.
 * Return: to be counted down; NULL: not that. */
static inline json_t *json_read_object(const void *text, size_t n, size_t flags)
{
	json_t *j = json_loadb(text, n, flags | JSON_REJECT_DUPLICATES, NULL);

	if (j && !json_is_object(j)) {
		json_decref(j);
		return NULL;
	}
	return j;
}

/** json_copy_text() - a string that fits @to with its NUL and holds none within
 * Return: 0; -EBADMSG. */
static inline int json_copy_text(char *to, size_t room, const json_t *string)
{
	size_t n = json_string_length(string);
	const char *text = json_string_value(string);

	if (!text || n >= room || memchr(text, '\0', n))
		return -EBADMSG;
	memcpy(to, text, n + 1);
	return 0;
}
