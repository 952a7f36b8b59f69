#include "cli/source_record.h"
#include "base/hex.h"
#include "base/text.h"
#include "pki/cleanup.h"
#include "pki/identity.h"
#include "pki/verify.h"
#include "wire/json.h"
#include <stdio.h>
#include <time.h>

/* ---- which cluster ------------------------------------------------------- */

int record_word(const char **out, char *const *words, struct fault *fault)
{
	if (!words[0] || words[1])
		return fault_set(fault, OPTION_E_BAD,
		    "`pharos target fingerprint` prints it, and `pharos source "
		    "list` those that are registered.",
		    "which cluster? One fingerprint is needed");
	*out = words[0];
	return 0;
}

int record_place(struct record_place *out, const struct source_common *common,
    const char *fingerprint, struct fault *fault)
{
	struct record_place to;
	char *name = common->name_space;
	int r = fingerprint_parse(&to.fingerprint, fingerprint, fault);

	if (!r && name && common->no_namespaces)
		r = fault_set(fault, -EINVAL, "Give one or the other.",
		    "a namespace, and --no-namespaces");
	if (!r && common->no_namespaces)
		space_own_prefix(&to.space, &to.fingerprint);
	else if (!r && name)
		r = space_set(&to.space, name, "", fault);
	else if (!r)
		space_own(&to.space, &to.fingerprint);
	if (r) {
		fault->code = OPTION_E_BAD;
		return OPTION_E_BAD;
	}
	fingerprint_show(to.shown, &to.fingerprint);
	*out = to;
	return 0;
}

/* ---- reading ------------------------------------------------------------- */

void record_deinit(struct record *r)
{
	registration_deinit(&r->registration);
	r->version = 0;
}

/* GET of one path of @space. */
static int get(json_t **out, struct storecall *s, const struct space *space,
    enum space_path path, struct fault *fault)
{
	struct vault_call call;
	char text[VAULT_PATH_MOST];
	int r;

	space_path(text, space, path);
	r = vault_call_plain(&call, "GET", text, NULL);
	if (r)
		return fault_set(fault, r, NULL, "%s: no path", text);
	r = storecall_read(out, s, space->name_space, &call, fault);
	if (r != -ENOENT)
		return r;
	*out = NULL; /* not even the mount, or the namespace, is there */
	*fault = (struct fault)FAULT_NONE;
	return 0;
}

/* What a GET in the namespace @where comes to: 0 also when nothing is there. */
static int try_get(struct storecall *s, const char *where, const char *path)
{
	struct fault ignored = FAULT_NONE;
	struct vault_call call;
	JSON *j = NULL;
	int r = vault_call_plain(&call, "GET", path, NULL);

	return r ? r : storecall_read(&j, s, where, &call, &ignored);
}

bool record_has_space(struct storecall *s, const struct space *space)
{
	char parent[SPACE_NAMESPACE_MOST + 1], path[VAULT_PATH_MOST];
	char *slash;

	memcpy(parent, space->name_space, sizeof(parent));
	slash = strrchr(parent, '/');
	(void)snprintf(path, sizeof(path), "sys/namespaces/%s",
	    slash ? slash + 1 : parent);
	*(slash ? slash : parent) = '\0';
	return *space->name_space && try_get(s, parent, path) == -EACCES &&
	       !try_get(s, space->name_space, "auth/token/lookup-self");
}

int record_read(struct record *out, struct storecall *s,
    const struct space *space, struct fault *fault)
{
	struct record to = { .version = 0 };
	const json_t *data, *version;
	char label[SPACE_LABEL_MOST + 1];
	JSON *j = NULL;
	int r = get(&j, s, space, SPACE_RECORD, fault);

	if (r)
		return r;
	data = json_object_get(j, "data");
	version = json_object_get(json_object_get(data, "metadata"), "version");
	if (j) {
		r = registration_read(
		    &to.registration, json_object_get(data, "data"), fault);
		if (r) {
			space_label(label, space);
			return fault_wrap(fault, "%s", label);
		}
		to.version = (unsigned long)json_integer_value(version);
	}
	*out = to;
	return 0;
}

