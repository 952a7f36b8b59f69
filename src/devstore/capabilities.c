/* devstore/capabilities.c: the gate's own question, asked for many paths. */
#include "devstore/capabilities.h"

static json_t *names_json(const struct ask *a, const char *path)
{
	const char *names[ACL_NAMES_MOST];
	size_t n, length = strlen(path);
	bool folder = length && path[length - 1] == '/';
	json_t *list = json_array();

	path += *path == '/';
	if (token_has_policy(a->token, "root"))
		names[0] = "root", n = 1;
	else
		n = acl_names(
		    policies_allow(a->token, a->space, path, folder), names);
	if (!n)
		names[n++] = "deny";
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, json_string(names[i]));
	return list;
}

/* The paths that are asked for; NULL: the reply says what is wrong. */
static json_t *paths_of(struct ask *a)
{
	json_t *paths = ask_texts(a, "paths"), *one;
	size_t i;

	if (!paths)
		paths = ask_texts(a, "path");
	if (!json_array_size(paths))
		reply_fail(a->reply, 400, "paths must be supplied");
	else if (json_array_size(paths) > CAPABILITIES_PATHS_MOST)
		reply_fail(a->reply, 400,
		    "this development store looks at %d paths at once",
		    CAPABILITIES_PATHS_MOST);
	json_array_foreach(paths, i, one)
	{
		if (json_string_length(one) >= VAULT_PATH_MOST)
			reply_fail(a->reply, 400, "a path is too long");
	}
	if (!a->reply->errors)
		return paths;
	json_decref(paths);
	return NULL;
}

void capabilities_handle(struct ask *a)
{
	json_t *paths, *data, *one;
	size_t i;

	if (a->kind != ASK_WRITE) {
		reply_unsupported(a->reply);
		return;
	}
	paths = paths_of(a);
	if (!paths)
		return;
	data = json_object();
	json_array_foreach(paths, i, one)
	{
		json_object_set_new(data, json_string_value(one),
		    names_json(a, json_string_value(one)));
	}
	if (json_array_size(paths) == 1)
		json_object_set_new(data, "capabilities",
		    names_json(a, json_string_value(json_array_get(paths, 0))));
	json_decref(paths);
	reply_give(a->reply, data);
	a->reply->flat = true;
}
