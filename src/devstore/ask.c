/* devstore/ask.c: reading the members of a request's body. */
#include "devstore/ask.h"
#include "base/number.h"

const char *ask_text(const struct ask *a, const char *name)
{
	const json_t *j = json_object_get(a->body, name);
	const char *text = json_string_value(j);

	if (!text || strlen(text) != json_string_length(j))
		return NULL;
	return text;
}

static int64_t unit_seconds(char unit)
{
	return unit == 'h' ? 3600 : unit == 'm' ? 60 : 1;
}

/* "1h30m", "90s", "90": Go's durations as far as whole seconds go. */
int text_seconds(const char *text, int64_t *seconds)
{
	int64_t sum = 0;

	if (!*text)
		return -EINVAL;
	while (*text) {
		const char *end;
		uint64_t value;

		if (number_start(text, 1000000000, &value, &end))
			return -EINVAL;
		if (*end && !strchr("hms", *end))
			return -EINVAL;
		sum += (int64_t)value * unit_seconds(*end);
		text = *end ? end + 1 : end;
	}
	*seconds = sum;
	return 0;
}

int ask_seconds(const struct ask *a, const char *name, int64_t *s)
{
	const json_t *j = json_object_get(a->body, name);
	const char *text = ask_text(a, name);

	if (!j || json_is_null(j) || (text && !*text))
		return ASK_E_NONE;
	if (json_is_integer(j) && json_integer_value(j) >= 0 &&
	    json_integer_value(j) <= 1000000000) {
		*s = json_integer_value(j);
		return 0;
	}
	if (text && !text_seconds(text, s))
		return 0;
	reply_fail(a->reply, 400,
	    "error converting input for field \"%s\": time: invalid duration "
	    "\"%.64s\"",
	    name, text ? text : "");
	return -EINVAL;
}

bool ask_bool(const struct ask *a, const char *name, bool otherwise)
{
	const json_t *j = json_object_get(a->body, name);
	const char *text = ask_text(a, name);

	if (text)
		return !strcmp(text, "true") || !strcmp(text, "1");
	return json_is_boolean(j) ? json_is_true(j) : otherwise;
}

static json_t *split(const char *text)
{
	json_t *list = json_array();

	while (*text) {
		size_t n = strcspn(text, ",");

		if (n)
			json_array_append_new(list, json_stringn(text, n));
		text += n;
		text += *text == ',';
	}
	return list;
}

json_t *ask_texts(const struct ask *a, const char *name)
{
	json_t *j = json_object_get(a->body, name), *one;
	size_t i;

	if (json_is_string(j))
		return split(json_string_value(j));
	if (!json_is_array(j))
		return NULL;
	json_array_foreach(j, i, one) if (!json_is_string(one)) return NULL;
	return json_copy(j);
}

static bool is_among(const char *name, const char *const *known, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(name, known[i]))
			return true;
	return false;
}

bool ask_only(const struct ask *a, const char *const *known, size_t n)
{
	const char *name, *odd = NULL;
	json_t *value;

	json_object_foreach(a->body, name, value)
	{
		if (!is_among(name, known, n))
			odd = name;
	}
	if (odd)
		reply_fail(a->reply, 400,
		    "this development store does not know the parameter \"%s\"",
		    odd);
	return !odd;
}

bool text_matches(const char *glob, const char *text)
{
	const char *star = NULL, *again = NULL;

	while (*text) {
		if (*glob == '*') {
			star = glob++;
			again = text;
		} else if (*glob == *text) {
			glob++;
			text++;
		} else if (star) {
			glob = star + 1;
			text = ++again;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return !*glob;
}

void texts_sort(json_t *list)
{
	for (size_t i = 1; i < json_array_size(list); i++) {
		json_t *one = json_incref(json_array_get(list, i));
		size_t at = 0;

		while (strcmp(json_string_value(json_array_get(list, at)),
			   json_string_value(one)) < 0)
			at++;
		json_array_remove(list, i);
		json_array_insert_new(list, at, one);
	}
}

const char *object_text(const json_t *j, const char *name)
{
	const char *text = json_string_value(json_object_get(j, name));

	return text ? text : "";
}

int64_t object_number(const json_t *j, const char *name)
{
	return json_integer_value(json_object_get(j, name));
}

bool object_truth(const json_t *j, const char *name)
{
	return json_is_true(json_object_get(j, name));
}

bool object_is_empty(const json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_STRING:
		return !json_string_length(j);
	case JSON_ARRAY:
		return !json_array_size(j);
	case JSON_OBJECT:
		return !json_object_size(j);
	case JSON_INTEGER:
		return !json_integer_value(j);
	case JSON_NULL:
	case JSON_FALSE:
		return true;
	default:
		return false;
	}
}
