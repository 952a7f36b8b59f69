/* pharos source approve: a person has looked, and lets in who waits, or lets a
 * cluster come again that has new keys. */
#include "cli/source_record.h"
#include <stdio.h>
#include <time.h>

struct config {
	struct source_common common;
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

static int approve_who_waits(
    struct registration *r, const struct approval *a, struct fault *fault)
{
	int err = registration_approve(r, NULL, a->now);

	if (err == -ENOENT)
		return fault_set(fault, err,
		    "Start the broker with its join string; then say this "
		    "again.",
		    "%s: nobody waits for approval", r->space);
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
	if (!r && c->common.fingerprint &&
	    fingerprint_parse(fresh, c->common.fingerprint, fault)) {
		fault->code = OPTION_E_BAD;
		r = OPTION_E_BAD;
	}
	return r;
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
	return 0;
}

const struct verb source_approve_verb = {
	.name = "approve",
	.about = "let in a broker that waits, or a cluster's new keys",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
