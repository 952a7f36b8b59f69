/* pharos target connect: the short way, for who has both the cluster and the
 * store at hand: fingerprint and registration in one step, and the cluster
 * need not come before it counts. */
#include "cli/cluster.h"
#include "cli/pki.h"
#include "cli/source_errand.h"
#include "cli/target.h"
#include "wire/json.h"
#include <limits.h>
#include <stdio.h>

struct config {
	struct source_common common;
	struct cluster_words cluster;
	struct option_list beacons;
	char *account, *service, *credential;
	char *folder, *name, *csr;
	long days;
};

#define AT(member) .offset = offsetof(struct config, member)

static const struct option_row rows[] = {
	CLUSTER_ROWS(struct config, cluster),
	ERRAND_ROWS(struct config),
	{ .name = "dir",
	    .metavar = "DIR",
	    .help = "write key files there, for a broker without --join",
	    .detail = "ca.crt, NAME.crt, NAME.key (mode 0600, made here), and "
		      "bridge.json, the bridge's credential. Nothing is "
		      "overwritten. It is made if missing",
	    .type = OPTION_TEXT,
	    AT(folder) },
	{ .name = "csr",
	    .metavar = "FILE",
	    .help = "with --dir: certify this request; no key is made",
	    .detail = "Nothing is taken from it but the public key, which is "
		      "P-256: see pharos pki request",
	    .type = OPTION_TEXT,
	    AT(csr) },
	{ .name = "broker-name",
	    .metavar = "NAME",
	    .help = "with --dir: of the broker, in its certificate",
	    .detail = "pharos source revoke --broker takes this name",
	    .initial = "broker",
	    .flags = OPTION_RARE,
	    .type = OPTION_TEXT,
	    AT(name) },
	{ .name = "days",
	    .metavar = "N",
	    .help = "with --dir: life of the certificate",
	    .initial = "90",
	    .flags = OPTION_RARE,
	    .type = OPTION_NUMBER,
	    .least = 1,
	    .most = ENROL_FILE_S / PKI_DAY_SECONDS,
	    AT(days) },
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
	return 0;
}

/* @path: becomes that of the bridge's credential. */
static int check_files(
    char path[PATH_MAX], const struct config *c, struct fault *fault)
{
	if (!c->folder && c->csr)
		return fault_set(fault, OPTION_E_BAD,
		    "The certificate is written into a folder: add --dir DIR.",
		    "--csr goes with --dir");
	if (!c->folder)
		return 0;
	if (c->credential)
		return fault_set(fault, OPTION_E_BAD,
		    "--dir has a credential already: leave --credential out.",
		    "--dir, and --credential");
	if (snprintf(path, PATH_MAX, "%s/" SOURCE_FILES_CREDENTIAL,
		c->folder) >= PATH_MAX)
		return fault_set(
		    fault, OPTION_E_BAD, NULL, "--dir: the name is too long");
	return 0;
}

static int run(const void *data, char *const *words, struct fault *fault)
{
	struct config c = *(const struct config *)data;
	CLEANUP(cluster_facts_clear)
	struct cluster_facts cluster = { .uid = NULL };
	struct fingerprint_facts facts;
	struct fingerprint fingerprint;
	char shown[FINGERPRINT_SHOWN + 1], path[PATH_MAX];
	const struct source_files_order files = {
		.folder = c.folder, .name = c.name, .csr = c.csr, .days = c.days
	};
	CLEANUP(errand_deinit)
	struct errand e = { .order = { .common = &c.common,
				.beacons = &c.beacons,
				.account = c.account,
				.service = c.service,
				.credential = c.folder ? path : c.credential,
				.files = c.folder ? &files : NULL,
				.ttl_ms = 1000,
				.facts = &facts } };
	int r = check_files(path, &c, fault);

	(void)words;
	if (!r)
		r = cluster_learn(&cluster, &c.cluster, fault);
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
