#include "bridge/config.h"

static const char *const modes[] = { "beacon", "reverse", NULL };

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
	    .metavar = "HEX",
	    .help = "instead: SHA-256 of the store's public key",
	    .type = OPTION_TEXT,
	    AT(vault_pin) },
	{ .name = "vault-namespace",
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
	{ .name = "mode",
	    .metavar = "beacon|reverse",
	    .help = "how bridge and broker meet",
	    .detail = "beacon: both dial beacons. reverse: the bridge dials "
		      "--broker-address.",
	    .initial = "beacon",
	    .choices = modes,
	    .type = OPTION_CHOICE,
	    AT(mode) },
	{ .name = "beacon-address",
	    .metavar = "HOST:PORT",
	    .help = "a beacon; the bridge waits at all of them",
	    .detail = "At most 16.",
	    .type = OPTION_LIST,
	    AT(beacon_address) },
	{ .name = "beacon-info-hash",
	    .metavar = "HEX",
	    .help = "SHA-256 of the bridge CA's certificate",
	    .detail = "pharos pki info-hash prints it.",
	    .type = OPTION_TEXT,
	    AT(beacon_info_hash) },
	{ .name = "beacon-ca",
	    .metavar = "FILE",
	    .help = "CA of the beacons; else the system's",
	    .type = OPTION_TEXT,
	    AT(beacon_ca) },
	{ .name = "beacon-pin",
	    .metavar = "HEX",
	    .help = "instead: SHA-256 of the beacons' public key",
	    .type = OPTION_TEXT,
	    AT(beacon_pin) },
	{ .name = "broker-address",
	    .metavar = "HOST:PORT",
	    .help = "a broker to dial, with --mode reverse",
	    .type = OPTION_LIST,
	    AT(broker_address) },
	{ .name = "tls-cert",
	    .metavar = "FILE",
	    .help = "the bridge's certificate, PEM",
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED,
	    AT(tls_cert) },
	{ .name = "tls-key",
	    .metavar = "FILE",
	    .help = "its private key, PEM",
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED,
	    AT(tls_key) },
	{ .name = "tls-ca",
	    .metavar = "FILE",
	    .help = "the bridge CA's certificate, PEM",
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED,
	    AT(tls_ca) },
	{ .name = "health-addr",
	    .metavar = "ADDRESS",
	    .help = "/healthz, /readyz and /metrics, by HTTP",
	    .initial = "127.0.0.1:9445",
	    .type = OPTION_TEXT,
	    AT(health_addr) },
};

const struct option_table config_options = {
	.program = "pharos-bridge",
	.about = "The store's side of a tunnel: lets a short list of requests "
		 "pass, and nothing else.",
	.manual = "pharos-bridge(8)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

static int check_beacon(const struct config *config, struct fault *fault)
{
	if (!config->beacon_address.n_items)
		return fault_set(fault, -EINVAL,
		    "name a beacon, or use --mode reverse",
		    "--beacon-address is missing");
	if (!config->beacon_info_hash)
		return fault_set(fault, -EINVAL,
		    "pharos pki info-hash CA-FILE prints it",
		    "--beacon-info-hash is missing");
	if (config->beacon_ca && config->beacon_pin)
		return fault_set(fault, -EINVAL, "choose one",
		    "--beacon-ca and --beacon-pin exclude each other");
	return 0;
}

int config_check(const struct config *config, struct fault *fault)
{
	if (config->mode == CONFIG_BEACON)
		return check_beacon(config, fault);
	if (!config->broker_address.n_items)
		return fault_set(fault, -EINVAL,
		    "name the brokers' --reverse-listen address",
		    "--mode reverse needs --broker-address");
	return 0;
}
