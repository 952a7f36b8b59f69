#include "broker/config.h"
#include "net/daemon.h"

#define AT(member) .offset = offsetof(struct config, member)

enum { REVIEW_AUTO, REVIEW_YES, REVIEW_NO };
static const char *const reviews[] = { "auto", "yes", "no", NULL };

static const struct option_row rows[] = {
	OPTION_ROWS_COMMON(struct config, common),
	{ .name = "listen",
	    .metavar = "ADDRESS",
	    .help = "where pods come in, by HTTPS",
	    .detail = "Without a host, on all addresses, IPv4 and IPv6.",
	    .initial = ":8199",
	    .type = OPTION_TEXT,
	    AT(listen) },
	{ .name = "listen-cert",
	    .metavar = "FILE",
	    .help = "certificate chain of that listener, PEM",
	    .type = OPTION_TEXT,
	    AT(listen_cert) },
	{ .name = "listen-key",
	    .metavar = "FILE",
	    .help = "its private key, PEM",
	    .type = OPTION_TEXT,
	    AT(listen_key) },
	{ .name = "join",
	    .metavar = "STRING",
	    .help = "all that pharos source register printed",
	    .detail = "Beacons and the bridge's CA. The certificate, for the "
		      "tunnel and for that listener, is asked for at the "
		      "bridge by a token of the pod's ServiceAccount, kept in "
		      "memory, and renewed at two thirds of its life. Without "
		      "it, and without any certificate, --beacon-address "
		      "alone joins too, once a person has compared six words.",
	    .type = OPTION_TEXT,
	    AT(join) },
	{ .name = "join-file",
	    .metavar = "FILE",
	    .help = "the same, in a file",
	    .type = OPTION_TEXT,
	    .flags = OPTION_RARE,
	    AT(join_file) },
	{ .name = "pod-namespace",
	    .metavar = "NAME",
	    .help = "of the broker's pod; else as its token says",
	    .type = OPTION_TEXT,
	    .flags = OPTION_RARE,
	    AT(pod_namespace) },
	{ .name = "pod-name",
	    .metavar = "NAME",
	    .help = "of the broker's pod; else as its token says",
	    .type = OPTION_TEXT,
	    .flags = OPTION_RARE,
	    AT(pod_name) },
	{ .name = "pod-uid",
	    .metavar = "UID",
	    .help = "of the broker's pod; else as its token says",
	    .type = OPTION_TEXT,
	    .flags = OPTION_RARE,
	    AT(pod_uid) },
	{ .name = "service-account",
	    .metavar = "NAME",
	    .help = "of the broker's pod; else as its token says",
	    .type = OPTION_TEXT,
	    .flags = OPTION_RARE,
	    AT(service_account) },
	{ .name = "client-token-file",
	    .metavar = "FILE",
	    .help = "pods must show the token in it",
	    .detail = "In Proxy-Authorization: Bearer for CONNECT; for "
		      "pass-through in X-Pharos-Token, or in Authorization: "
		      "Bearer, which then does not reach the store.",
	    .type = OPTION_TEXT,
	    AT(client_token_file) },
	{ .name = "review-pods",
	    .metavar = "auto|yes|no",
	    .help = "ask the cluster about pods' tokens",
	    .detail = "Each its own, in the same fields: a projected one of "
		      "audience pharos-broker. The cluster is asked about it "
		      "(TokenReview), which takes the ClusterRole "
		      "system:auth-delegator. With auto it is so for a broker "
		      "that joins, unless there is a client token. Without "
		      "either, every pod that reaches the listener is served.",
	    .initial = "auto",
	    .choices = reviews,
	    .type = OPTION_CHOICE,
	    AT(review_pods) },
	{ .name = "kubeconfig",
	    .metavar = "FILE",
	    .help = "how to reach the cluster from outside of it",
	    .detail = "Without it the broker asks as the pod that it is, with "
		      "its ServiceAccount's token.",
	    .type = OPTION_TEXT,
	    .flags = OPTION_RARE,
	    AT(kubeconfig) },
	{ .name = "pass-through",
	    .help = "serve store clients too; sees what they read",
	    .detail = "Requests below /v1/ go to the bridge as they are. The "
		      "broker, and whoever takes it, can read them and their "
		      "answers.",
	    .initial = "false",
	    .type = OPTION_BOOL,
	    AT(pass_through) },
	UPLINK_OPTION_ROWS(struct config, uplink),
	{ .name = "reverse-listen",
	    .metavar = "ADDRESS",
	    .help = "where bridges dial in, with --mode reverse",
	    .type = OPTION_TEXT,
	    AT(reverse_listen) },
	{ .name = "health-addr",
	    .metavar = "ADDRESS",
	    .help = "serve /healthz, /readyz and /metrics",
	    .initial = "127.0.0.1:9444",
	    .type = OPTION_TEXT,
	    AT(health_addr) },
	DAEMON_ROW_DRAIN(struct config, drain_timeout, "requests", "30s"),
};

