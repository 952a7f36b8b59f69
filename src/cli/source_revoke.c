/* pharos source revoke: a cluster, or one of its brokers, is let in no more. */
#include "cli/source_record.h"
#include <stdio.h>

struct config {
	struct source_common common;
	char *broker;
};

static const struct option_row rows[] = {
	{ .name = "broker",
	    .metavar = "NAME",
	    .help = "this one only: as its certificate names it",
	    .detail = "The name of its pod. Its certificate is refused, and "
		      "what it has open is cut; the others stay.",
	    .type = OPTION_TEXT,
	    .offset = offsetof(struct config, broker) },
	SOURCE_RECORD_ROWS(struct config, common),
};

static const struct option_table table = {
	.program = "pharos source revoke",
	.about = "Let in a cluster, or one of its brokers, no more.",
	.synopsis = "[OPTION]... F",
	.manual = "pharos-source(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
	.takes_words = true,
};

static int shut_out(
    struct registration *r, const char *name, struct fault *fault)
{
	int err = registration_shut_out(r, name);

	if (err == -E2BIG)
		return fault_set(fault, err,
		    "Revoke the cluster and register it again.",
		    "%s: %d brokers are shut out already", r->space,
		    REGISTRATION_OUT_MOST);
	return err ? fault_set(fault, err,
			 "It is the name of its pod, or the pod's UID.",
			 "--broker %.80s: no name of a broker", name)
		   : 0;
}

/* Twice is fine. */
static int apply(struct registration *r, const void *ctx, struct fault *fault)
{
	const char *broker = ctx;

	if (broker)
		return shut_out(r, broker, fault);
	if (r->state != REGISTRATION_REVOKED && registration_revoke(r))
		return fault_set(
		    fault, -EPERM, NULL, "%s: cannot be revoked", r->space);
	return 0;
}

static int run(const void *data, char *const *words, struct fault *fault)
{
	const struct config *c = data;
	CLEANUP(storecall_closep) struct storecall *s = NULL;
	CLEANUP(record_deinit) struct record record = { .version = 0 };
	struct record_place place;
	const char *word = NULL;
	int r = record_word(&word, words, fault);

	if (!r)
		r = record_place(&place, &c->common, word, fault);
	if (!r)
		r = source_open(&s, &c->common, fault);
	if (!r)
		r = record_change(&record, s, &place, apply, c->broker, fault);
	if (r)
		return r;
	if (c->common.output == VERB_JSON)
		return source_print_json(
		    record_json(&record.registration), fault);
	record_print(&record.registration);
	return 0;
}

const struct verb source_revoke_verb = {
	.name = "revoke",
	.about = "let in a cluster, or one of its brokers, no more",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
