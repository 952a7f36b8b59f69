#include "beacon/config.h"
#include "net/daemon.h"
#include <stdio.h>

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
	{ .name = "proxy-protocol",
	    .flags = OPTION_RARE,
	    .metavar = "CIDR",
	    .help = "load balancers that name the real source",
	    .detail =
		"Networks, by commas or repeated, such as 192.0.2.0/28. A "
		"connection from there has to begin with a PROXY protocol "
		"preamble, version 1 or 2, and limits count the source that "
		"it names. From anywhere else a preamble is refused.",
	    .type = OPTION_LIST,
	    AT(proxy_protocol) },
	DAEMON_ROW_DRAIN(struct config, drain_timeout, "pairs", "5m"),
	{ .name = "no-shed",
	    .flags = OPTION_RARE,
	    .help = "keep outer TLS on all legs",
	    .detail = "Without it, two clients that both wish it stop "
		      "encrypting for the beacon what their own TLS encrypts "
		      "already, once they are paired.",
	    .initial = "false",
	    .type = OPTION_BOOL,
	    AT(no_shed) },
	{ .name = "control",
	    .flags = OPTION_RARE,
	    .metavar = "PATH",
	    .help = "unix socket for pharos beacon, or \"off\"",
	    .detail = "Root and the user of pharos-beacon can reach it, nobody "
		      "else. Without this option it is "
		      "$RUNTIME_DIRECTORY/control, which systemd sets and the "
		      "unit asks for; where that is not set there is none.",
	    .type = OPTION_TEXT,
	    AT(control) },
};

const struct option_table config_options = {
	.program = "pharos-beacon",
	.about =
	    "joins clients that dialled out, and understands nothing of it",
	.manual = "pharos-beacon(8)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

bool config_control(const struct config *config, char to[CONFIG_PATH_MOST])
{
	const char *folders = getenv("RUNTIME_DIRECTORY");

	if (config->control) {
		if (!strcmp(config->control, "off"))
			return false;
		(void)snprintf(to, CONFIG_PATH_MOST, "%s", config->control);
		return true;
	}
	if (!folders || !*folders)
		return false;
	(void)snprintf(to, CONFIG_PATH_MOST, "%.*s/control",
	    (int)strcspn(folders, ":"), folders);
	return true;
}