const struct option_table config_options = {
	.program = "pharos-broker",
	.about = "gives pods a way to the bridge, by a tunnel that it dials",
	.manual = "pharos-broker(8)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

bool config_reviews(const struct config *config)
{
	if (config->review_pods == REVIEW_AUTO)
		return config_joins(config) && !config->client_token_file;
	return config->review_pods == REVIEW_YES;
}

static bool has_string(const struct config *config)
{
	return config->join || config->join_file;
}

/* Whoever gives one of the files, or a hash, means the way by files. */
bool config_by_words(const struct config *config)
{
	const struct uplink_options *o = &config->uplink;

	return !has_string(config) && o->mode == UPLINK_BEACON &&
	       o->beacon_address.n_items && !o->info_hash && !o->tls_cert &&
	       !o->tls_key && !o->tls_ca && !config->listen_cert &&
	       !config->listen_key;
}

bool config_joins(const struct config *config)
{
	return has_string(config) || config_by_words(config);
}

struct belonging {
	const char *name, *value;
};

static int check_listener(const struct config *c, struct fault *fault)
{
	const struct belonging files[] = {
		{ "listen-cert", c->listen_cert },
		{ "listen-key", c->listen_key },
	};
	bool joins = config_joins(c);

	for (size_t i = 0; i < N_ELEMS(files); i++) {
		if (joins && files[i].value)
			return fault_set(fault, -EINVAL,
			    "Leave it out: the listener shows the certificate "
			    "that the bridge signs.",
			    "--%s does not go with --join", files[i].name);
		if (!joins && !files[i].value)
			return fault_set(fault, -EINVAL,
			    "`pharos pki init --broker-host` makes the files.",
			    "--%s is missing, and so is --join", files[i].name);
	}
	return 0;
}

static int check_joining(const struct config *c, struct fault *fault)
{
	const struct belonging only[] = {
		{ "pod-namespace", c->pod_namespace },
		{ "pod-name", c->pod_name },
		{ "pod-uid", c->pod_uid },
		{ "service-account", c->service_account },
	};

	if (c->join && c->join_file)
		return fault_set(fault, -EINVAL, "Give one of them.",
		    "--join and --join-file are both given");
	for (size_t i = 0; !config_joins(c) && i < N_ELEMS(only); i++)
		if (only[i].value)
			return fault_set(fault, -EINVAL,
			    "It says for which pod the cluster is asked for a "
			    "token to join with.",
			    "--%s goes with --join, or --beacon-address "
			    "alone: this broker has its certificate in files",
			    only[i].name);
	return 0;
}

static int check_cluster(const struct config *c, struct fault *fault)
{
	bool asks = config_reviews(c);

	if (asks && c->client_token_file)
		return fault_set(fault, -EINVAL,
		    "A pod shows one token: its own, or the one of all.",
		    "--client-token-file does not go with --review-pods yes");
	if (!asks && !config_joins(c) && c->kubeconfig)
		return fault_set(fault, -EINVAL,
		    "Add --review-pods yes or --join, or leave --kubeconfig "
		    "out.",
		    "--kubeconfig goes with --review-pods yes or --join");
	return 0;
}

int config_check(const struct config *config, struct fault *fault)
{
	const struct uplink_options_case with = {
		.reverse = "reverse-listen",
		.given = config->reverse_listen,
		.instead = "join",
		.joins = config_joins(config),
	};
	int r = check_joining(config, fault);

	if (!r)
		r = check_cluster(config, fault);
	if (!r)
		r = uplink_options_check(&config->uplink, &with, fault);
	return r ? r : check_listener(config, fault);
}
