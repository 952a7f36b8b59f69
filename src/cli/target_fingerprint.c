/* pharos target fingerprint: which cluster is it, in a text that binds. */
#include "base/text.h"
#include "cli/cluster.h"
#include "cli/target.h"
#include <stdio.h>

struct config {
	struct cluster_words cluster;
	int output;
};

#define AT(member) .offset = offsetof(struct config, member)

static const struct option_row rows[] = {
	CLUSTER_ROWS(struct config, cluster),
	VERB_OUTPUT_ROW(struct config, output),
};

static const struct option_table table = {
	.program = "pharos target fingerprint",
	.about = "Print the fingerprint of a Kubernetes cluster.",
	.manual = "pharos-target(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

static int print_json(
    const struct cluster_facts *f, const char *shown, const char *plain)
{
	json_t *j = json_pack("{s:s, s:s, s:s, s:s}", "fingerprint", shown,
	    "canonical", plain, "uid", f->uid, "issuer", f->issuer);

	if (j && f->address)
		json_object_set_new(j, "server", json_string(f->address));
	if (!j)
		return -ENOMEM;
	json_dumpf(j, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(j);
	return 0;
}

/* The fingerprint alone goes where a script reads; what it is of, to whoever
 * looks. */
static void print_text(const struct cluster_facts *f, const char *shown)
{
	char issuer[sizeof(f->issuer)];

	memcpy(issuer, f->issuer, sizeof(issuer));
	text_tame(issuer);
	if (f->from)
		(void)fprintf(stderr, "%s: %s\n", f->from, f->address);
	(void)fprintf(stderr, "kube-system %s, issuer %s\n", f->uid, issuer);
	puts(shown);
}

static int run(const void *data, char *const *words, struct fault *fault)
{
	const struct config *config = data;
	CLEANUP(cluster_facts_clear) struct cluster_facts f = { .uid = NULL };
	char shown[FINGERPRINT_SHOWN + 1], plain[FINGERPRINT_DIGITS + 1];
	struct fingerprint_facts facts;
	struct fingerprint fingerprint;
	int r = cluster_learn(&f, &config->cluster, fault);

	(void)words;
	if (r)
		return r;
	facts = cluster_as_facts(&f);
	r = fingerprint_of(&fingerprint, &facts, fault);
	if (r)
		return r;
	fingerprint_show(shown, &fingerprint);
	fingerprint_print(plain, &fingerprint);
	if (config->output == VERB_TEXT)
		print_text(&f, shown);
	else if (print_json(&f, shown, plain))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	return 0;
}

const struct verb target_fingerprint_verb = {
	.name = "fingerprint",
	.about = "print the fingerprint of a cluster",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
