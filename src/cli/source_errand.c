/* cli/source_errand.c: the steps of a registration, and what is left of it.
 *
 *   check     what was said, without asking anybody
 *   record    what is registered there already; what it will be
 *   places    namespace, mounts, CA (wire/enrol.h): its certificate comes back
 *   rights    roles that name the CA's hash, policy, login; a secret id
 *   file      written, but not yet by its name
 *   record    written: from now on the cluster may come
 *   file      gets its name
 *
 * The record comes last but for a rename, so a failure before it leaves a
 * registration as it was, and everything else is undone.
 */
#include "cli/source_errand.h"
#include "wire/credential.h"
#include "wire/grant.h"
#include "wire/json.h"
#include <openssl/x509.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

void errand_deinit(struct errand *e)
{
	fileset_close(&e->files);
	source_files_deinit(&e->keyfiles);
	storecall_close(e->store);
	changes_free(e->changes);
	record_deinit(&e->record);
	record_ca_deinit(&e->ca);
	free(e->folder);
}

/* ---- what was said ------------------------------------------------------- */

static int check_account(struct errand *e, struct fault *fault)
{
	const char *text = e->order.account, *slash = strchr(text, '/');
	char name[GRANT_NAME_MOST + 1];

	if (!slash || (size_t)(slash - text) >= sizeof(e->home))
		return fault_set(fault, -EINVAL,
		    "expected is NAMESPACE/NAME, as "
		    "pharos-system/pharos-broker",
		    "--serviceaccount %.80s", text);
	memcpy(e->home, text, (size_t)(slash - text));
	if (grant_name(name, e->home, slash + 1, fault))
		return fault_wrap(fault, "--serviceaccount %.80s", text);
	(void)snprintf(e->subject, sizeof(e->subject),
	    "system:serviceaccount:%s:%.253s", e->home, slash + 1);
	return 0;
}

static int check_beacons(const struct errand_order *c, struct fault *fault)
{
	if (c->beacons->n_items > JOINSTRING_BEACONS_MOST)
		return fault_set(fault, -EINVAL, NULL,
		    "--beacon-address: more than %d", JOINSTRING_BEACONS_MOST);
	for (size_t i = 0; i < c->beacons->n_items; i++)
		if (!joinstring_beacon_ok(c->beacons->items[i]))
			return fault_set(fault, -EINVAL,
			    "expected is HOST:PORT, without a scheme",
			    "--beacon-address %.80s", c->beacons->items[i]);
	return 0;
}

int errand_check(struct errand *e, struct fault *fault)
{
	const struct errand_order *c = &e->order;
	int r =
	    record_place(&e->place, c->common, c->common->fingerprint, fault);

	if (!r)
		r = storecall_address(e->address, c->common->address, fault);
	if (!r)
		r = check_account(e, fault);
	if (!r)
		r = check_beacons(c, fault);
	if (!r && !enrol_label_ok(c->service))
		r = fault_set(fault, -EINVAL,
		    "It has lower-case letters, digits and hyphens, at most "
		    "63.",
		    "--broker-service %.80s: no name of a Service", c->service);
	if (!r && c->files)
		r = source_files_open(
		    &e->keyfiles, c->files, !c->common->dry_run, fault);
	if (!r && c->credential && !access(c->credential, F_OK))
		r = fault_set(fault, -EINVAL,
		    "Name another file, or leave --credential out.",
		    "--credential %.200s: is there already", c->credential);
	if (r) {
		fault->code = OPTION_E_BAD;
		return OPTION_E_BAD;
	}
	e->plan = (struct enrol_order){ .space = &e->place.space,
		.fingerprint = &e->place.fingerprint,
		.broker_namespace = e->home,
		.broker_service = c->service };
	return 0;
}

/* ---- the record ---------------------------------------------------------- */

static int open_record(struct errand *e, struct fault *fault)
{
	char label[SPACE_LABEL_MOST + 1];
	const struct registration_order order = { .fingerprint =
						      e->place.fingerprint,
		.space = label,
		.subject = e->subject,
		.service = e->order.service,
		.now = time(NULL),
		.ttl_s = e->order.ttl_ms / 1000,
		.approval = e->order.approval };
	struct registration fresh;
	int r;

	e->write = true;
	space_label(label, &e->place.space);
	r = registration_open(&fresh, &order, fault);
	if (r)
		return r;
	e->record.registration = fresh;
	return 0;
}

