/* pharos source register: a cluster's part of the store is made, the cluster
 * may come, and the line by which it does is printed. */
#include "cli/fileset.h"
#include "cli/source_record.h"
#include "wire/credential.h"
#include "wire/grant.h"
#include "wire/json.h"
#include <openssl/x509.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum { BEACONS_MOST = JOINSTRING_BEACONS_MOST };

struct config {
	struct source_common common;
	struct option_list beacons;
	char *account, *service, *credential;
	long ttl_ms;
	bool approval;
};

#define AT(member) .offset = offsetof(struct config, member)

static const struct option_row rows[] = {
	{ .name = "fingerprint",
	    .metavar = "F",
	    .help = "of the cluster: pharos target fingerprint",
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED,
	    AT(common.fingerprint) },
	{ .name = "beacon-address",
	    .metavar = "HOST:PORT",
	    .help = "where both sides meet; repeatable",
	    .type = OPTION_LIST,
	    .flags = OPTION_REQUIRED,
	    AT(beacons) },
	{ .name = "credential",
	    .metavar = "FILE",
	    .help = "write the bridge's credential there",
	    .detail = "A new file, mode 0600. Each has a secret id of its own; "
		      "without the option none is made.",
	    .type = OPTION_TEXT,
	    AT(credential) },
	{ .name = "serviceaccount",
	    .metavar = "NAMESPACE/NAME",
	    .help = "that the broker runs as",
	    .detail = "Nobody else of the cluster is let in as its broker.",
	    .initial = "pharos-system/pharos-broker",
	    .flags = OPTION_RARE,
	    .type = OPTION_TEXT,
	    AT(account) },
	{ .name = "broker-service",
	    .metavar = "NAME",
	    .help = "the broker's Service, in that namespace",
	    .detail = "The broker's certificate is for this name.",
	    .initial = "pharos-broker",
	    .flags = OPTION_RARE,
	    .type = OPTION_TEXT,
	    AT(service) },
	{ .name = "require-approval",
	    .help = "who comes first waits for a person",
	    .detail = "See approve.",
	    .initial = "false",
	    .type = OPTION_BOOL,
	    AT(approval) },
	{ .name = "ttl",
	    .metavar = "TIME",
	    .help = "how long the cluster may come",
	    .initial = "24h",
	    .type = OPTION_DURATION,
	    .least = 1000,
	    .most = 366L * 24 * 3600 * 1000,
	    AT(ttl_ms) },
	SOURCE_SPACE_ROW(struct config, common),
	SOURCE_STORE_ROWS(struct config, common),
	SOURCE_DRY_RUN_ROW(struct config, common),
	EGRESS_OPTION_ROW(struct config, common.egress),
};

