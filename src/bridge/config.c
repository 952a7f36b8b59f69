#include "bridge/config.h"
#include "net/daemon.h"

#define AT(member) .offset = offsetof(struct config, member)

static const struct option_row rows[] = {
	OPTION_ROWS_COMMON(struct config, common),
	{ .name = "vault-addr",
	    .metavar = "URL",
	    .help = "the store, https://HOST:PORT",
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED,
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
	    .detail = "Clients cannot choose one.",
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

int config_check(const struct config *config, struct fault *fault)
{
	const struct uplink_options_case with = {
		.reverse = "broker-address",
		.given = config->broker_address.n_items,
	};

	return uplink_options_check(&config->uplink, &with, fault);
}
