/* pharos source approve: a person has looked, and lets in who waits, or lets a
 * cluster come again that has new keys. */
#include "cli/source_record.h"
#include <stdio.h>
#include <time.h>

struct config {
	struct source_common common;
	const char *words;
	long ttl_ms;
};

#define AT(member) .offset = offsetof(struct config, member)

static const struct option_row rows[] = {
	{ .name = "fingerprint",
	    .metavar = "NEW",
	    .help = "of the cluster's new keys",
	    .detail = "For a stale registration: what was stored of the "
		      "cluster is forgotten, and it may come again.",
	    .type = OPTION_TEXT,
	    AT(common.fingerprint) },
	{ .name = "words",
	    .metavar = "WORDS",
	    .help = "six words that the broker shows",
	    .detail = "Needed for a broker that came without a join string. "
		      "Read them where it runs.",
	    .type = OPTION_TEXT,
	    AT(words) },
	{ .name = "ttl",
	    .metavar = "TIME",
	    .help = "how long it may come, with --fingerprint",
	    .initial = "24h",
	    .type = OPTION_DURATION,
	    .least = 1000,
	    .most = 366L * 24 * 3600 * 1000,
	    AT(ttl_ms) },
	SOURCE_RECORD_ROWS(struct config, common),
};

static const struct option_table table = {
	.program = "pharos source approve",
	.about = "Let in the broker that waits, or new keys of a cluster.",
	.synopsis = "[OPTION]... F",
	.manual = "pharos-source(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
	.takes_words = true,
};

/* What is approved. */
struct approval {
	const struct config *config;
	const struct fingerprint *fresh; /* NULL: who waits */
	int64_t now;
};

static int approve_new_keys(
    struct registration *r, const struct approval *a, struct fault *fault)
{
	int err =
	    registration_reopen(r, a->fresh, a->now, a->config->ttl_ms / 1000);

	return err ? fault_set(fault, err,
			 "An active one becomes stale when its broker comes "
			 "with a new key.",
			 "%s: is %s; new keys are for one that is stale or "
			 "pending",
			 r->space, registration_state_text(r->state))
		   : 0;
}

/* They are for who reads the words aloud: what they mean comes first. */
static int words_fault(
    int err, const struct registration *r, struct fault *fault)
{
	switch (err) {
	case REGISTRATION_E_COMPARE:
		return fault_set(fault, -EACCES,
		    "Read the six words that the broker shows, in its log or "
		    "its status, and give them: --words \"...\"",
		    "%s: %s came without a join string; nothing is approved "
		    "before its words are compared",
		    r->space, r->words[r->n_words - 1].pod);
	case REGISTRATION_E_NO_WORDS:
		return fault_set(fault, OPTION_E_BAD,
		    "Each has four letters, as in \"fago keno dili fomi malo "
		    "migi\".",
		    "--words: these are not six words; nothing is changed");
	case REGISTRATION_E_LATE:
		return fault_set(fault, -EACCES,
		    "The broker shows other ones by now: read them again.",
		    "%s: these words are older than %d minutes; nothing is "
		    "changed",
		    r->space, WORDS_LIFE_S / 60);
	default:
		return fault_set(fault, -EACCES,
		    "Read the words again. If they stay others, do not go on: "
		    "use a beacon that you trust, or a join string.",
		    "%s: WRONG WORDS: no broker that has reached this store's "
		    "bridge shows these. Whoever shows them speaks with "
		    "somebody else, who may stand in between. Nothing is "
		    "changed",
		    r->space);
	}
}

static int approve_who_waits(
    struct registration *r, const struct approval *a, struct fault *fault)
{
	int err = registration_approve(r, a->config->words, a->now);

	if (err == -ENOENT)
		return fault_set(fault, err,
		    a->config->words
			? "A broker that shows words has reached somebody: if "
			  "it is not this store's bridge, do not go on."
			: "Start the broker; then say this again.",
		    "%s: nobody waits for approval", r->space);
	if (err > 0)
		return words_fault(err, r, fault);
	if (err)
		return fault_set(fault, err,
		    r->state == REGISTRATION_STALE
			? "It has new keys: give their fingerprint with "
			  "--fingerprint."
			: "`pharos source verify` says how it is.",
		    "%s: is %s, nothing is to be approved", r->space,
		    registration_state_text(r->state));
	return 0;
}

static int apply(struct registration *r, const void *ctx, struct fault *fault)
{
	const struct approval *a = ctx;

	return a->fresh ? approve_new_keys(r, a, fault)
			: approve_who_waits(r, a, fault);
}

static int read_words(struct record_place *place, struct fingerprint *fresh,
    const struct config *c, char *const *words, struct fault *fault)
{
	const char *word = NULL;
	int r = record_word(&word, words, fault);

	if (!r)
		r = record_place(place, &c->common, word, fault);
	if (!r && c->common.fingerprint && c->words)
		r = fault_set(fault, OPTION_E_BAD, NULL,
		    "--words: are of who waits; --fingerprint is for new keys");
	if (!r && c->common.fingerprint &&
	    fingerprint_parse(fresh, c->common.fingerprint, fault)) {
		fault->code = OPTION_E_BAD;
		r = OPTION_E_BAD;
	}
	return r;
}

/* The broker trusts no CA before somebody has said the same over there. */
static int print_other_side(const char *typed, struct fault *fault)
{
	char words[WORDS_TEXT + 1];

	if (words_read(words, typed))
		return fault_set(fault, OPTION_E_BAD, NULL, "--words");
	printf("\nThe words are the same. Now, with access to the cluster:\n"
	       "    pharos target approve --words \"%s\"\n",
	    words);
	return 0;
}

static int run(const void *data, char *const *words, struct fault *fault)
{
	const struct config *c = data;
	CLEANUP(storecall_closep) struct storecall *s = NULL;
	CLEANUP(record_deinit) struct record record = { .version = 0 };
	struct fingerprint fresh = { .bytes = { 0 } };
	const struct approval approval = { .config = c,
		.fresh = c->common.fingerprint ? &fresh : NULL,
		.now = time(NULL) };
	struct record_place place;
	int r = read_words(&place, &fresh, c, words, fault);

	if (!r)
		r = source_open(&s, &c->common, fault);
	if (!r)
		r = record_change(&record, s, &place, apply, &approval, fault);
	if (r)
		return r;
	if (c->common.output == VERB_JSON)
		return source_print_json(
		    record_json(&record.registration), fault);
	record_print(&record.registration);
	if (c->words)
		return print_other_side(c->words, fault);
	return 0;
}

const struct verb source_approve_verb = {
	.name = "approve",
	.about = "let in a broker that waits, or a cluster's new keys",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
