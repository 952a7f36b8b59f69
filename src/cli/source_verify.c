/* pharos source verify: reads back all that stands in a store for a cluster,
 * and says of each thing if it is as it should be. */
#include "cli/source_record.h"
#include "pki/verify.h"
#include "wire/json.h"
#include <openssl/x509v3.h>
#include <stdio.h>
#include <time.h>

struct config {
	struct source_common common;
};

static const struct option_row rows[] = {
	SOURCE_RECORD_ROWS(struct config, common),
};

static const struct option_table table = {
	.program = "pharos source verify",
	.about = "Compare what stands in the store with what should be there.",
	.synopsis = "[OPTION]... F",
	.manual = "pharos-source(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
	.takes_words = true,
};

/* What was found. */
struct report {
	json_t *list; /* of { what, found, remedy } */
	size_t bad;
	bool text;
};

static void say(
    struct report *to, const char *what, const char *found, const char *remedy)
{
	to->bad += remedy != NULL;
	json_array_append_new(
	    to->list, json_pack("{ss ss ss* sb}", "what", what, "found", found,
			  "remedy", remedy, "good", !remedy));
	if (!to->text)
		return;
	printf("%-4s  %s: %s\n", remedy ? "BAD" : "ok", what, found);
	if (remedy)
		printf("      %s\n", remedy);
}

/* ---- the registration ---------------------------------------------------- */

static const char again[] = "`pharos source register` again puts it right.";

/* Once it is approved they may still be compared: its broker trusts nobody
 * before somebody has said them over there. */
static const char *words_remedy(
    const struct registration *r, const struct registration_words *w)
{
	if (time(NULL) - w->since >= WORDS_LIFE_S)
		return "They are too old: it shows others by now.";
	return r->approved
		   ? NULL
		   : "Compare them with those that it shows; then `pharos "
		     "source approve --words`.";
}

static void say_waiting(struct report *to, const struct registration *r)
{
	char found[REGISTRATION_NAME_MOST + WORDS_TEXT + 40];

	if (!r->n_words && !r->approved)
		say(to, "approval", r->pod,
		    "It waits for `pharos source approve`.");
	for (size_t i = 0; i < r->n_words; i++) {
		const struct registration_words *w = &r->words[i];

		(void)snprintf(found, sizeof(found), "%s with the words \"%s\"",
		    w->pod, w->text);
		say(to, "approval", found, words_remedy(r, w));
	}
}

static void say_record(struct report *to, const struct registration *r)
{
	bool late = r->closes < time(NULL);
	char found[200], when[RECORD_TIME_MOST];

	record_time(when, r->closes);
	switch (r->state) {
	case REGISTRATION_PENDING:
		(void)snprintf(found, sizeof(found),
		    late ? "pending, and its window closed %s"
			 : "pending, open until %s",
		    when);
		say(to, "registration", found,
		    late ? "`pharos source register` again opens it." : NULL);
		break;
	case REGISTRATION_ACTIVE:
		say(to, "registration", "active", NULL);
		break;
	case REGISTRATION_STALE:
		say(to, "registration",
		    "stale: a broker came with a key that is not stored",
		    "Has the cluster new keys? `pharos target fingerprint`, "
		    "then `pharos source approve` with it.");
		break;
	default:
		say(to, "registration", "revoked: nobody is let in",
		    "For ever; another registration takes another "
		    "--namespace.");
	}
	if (r->state == REGISTRATION_PENDING && *r->pod)
		say_waiting(to, r);
}

/* ---- the CA -------------------------------------------------------------- */

static void say_ca(struct report *to, const struct record_ca *ca)
{
	enum { SOON_S = 90 * 24 * 3600 };
	const ASN1_TIME *end = X509_get0_notAfter(ca->cert);
	char date[VERIFY_DATE_MOST], found[200];

	verify_date_text(date, end);
	(void)snprintf(
	    found, sizeof(found), "info hash %s, until %s", ca->realm, date);
	if (X509_check_ca(ca->cert) <= 0)
		say(to, "bridge CA", "is no CA", "Remove its mount.");
	else
		say(to, "bridge CA", found,
		    verify_seconds(end) < time(NULL) + SOON_S
			? "It ends soon: register the cluster anew."
			: NULL);
}

/* ---- all else ------------------------------------------------------------ */