static const struct option_table table = {
	.program = "pharos source register",
	.about = "Let a cluster join, and print the line by which it does.",
	.manual = "pharos-source(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

/* What runs: all that is known of the errand. */
struct errand {
	const struct config *config;
	struct record_place place;
	char home[ENROL_LABEL_MOST + 1]; /* the broker's namespace */
	char subject[REGISTRATION_SUBJECT_MOST + 1];
	struct enrol_order order;
	struct storecall *store;
	struct changes *changes;
	struct enrol enrol;
	struct record record;
	bool write; /* the record */
	struct record_ca ca;
	char join[JOINSTRING_MOST + 1];
};

static void errand_deinit(struct errand *e)
{
	storecall_close(e->store);
	changes_free(e->changes);
	record_deinit(&e->record);
	record_ca_deinit(&e->ca);
}

/* ---- what was said ------------------------------------------------------- */

static int check_account(struct errand *e, struct fault *fault)
{
	const char *text = e->config->account, *slash = strchr(text, '/');
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

static int check_beacons(const struct config *c, struct fault *fault)
{
	if (c->beacons.n_items > BEACONS_MOST)
		return fault_set(fault, -EINVAL, NULL,
		    "--beacon-address: more than %d", BEACONS_MOST);
	for (size_t i = 0; i < c->beacons.n_items; i++)
		if (!joinstring_beacon_ok(c->beacons.items[i]))
			return fault_set(fault, -EINVAL,
			    "expected is HOST:PORT, without a scheme",
			    "--beacon-address %.80s", c->beacons.items[i]);
	return 0;
}

static int check(struct errand *e, struct fault *fault)
{
	const struct config *c = e->config;
	int r =
	    record_place(&e->place, &c->common, c->common.fingerprint, fault);

	if (!r)
		r = check_account(e, fault);
	if (!r)
		r = check_beacons(c, fault);
	if (!r && !enrol_label_ok(c->service))
		r = fault_set(fault, -EINVAL,
		    "It has lower-case letters, digits and hyphens, at most "
		    "63.",
		    "--broker-service %.80s: no name of a Service", c->service);
	if (!r && c->credential && !access(c->credential, F_OK))
		r = fault_set(fault, -EINVAL,
		    "Name another file, or leave --credential out.",
		    "--credential %.200s: is there already", c->credential);
	if (r) {
		fault->code = OPTION_E_BAD;
		return OPTION_E_BAD;
	}
	e->order = (struct enrol_order){ .space = &e->place.space,
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
		.now = time(NULL),
		.ttl_s = e->config->ttl_ms / 1000,
		.approval = e->config->approval };
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

/* Of one that is pending: its window opens again. What made it narrower stays:
 * approval, and who is shut out. */
static int reopen_record(struct errand *e, struct fault *fault)
{
	struct registration *r = &e->record.registration;
	int err = registration_reopen(
	    r, &e->place.fingerprint, time(NULL), e->config->ttl_ms / 1000);

	if (err)
		return fault_set(
		    fault, err, NULL, "%s: %s", r->space, strerror(-err));
	memcpy(r->subject, e->subject, sizeof(r->subject));
	r->approval |= e->config->approval;
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
	return 0;
}

static int take_record(struct errand *e, struct fault *fault)
{
	int r = record_find(&e->record, e->store, &e->place, fault);

	if (r == -ENOENT) {
		*fault = (struct fault)FAULT_NONE;
		return open_record(e, fault);
	}
	return r ? r : renew_record(e, fault);
}

/* ---- the changes --------------------------------------------------------- */

/* @realm: NULL: not known, so to be shown only */
static int plan_rights(struct errand *e, const char *realm, struct fault *fault)
{
	const struct space *space = &e->place.space;
	json_t *record = NULL;
	int r = enrol_rights(
	    e->changes, &e->enrol, &e->order, realm ? realm : "<info hash>");

	if (!r && e->config->credential)
		r = enrol_credential(e->changes, &e->enrol, space);
	if (!r && e->write)
		r = registration_write(&record, &e->record.registration);
	if (!r && e->write)
		r = enrol_record(e->changes, space, record, e->record.version);
	return r ? fault_set(fault, r, NULL, "the changes: %s", strerror(-r))
		 : 0;
}

static int plan_places(struct errand *e, struct fault *fault)
{
	int r = changes_new(&e->changes);

	if (!r)
		r = enrol_places(e->changes, &e->enrol, &e->order);
	return r ? fault_set(fault, r, NULL, "the changes: %s", strerror(-r))
		 : 0;
}

static int show(struct errand *e, struct fault *fault)
{
	int r = open_record(e, fault);

	if (!r)
		r = plan_places(e, fault);
	if (!r)
		r = plan_rights(e, NULL, fault);
	return r ? r
		 : source_show_plan(
		       &e->config->common, NULL, 0, e->changes, fault);
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

	e->order.has_home = record_has_space(e->store, &e->place.space);
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
	const struct option_list *beacons = &e->config->beacons;
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
	CLEANUP(free_p)
	char *address = storecall_address(e->config->common.address);
	const json_t *role = changes_data(e->changes, e->enrol.role_id);
	const json_t *secret = changes_data(e->changes, e->enrol.secret_id);
	const json_t *id = json_object_get(secret, "secret_id");
	const struct option_list *beacons = &e->config->beacons;

	if (!address || strlen(address) >= sizeof(c->address) ||
	    json_copy_text(c->role_id, sizeof(c->role_id),
		json_object_get(role, "role_id")) ||
	    !json_is_string(id))
		return -EINVAL;
	memcpy(c->address, address, strlen(address) + 1);
	c->space = e->place.space;
	c->n_beacons = beacons->n_items;
	for (size_t i = 0; i < c->n_beacons; i++)
		(void)snprintf(c->beacon[i], sizeof(c->beacon[i]), "%s",
		    beacons->items[i]);
	return secret_from(
	    &c->secret_id, json_string_value(id), json_string_length(id));
}

static int put_file(
    const char *path, const struct secret *text, struct fault *fault)
{
	CLEANUP(fileset_close) struct fileset set = { .open = false };
	CLEANUP(free_p) char *folder = strdup(path);
	const char *slash = strrchr(path, '/');
	const struct fileset_content content = { .name =
						     slash ? slash + 1 : path,
		.bytes = secret_bytes(text),
		.n = secret_size(text),
		.mode = 0600 };
	int r;

	if (!folder)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	if (slash)
		folder[slash == path ? 1 : slash - path] = '\0';
	r = fileset_open(&set, slash ? folder : ".", false, fault);
	if (!r)
		r = fileset_add(&set, &content, fault);
	return r ? r : fileset_commit(&set, fault);
}

static int write_credential(struct errand *e, struct fault *fault)
{
	CLEANUP(credential_deinit) struct credential c = { .n_beacons = 0 };
	CLEANUP(secret_freep) struct secret *text = NULL;
	int r = fill_credential(&c, e);

	if (!r)
		r = credential_write(&text, &c);
	if (r)
		return fault_set(fault, r, NULL,
		    "--credential: what the store has answered cannot be put "
		    "into a file: %s",
		    strerror(-r));
	return put_file(e->config->credential, text, fault);
}

static int report(const struct errand *e, struct fault *fault)
{
	const struct config *c = e->config;
	char closes[RECORD_TIME_MOST];
	const struct registration *r = &e->record.registration;
	json_t *j;

	if (c->common.output == SOURCE_JSON) {
		j = record_json(r);
		json_object_set_new(j, "info_hash", json_string(e->ca.realm));
		json_object_set_new(j, "join", json_string(e->join));
		if (c->credential)
			json_object_set_new(
			    j, "credential", json_string(c->credential));
		return source_print_json(j, fault);
	}
	puts(e->join);
	record_time(closes, r->closes);
	(void)fprintf(stderr, "%s: %s%s%s\n", r->space,
	    registration_state_text(r->state),
	    r->state == REGISTRATION_PENDING ? ", until " : "",
	    r->state == REGISTRATION_PENDING ? closes : "");
	(void)fprintf(stderr,
	    "Beside the store:  pharos-bridge --credential %s\n"
	    "In the cluster:    pharos-broker --join, with the line above\n",
	    c->credential ? c->credential
			  : "FILE (register again with --credential FILE)");
	if (r->approval && !r->approved)
		(void)fprintf(stderr,
		    "Once it has come:  pharos source approve %s\n",
		    e->place.shown);
	return 0;
}

/* ---- doing it ------------------------------------------------------------ */

static int make_all(struct errand *e, struct fault *fault)
{
	int r = take_record(e, fault);

	if (!r)
		r = make_places(e, fault);
	if (r)
		return r;
	r = make_join(e, fault);
	if (!r)
		r = plan_rights(e, e->ca.realm, fault);
	if (r) {
		storecall_undo(e->store, e->changes);
		return r;
	}
	r = storecall_run(e->store, e->changes, fault);
	if (r || !e->config->credential)
		return r;
	r = write_credential(e, fault);
	if (r)
		storecall_undo(e->store, e->changes);
	return r;
}

static int run(const void *data, char *const *words, struct fault *fault)
{
	const struct config *c = data;
	CLEANUP(errand_deinit) struct errand e = { .config = c };
	int r = check(&e, fault);

	(void)words;
	if (r)
		return r;
	if (c->common.dry_run)
		return show(&e, fault);
	/* the cluster's own namespace is with each call */
	r = source_open(&e.store, &c->common, fault);
	if (!r)
		r = make_all(&e, fault);
	return r ? r : report(&e, fault);
}

const struct verb source_register_verb = {
	.name = "register",
	.about = "let a cluster join",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