int record_find(struct record *out, struct storecall *s,
    const struct record_place *place, struct fault *fault)
{
	char own[FINGERPRINT_DIGITS + 1], label[SPACE_LABEL_MOST + 1];
	struct record to = { .version = 0 };
	int r = record_read(&to, s, &place->space, fault);

	if (r)
		return r;
	space_label(label, &place->space);
	fingerprint_print(own, &place->fingerprint);
	if (!to.version)
		return fault_set(fault, -ENOENT,
		    "`pharos source list` shows those that are; `pharos source "
		    "register` registers one.",
		    "%s: no cluster is registered there", label);
	if (strcmp(own, to.registration.id) != 0) {
		r = fault_set(fault, -EEXIST,
		    "Their first digits are the same: register one of both "
		    "with --namespace.",
		    "%s: another cluster is registered there, %s", label,
		    to.registration.id);
		record_deinit(&to);
		return r;
	}
	*out = to;
	return 0;
}

/* ---- changing ------------------------------------------------------------ */

static int write_record(struct storecall *s, const struct space *space,
    const struct record *r, struct fault *fault)
{
	CLEANUP(changes_freep) struct changes *p = NULL;
	json_t *record = NULL;
	int err = changes_new(&p);

	if (!err)
		err = registration_write(&record, &r->registration);
	if (!err)
		err = enrol_record(p, space, record, r->version);
	if (err)
		return fault_set(fault, err, NULL, "%s", strerror(-err));
	return storecall_run(s, p, fault);
}

int record_change(struct record *out, struct storecall *s,
    const struct record_place *place, record_fn fn, const void *ctx,
    struct fault *fault)
{
	enum { TRIES = 5 };
	struct record to = { .version = 0 };
	int r = -EINVAL;

	for (int i = 0; i < TRIES; i++) {
		*fault = (struct fault)FAULT_NONE;
		r = record_find(&to, s, place, fault);
		if (!r)
			r = fn(&to.registration, ctx, fault);
		if (!r)
			r = write_record(s, &place->space, &to, fault);
		if (!r) {
			*out = to;
			return 0;
		}
		record_deinit(&to);
		if (r != -EINVAL || !strstr(fault->text, "check-and-set"))
			return r;
	}
	return r;
}

/* ---- the CA -------------------------------------------------------------- */

void record_ca_deinit(struct record_ca *ca)
{
	X509_free(ca->cert);
	ca->cert = NULL;
}

int record_ca_parse(
    struct record_ca *out, const json_t *data, struct fault *fault)
{
	const char *pem =
	    json_string_value(json_object_get(data, "certificate"));
	CLEANUP(x509_p) X509 *cert = NULL;
	uint8_t realm[REALM_SIZE];

	if (!pem || pki_read_cert(&cert, pem, NULL) || realm_of(realm, cert))
		return fault_set(fault, -EINVAL,
		    "Look at what the PKI mount answers at cert/ca.",
		    "bridge CA: the store gives no certificate for it");
	hex_encode(out->realm, realm, sizeof(realm));
	out->cert = STEAL(cert);
	return 0;
}

int record_ca_read(struct record_ca *out, struct storecall *s,
    const struct space *space, struct fault *fault)
{
	JSON *j = NULL;
	int r = get(&j, s, space, SPACE_CA, fault);

	if (r)
		return r;
	if (!j)
		return fault_set(fault, -ENOENT,
		    "Register the cluster: pharos source register.",
		    "the bridge CA is not there");
	return record_ca_parse(out, json_object_get(j, "data"), fault);
}

/* ---- where pods log in --------------------------------------------------- */

static int take_fingerprint(
    struct source_common *common, char *const *words, struct fault *fault)
{
	if (!words[0])
		return 0;
	if (words[1] || common->fingerprint)
		return fault_set(fault, OPTION_E_BAD,
		    "Give one fingerprint, as a word or by --fingerprint.",
		    "which cluster? %.80s, or another", words[0]);
	common->fingerprint = words[0];
	return 0;
}