static const char *remedy_of(const struct changes_step *step, bool optional)
{
	if (step->kind == CHANGES_MAKE)
		return "Something else stands there: remove it.";
	return optional ? "Remove it, or let `pharos target connect --dir` "
			  "write it again."
			: again;
}

/* @optional: it may be missing
 * Return: 0; -ENOMEM. */
static int compare_step(struct report *to, struct storecall *s,
    const struct changes *p, size_t i, bool optional)
{
	struct fault fault = FAULT_NONE;
	struct changes_step step;
	int r = storecall_compare(s, p, i, &fault);

	changes_step(&step, p, i);
	if (r == CHANGES_E_REFUSED)
		say(to, step.what, fault.text, fault.hint);
	else if (r == CHANGES_E_MISSING && !optional)
		say(to, step.what, "is missing", again);
	else if (r == CHANGES_E_UNFIT)
		say(to, step.what, "is otherwise than it should be",
		    remedy_of(&step, optional));
	else if (!r && strcmp(step.what, "bridge CA") != 0)
		say(to, step.what, "as it should be", NULL);
	return r == -ENOMEM ? r : 0;
}

static int compare(struct report *to, struct storecall *s,
    const struct changes *p, const struct enrol *e)
{
	struct changes_step step;
	int r = 0;

	for (size_t i = 0; !r && i < changes_size(p); i++) {
		changes_step(&step, p, i);
		if (step.look)
			r = compare_step(to, s, p, i, i == e->file_role);
	}
	return r;
}

/* The broker's namespace, of the registered subject. */
static int home_of(char out[ENROL_LABEL_MOST + 1], const char *subject)
{
	const char *home = subject + strlen("system:serviceaccount:");
	size_t n = strcspn(home, ":");

	if (n > ENROL_LABEL_MOST)
		return -EINVAL;
	memcpy(out, home, n);
	out[n] = '\0';
	return 0;
}

static int compare_all(struct report *to, struct storecall *s,
    const struct record_place *place, struct fault *fault)
{
	CLEANUP(record_deinit) struct record record = { .version = 0 };
	CLEANUP(record_ca_deinit) struct record_ca ca = { .cert = NULL };
	CLEANUP(changes_freep) struct changes *p = NULL;
	char home[ENROL_LABEL_MOST + 1];
	struct enrol_order order = { .space = &place->space,
		.fingerprint = &place->fingerprint,
		.broker_namespace = home,
		.broker_service = REGISTRATION_SERVICE };
	struct enrol e;
	int r = record_find(&record, s, place, fault);

	if (!r)
		r = record_ca_read(&ca, s, &place->space, fault);
	if (r)
		return r;
	order.has_home = record_has_space(s, &place->space);
	if (*record.registration.service)
		order.broker_service = record.registration.service;
	say_record(to, &record.registration);
	say_ca(to, &ca);
	r = home_of(home, record.registration.subject);
	if (!r)
		r = changes_new(&p);
	if (!r)
		r = enrol_places(p, &e, &order);
	if (!r)
		r = enrol_rights(p, &e, &order, ca.realm);
	if (!r)
		r = enrol_file_role(p, &e, &order, ca.realm);
	if (!r)
		r = compare(to, s, p, &e);
	return r ? fault_set(fault, r, NULL, "the changes: %s", strerror(-r))
		 : 0;
}

static int run(const void *data, char *const *words, struct fault *fault)
{
	const struct config *c = data;
	CLEANUP(storecall_closep) struct storecall *s = NULL;
	JSON *list = json_array();
	struct report report = { .list = list,
		.text = c->common.output == VERB_TEXT };
	struct record_place place;
	const char *word = NULL;
	int r = record_word(&word, words, fault);

	if (!r)
		r = record_place(&place, &c->common, word, fault);
	if (!r)
		r = source_open(&s, &c->common, fault);
	if (!r)
		r = compare_all(&report, s, &place, fault);
	if (r)
		return r;
	if (!report.text)
		r = source_print_json(STEAL(list), fault);
	if (!r && report.bad)
		r = fault_set(fault, -EBADMSG, NULL,
		    "%zu of these are not as they should be", report.bad);
	return r;
}

const struct verb source_verify_verb = {
	.name = "verify",
	.about = "compare what stands in the store with what should",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
