/* pharos source register: a cluster's part of the store is made, the cluster
 * may come, and the line by which it does is printed. */
#include "cli/source_errand.h"

struct config {
	struct source_common common;
	struct option_list beacons;
	char *account, *service, *credential;
	long ttl_ms;
	bool approval;
};

#define AT(member) .offset = offsetof(struct config, member)

static const struct option_row rows[] = {
	{ .name = "fingerprint",
	    .metavar = "F",
	    .help = "of the cluster: pharos target fingerprint",
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED,
	    AT(common.fingerprint) },
	ERRAND_ROWS(struct config),
	{ .name = "require-approval",
	    .help = "who comes first waits for a person",
	    .detail = "See approve.",
	    .initial = "false",
	    .type = OPTION_BOOL,
	    AT(approval) },
	{ .name = "ttl",
	    .metavar = "TIME",
	    .help = "how long the cluster may come",
	    .initial = "24h",
	    .type = OPTION_DURATION,
	    .least = 1000,
	    .most = 366L * 24 * 3600 * 1000,
	    AT(ttl_ms) },
	SOURCE_RECORD_ROWS(struct config, common),
	SOURCE_DRY_RUN_ROW(struct config, common),
};

static const struct option_table table = {
	.program = "pharos source register",
	.about = "Let a cluster join, and print the line by which it does.",
	.manual = "pharos-source(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

static int run(const void *data, char *const *words, struct fault *fault)
{
	const struct config *c = data;
	CLEANUP(errand_deinit)
	struct errand e = { .order = { .common = &c->common,
				.beacons = &c->beacons,
				.account = c->account,
				.service = c->service,
				.credential = c->credential,
				.ttl_ms = c->ttl_ms,
				.approval = c->approval } };
	int r = errand_check(&e, fault);

	(void)words;
	if (r)
		return r;
	if (c->common.dry_run)
		return errand_show(&e, fault);
	r = errand_make(&e, fault);
	if (!r && c->common.output == VERB_JSON)
		return source_print_json(errand_json(&e), fault);
	if (!r)
		errand_tell(&e);
	return r;
}

const struct verb source_register_verb = {
	.name = "register",
	.about = "let a cluster join",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
