/* pharos source ungrant: take back what a ServiceAccount was granted. */
#include "cli/source_record.h"
#include "wire/grant.h"
#include "wire/json.h"
#include <stdio.h>

struct config {
	struct source_common common;
	char *name_space, *account;
};

static const struct option_row rows[] = {
	SOURCE_ACCOUNT_ROWS(struct config, name_space, account),
	SOURCE_ROWS(struct config, common),
	SOURCE_DRY_RUN_ROW(struct config, common),
};

static const struct option_table table = {
	.program = "pharos source ungrant",
	.about = "Take back what a ServiceAccount was granted.",
	.synopsis = "[OPTION]... [F]",
	.manual = "pharos-source(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
	.takes_words = true,
};

static int make_plan(struct changes **out, const struct config *c,
    const struct space *space, struct fault *fault)
{
	CLEANUP(changes_freep) struct changes *p = NULL;
	char name[GRANT_NAME_MOST + 1], policy[GRANT_POLICY_MOST + 1];
	int r = grant_name(name, c->name_space, c->account, fault);

	if (r) {
		fault->code = OPTION_E_BAD;
		return OPTION_E_BAD;
	}
	space_policy(policy, sizeof(policy), space, name);
	r = changes_new(&p);
	if (!r)
		r = grant_plan_removal(p, c->common.mount, name, policy);
	if (r)
		return fault_set(fault, r, NULL, "--auth-mount %s: %s",
		    c->common.mount, strerror(-r));
	*out = STEAL(p);
	return 0;
}

static int run(const void *data, char *const *words, struct fault *fault)
{
	struct config all = *(const struct config *)data;
	const struct config *c = &all;
	CLEANUP(storecall_closep) struct storecall *s = NULL;
	CLEANUP(changes_freep) struct changes *p = NULL;
	struct record_login login;
	int r = record_login(&login, &all.common, words, fault);

	if (!r)
		r = make_plan(&p, c, &login.space, fault);
	if (r)
		return r;
	if (c->common.dry_run)
		return source_show_plan(&c->common, NULL, 0, p, fault);
	r = source_open(&s, &c->common, fault);
	if (!r)
		r = storecall_run(s, p, fault);
	if (r)
		return r;
	if (c->common.output == VERB_JSON)
		return source_print_json(
		    json_pack("{ss ss s[]}", "namespace", c->name_space,
			"serviceaccount", c->account, "paths"),
		    fault);
	printf("%s/%s may read nothing\n", c->name_space, c->account);
	return 0;
}

const struct verb source_ungrant_verb = {
	.name = "ungrant",
	.about = "take back what a ServiceAccount was granted",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
