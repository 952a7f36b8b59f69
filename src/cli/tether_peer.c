/* pharos tether peer revoke, expire, enable, disable: a peer's access. */
#include "cli/tether.h"

struct config {
	struct tether_common common;
};

static const struct option_row rows[] = {
	TETHER_ROWS(struct config, common),
};

/* What a verb does to a peer of an open store.
 * @words: behind the name */
typedef int (*change)(struct codexstore *s, struct codex_peer *peer,
    char *const *words, struct fault *fault);

static int run_change(
    const void *config, char *const *words, change fn, struct fault *fault)
{
	const struct config *c = config;
	char *const name[] = { words[0], NULL };
	struct codexstore s;
	struct codex_peer *peer;
	int r = tether_open(&s, &c->common, CODEXSTORE_CHANGE, fault);

	if (!r)
		r = tether_peer(&peer, &s, name, fault);
	if (!r)
		r = fn(&s, peer, words + 1, fault);
	if (!r)
		r = codexstore_commit(&s, fault);
	if (!r)
		r = tether_tell(&s, &c->common, fault);
	codexstore_close(&s);
	return r;
}

static int no_more(char *const *words, struct fault *fault)
{
	return words[0] ? fault_set(fault, OPTION_E_BAD, NULL,
			      "one NAME is taken, not also '%.80s'", words[0])
			: 0;
}

#define TABLE(verb, what, words_of)                                            \
	{                                                                      \
		.program = "pharos tether peer " verb, .about = what,          \
		.synopsis = words_of " [OPTION]...",                           \
		.manual = "pharos-tether(1)", .rows = rows,                    \
		.n_rows = N_ELEMS(rows), .takes_words = true                   \
	}

/* ---- revoke -------------------------------------------------------------- */

static int revoke(struct codexstore *s, struct codex_peer *peer,
    char *const *words, struct fault *fault)
{
	const int64_t now = tether_now();
	int r = no_more(words, fault);

	if (!r)
		r = codexstore_bury(s, peer, &peer->key, true, now, fault);
	if (!r && peer->next.pending)
		r = codexstore_bury(s, peer, &peer->next.key, true, now, fault);
	if (!r)
		codex_peer_remove(&s->codex, peer);
	return r;
}

static int run_revoke(
    const void *config, char *const *words, struct fault *fault)
{
	return run_change(config, words, revoke, fault);
}

static const struct option_table revoke_table =
    TABLE("revoke", "Take a device's access away, for ever.", "NAME");

const struct verb tether_revoke_verb = {
	.name = "revoke",
	.about = "take a device's access away, for ever",
	.table = &revoke_table,
	.config_size = sizeof(struct config),
	.run = run_revoke,
};

/* ---- expire -------------------------------------------------------------- */

static int expire(struct codexstore *s, struct codex_peer *peer,
    char *const *words, struct fault *fault)
{
	const char *text;
	int r = tether_word(&text, words, "TIME", fault);

	(void)s;
	return r ? r : tether_end(&peer->expires, "TIME", text, fault);
}

static int run_expire(
    const void *config, char *const *words, struct fault *fault)
{
	return run_change(config, words, expire, fault);
}

static const struct option_table expire_table =
    TABLE("expire", "Say when a device's access ends.", "NAME TIME");

const struct verb tether_expire_verb = {
	.name = "expire",
	.about = "say when a device's access ends",
	.table = &expire_table,
	.config_size = sizeof(struct config),
	.run = run_expire,
};

/* ---- enable, disable ----------------------------------------------------- */

/* One whose time is up would stay without access, and nobody would see why. */
static int enable(struct codexstore *s, struct codex_peer *peer,
    char *const *words, struct fault *fault)
{
	int r = no_more(words, fault);

	(void)s;
	if (r)
		return r;
	peer->disabled = false;
	if (!codex_peer_admitted(peer, tether_now()))
		return fault_set(fault, -EINVAL,
		    "Give it another: `pharos tether peer expire NAME 30d`.",
		    "the time of %s is up", peer->name);
	return 0;
}

static int disable(struct codexstore *s, struct codex_peer *peer,
    char *const *words, struct fault *fault)
{
	(void)s;
	peer->disabled = true;
	return no_more(words, fault);
}

static int run_enable(
    const void *config, char *const *words, struct fault *fault)
{
	return run_change(config, words, enable, fault);
}

static int run_disable(
    const void *config, char *const *words, struct fault *fault)
{
	return run_change(config, words, disable, fault);
}

static const struct option_table enable_table =
    TABLE("enable", "Give a disabled device its access back.", "NAME");
static const struct option_table disable_table =
    TABLE("disable", "Take a device's access away for a while.", "NAME");

const struct verb tether_enable_verb = {
	.name = "enable",
	.about = "give a disabled device its access back",
	.table = &enable_table,
	.config_size = sizeof(struct config),
	.run = run_enable,
};

const struct verb tether_disable_verb = {
	.name = "disable",
	.about = "take a device's access away for a while",
	.table = &disable_table,
	.config_size = sizeof(struct config),
	.run = run_disable,
};
