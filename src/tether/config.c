#include "tether/config.h"
#include "link/codexstore.h"

#define AT(member) .offset = offsetof(struct config, member)

/* as enum wg_driver has them */
static const char *const drivers[] = { "auto", "kernel", "user", NULL };

static const struct option_row rows[] = {
	OPTION_ROWS_COMMON(struct config, common),
	{ .name = "codex",
	    .metavar = "FILE",
	    .help = "names, policy and public keys",
	    .initial = CODEXSTORE_CODEX,
	    .type = OPTION_TEXT,
	    AT(codex) },
	{ .name = "state",
	    .metavar = "DIR",
	    .help = "private key, tombstones and counters",
	    .initial = CODEXSTORE_STATE,
	    .type = OPTION_TEXT,
	    AT(state) },
	{ .name = "driver",
	    .metavar = "auto|kernel|user",
	    .help = "what carries the tunnel",
	    .detail = "With auto, the kernel's WireGuard where there is one, "
		      "else a process in user space.",
	    .initial = "auto",
	    .choices = drivers,
	    .type = OPTION_CHOICE,
	    AT(driver) },
	{ .name = "program",
	    .metavar = "PROGRAM",
	    .help = "what to run in user space",
	    .detail = "A path, or a name that PATH has; without it, "
		      "wireguard-go. Also amneziawg-go.",
	    .type = OPTION_TEXT,
	    AT(program) },
	{ .name = "health-addr",
	    .metavar = "ADDRESS",
	    .help = "serve /healthz, /readyz and /metrics",
	    .initial = "127.0.0.1:9446",
	    .type = OPTION_TEXT,
	    AT(health_address) },
	{ .name = "control",
	    .flags = OPTION_RARE,
	    .metavar = "PATH",
	    .help = "unix socket for pharos tether, or \"off\"",
	    .detail = "Root and the user of pharos-tether can reach it, nobody "
		      "else.",
	    .initial = CODEXSTORE_CONTROL,
	    .type = OPTION_TEXT,
	    AT(control) },
};

const struct option_table config_options = {
	.program = "pharos-tether",
	.about = "keeps a private door into this host",
	.manual = "pharos-tether(8)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

const char *config_control(const struct config *config)
{
	return strcmp(config->control, "off") != 0 ? config->control : NULL;
}

/* A relative path means another place to whoever asks, and to a unit. */
int config_check(const void *from, struct fault *fault)
{
	const struct config *c = from;
	const char *const paths[] = { c->codex, c->state, c->control };

	for (size_t i = 0; i < N_ELEMS(paths); i++)
		if (paths[i] && paths[i][0] != '/' &&
		    strcmp(paths[i], "off") != 0)
			return fault_set(fault, -EINVAL, NULL,
			    "%.80s: expected a path from the root, as /etc/...",
			    paths[i]);
	return 0;
}
