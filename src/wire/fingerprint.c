/* wire/fingerprint.c: a cluster as one short text.
 *
 * A cluster is who can sign its ServiceAccount tokens. So the fingerprint is a
 * hash of the keys that these are checked with, by their RFC 7638 thumbprints,
 * of the issuer that the tokens name, and of the UID of the namespace
 * kube-system, which tells two clusters apart that share an issuer. Nothing of
 * it is secret: who knows all of it still cannot sign. And nothing of it can be
 * exchanged: other keys are another fingerprint.
 *
 * Every field is hashed behind its length, so no two lists of fields give the
 * same bytes. The thumbprints are sorted, each once, since a key set has no
 * order and a key may be in it under two names. A key of a kind for which there
 * is no thumbprint does not count; wire/jwt.c takes no such key either, so
 * every key that can ever check a token is in the fingerprint. Which of the
 * keys are strong enough is not asked here: that answer may change with a
 * version, the fingerprint must not.
 *
 * On paper there are four lines of thirteen digits, each with a check digit. It
 * is a weighted sum in the field of 32 elements, with another weight for each
 * place, so it finds every wrong digit and every two of a line that changed
 * places; a constant for each line finds lines that changed places. Which line
 * is wrong is known, and the reader is told to look there.
 */
#include "wire/fingerprint.h"
#include "base/text.h"
#include "base/wr.h"
#include "wire/fieldhash.h"
#include "wire/json.h"
#include "wire/jwk.h"
#include <sodium.h>
#include <stdio.h>

static const char label[] = "pharos-fingerprint-v1";

/* ---- thumbprints --------------------------------------------------------- */

enum { MEMBERS_MOST = 4, THUMBPRINT_TEXT_MOST = 4096 };

/* The members that make each kind of key, in the order of RFC 7638. */
static const struct kind {
	const char *name, *member[MEMBERS_MOST];
} kinds[] = {
	{ "EC", { "crv", "kty", "x", "y" } },
	{ "OKP", { "crv", "kty", "x" } },
	{ "RSA", { "e", "kty", "n" } },
};

static const struct kind *kind_of(const json_t *jwk)
{
	const char *name = json_string_value(json_object_get(jwk, "kty"));

	for (size_t i = 0; name && i < N_ELEMS(kinds); i++)
		if (!strcmp(name, kinds[i].name))
			return &kinds[i];
	return NULL;
}

/* Nothing that JSON could write in two ways. */
static bool is_plain(const char *text)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "abcdefghijklmnopqrstuvwxyz0123456789-_";

	return *text && !text[strspn(text, plain)];
}

static int member_write(struct wr *w, const json_t *jwk, const char *name)
{
	const json_t *j = json_object_get(jwk, name);
	const char *value = json_string_value(j);

	if (!value || strlen(value) != json_string_length(j) ||
	    !is_plain(value))
		return -EINVAL;
	wr_text(w, w->used ? ",\"" : "{\"");
	wr_text(w, name);
	wr_text(w, "\":\"");
	wr_text(w, value);
	wr_text(w, "\"");
	return 0;
}

int thumbprint_of(uint8_t out[THUMBPRINT_SIZE], const json_t *jwk)
{
	const struct kind *kind = kind_of(jwk);
	uint8_t text[THUMBPRINT_TEXT_MOST];
	struct wr w = wr_over(text, sizeof(text));

	if (!kind)
		return -ENOTSUP;
	for (size_t i = 0; i < MEMBERS_MOST && kind->member[i]; i++)
		if (member_write(&w, jwk, kind->member[i]))
			return -EINVAL;
	wr_text(&w, "}");
	if (!wr_ok(&w))
		return -EINVAL;
	crypto_hash_sha256(out, text, w.used);
	return 0;
}

/* Those of a key set: sorted, each once. */
struct thumbprints {
	uint8_t of[FINGERPRINT_KEYS_MOST][THUMBPRINT_SIZE];
	size_t n;
};

static int thumbprints_insert(
    struct thumbprints *t, const uint8_t one[THUMBPRINT_SIZE])
{
	size_t at = 0;
	int order = 1;

	while (at < t->n && order > 0) {
		order = memcmp(one, t->of[at], THUMBPRINT_SIZE);
		at += order > 0;
	}
	if (at < t->n && !order)
		return 0;
	if (t->n == FINGERPRINT_KEYS_MOST)
		return -E2BIG;
	memmove(t->of[at + 1], t->of[at], (t->n - at) * THUMBPRINT_SIZE);
	memcpy(t->of[at], one, THUMBPRINT_SIZE);
	t->n++;
	return 0;
}

static int thumbprints_add(
    struct thumbprints *t, const json_t *jwk, struct fault *fault)
{
	uint8_t one[THUMBPRINT_SIZE];
	int r = jwk_check_public(jwk, fault);

