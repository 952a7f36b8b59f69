/* pharos tether init: the first files of a tether. */
#include "cli/tether.h"
#include "cli/tether_new.h"
#include <stdio.h>

struct config {
	struct tether_common common;
	struct tether_new fresh;
};

static const struct option_row rows[] = {
	TETHER_ROWS(struct config, common),
	TETHER_NEW_ROWS(struct config, fresh),
};

static const struct option_table table = {
	.program = "pharos tether init",
	.about = "Make the tether of this host: its key, its network.",
	.manual = "pharos-tether(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

static void print_story(const struct codexstore *s)
{
	char v4[PREFIX_TEXT_MOST + 1], v6[PREFIX_TEXT_MOST + 1];
	const struct prefix host4 = codex_host(&s->codex.v4);
	const struct prefix host6 = codex_host(&s->codex.v6);

	prefix_write_host(v4, &host4);
	prefix_write_host(v6, &host6);
	printf("%s is the tether of this host: %s and %s, on UDP port %u.\n"
	       "Keep it in git if you like; secrets are in %s.\n\n"
	       "Next, a zone and a device:\n\n"
	       "  pharos tether zone add admin tcp/22@ssh\n"
	       "  pharos tether peer add phone --zones admin\n",
	    s->codex_path, v4, v6, s->codex.port, s->state_path);
}

static int run(const void *config, char *const *words, struct fault *fault)
{
	const struct config *c = config;
	struct codexstore s = { .lock = -1 };
	struct codex fresh = { .n_peers = 0 };
	int r = tether_new_codex(&fresh, &c->fresh, NULL, fault);

	(void)words;
	if (!r)
		r = tether_open(&s, &c->common, CODEXSTORE_MAKE, fault);
	if (!r)
		r = tether_new_begin(&s, &fresh, NULL, fault);
	if (!r)
		r = codexstore_commit(&s, fault);
	if (!r)
		print_story(&s);
	codexstore_close(&s);
	return r;
}

const struct verb tether_init_verb = {
	.name = "init",
	.about = "make the tether of this host",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
