/* wire/boot.c: how a broker without anything becomes a broker with a
 * certificate.
 *
 * The broker knows the bridge's CA, so TLS tells it whom it speaks to. The
 * bridge knows nothing of the broker, and asks its cluster instead: the token
 * is a statement by the cluster's API server over an audience, and the audience
 * is a hash over this TLS session and the key that is to be certified. So a
 * token cannot be used in another session, by somebody else, or for another
 * key; the bridge computes the audience itself and never reads it from the
 * request.
 *
 * Request and answer are JSON, each bounded before it is read, each read to the
 * last member: what is not known is refused. A refusal has a code for programs,
 * and a text and a remedy for people.
 */
#include "wire/boot.h"
#include "base/secret.h"
#include "base/text.h"
#include "wire/fieldhash.h"
#include "wire/json.h"
#include <sodium.h>
#include <stdio.h>

/* ---- what is signed ------------------------------------------------------ */

void boot_audience(char out[BOOT_AUDIENCE + 1],
    const uint8_t exported[BOOT_EXPORTED], const void *spki, size_t n)
{
	static const char before[] = "pharos-boot:v1:";
	uint8_t digest[crypto_hash_sha256_BYTES];
	crypto_hash_sha256_state hash;

	crypto_hash_sha256_init(&hash);
	fieldhash_add(&hash, exported, BOOT_EXPORTED);
	fieldhash_add(&hash, spki, n);
	crypto_hash_sha256_final(&hash, digest);
	memcpy(out, before, sizeof(before));
	sodium_bin2base64(out + sizeof(before) - 1,
	    BOOT_AUDIENCE + 1 - (sizeof(before) - 1), digest, sizeof(digest),
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* ---- members ------------------------------------------------------------- */

/* A text of 1 to @most bytes, and no NUL in it. */
static const char *text_of(const json_t *from, const char *name, size_t most)
{
	const json_t *j = json_object_get(from, name);
	size_t n = json_string_length(j);
	const char *text = json_string_value(j);

	return text && n && n <= most && strlen(text) == n ? text : NULL;
}

/* A text or @none. */
static const char *text_or(const char *text, const char *none)
{
	return text && *text ? text : none;
}

static int dup_text(char **to, const char *text)
{
	*to = strdup(text);
	return *to ? 0 : -ENOMEM;
}

static int malformed(struct fault *fault, const char *what, const char *name)
{
	return fault_set(fault, -EINVAL,
	    "use the same version of Pharos on both sides",
	    "%s: '%s' is missing, too large or of a wrong kind", what, name);
}

static int put(json_t *to, const char *name, json_t *value)
{
	return value && !json_object_set_new(to, name, value) ? 0 : -ENOMEM;
}

/* ---- the request --------------------------------------------------------- */

void boot_request_deinit(struct boot_request *q)
{
	if (q->token)
		secret_wipe(q->token, strlen(q->token));
	free(q->token);
	free(q->csr);
	json_decref(q->jwks);
	json_decref(q->discovery);
	*q = (struct boot_request){ .token = NULL };
}

static json_t *request_pack(const struct boot_request *q)
{
	json_t *j = json_pack(
	    "{ssssss}", "token", q->token, "csr", q->csr, "uid", q->uid);
	int bad = !j;

	if (j && q->jwks)
		bad |= json_object_set(j, "jwks", q->jwks);
	if (j && q->discovery)
		bad |= json_object_set(j, "discovery", q->discovery);
	if (!bad)
		return j;
	json_decref(j);
	return NULL;
}

int boot_request_write(char **out, const struct boot_request *q)
{
	JSON *j = NULL;
	char *text;

	if (strlen(q->token) > BOOT_TOKEN_MOST ||
	    strlen(q->csr) > BOOT_CSR_MOST)
		return -EMSGSIZE;
	j = request_pack(q);
	text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	if (!text)
		return -ENOMEM;
	if (strlen(text) > BOOT_REQUEST_MOST) {
		free(text);
		return -EMSGSIZE;
	}
	*out = text;
	return 0;
}

static const char *const request_members[] = { "token", "csr", "uid", "jwks",
	"discovery" };

static int members_known(
    json_t *j, const char *const *names, size_t n, struct fault *fault)
{
	const char *name;
	json_t *value;

	json_object_foreach(j, name, value)
	{
		size_t i = 0;

		while (i < n && strcmp(name, names[i]) != 0)
			i++;
		if (i == n)
			return fault_set(fault, -EINVAL,
			    "use the same version of Pharos on both sides",
			    "boot request: a member '%.40s' that is not known",
			    name);
	}
	return 0;
}

/* Both or neither, and objects. */
static int request_cluster(
    struct boot_request *q, const json_t *j, struct fault *fault)
{
	json_t *jwks = json_object_get(j, "jwks");
	json_t *discovery = json_object_get(j, "discovery");

	if (!jwks && !discovery)
		return 0;
	if (!json_is_object(jwks))
		return malformed(fault, "boot request", "jwks");
	if (!json_is_object(discovery))
		return malformed(fault, "boot request", "discovery");
	q->jwks = json_incref(jwks);
	q->discovery = json_incref(discovery);
	return 0;
}

static int request_fill(
    struct boot_request *q, const json_t *j, struct fault *fault)
{
	const char *token = text_of(j, "token", BOOT_TOKEN_MOST);
	const char *csr = text_of(j, "csr", BOOT_CSR_MOST);
	const char *uid = text_of(j, "uid", FINGERPRINT_UID_MOST);

	if (!token)
		return malformed(fault, "boot request", "token");
	if (!csr)
		return malformed(fault, "boot request", "csr");
	if (!uid)
		return malformed(fault, "boot request", "uid");
	memcpy(q->uid, uid, strlen(uid) + 1);
	if (dup_text(&q->token, token) || dup_text(&q->csr, csr))
		return -ENOMEM;
	return request_cluster(q, j, fault);
}

int boot_request_read(
    struct boot_request *out, const void *text, size_t n, struct fault *fault)
{
	JSON *j = n <= BOOT_REQUEST_MOST ? json_read_object(text, n, 0) : NULL;
	struct boot_request q = { .token = NULL };
	int r;

	if (!j)
		return fault_set(fault, -EINVAL, NULL,
		    "boot request: not one JSON object of at most %d bytes",
		    BOOT_REQUEST_MOST);
	r = members_known(j, request_members, N_ELEMS(request_members), fault);
	if (!r)
		r = request_fill(&q, j, fault);
	if (r)
		boot_request_deinit(&q);
	else
		*out = q;
	return r;
}

/* ---- codes --------------------------------------------------------------- */

#define SOON  5
#define LATER 30

static const struct code {
	const char *name;
	int status;
	unsigned retry_s;
	const char *problem, *remedy;
} codes[] = {
	[BOOT_SIGNED] = { "signed", 200, 0, "", "" },
	[BOOT_MALFORMED] = { "malformed", 400, 0, "the request cannot be read",
	    "use the same version of Pharos on both sides" },
	[BOOT_WINDOW] = { "window", 403, 0,
	    "the registration was not used in time",
	    "run `pharos source register` again with the same fingerprint" },
	[BOOT_FINGERPRINT] = { "fingerprint", 403, 0,
	    "this cluster is not the one that was registered",
	    "compare `pharos target fingerprint` on this cluster with "
	    "`pharos source list`" },
	[BOOT_TOKEN] = { "token", 403, LATER,
	    "the ServiceAccount's token is not good",
	    "see the reason; clocks may be apart by a minute" },
	[BOOT_KEY] = { "key", 403, LATER,
	    "the cluster signs with a key that is not stored",
	    "if the cluster's keys were changed, run `pharos source approve` "
	    "with its new fingerprint" },
	[BOOT_SUBJECT] = { "subject", 403, 0,
	    "another ServiceAccount is registered for the broker",
	    "register with the ServiceAccount that the broker runs as" },
	[BOOT_POD] = { "pod", 403, 0,
	    "the token is bound to no pod whose name can be certified",
	    "the broker has to ask for a token that is bound to its own pod" },
	[BOOT_APPROVAL] = { "approval", 403, SOON,
	    "a person has to approve this cluster first",
	    "run `pharos source approve` beside the store" },
	[BOOT_WORDS] = { "words", 403, LATER,
	    "what was shown for the six words is not what was said before: "
	    "somebody may stand between broker and bridge",
	    "use a beacon that you trust, or a join string" },
	[BOOT_REVOKED] = { "revoked", 403, 0,
	    "the cluster, or this broker, was revoked",
	    "to let it in again, register it anew" },
	[BOOT_STORE] = { "store", 503, SOON, "the secret store did not answer",
	    "it is tried again" },
	[BOOT_BUSY] = { "busy", 503, SOON,
	    "too many ask this bridge for certificates", "it is tried again" },
};
_Static_assert(N_ELEMS(codes) == BOOT_CODE_COUNT, "a row each");

static const struct code *code_of(enum boot_code c)
{
	INVARIANT(c < BOOT_CODE_COUNT);
	return &codes[c];
}

const char *boot_code_text(enum boot_code c)
{
	return code_of(c)->name;
}

int boot_code_status(enum boot_code c)
{
	return code_of(c)->status;
}

unsigned boot_code_retry_s(enum boot_code c)
{
	return code_of(c)->retry_s;
}

const char *boot_code_problem(enum boot_code c)
{
	return code_of(c)->problem;
}

const char *boot_code_remedy(enum boot_code c)
{
	return code_of(c)->remedy;
}

/* ---- the answer ---------------------------------------------------------- */

void boot_answer_deinit(struct boot_answer *a)
{
	for (size_t i = 0; i < a->n_certs; i++)
		free(a->cert[i]);
	*a = (struct boot_answer){ .n_certs = 0 };
}

static json_t *certs_pack(const struct boot_answer *a)
{
	json_t *list = json_array();

	for (size_t i = 0; list && i < a->n_certs; i++)
		if (json_array_append_new(list, json_string(a->cert[i]))) {
			json_decref(list);
			return NULL;
		}
	return list;
}

static int refusal_pack(json_t *j, const struct boot_answer *a)
{
	const struct code *c = code_of(a->code);
	unsigned retry = a->retry_s ? a->retry_s : c->retry_s;
	int bad =
	    put(j, "text", json_string(text_or(a->fault.text, c->problem)));

	bad |= put(j, "remedy", json_string(text_or(a->fault.hint, c->remedy)));
	return bad | put(j, "retry", json_integer(retry));
}

int boot_answer_write(char **out, const struct boot_answer *a)
{
	JSON *j = json_object();
	char *text;
	int bad = put(j, "code", json_string(boot_code_text(a->code)));

	if (a->code == BOOT_SIGNED)
		bad |= put(j, "certificates", certs_pack(a));
	else
		bad |= refusal_pack(j, a);
	text = bad ? NULL : json_dumps(j, JSON_COMPACT);
	if (!text)
		return -ENOMEM;
	*out = text;
	return 0;
}

static int answer_certs(
    struct boot_answer *a, const json_t *j, struct fault *fault)
{
	const json_t *list = json_object_get(j, "certificates");
	size_t n = json_array_size(list);

	if (!n || n > BOOT_CERTS_MOST)
		return malformed(fault, "boot answer", "certificates");
	for (size_t i = 0; i < n; i++) {
		const json_t *one = json_array_get(list, i);
		size_t length = json_string_length(one);

		if (!length || length > BOOT_CERT_MOST ||
		    strlen(json_string_value(one)) != length)
			return malformed(fault, "boot answer", "certificates");
		if (dup_text(&a->cert[i], json_string_value(one)))
			return -ENOMEM;
		a->n_certs++;
	}
	return 0;
}

static int answer_refusal(
    struct boot_answer *a, const json_t *j, struct fault *fault)
{
	const char *text = text_of(j, "text", FAULT_TEXT_MAX - 1);
	const char *remedy = text_of(j, "remedy", FAULT_HINT_MAX - 1);
	const json_t *retry = json_object_get(j, "retry");
	json_int_t seconds = json_integer_value(retry);

	if (!text || !remedy)
		return malformed(
		    fault, "boot answer", text ? "remedy" : "text");
	if (!json_is_integer(retry) || seconds < 0 || seconds > 3600)
		return malformed(fault, "boot answer", "retry");
	fault_set(&a->fault, (int)a->code, NULL, "%s", text);
	snprintf(a->fault.hint, sizeof(a->fault.hint), "%s", remedy);
	text_tame(a->fault.text);
	text_tame(a->fault.hint);
	a->retry_s = (unsigned)seconds;
	return 0;
}

static int answer_fill(
    struct boot_answer *a, const json_t *j, struct fault *fault)
{
	const char *name = text_of(j, "code", 40);

	for (unsigned i = 0; name && i < BOOT_CODE_COUNT; i++) {
		if (strcmp(name, codes[i].name) != 0)
			continue;
		a->code = (enum boot_code)i;
		return i == BOOT_SIGNED ? answer_certs(a, j, fault)
					: answer_refusal(a, j, fault);
	}
	return malformed(fault, "boot answer", "code");
}

int boot_answer_read(
    struct boot_answer *out, const void *text, size_t n, struct fault *fault)
{
	JSON *j = n <= BOOT_ANSWER_MOST ? json_read_object(text, n, 0) : NULL;
	struct boot_answer a = { .n_certs = 0 };
	int r;

	if (!j)
		return fault_set(fault, -EINVAL, NULL,
		    "boot answer: not one JSON object of at most %d bytes",
		    BOOT_ANSWER_MOST);
	r = answer_fill(&a, j, fault);
	if (r)
		boot_answer_deinit(&a);
	else
		*out = a;
	return r;
}