	if (r)
		return r;
	r = thumbprint_of(one, jwk);
	if (r == -ENOTSUP)
		return 0;
	if (r)
		return fault_set(fault, -EINVAL, NULL,
		    "key set: a key without the members of its kind");
	if (thumbprints_insert(t, one))
		return fault_set(fault, -EINVAL, NULL,
		    "key set: more than %d keys", FINGERPRINT_KEYS_MOST);
	return 0;
}

static int thumbprints_read(
    struct thumbprints *t, const void *text, size_t n, struct fault *fault)
{
	JSON *set =
	    n <= FINGERPRINT_TEXT_MOST ? json_read_object(text, n, 0) : NULL;
	const json_t *keys = json_object_get(set, "keys");

	if (!json_is_array(keys))
		return fault_set(fault, -EINVAL,
		    "expected is {\"keys\":[…]}, as `kubectl get --raw "
		    "/openid/v1/jwks` prints it",
		    "key set: not a JWK set");
	for (size_t i = 0; i < json_array_size(keys); i++) {
		int r = thumbprints_add(t, json_array_get(keys, i), fault);

		if (r)
			return r;
	}
	if (!t->n)
		return fault_set(fault, -EINVAL,
		    "clusters sign with RSA or EC keys; is this the set of the "
		    "API server?",
		    "key set: no key of kind EC, RSA or OKP in it");
	return 0;
}

/* ---- the hash ------------------------------------------------------------ */

static int check_uid(const char *uid, struct fault *fault)
{
	size_t n = strlen(uid);

	if (n && n <= FINGERPRINT_UID_MOST && is_plain(uid))
		return 0;
	return fault_set(fault, -EINVAL,
	    "expected is what `kubectl get namespace kube-system -o "
	    "jsonpath={.metadata.uid}` prints",
	    "cluster UID: not one: 1 to %d letters, digits and hyphens",
	    FINGERPRINT_UID_MOST);
}

/* No blanks: an issuer is a URL or a name, and is shown to people. */
static int check_issuer(const char *issuer, struct fault *fault)
{
	size_t n = strlen(issuer), step = 1;

	for (size_t at = 0; n <= FINGERPRINT_ISSUER_MOST && at < n && step;
	     at += step)
		step =
		    issuer[at] == ' ' ? 0 : text_printable(issuer + at, n - at);
	if (n && n <= FINGERPRINT_ISSUER_MOST && step)
		return 0;
	return fault_set(fault, -EINVAL, NULL,
	    "issuer: empty, longer than %d bytes, or with characters that "
	    "cannot be shown",
	    FINGERPRINT_ISSUER_MOST);
}

int fingerprint_of(struct fingerprint *out,
    const struct fingerprint_facts *facts, struct fault *fault)
{
	struct thumbprints keys = { .n = 0 };
	crypto_hash_sha256_state hash;
	int r = check_uid(facts->uid, fault);

	if (!r)
		r = check_issuer(facts->issuer, fault);
	if (!r)
		r = thumbprints_read(&keys, facts->jwks, facts->n_jwks, fault);
	if (r)
		return r;
	crypto_hash_sha256_init(&hash);
	fieldhash_add(&hash, label, strlen(label));
	fieldhash_add(&hash, facts->uid, strlen(facts->uid));
	fieldhash_add(&hash, facts->issuer, strlen(facts->issuer));
	for (size_t i = 0; i < keys.n; i++)
		fieldhash_add(&hash, keys.of[i], THUMBPRINT_SIZE);
	crypto_hash_sha256_final(&hash, out->bytes);
	return 0;
}

int fingerprint_issuer(char out[FINGERPRINT_ISSUER_MOST + 1], const void *text,
    size_t n, struct fault *fault)
{
	JSON *j =
	    n <= FINGERPRINT_TEXT_MOST ? json_read_object(text, n, 0) : NULL;
	const char *issuer = json_string_value(json_object_get(j, "issuer"));

	if (!issuer)
		return fault_set(fault, -EINVAL,
		    "expected is {\"issuer\":\"…\",…}, as `kubectl get --raw "
		    "/.well-known/openid-configuration` prints it",
		    "discovery document: not one that names an issuer");
	if (check_issuer(issuer, fault))
		return fault_wrap(fault, "discovery document");
	memcpy(out, issuer, strlen(issuer) + 1);
	return 0;
}

bool fingerprint_equal(const struct fingerprint *a, const struct fingerprint *b)
{
	return !memcmp(a->bytes, b->bytes, FINGERPRINT_SIZE);
}

void fingerprint_meeting(
    uint8_t out[FINGERPRINT_SIZE], const struct fingerprint *f)
{
	static const char use[] = "pharos-boot-v1";
	crypto_hash_sha256_state hash;

	crypto_hash_sha256_init(&hash);
	fieldhash_add(&hash, use, strlen(use));
	fieldhash_add(&hash, f->bytes, FINGERPRINT_SIZE);
	crypto_hash_sha256_final(&hash, out);
}

/* ---- on paper ------------------------------------------------------------ */

