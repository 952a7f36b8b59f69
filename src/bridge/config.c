#include "bridge/config.h"
#include "net/daemon.h"

#define AT(member) .offset = offsetof(struct config, member)

static const struct option_row rows[] = {
	OPTION_ROWS_COMMON(struct config, common),
	{ .name = "credential",
	    .metavar = "FILE|FOLDER",
	    .help = "a cluster's credential at the store, or a folder of them",
	    .detail = "As pharos source register writes it; repeatable. Of a "
		      "folder every *.json counts, also those that come later.",
	    .type = OPTION_LIST,
	    AT(credential) },
	{ .name = "store-token-file",
	    .flags = OPTION_RARE,
	    .metavar = "FILE",
	    .help = "instead: a token of the store's, for one cluster",
	    .detail = "With --vault-addr and --vault-namespace; read again "
		      "when it is replaced.",
	    .type = OPTION_TEXT,
	    AT(store_token_file) },
	{ .name = "vault-addr",
	    .metavar = "URL",
	    .help = "the store, https://HOST:PORT",
	    .detail = "In place of what a credential says. A path that the "
		      "store's /v1 stands below may follow.",
	    .type = OPTION_TEXT,
	    AT(vault_addr) },
	{ .name = "vault-ca",
	    .metavar = "FILE",
	    .help = "CA of the store; else the system's",
	    .type = OPTION_TEXT,
	    AT(vault_ca) },
	{ .name = "vault-pin",
	    .flags = OPTION_RARE,
	    .metavar = "HEX",
	    .help = "instead: SHA-256 of the store's public key",
	    .type = OPTION_TEXT,
	    AT(vault_pin) },
	{ .name = "vault-namespace",
	    .flags = OPTION_RARE,
	    .metavar = "NAME",
	    .help = "namespace of the store for every request",
	    .detail = "Clients cannot choose one. A credential says its own.",
	    .type = OPTION_TEXT,
	    AT(vault_namespace) },
	{ .name = "allow-path",
	    .metavar = "PATH",
	    .help = "what may be read; repeatable",
	    .initial = "secret/",
	    .type = OPTION_LIST,
	    AT(allow_path) },
	{ .name = "auth-mount",
	    .metavar = "NAME",
	    .help = "JWT mount at which pods may log in",
	    .detail = "Where a cluster is registered in the store, that says "
		      "it.",
	    .initial = "jwt",
	    .type = OPTION_TEXT,
	    AT(auth_mount) },
	UPLINK_OPTION_ROWS(struct config, uplink),
	{ .name = "broker-address",
	    .metavar = "HOST:PORT",
	    .help = "a broker to dial, with --mode reverse",
	    .type = OPTION_LIST,
	    AT(broker_address) },
	{ .name = "health-addr",
	    .metavar = "ADDRESS",
	    .help = "/healthz, /readyz and /metrics, by HTTP",
	    .initial = "127.0.0.1:9445",
	    .type = OPTION_TEXT,
	    AT(health_addr) },
	DAEMON_ROW_DRAIN(struct config, drain_timeout, "requests", "30s"),
};

const struct option_table config_options = {
	.program = "pharos-bridge",
	.about = "The store's side of a tunnel: lets a short list of requests "
		 "pass, and nothing else.",
	.manual = "pharos-bridge(8)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

static int check_store(const struct config *c, struct fault *fault)
{
	if (c->credential.n_items && c->store_token_file)
		return fault_set(fault, -EINVAL, "Give the one or the other.",
		    "--store-token-file does not go with --credential");
	if (c->credential.n_items && c->vault_namespace)
		return fault_set(fault, -EINVAL,
		    "Leave it out: the credential says it.",
		    "--vault-namespace does not go with --credential");
	if (!c->credential.n_items && !c->vault_addr)
		return fault_set(fault, -EINVAL,
		    "Give the store's address, or the credential that pharos "
		    "source register writes.",
		    "--vault-addr is missing, and so is --credential");
	return 0;
}

/* Without a credential there is nobody else to say where to meet. */
static int check_beacon(const struct config *c, struct fault *fault)
{
	if (!c->store_token_file || c->uplink.mode != UPLINK_BEACON ||
	    c->uplink.beacon_address.n_items)
		return 0;
	return fault_set(fault, -EINVAL,
	    "Give the beacon at which the two sides meet, HOST:PORT, or --mode "
	    "reverse.",
	    "--beacon-address is missing");
}

int config_check(const struct config *config, struct fault *fault)
{
	const struct uplink_options_case with = {
		.reverse = "broker-address",
		.given = config->broker_address.n_items,
		.instead = config->store_token_file ? "store-token-file"
						    : "credential",
		.joins = config->credential.n_items || config->store_token_file,
	};
	int r = check_store(config, fault);

	if (!r)
		r = uplink_options_check(&config->uplink, &with, fault);
	return r ? r : check_beacon(config, fault);
}
