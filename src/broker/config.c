#include "broker/config.h"
#include "net/routeplan.h"

static const char *const modes[] = { "beacon", "reverse", NULL };

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
		      "Bearer, which then does not reach the store. Without "
		      "it every pod that reaches the listener is served.",
	    .type = OPTION_TEXT,
	    AT(client_token_file) },
	{ .name = "pass-through",
	    .help = "serve store clients too; sees what they read",
	    .detail = "Requests below /v1/ go to the bridge as they are. The "
		      "broker, and whoever takes it, can read them and their "
		      "answers.",
	    .initial = "false",
	    .type = OPTION_BOOL,
	    AT(pass_through) },
	{ .name = "mode",
	    .metavar = "beacon|reverse",
	    .help = "how broker and bridge meet",
	    .detail = "beacon: both dial beacons. reverse: the bridge dials "
		      "--reverse-listen.",
	    .initial = "beacon",
	    .choices = modes,
	    .type = OPTION_CHOICE,
	    AT(mode) },
	{ .name = "beacon-address",
	    .metavar = "HOST:PORT",
	    .help = "a beacon; two live tunnels where there are two",
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
	{ .name = "reverse-listen",
	    .metavar = "ADDRESS",
	    .help = "where bridges dial in, with --mode reverse",
	    .type = OPTION_TEXT,
	    AT(reverse_listen) },
	{ .name = "tls-cert",
	    .metavar = "FILE",
	    .help = "the broker's certificate for the tunnel, PEM",
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
	    .help = "certificate of the bridge CA, PEM",
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED,
	    AT(tls_ca) },
	{ .name = "health-addr",
	    .metavar = "ADDRESS",
	    .help = "serve /healthz, /readyz and /metrics",
	    .initial = "127.0.0.1:9444",
	    .type = OPTION_TEXT,
	    AT(health_addr) },
};

const struct option_table config_options = {
	.program = "pharos-broker",
	.about = "gives pods a way to the bridge, by a tunnel that it dials",
	.manual = "pharos-broker(8)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

const char *config_mode_name(const struct config *config)
{
	return modes[config->mode];
}

static int misplaced(struct fault *fault, const char *option, const char *mode)
{
	return fault_set(fault, -EINVAL,
	    "--mode beacon takes --beacon-address, --mode reverse takes "
	    "--reverse-listen.",
	    "--%s does not go with --mode %s", option, mode);
}

static int missing(struct fault *fault, const char *option, const char *hint)
{
	return fault_set(fault, -EINVAL, hint, "--%s is missing", option);
}

static int check_beacon(const struct config *c, struct fault *fault)
{
	if (c->reverse_listen)
		return misplaced(fault, "reverse-listen", "beacon");
	if (!c->beacon_address.n_items)
		return missing(fault, "beacon-address",
		    "Give the beacon that the bridge waits at, HOST:PORT.");
	if (c->beacon_address.n_items > ROUTE_TARGETS_MAX)
		return fault_set(fault, -EINVAL, NULL,
		    "--beacon-address: %zu beacons, at most %d are used",
		    c->beacon_address.n_items, ROUTE_TARGETS_MAX);
	if (!c->beacon_info_hash)
		return missing(fault, "beacon-info-hash",
		    "`pharos pki info-hash` prints it for the file of "
		    "--tls-ca.");
	return 0;
}

static int check_reverse(const struct config *c, struct fault *fault)
{
	if (c->beacon_address.n_items)
		return misplaced(fault, "beacon-address", "reverse");
	if (c->beacon_ca)
		return misplaced(fault, "beacon-ca", "reverse");
	if (c->beacon_pin)
		return misplaced(fault, "beacon-pin", "reverse");
	if (!c->reverse_listen)
		return missing(fault, "reverse-listen",
		    "Give the address that the bridge dials, ADDRESS:PORT.");
	return 0;
}

int config_check(const struct config *config, struct fault *fault)
{
	return config->mode == CONFIG_REVERSE ? check_reverse(config, fault)
					      : check_beacon(config, fault);
}