enum {
	LINES = 4,
	LINE_DIGITS = FINGERPRINT_DIGITS / LINES, /* without the check digit */
	GROUP_DIGITS = 7,
	GROUPS = (FINGERPRINT_DIGITS + LINES) / GROUP_DIGITS,
};
_Static_assert(LINES *LINE_DIGITS == FINGERPRINT_DIGITS, "even lines");
_Static_assert(LINE_DIGITS + 1 == 2 * GROUP_DIGITS, "two groups a line");
_Static_assert(GROUPS *(GROUP_DIGITS + 1) - 1 == FINGERPRINT_SHOWN, "hyphens");

/* Times x, in GF(32) modulo x^5 + x^2 + 1; x is of order 31, so the thirteen
 * weights and the check digit's own are all different. */
static unsigned times_x(unsigned v)
{
	return v & 16 ? v << 1 ^ 0x25 : v << 1;
}

static unsigned line_check(const char *digits, size_t line)
{
	unsigned sum = 0;

	for (size_t i = 0; i < LINE_DIGITS; i++)
		sum = times_x(sum ^ (unsigned)base32_value(digits[i]));
	return sum ^ (unsigned)line;
}

void fingerprint_print(
    char out[FINGERPRINT_DIGITS + 1], const struct fingerprint *f)
{
	base32_encode(out, f->bytes, FINGERPRINT_SIZE);
}

void fingerprint_show(
    char out[FINGERPRINT_SHOWN + 1], const struct fingerprint *f)
{
	char digits[FINGERPRINT_DIGITS + 1];
	char checked[FINGERPRINT_DIGITS + LINES];

	fingerprint_print(digits, f);
	for (size_t i = 0; i < LINES; i++) {
		const char *line = digits + i * LINE_DIGITS;
		char *to = checked + i * (LINE_DIGITS + 1);

		memcpy(to, line, LINE_DIGITS);
		to[LINE_DIGITS] = base32_digit(line_check(line, i));
	}
	for (size_t i = 0; i < GROUPS; i++) {
		memcpy(out, checked + i * GROUP_DIGITS, GROUP_DIGITS);
		out[GROUP_DIGITS] = i + 1 < GROUPS ? '-' : '\0';
		out += GROUP_DIGITS + 1;
	}
}

static int digit_fault(const char *at, size_t before, struct fault *fault)
{
	int shown = (int)text_printable(at, strlen(at));

	return fault_set(fault, FINGERPRINT_E_DIGIT,
	    "digits are the letters a to z and 2 to 7; there is no 0, 1, 8 or "
	    "9",
	    "fingerprint: '%.*s', after %zu digits, is no digit of it", shown,
	    at, before);
}

/* Digits alone, at most @most of them; @count goes on to the end. */
static int digits_read(
    char *to, size_t most, size_t *count, const char *text, struct fault *fault)
{
	size_t n = 0;

	for (const char *at = text; *at; at++) {
		if (*at == '-' || *at == ' ')
			continue;
		if (base32_value(*at) < 0)
			return digit_fault(at, n, fault);
		if (n < most)
			to[n] = *at;
		n++;
	}
	*count = n;
	return 0;
}

/* Take the check digits out; they must fit. */
static int lines_check(char *digits, struct fault *fault)
{
	for (size_t i = 0; i < LINES; i++) {
		const char *line = digits + i * (LINE_DIGITS + 1);
		unsigned check = (unsigned)base32_value(line[LINE_DIGITS]);

		if (line_check(line, i) != check)
			return fault_set(fault, FINGERPRINT_E_TYPO,
			    "compare these with what `pharos target "
			    "fingerprint` prints",
			    "fingerprint: mistyped in group %zu or %zu",
			    2 * i + 1, 2 * i + 2);
		memmove(digits + i * LINE_DIGITS, line, LINE_DIGITS);
	}
	return 0;
}

int fingerprint_parse(
    struct fingerprint *out, const char *text, struct fault *fault)
{
	char digits[FINGERPRINT_DIGITS + LINES] = "";
	char plain[FINGERPRINT_DIGITS + 1] = "";
	size_t n = 0;
	int r = digits_read(digits, sizeof(digits), &n, text, fault);

	if (r)
		return r;
	if (n != FINGERPRINT_DIGITS && n != sizeof(digits))
		return fault_set(fault, FINGERPRINT_E_LENGTH,
		    "give it whole, as `pharos target fingerprint` prints it",
		    "fingerprint: %zu digits; expected %zu in %d groups, or %d",
		    n, sizeof(digits), GROUPS, FINGERPRINT_DIGITS);
	r = n == sizeof(digits) ? lines_check(digits, fault) : 0;
	if (r)
		return r;
	memcpy(plain, digits, FINGERPRINT_DIGITS);
	if (base32_decode(out->bytes, FINGERPRINT_SIZE, plain))
		return fault_set(fault, FINGERPRINT_E_TYPO,
		    "compare it with what `pharos target fingerprint` prints",
		    "fingerprint: mistyped: its last digit can only be a or q");
	return 0;
}