/* The broker's Service as it was said now: the bridge reads it here, and the
 * role of the PKI has it too. */
static void take_service(struct errand *e)
{
	struct registration *r = &e->record.registration;
	bool usual = !strcmp(e->order.service, REGISTRATION_SERVICE);
	const char *service = usual ? "" : e->order.service;

	if (!strcmp(r->service, service))
		return;
	(void)snprintf(r->service, sizeof(r->service), "%s", service);
	e->write = true;
}

/* Of one that is pending: its window opens again. What made it narrower stays:
 * approval, and who is shut out. */
static int reopen_record(struct errand *e, struct fault *fault)
{
	struct registration *r = &e->record.registration;
	int err = registration_reopen(
	    r, &e->place.fingerprint, time(NULL), e->order.ttl_ms / 1000);

	if (err)
		return fault_set(
		    fault, err, NULL, "%s: %s", r->space, strerror(-err));
	memcpy(r->subject, e->subject, sizeof(r->subject));
	take_service(e);
	r->approval |= e->order.approval;
	e->write = true;
	return 0;
}

/* What is registered there stays, unless the cluster has not come yet. */
static int renew_record(struct errand *e, struct fault *fault)
{
	const struct registration *r = &e->record.registration;

	if (r->state == REGISTRATION_REVOKED)
		return fault_set(fault, -EPERM,
		    "Revoked is for ever: register it with another "
		    "--namespace, or remove this one from the store.",
		    "%s: is revoked", r->space);
	if (!fingerprint_equal(&r->fingerprint, &e->place.fingerprint))
		return fault_set(fault, -EEXIST,
		    "To let it come again: `pharos source approve` with its "
		    "--fingerprint.",
		    "%s: the cluster has new keys since it was registered",
		    r->space);
	if (r->state == REGISTRATION_PENDING)
		return reopen_record(e, fault);
	if (strcmp(r->subject, e->subject) != 0)
		return fault_set(fault, -EEXIST,
		    "Name that one with --serviceaccount; another takes a "
		    "registration of its own.",
		    "%s: is active, and its broker is %s", r->space,
		    r->subject);
	take_service(e);
	return 0;
}

/* The cluster was asked: it need not come. */
static int activate(struct errand *e, struct fault *fault)
{
	struct registration *r = &e->record.registration;
	int err;

	if (!e->order.facts || r->state != REGISTRATION_PENDING)
		return 0;
	err = registration_activate(r, e->order.facts);
	return err ? fault_set(fault, err, NULL,
			 "the keys of the cluster cannot be stored: %s",
			 strerror(-err))
		   : 0;
}

static int take_record(struct errand *e, struct fault *fault)
{
	int r = record_find(&e->record, e->store, &e->place, fault);

	if (r == -ENOENT) {
		*fault = (struct fault)FAULT_NONE;
		r = open_record(e, fault);
	} else if (!r) {
		r = renew_record(e, fault);
	}
	return r ? r : activate(e, fault);
}

/* ---- the changes --------------------------------------------------------- */

/* @realm: NULL: not known, so to be shown only */
static int plan_rights(struct errand *e, const char *realm, struct fault *fault)
{
	int r = enrol_rights(
	    e->changes, &e->enrol, &e->plan, realm ? realm : "<info hash>");

	if (!r && e->order.credential)
		r = enrol_credential(e->changes, &e->enrol, &e->place.space);
	if (!r && e->order.files)
		r = source_files_plan(&e->keyfiles, e->changes, &e->enrol,
		    &e->plan, realm ? &e->ca : NULL);
	return r ? fault_set(fault, r, NULL, "the changes: %s", strerror(-r))
		 : 0;
}

static int plan_record(struct errand *e, struct fault *fault)
{
	json_t *record = NULL;
	int r;

	if (!e->write)
		return 0;
	r = registration_write(&record, &e->record.registration);
	if (!r)
		r = enrol_record(
		    e->changes, &e->place.space, record, e->record.version);
	return r ? fault_set(fault, r, NULL, "the changes: %s", strerror(-r))
		 : 0;
}

static int plan_places(struct errand *e, struct fault *fault)
{
	int r = changes_new(&e->changes);

	if (!r)
		r = enrol_places(e->changes, &e->enrol, &e->plan);
	return r ? fault_set(fault, r, NULL, "the changes: %s", strerror(-r))
		 : 0;
}

