#include "beacon/config.h"

#define AT(member) .offset = offsetof(struct config, member)

static const struct option_row rows[] = {
	OPTION_ROWS_COMMON(struct config, common),
	{ .name = "addr",
	    .metavar = "ADDRESS",
	    .help = "where clients come in",
	    .detail = "Without a host, on all addresses, IPv4 and IPv6.",
	    .initial = ":443",
	    .type = OPTION_TEXT,
	    AT(addr) },
	{ .name = "tls-cert",
	    .metavar = "FILE",
	    .help = "certificate chain of the beacon, PEM",
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED,
	    AT(tls_cert) },
	{ .name = "tls-key",
	    .metavar = "FILE",
	    .help = "its private key, PEM",
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED,
	    AT(tls_key) },
	{ .name = "health-addr",
	    .metavar = "ADDRESS",
	    .help = "serve /healthz, /readyz and /metrics",
	    .initial = "127.0.0.1:9443",
	    .type = OPTION_TEXT,
	    AT(health_addr) },
	{ .name = "allow",
	    .metavar = "FILE",
	    .help = "serve only the info hashes in it",
	    .detail = "One a line, in hex; what follows a # is a comment. "
		      "Without it every info hash is served.",
	    .type = OPTION_TEXT,
	    AT(allow) },
};

const struct option_table config_options = {
	.program = "pharos-beacon",
	.about =
	    "joins clients that dialled out, and understands nothing of it",
	.manual = "pharos-beacon(8)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};
