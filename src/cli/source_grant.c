/* pharos source grant: let a ServiceAccount read paths of the store. */
#include "cli/source_record.h"
#include "wire/grant.h"
#include "wire/json.h"
#include <stdio.h>

struct config {
	struct source_common common;
	char *name_space, *account, *info_hash;
	struct space space; /* of the cluster, with --fingerprint */
	char realm[RECORD_REALM_DIGITS + 1]; /* its info hash */
	struct option_list paths;
};

#define AT(member) .offset = offsetof(struct config, member)

static const struct option_row rows[] = {
	SOURCE_ACCOUNT_ROWS(struct config, name_space, account),
	{ .name = "path",
	    .metavar = "PATH",
	    .help = "what it may read; repeatable",
	    .detail = "A secret, or all below it with /* at its end. The data/ "
		      "of KV version 2 may be left out.",
	    .type = OPTION_LIST,
	    .flags = OPTION_REQUIRED,
	    AT(paths) },
	{ .name = "info-hash",
	    .metavar = "HEX",
	    .help = "of the bridge's CA: pharos pki info-hash",
	    .detail = "Only tokens that were made for this bridge log in. With "
		      "--fingerprint the store tells it.",
	    .type = OPTION_TEXT,
	    AT(info_hash) },
	SOURCE_ROWS(struct config, common),
	SOURCE_DRY_RUN_ROW(struct config, common),
};

static const struct option_table table = {
	.program = "pharos source grant",
	.about = "Let a ServiceAccount read paths of the store.",
	.synopsis = "[OPTION]... [F]",
	.manual = "pharos-source(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
	.takes_words = true,
};

/* ---- what was said ------------------------------------------------------- */

static int misuse(int r, struct fault *fault)
{
	if (r)
		fault->code = OPTION_E_BAD;
	return r ? OPTION_E_BAD : 0;
}

static int check(const struct config *c, struct fault *fault)
{
	static const char digits[] = "0123456789abcdef";
	char name[GRANT_NAME_MOST + 1];
	int r = grant_name(name, c->name_space, c->account, fault);

	for (size_t i = 0; !r && i < c->paths.n_items; i++)
		r = grant_check(c->paths.items[i], fault);
	if (!r && c->paths.n_items > GRANT_PATHS_MOST)
		r = fault_set(fault, -EINVAL, "Grant what is above them.",
		    "--path: more than %d", GRANT_PATHS_MOST);
	if (!r && !c->info_hash == !c->common.fingerprint)
		r = fault_set(fault, -EINVAL,
		    "Of a cluster that is registered, its fingerprint; else "
		    "what pharos pki info-hash prints.",
		    "--fingerprint or --info-hash: one of both");
	if (!r && c->info_hash &&
	    (strlen(c->info_hash) != 64 || strspn(c->info_hash, digits) != 64))
		r = fault_set(fault, -EINVAL, "pharos pki info-hash prints it.",
		    "--info-hash %.80s: not 64 lower-case hex digits",
		    c->info_hash);
	return misuse(r, fault);
}

/* ---- where the paths are ------------------------------------------------- */

static int ask_mount(struct vault_mount *out, struct storecall *s,
    const char *path, struct fault *fault)
{
	char bare[VAULT_PATH_MOST];
	struct vault_call call;
	CLEANUP(free_p) char *text = NULL;
	JSON *j = NULL;
	int r;

	grant_bare(bare, path);
	r = vault_call_mount_of(&call, bare);
	if (!r)
		r = storecall_read(&j, s, NULL, &call, fault);
	if (r == -EACCES || (!r && !j))
		return fault_set(fault, -EACCES,
		    "The store tells of a mount only whoever may use it: is "
		    "the path right, and the namespace?",
		    "--path %s: the store has no mount there, or this token "
		    "may not see it",
		    path);
	if (r)
		return r;
	text = json_dumps(j, JSON_COMPACT);
	r = text ? vault_read_mount(out, text, strlen(text)) : -ENOMEM;
	return r ? fault_set(fault, r, NULL,
		       "--path %s: the store's answer about its mount cannot "
		       "be read",
		       path)
		 : 0;
}

/* @s NULL: nobody is asked. */
static int resolve(struct grant_path *out, struct storecall *s,
    const struct config *c, struct fault *fault)
{
	int r = 0;

	for (size_t i = 0; !r && i < c->paths.n_items; i++) {
		const char *path = c->paths.items[i];
		struct vault_mount mount;

		if (s)
			r = ask_mount(&mount, s, path, fault);
		else
			grant_guess(&mount, path);
		if (!r)
			r = grant_resolve(&out[i], path, &mount, fault);
	}
	return r;
}

/* ---- doing it ------------------------------------------------------------ */