/* ---- which store it is --------------------------------------------------- */

static const struct source_call status_call = {
	.method = "GET", .path = STORECALL_STATUS, .root = true
};

/* A store that has known holes is told, and taken all the same: who registers
 * is not always who could upgrade it. */
static int check_store(struct errand *e, struct fault *fault)
{
	enum { VERSION_MOST = 64 };
	char version[VERSION_MOST], text[ADVISORY_TEXT_MOST];
	int r = storecall_ready(version, sizeof(version), e->store, fault);

	if (!r && storecall_advisory(text, e->store, version))
		(void)fprintf(stderr,
		    "warning: the store's version %s\n    " ADVISORY_REMEDY
		    "\n",
		    text);
	return r;
}

int errand_show(struct errand *e, struct fault *fault)
{
	int r = open_record(e, fault);

	if (!r)
		r = activate(e, fault);

	if (!r)
		r = plan_places(e, fault);
	if (!r)
		r = plan_rights(e, NULL, fault);
	if (!r)
		r = plan_record(e, fault);
	return r ? r
		 : source_show_plan(
		       e->order.common, &status_call, 1, e->changes, fault);
}

/* A store that knows no namespaces says so in words of its own. */
static void advise(const struct errand *e, int r, struct fault *fault)
{
	struct changes_step first;

	changes_step(&first, e->changes, 0);
	if (r == -ENOENT && first.outcome == CHANGES_REFUSED &&
	    !strncmp(first.what, "namespace ", strlen("namespace ")))
		(void)snprintf(fault->hint, sizeof(fault->hint),
		    "Has this store no namespaces? Then say "
		    "--no-namespaces.");
}

static int make_places(struct errand *e, struct fault *fault)
{
	int r;

	e->plan.has_home = record_has_space(e->store, &e->place.space);
	r = plan_places(e, fault);
	if (!r)
		r = storecall_run(e->store, e->changes, fault);
	if (r) {
		advise(e, r, fault);
		return r;
	}
	r = record_ca_parse(
	    &e->ca, changes_data(e->changes, e->enrol.ca), fault);
	if (r)
		storecall_undo(e->store, e->changes);
	return r;
}

/* ---- what comes of it ---------------------------------------------------- */

static int make_join(struct errand *e, struct fault *fault)
{
	const struct option_list *beacons = e->order.beacons;
	struct joinstring j = { .n_beacons = beacons->n_items };
	unsigned char *der = NULL;
	int n = i2d_X509(e->ca.cert, &der);

	for (size_t i = 0; i < j.n_beacons; i++)
		(void)snprintf(
		    j.beacon[i], sizeof(j.beacon[i]), "%s", beacons->items[i]);
	if (n > 0 && n <= JOINSTRING_CA_MOST) {
		memcpy(j.ca, der, (size_t)n);
		j.n_ca = (size_t)n;
	}
	OPENSSL_free(der);
	return joinstring_write(e->join, &j, fault);
}

static int fill_credential(struct credential *c, const struct errand *e)
{
	const json_t *role = changes_data(e->changes, e->enrol.role_id);
	const json_t *secret = changes_data(e->changes, e->enrol.secret_id);
	const json_t *id = json_object_get(secret, "secret_id");
	const struct option_list *beacons = e->order.beacons;

	if (json_copy_text(c->role_id, sizeof(c->role_id),
		json_object_get(role, "role_id")) ||
	    !json_is_string(id))
		return -EINVAL;
	memcpy(c->address, e->address, sizeof(c->address));
	c->space = e->place.space;
	c->n_beacons = beacons->n_items;
	for (size_t i = 0; i < c->n_beacons; i++)
		(void)snprintf(c->beacon[i], sizeof(c->beacon[i]), "%s",
		    beacons->items[i]);
	return secret_from(
	    &c->secret_id, json_string_value(id), json_string_length(id));
}

/* The bytes wait beside their name until all else is done. */
static int put_file(
    struct errand *e, const struct secret *text, struct fault *fault)
{
	const char *path = e->order.credential, *slash = strrchr(path, '/');
	const struct fileset_content content = { .name =
						     slash ? slash + 1 : path,
		.bytes = secret_bytes(text),
		.n = secret_size(text),
		.mode = 0600 };
	int r;

