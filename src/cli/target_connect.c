/* pharos target connect: the short way, for who has both the cluster and the
 * store at hand: fingerprint and registration in one step, and the cluster
 * need not come before it counts. */
#include "cli/cluster.h"
#include "cli/source_errand.h"
#include "cli/target.h"
#include "wire/json.h"
#include <stdio.h>

struct config {
	struct source_common common;
	struct cluster_words cluster;
	struct option_list beacons;
	char *account, *service, *credential;
};

static const struct option_row rows[] = {
	CLUSTER_ROWS(struct config, cluster),
	ERRAND_ROWS(struct config),
	SOURCE_RECORD_ROWS(struct config, common),
	SOURCE_DRY_RUN_ROW(struct config, common),
};

static const struct option_table table = {
	.program = "pharos target connect",
	.about = "Register a cluster that can be asked, active at once.",
	.manual = "pharos-target(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

static int finish(
    struct errand *e, const struct cluster_facts *cluster, struct fault *fault)
{
	const struct source_common *common = e->order.common;
	json_t *j;
	int r;

	if (common->dry_run)
		return errand_show(e, fault);
	r = errand_make(e, fault);
	if (r)
		return r;
	if (common->output == VERB_JSON) {
		j = errand_json(e);
		json_object_set_new(j, "uid", json_string(cluster->uid));
		return source_print_json(j, fault);
	}
	errand_tell(e);
	(void)fprintf(stderr, "Info hash:         %s\n", e->ca.realm);
	return 0;
}

static int run(const void *data, char *const *words, struct fault *fault)
{
	struct config c = *(const struct config *)data;
	CLEANUP(cluster_facts_clear)
	struct cluster_facts cluster = { .uid = NULL };
	struct fingerprint_facts facts;
	struct fingerprint fingerprint;
	char shown[FINGERPRINT_SHOWN + 1];
	CLEANUP(errand_deinit)
	struct errand e = { .order = { .common = &c.common,
				.beacons = &c.beacons,
				.account = c.account,
				.service = c.service,
				.credential = c.credential,
				.ttl_ms = 1000,
				.facts = &facts } };
	int r = cluster_learn(&cluster, &c.cluster, fault);

	(void)words;
	if (!r) {
		facts = cluster_as_facts(&cluster);
		r = fingerprint_of(&fingerprint, &facts, fault);
	}
	if (r)
		return r;
	fingerprint_show(shown, &fingerprint);
	c.common.fingerprint = shown;
	(void)fprintf(stderr, "cluster %s\n", shown);
	r = errand_check(&e, fault);
	return r ? r : finish(&e, &cluster, fault);
}

const struct verb target_connect_verb = {
	.name = "connect",
	.about = "register a cluster that can be asked, in one step",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