static int make_plan(struct changes **out, const struct config *c,
    const struct grant_path *paths, struct fault *fault)
{
	CLEANUP(changes_freep) struct changes *p = NULL;
	char audience[GRANT_AUDIENCE + 1], name[GRANT_NAME_MOST + 1];
	char policy[GRANT_POLICY_MOST + 1];
	const struct grant_order order = { .name_space = c->name_space,
		.account = c->account,
		.policy = policy,
		.mount = c->common.mount,
		.audience = audience,
		.paths = paths,
		.n_paths = c->paths.n_items };
	int r = changes_new(&p);

	(void)snprintf(audience, sizeof(audience), "pharos:%s", c->info_hash);
	if (!r)
		r = grant_name(name, c->name_space, c->account, fault);
	if (!r)
		space_policy(policy, sizeof(policy), &c->space, name);
	if (!r)
		r = grant_plan(p, &order);
	if (r)
		return fault_set(fault, r, NULL, "--auth-mount %s: %s",
		    c->common.mount, strerror(-r));
	*out = STEAL(p);
	return 0;
}

static int show(
    const struct config *c, const struct changes *p, struct fault *fault)
{
	struct source_call first[GRANT_PATHS_MOST];
	char asked[GRANT_PATHS_MOST][VAULT_PATH_MOST];

	for (size_t i = 0; i < c->paths.n_items; i++) {
		char bare[VAULT_PATH_MOST];

		grant_bare(bare, c->paths.items[i]);
		(void)snprintf(asked[i], sizeof(asked[i]),
		    "sys/internal/ui/mounts/%.900s", bare);
		first[i] = (struct source_call){ "GET", asked[i], NULL };
	}
	(void)fputs("Nothing was asked: of each path it is assumed that its "
		    "first word is a mount of KV version 2.\n",
	    stderr);
	return source_show_plan(&c->common, first, c->paths.n_items, p, fault);
}

static int report(const struct config *c, const struct grant_path *paths,
    const struct changes *p, struct fault *fault)
{
	struct changes_step role;
	json_t *list;

	changes_step(&role, p, changes_size(p) - 1);
	if (c->common.output == VERB_TEXT) {
		printf("%s/%s may read:\n", c->name_space, c->account);
		for (size_t i = 0; i < c->paths.n_items; i++)
			printf("  %s\n", paths[i].read);
		return 0;
	}
	list = json_array();
	for (size_t i = 0; list && i < c->paths.n_items; i++)
		json_array_append_new(list, json_string(paths[i].read));
	return source_print_json(
	    json_pack("{ss ss ss+ so sb}", "namespace", c->name_space,
		"serviceaccount", c->account, "audience", "pharos:",
		c->info_hash, "paths", list, "replaced", role.replaced),
	    fault);
}

/* What the store says of the bridge CA. */
static int ask_info_hash(
    struct config *c, struct storecall *s, struct fault *fault)
{
	CLEANUP(record_ca_deinit) struct record_ca ca = { .cert = NULL };
	int r = record_ca_read(&ca, s, &c->space, fault);

	if (r)
		return r;
	memcpy(c->realm, ca.realm, sizeof(c->realm));
	c->info_hash = c->realm;
	return 0;
}

static int show_all(
    struct config *c, struct grant_path *paths, struct fault *fault)
{
	static char unknown[] = "<info hash>";
	CLEANUP(changes_freep) struct changes *p = NULL;
	int r = resolve(paths, NULL, c, fault);

	if (!c->info_hash)
		c->info_hash = unknown;
	if (!r)
		r = make_plan(&p, c, paths, fault);
	return r ? r : show(c, p, fault);
}

static int grant(
    struct config *c, struct grant_path *paths, struct fault *fault)
{
	CLEANUP(storecall_closep) struct storecall *s = NULL;
	CLEANUP(changes_freep) struct changes *p = NULL;
	int r = source_open(&s, &c->common, fault);

	if (!r && !c->info_hash)
		r = ask_info_hash(c, s, fault);
	if (!r)
		r = resolve(paths, s, c, fault);
	if (!r)
		r = make_plan(&p, c, paths, fault);
	if (!r)
		r = storecall_run(s, p, fault);
	return r ? r : report(c, paths, p, fault);
}

static int run(const void *data, char *const *words, struct fault *fault)
{
	struct config c = *(const struct config *)data;
	CLEANUP(free_p) struct grant_path *paths = NULL;
	struct record_login login;
	int r = record_login(&login, &c.common, words, fault);

	if (!r)
		r = check(&c, fault);
	if (r)
		return r;
	c.space = login.space;
	paths = calloc(c.paths.n_items, sizeof(*paths));
	if (!paths)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	return c.common.dry_run ? show_all(&c, paths, fault)
				: grant(&c, paths, fault);
}

const struct verb source_grant_verb = {
	.name = "grant",
	.about = "let a ServiceAccount read paths of the store",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