	e->folder = strdup(slash ? path : ".");
	if (!e->folder)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	if (slash)
		e->folder[slash == path ? 1 : slash - path] = '\0';
	r = fileset_open(&e->files, e->folder, e->order.files, fault);
	return r ? r : fileset_add(&e->files, &content, fault);
}

static int prepare_credential(struct errand *e, struct fault *fault)
{
	CLEANUP(credential_deinit) struct credential c = { .n_beacons = 0 };
	CLEANUP(secret_freep) struct secret *text = NULL;
	int r;

	if (!e->order.credential)
		return 0;
	r = fill_credential(&c, e);
	if (!r)
		r = credential_write(&text, &c);
	if (r)
		return fault_set(fault, r, NULL,
		    "--credential: what the store has answered cannot be put "
		    "into a file: %s",
		    strerror(-r));
	r = put_file(e, text, fault);
	if (r || !e->order.files)
		return r;
	return source_files_add(&e->keyfiles, &e->files,
	    changes_data(e->changes, e->enrol.file), &e->ca, fault);
}

/* ---- doing it ------------------------------------------------------------ */

/* What needs the CA. Return: as errand_make(); what was made is not undone
 * unless the store has refused. */
static int make_rest(struct errand *e, struct fault *fault, bool *refused)
{
	int r = make_join(e, fault);

	if (!r)
		r = plan_rights(e, e->ca.realm, fault);
	if (r)
		return r;
	r = storecall_run(e->store, e->changes, fault);
	*refused = r;
	if (!r)
		r = prepare_credential(e, fault);
	if (!r)
		r = plan_record(e, fault);
	if (r)
		return r;
	r = storecall_run(e->store, e->changes, fault);
	*refused = r;
	if (!r && e->order.credential)
		r = fileset_commit(&e->files, fault);
	return r;
}

int errand_make(struct errand *e, struct fault *fault)
{
	bool refused = false;
	int r = source_open(&e->store, e->order.common, fault);

	if (!r)
		r = check_store(e, fault);
	if (!r)
		r = take_record(e, fault);
	if (!r)
		r = make_places(e, fault);
	if (r)
		return r;
	r = make_rest(e, fault, &refused);
	if (r && !refused)
		storecall_undo(e->store, e->changes);
	return r;
}

/* ---- telling ------------------------------------------------------------- */

json_t *errand_json(const struct errand *e)
{
	json_t *j = record_json(&e->record.registration);

	json_object_set_new(j, "info_hash", json_string(e->ca.realm));
	json_object_set_new(j, "join", json_string(e->join));
	if (e->order.credential)
		json_object_set_new(
		    j, "credential", json_string(e->order.credential));
	if (e->order.files)
		json_object_set_new(
		    j, "files", source_files_json(&e->keyfiles));
	return j;
}

/* Its command line, to be pasted. */
static void tell_bridge(const struct errand *e)
{
	const char *file = e->order.credential, *ca = e->order.common->ca;

	(void)fputs("Beside the store:  pharos-bridge --credential ", stderr);
	verb_print_word(stderr, file ? file : "FILE");
	if (ca) {
		(void)fputs(" --vault-ca ", stderr);
		verb_print_word(stderr, ca);
	}
	(void)fputs(file ? "\n"
			 : "\n                   (do this again with "
			   "--credential FILE to have one)\n",
	    stderr);
}

void errand_tell(const struct errand *e)
{
	const struct registration *r = &e->record.registration;
	bool pending = r->state == REGISTRATION_PENDING;
	char closes[RECORD_TIME_MOST];

	puts(e->join);
	(void)fflush(stdout); /* before what is said of it */
	record_time(closes, r->closes);
	(void)fprintf(stderr, "%s: %s%s%s\n", r->space,
	    registration_state_text(r->state), pending ? ", until " : "",
	    pending ? closes : "");
	(void)fprintf(stderr, "Info hash:         %s\n", e->ca.realm);
	tell_bridge(e);
	(void)fprintf(stderr,
	    "In the cluster:    pharos-broker --join, with the line above\n");
	if (e->order.files)
		source_files_tell(&e->keyfiles, e->order.beacons, e->ca.realm);
	if (pending && r->approval)
		(void)fprintf(stderr,
		    "Once it has come:  pharos source approve %s\n",
		    e->place.shown);
}
