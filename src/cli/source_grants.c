/* pharos source grants: who may read what. */
#include "base/text.h"
#include "cli/source_record.h"
#include "wire/grant.h"
#include "wire/json.h"
#include <stdio.h>

struct config {
	struct source_common common;
	struct space space; /* of the cluster, with --fingerprint */
};

static const struct option_row rows[] = {
	SOURCE_ROWS(struct config, common),
};

static const struct option_table table = {
	.program = "pharos source grants",
	.about = "List which ServiceAccount may read which paths.",
	.synopsis = "[OPTION]... [F]",
	.manual = "pharos-source(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
	.takes_words = true,
};

static int no_memory(struct fault *fault)
{
	return fault_set(fault, -ENOMEM, NULL, "out of memory");
}

/* GET or LIST of @path. */
static int read_path(json_t **out, struct storecall *s, const char *method,
    const char *path, struct fault *fault)
{
	struct vault_call call;
	int r = vault_call_plain(&call, method, path, NULL);

	if (r)
		return fault_set(
		    fault, r, NULL, "%.200s: cannot be a path", path);
	return storecall_read(out, s, NULL, &call, fault);
}

static json_t *entry(const struct grant *g)
{
	return json_pack("{ss ss sO?}", "namespace", g->name_space,
	    "serviceaccount", g->account, "paths", g->paths);
}

/* The role @name, if it is a grant, into @list. */
static int take(json_t *list, struct storecall *s, const struct config *c,
    const char *name, struct fault *fault)
{
	CLEANUP(grant_deinit) struct grant g = { .paths = NULL };
	JSON *role = NULL, *policy = NULL;
	char path[VAULT_PATH_MOST], policy_name[GRANT_POLICY_MOST + 1];
	int r;

	(void)snprintf(path, sizeof(path), "auth/%.300s/role/%.400s",
	    c->common.mount, name);
	r = read_path(&role, s, "GET", path, fault);
	if (r || grant_read(&g, name, role, NULL))
		return r;
	grant_deinit(&g);
	space_policy(policy_name, sizeof(policy_name), &c->space, name);
	(void)snprintf(path, sizeof(path), "sys/policies/acl/%s", policy_name);
	r = read_path(&policy, s, "GET", path, fault);
	if (r || grant_read(&g, name, role, policy))
		return r;
	return json_array_append_new(list, entry(&g)) ? no_memory(fault) : 0;
}

/* @out: the grants, to be counted down. */
static int collect(json_t **out, struct storecall *s, const struct config *c,
    struct fault *fault)
{
	JSON *list = json_array();
	JSON *answer = NULL;
	char path[VAULT_PATH_MOST];
	const json_t *name;
	size_t i;
	int r;

	(void)snprintf(path, sizeof(path), "auth/%.900s/role", c->common.mount);
	r = list ? read_path(&answer, s, "LIST", path, fault)
		 : no_memory(fault);
	json_array_foreach(
	    json_object_get(json_object_get(answer, "data"), "keys"), i, name)
	{
		const char *text = json_string_value(name);

		if (!r && text && strchr(text, '.'))
			r = take(list, s, c, text, fault);
	}
	if (r)
		return r;
	*out = STEAL(list);
	return 0;
}

static const char *text_of(const json_t *grant, const char *name)
{
	return json_string_value(json_object_get(grant, name));
}

static void print_grant(const json_t *grant)
{
	const json_t *paths = json_object_get(grant, "paths"), *path;
	size_t i;

	printf("%s/%s\n", text_of(grant, "namespace"),
	    text_of(grant, "serviceaccount"));
	if (!json_is_array(paths))
		puts("  (its policy is missing, or written by another hand)");
	json_array_foreach(paths, i, path)
	{
		CLEANUP(free_p) char *text = strdup(json_string_value(path));

		if (text) {
			text_tame(text);
			printf("  %s\n", text);
		}
	}
}

static int run(const void *data, char *const *words, struct fault *fault)
{
	struct config all = *(const struct config *)data;
	const struct config *c = &all;
	CLEANUP(storecall_closep) struct storecall *s = NULL;
	JSON *list = NULL;
	struct record_login login;
	const json_t *grant;
	size_t i;
	int r = record_login(&login, &all.common, words, fault);

	all.space = login.space;
	if (!r)
		r = source_open(&s, &c->common, fault);
	if (!r)
		r = collect(&list, s, c, fault);
	if (r)
		return r;
	if (c->common.output == VERB_JSON)
		return source_print_json(STEAL(list), fault);
	json_array_foreach(list, i, grant)
	{
		print_grant(grant);
	}
	return 0;
}

const struct verb source_grants_verb = {
	.name = "grants",
	.about = "list who may read what",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
