/* pharos target validate: does the store give this cluster's pods what they are
 * to get? */
#include "base/egressoption.h"
#include "cli/storecheck.h"
#include "cli/target.h"
#include "wire/grant.h"
#include <stdio.h>

struct config {
	char *address, *token, *token_file, *ca, *store_namespace, *fingerprint,
	    *kubeconfig, *context, *name_space, *account, *path, *egress;
	bool no_namespaces;
	int output;
};

#define AT(member) .offset = offsetof(struct config, member)

static const struct option_row rows[] = {
	{ .name = "secretstore-address",
	    .metavar = "URL",
	    .help = "the store, https://HOST:PORT",
	    .detail = "Without a scheme it is https. A path before /v1 is "
		      "kept.",
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED,
	    AT(address) },
	{ .name = "secretstore-token",
	    .metavar = "TOKEN",
	    .help = "better: a file, or the variable",
	    .detail = "On a command line others can see it: "
		      "PHAROS_SECRETSTORE_TOKEN, or "
		      "--secretstore-token-file, is better.",
	    .type = OPTION_TEXT,
	    .flags = OPTION_SECRET,
	    AT(token) },
	{ .name = "secretstore-token-file",
	    .metavar = "FILE",
	    .help = "its token; - for standard input",
	    .type = OPTION_TEXT,
	    AT(token_file) },
	{ .name = "secretstore-ca",
	    .metavar = "FILE",
	    .help = "CA of the store; else the system's",
	    .type = OPTION_TEXT,
	    AT(ca) },
	{ .name = "fingerprint",
	    .metavar = "F",
	    .help = "of the cluster, as it was registered",
	    .detail = "Without it, that of the cluster of --kubeconfig.",
	    .type = OPTION_TEXT,
	    AT(fingerprint) },
	{ .name = "secretstore-namespace",
	    .metavar = "NAME",
	    .help = "of the store; else cloudtaser/F[:8]",
	    .type = OPTION_TEXT,
	    AT(store_namespace) },
	{ .name = "no-namespaces",
	    .help = "the store has none: by a prefix",
	    .initial = "false",
	    .flags = OPTION_RARE,
	    .type = OPTION_BOOL,
	    AT(no_namespaces) },
	{ .name = "kubeconfig",
	    .metavar = "FILE",
	    .help = "how to reach the cluster, to compare keys",
	    .type = OPTION_TEXT,
	    AT(kubeconfig) },
	{ .name = "context",
	    .metavar = "NAME",
	    .help = "of the kubeconfig; else its current one",
	    .flags = OPTION_RARE,
	    .type = OPTION_TEXT,
	    AT(context) },
	{ .name = "namespace",
	    .metavar = "NAME",
	    .help = "of a pod, in Kubernetes",
	    .type = OPTION_TEXT,
	    AT(name_space) },
	{ .name = "serviceaccount",
	    .metavar = "NAME",
	    .help = "that it runs as",
	    .type = OPTION_TEXT,
	    AT(account) },
	{ .name = "path",
	    .metavar = "PATH",
	    .help = "that it is to read",
	    .type = OPTION_TEXT,
	    AT(path) },
	EGRESS_OPTION_ROW(struct config, egress),
	VERB_OUTPUT_ROW(struct config, output),
};

static const struct option_table table = {
	.program = "pharos target validate",
	.about = "Check what the store has for a cluster, hop by hop.",
	.manual = "pharos-target(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

/* Which cluster, where it stands, and which pod of it. */
struct subject {
	struct cluster_facts facts;
	bool asked, known; /* the cluster was asked; its fingerprint is known */
	struct fingerprint fingerprint;
	struct space space;
	char role[GRANT_NAME_MOST + 1], subject[GRANT_NAME_MOST + 32];
};

static void subject_clear(struct subject *s)
{
	cluster_facts_clear(&s->facts);
}

static int ask_cluster(
    struct subject *s, const struct config *c, struct fault *fault)
{
	struct fingerprint_facts facts;
	int r;

	if (!c->kubeconfig && !c->context)
		return 0;
	r = cluster_ask(&s->facts, c->kubeconfig, c->context, fault);
	if (r)
		return r;
	s->asked = true;
	facts = (struct fingerprint_facts){ .uid = s->facts.uid,
		.issuer = s->facts.issuer,
		.jwks = s->facts.jwks,
		.n_jwks = s->facts.n_jwks };
	if (c->fingerprint)
		return 0;
	r = fingerprint_of(&s->fingerprint, &facts, fault);
	s->known = !r;
	return r;
}

static int find_space(
    struct subject *s, const struct config *c, struct fault *fault)
{
	if (c->fingerprint &&
	    fingerprint_parse(&s->fingerprint, c->fingerprint, fault)) {
		fault_wrap(fault, "--fingerprint");
		return -EINVAL;
	}
	s->known |= c->fingerprint != NULL;
	if (c->store_namespace)
		return space_set(&s->space, c->store_namespace, "", fault);
	if (!s->known)
		return fault_set(fault, OPTION_E_BAD,
		    "--fingerprint, --kubeconfig or --secretstore-namespace "
		    "says so.",
		    "which cluster?");
	if (c->no_namespaces)
		space_own_prefix(&s->space, &s->fingerprint);
	else
		space_own(&s->space, &s->fingerprint);
	return 0;
}

static int find_pod(
    struct subject *s, const struct config *c, struct fault *fault)
{
	if (!c->name_space && !c->account && !c->path)
		return 0;
	if (!c->name_space || !c->account)
		return fault_set(fault, OPTION_E_BAD,
		    "--path is of a pod, which has both.",
		    "--namespace and --serviceaccount go together");
	(void)snprintf(s->subject, sizeof(s->subject),
	    "system:serviceaccount:%.63s:%.253s", c->name_space, c->account);
	return grant_name(s->role, c->name_space, c->account, fault);
}

static int run(const void *data, char *const *words, struct fault *fault)
{
	const struct config *c = data;
	CLEANUP(probe_closep) struct probe *p = NULL;
	CLEANUP(subject_clear) struct subject s = { .known = false };
	CLEANUP(checks_show_clear)
	struct checks_show show = { .as_json = c->output };
	struct storecall_config store = { .address = c->address,
		.token = c->token,
		.token_file = c->token_file,
		.ca_file = c->ca,
		.egress = c->egress };
	struct storecheck_order order = { .store = &store, .space = &s.space };
	struct checks checks;
	int r = find_pod(&s, c, fault);

	(void)words;
	if (!r)
		r = ask_cluster(&s, c, fault);
	if (!r)
		r = find_space(&s, c, fault);
	if (!r)
		r = probe_open(&p, c->egress, fault);
	if (r)
		return r;
	store.name_space = *s.space.name_space ? s.space.name_space : NULL;
	order.fingerprint = s.known ? &s.fingerprint : NULL;
	order.cluster = s.asked ? &s.facts : NULL;
	order.role = *s.role ? s.role : NULL;
	order.subject = s.subject;
	order.path = c->path;
	r = storecheck(&checks, p, &order, fault);
	if (r)
		return r;
	checks_show(&show, &checks);
	return checks_show_end(&show, fault);
}

const struct verb target_validate_verb = {
	.name = "validate",
	.about = "check what the store has for a cluster, hop by hop",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