int record_login(struct record_login *out, struct source_common *common,
    char *const *words, struct fault *fault)
{
	struct record_place place;
	int r = take_fingerprint(common, words, fault);

	if (r)
		return r;
	*out = (struct record_login){ .mount = "jwt" };
	if (common->fingerprint) {
		r = record_place(&place, common, common->fingerprint, fault);
		if (r)
			return r;
		out->space = place.space;
		memcpy(out->name_space, place.space.name_space,
		    sizeof(out->name_space));
		space_mount(out->mount, &place.space, SPACE_JWT);
		common->name_space = *out->name_space ? out->name_space : NULL;
	} else if (common->no_namespaces) {
		return fault_set(fault, OPTION_E_BAD,
		    "Without a fingerprint, --auth-mount says it all.",
		    "--no-namespaces goes with --fingerprint");
	}
	if (!common->mount)
		common->mount = out->mount;
	return 0;
}

/* ---- showing ------------------------------------------------------------- */

void record_time(char out[RECORD_TIME_MOST], int64_t s)
{
	time_t when = (time_t)s;
	struct tm tm;

	if (!gmtime_r(&when, &tm) ||
	    !strftime(out, RECORD_TIME_MOST, "%Y-%m-%d %H:%M UTC", &tm))
		(void)snprintf(out, RECORD_TIME_MOST, "?");
}

static json_t *words_json(const struct registration *r)
{
	json_t *list = json_array();

	for (size_t i = 0; i < r->n_words; i++)
		json_array_append_new(
		    list, json_pack("{ss sI ss}", "pod", r->words[i].pod,
			      "since", (json_int_t)r->words[i].since, "words",
			      r->words[i].text));
	return list;
}

json_t *record_json(const struct registration *r)
{
	char fingerprint[FINGERPRINT_DIGITS + 1], shown[FINGERPRINT_SHOWN + 1];
	json_t *j;

	fingerprint_print(fingerprint, &r->fingerprint);
	fingerprint_show(shown, &r->fingerprint);
	j = json_pack("{ss ss ss ss ss ss sI sI sb sb}", "state",
	    registration_state_text(r->state), "id", r->id, "canonical",
	    fingerprint, "fingerprint", shown, "namespace", r->space, "subject",
	    r->subject, "opened", (json_int_t)r->opened, "closes",
	    (json_int_t)r->closes, "require_approval", r->approval, "approved",
	    r->approved);
	if (*r->pod)
		json_object_set_new(j, "waiting",
		    json_pack("{ss sI}", "pod", r->pod, "since",
			(json_int_t)r->came));
	if (r->n_words)
		json_object_set_new(j, "words", words_json(r));
	json_object_set_new(j, "service",
	    json_string(*r->service ? r->service : REGISTRATION_SERVICE));
	if (*r->issuer)
		json_object_set_new(j, "issuer", json_string(r->issuer));
	if (r->n_out) {
		json_t *list = json_array();

		for (size_t i = 0; i < r->n_out; i++)
			json_array_append_new(list, json_string(r->out[i]));
		json_object_set_new(j, "shut_out", list);
	}
	return j;
}

static void print_waiting(const struct registration *r)
{
	char when[RECORD_TIME_MOST];

	if (!*r->pod)
		return;
	record_time(when, r->came);
	printf("%s  pod %s, since %s\n",
	    r->approved ? "approved " : "waiting  ", r->pod, when);
}

void record_print_words(const json_t *words, const char *before)
{
	const json_t *one;
	size_t i;

	json_array_foreach(words, i, one)
	{
		json_int_t since =
		    json_integer_value(json_object_get(one, "since"));
		char when[RECORD_TIME_MOST];

		record_time(when, since);
		printf("%s%s  (%s, since %s%s)\n", before,
		    json_string_value(json_object_get(one, "words")),
		    json_string_value(json_object_get(one, "pod")), when,
		    time(NULL) - since < WORDS_LIFE_S ? "" : "; too old");
	}
}

void record_print(const struct registration *r)
{
	JSON *words = words_json(r);
	char shown[FINGERPRINT_SHOWN + 1], when[RECORD_TIME_MOST];

	fingerprint_show(shown, &r->fingerprint);
	record_time(when, r->closes);
	printf("cluster    %s\n", shown);
	if (r->state == REGISTRATION_PENDING)
		printf("state      pending, until %s%s\n", when,
		    r->approval ? ", with approval" : "");
	else
		printf("state      %s\n", registration_state_text(r->state));
	printf("namespace  %s\nbroker     %s\n", r->space, r->subject);
	print_waiting(r);
	record_print_words(words, "six words  ");
	for (size_t i = 0; i < r->n_out; i++)
		printf("shut out   %s\n", r->out[i]);
}
