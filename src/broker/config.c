#include "broker/config.h"
#include "net/daemon.h"

#define AT(member) .offset = offsetof(struct config, member)

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
	    .flags = OPTION_REQUIRED,
	    AT(listen_cert) },
	{ .name = "listen-key",
	    .metavar = "FILE",
	    .help = "its private key, PEM",
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED,
	    AT(listen_key) },
	{ .name = "client-token-file",
	    .metavar = "FILE",
	    .help = "pods must show the token in it",
	    .detail = "In Proxy-Authorization: Bearer for CONNECT; for "
		      "pass-through in X-Pharos-Token, or in Authorization: "
		      "Bearer, which then does not reach the store.",
	    .type = OPTION_TEXT,
	    AT(client_token_file) },
	{ .name = "review-pods",
	    .metavar = "yes|no",
	    .help = "pods must show a token that the cluster takes",
	    .detail = "Each its own, in the same fields: a projected one of "
		      "audience pharos-broker. The cluster is asked about it "
		      "(TokenReview), which takes the ClusterRole "
		      "system:auth-delegator. Without this and without a "
		      "client token, every pod that reaches the listener is "
		      "served.",
	    .initial = "no",
	    .choices = option_yes_no,
	    .type = OPTION_CHOICE,
	    AT(review_pods) },
	{ .name = "kubeconfig",
	    .metavar = "FILE",
	    .help = "how to reach the cluster from outside of it",
	    .detail = "Without it the broker asks as the pod that it is, with "
		      "its ServiceAccount's token.",
	    .type = OPTION_TEXT,
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
	return config->review_pods == OPTION_YES;
}

int config_check(const struct config *config, struct fault *fault)
{
	const struct uplink_options_case with = {
		.reverse = "reverse-listen",
		.given = config->reverse_listen,
	};

	if (config_reviews(config) && config->client_token_file)
		return fault_set(fault, -EINVAL,
		    "A pod shows one token: its own, or the one of all.",
		    "--client-token-file does not go with --review-pods yes");
	if (!config_reviews(config) && config->kubeconfig)
		return fault_set(fault, -EINVAL,
		    "Add --review-pods yes, or leave --kubeconfig out.",
		    "--kubeconfig does not go with --review-pods no");
	return uplink_options_check(&config->uplink, &with, fault);
}
