/* pharos source list: which clusters are registered in a store. */
#include "cli/source_record.h"
#include "wire/json.h"
#include <stdio.h>

struct config {
	struct source_common common;
};

static const struct option_row rows[] = {
	SOURCE_STORE_ROWS(struct config, common),
};

static const struct option_table table = {
	.program = "pharos source list",
	.about = "List the clusters that are registered below cloudtaser/.",
	.manual = "pharos-source(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

/* The registration at @space, if there is one, into @list. */
static int take(json_t *list, struct storecall *s, const struct space *space,
    struct fault *fault)
{
	CLEANUP(record_deinit) struct record r = { .version = 0 };
	int err = record_read(&r, s, space, fault);

	if (err == -EACCES) {
		(void)fprintf(stderr, "%s\n", fault->text);
		*fault = (struct fault)FAULT_NONE;
		return 0;
	}
	if (!err && r.version)
		json_array_append_new(list, record_json(&r.registration));
	return err;
}

/* ---- namespaces ---------------------------------------------------------- */

static int ask(json_t **out, struct storecall *s, const char *method,
    const char *where, struct fault *fault)
{
	const bool lists = !strcmp(method, "LIST");
	struct vault_call call;
	int r = vault_call_plain(
	    &call, method, lists ? "sys/namespaces" : "sys/mounts", NULL);

	if (!r)
		r = storecall_read(out, s, where, &call, fault);
	return r;
}

static int take_namespaces(
    json_t *list, struct storecall *s, struct fault *fault)
{
	JSON *answer = NULL;
	const json_t *name;
	size_t i;
	int r = ask(&answer, s, "LIST", "cloudtaser", fault);

	if (r == -ENOENT) { /* nothing was ever registered */
		*fault = (struct fault)FAULT_NONE;
		return 0;
	}
	json_array_foreach(
	    json_object_get(json_object_get(answer, "data"), "keys"), i, name)
	{
		const char *text = json_string_value(name);
		char all[SPACE_NAMESPACE_MOST + 1];
		struct space space;

		(void)snprintf(all, sizeof(all), "cloudtaser/%.*s",
		    text ? (int)strcspn(text, "/") : 0, text ? text : "");
		if (!r && !space_set(&space, all, "", NULL))
			r = take(list, s, &space, fault);
	}
	return r;
}

/* ---- prefixes ------------------------------------------------------------ */

/* "cloudtaser/m24ppin6/pharos/": the prefix of that mount, else false. */
static bool prefix_of(struct space *out, const char *mount)
{
	static const char first[] = "cloudtaser/", last[] = "pharos/";
	size_t n = strlen(mount), m = sizeof(last) - 1;
	char prefix[SPACE_PREFIX_MOST + 1];

	if (n <= m || n - m >= sizeof(prefix) || strcmp(mount + n - m, last) ||
	    strncmp(mount, first, sizeof(first) - 1) != 0)
		return false;
	memcpy(prefix, mount, n - m);
	prefix[n - m] = '\0';
	return !space_set(out, "", prefix, NULL);
}

static int take_prefixes(json_t *list, struct storecall *s, struct fault *fault)
{
	JSON *answer = NULL;
	const char *mount;
	json_t *about;
	int r = ask(&answer, s, "GET", "", fault);

	json_object_foreach(json_object_get(answer, "data"), mount, about)
	{
		struct space space;

		if (!r && prefix_of(&space, mount))
			r = take(list, s, &space, fault);
	}
	return r;
}

/* ---- showing ------------------------------------------------------------- */

static const char *text_of(const json_t *j, const char *name)
{
	const char *text = json_string_value(json_object_get(j, name));

	return text ? text : "";
}

static void print_one(const json_t *one)
{
	const json_t *waiting = json_object_get(one, "waiting");
	const char *subject = strstr(text_of(one, "subject"), "account:");
	char ends[RECORD_TIME_MOST] = "-";

	if (!strcmp(text_of(one, "state"), "pending"))
		record_time(
		    ends, json_integer_value(json_object_get(one, "closes")));
	printf("%-8s  %-20s  %-28s  %-20s  %s\n", text_of(one, "state"), ends,
	    subject ? subject + strlen("account:") : "",
	    json_is_true(json_object_get(one, "approved")) || !waiting
		? "-"
		: text_of(waiting, "pod"),
	    text_of(one, "fingerprint"));
	record_print_words(
	    json_object_get(one, "words"), "          six words: ");
}

static void print_list(const json_t *list)
{
	const json_t *one;
	size_t i;

	if (!json_array_size(list)) {
		(void)fputs("No cluster is registered.\n", stderr);
		return;
	}
	printf("%-8s  %-20s  %-28s  %-20s  %s\n", "STATE", "MAY COME UNTIL",
	    "BROKER", "WAITS", "CLUSTER");
	json_array_foreach(list, i, one)
	{
		print_one(one);
	}
}

static int run(const void *data, char *const *words, struct fault *fault)
{
	const struct config *c = data;
	CLEANUP(storecall_closep) struct storecall *s = NULL;
	JSON *list = json_array();
	int r = source_open(&s, &c->common, fault);

	(void)words;
	if (!r)
		r = c->common.no_namespaces ? take_prefixes(list, s, fault)
					    : take_namespaces(list, s, fault);
	if (r)
		return r;
	if (c->common.output == VERB_JSON)
		return source_print_json(STEAL(list), fault);
	print_list(list);
	return 0;
}

const struct verb source_list_verb = {
	.name = "list",
	.about = "list the clusters that are registered",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
