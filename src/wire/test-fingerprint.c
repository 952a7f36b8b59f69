#include "wire/fingerprint.h"
#include <setjmp.h>
#include <stdarg.h>
#include <sodium.h>
#include <stdio.h>
#include <cmocka.h>

/* RFC 7638, section 3.1 */
#define RSA_N                                                                  \
	"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1"  \
	"RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5"  \
	"n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8K"  \
	"JZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQF"  \
	"h6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJz"  \
	"KnqDKgw"
#define RSA                                                                    \
	"{\"kty\":\"RSA\",\"n\":\"" RSA_N "\",\"e\":\"AQAB\","                 \
	"\"alg\":\"RS256\",\"kid\":\"2011-04-29\"}"
/* RFC 7515, appendix A.3 */
#define EC_X "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"
#define EC_Y "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"
#define EC                                                                     \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X "\",\"y\":\"" EC_Y   \
	"\"}"
/* RFC 8037, appendix A.3 */
#define OKP                                                                    \
	"{\"kty\":\"OKP\",\"crv\":\"Ed25519\","                                \
	"\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}"

#define SET(keys) "{\"keys\":[" keys "]}"
#define UID	  "6f1c2a34-5b7d-4e8f-9a0b-1c2d3e4f5a6b"
#define ISSUER	  "https://kubernetes.default.svc.cluster.local"

/* Thumbprints as the RFCs write them, in base64url. */
static const struct {
	const char *label, *jwk, *thumbprint;
	int want;
} thumb_rows[] = {
	{ "RFC 7638, 3.1", RSA, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs" },
	{ "RFC 8037, A.3", OKP, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k" },
	{ "the EC key of RFC 7515, A.3", EC,
	    "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U" },
	{ "only the members of its kind count",
	    "{\"use\":\"sig\",\"y\":\"" EC_Y "\",\"kid\":\"é\",\"x\":\"" EC_X
	    "\",\"n\":\"AA\",\"crv\":\"P-256\",\"kty\":\"EC\"}",
	    "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U" },
	{ "a kind without a thumbprint", "{\"kty\":\"AKP\"}", NULL, -ENOTSUP },
	{ "no kind", "{\"n\":\"AA\",\"e\":\"AQAB\"}", NULL, -ENOTSUP },
	{ "a kind that is no text", "{\"kty\":1}", NULL, -ENOTSUP },
	{ "a member missing", "{\"kty\":\"RSA\",\"e\":\"AQAB\"}", NULL,
	    -EINVAL },
	{ "a member empty", "{\"kty\":\"RSA\",\"e\":\"\",\"n\":\"AA\"}", NULL,
	    -EINVAL },
	{ "a member that is no text",
	    "{\"kty\":\"RSA\",\"e\":65537,\"n\":\"AA\"}", NULL, -EINVAL },
	{ "padding", "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"AA==\"}", NULL,
	    -EINVAL },
	{ "what JSON would have to escape",
	    "{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"A\\\"A\"}", NULL,
	    -EINVAL },
};

static void thumbprints_are_the_rfcs(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(thumb_rows); i++) {
		json_t *jwk = json_loads(thumb_rows[i].jwk, 0, NULL);
		uint8_t out[THUMBPRINT_SIZE];
		char text[64] = "";
		int r = thumbprint_of(out, jwk);

		json_decref(jwk);
		if (r != thumb_rows[i].want)
			fail_msg("%s: %d", thumb_rows[i].label, r);
		if (r)
			continue;
		sodium_bin2base64(text, sizeof(text), out, sizeof(out),
		    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
		assert_string_equal(text, thumb_rows[i].thumbprint);
	}
}

static void a_key_too_large_has_no_thumbprint(void **state)
{
	uint8_t out[THUMBPRINT_SIZE];
	char n[4200] = "";
	json_t *jwk;

	(void)state;
	memset(n, 'A', sizeof(n) - 1);
	jwk = json_pack("{ssssss}", "kty", "RSA", "e", "AQAB", "n", n);
	assert_int_equal(thumbprint_of(out, jwk), -EINVAL);
	json_decref(jwk);
}

/* ---- the hash ---- */

/* Computed apart from this program, from the description in doc/wire/boot.md.
 */
#define OF_BOTH	 "m24ppin6vnwzxbzqhw56opxu6ywwmtj355aietun542c76tvsc4q"
#define OF_RSA	 "sfw3k626txnaeqw3ytxa2ol76i2e2szuja6cmtkonfrqyb2clf3q"
#define OF_UID	 "dwqr3ead47fvb24z5tkclpcklymtqdmkmj234cfdshb7tlqnemma"
#define OF_SLASH "7d635o65qhi4lraitgelqpamh4g3b7hbaoam33cefc63t7mu4ccq"
#define SHOWN                                                                  \
	"m24ppin-6vnwzxk-bzqhw56-opxu6y2-"                                     \
	"wwmtj35-5aietuh-n542c76-tvsc4qn"

#define TEN  "0123456789"
#define LONG TEN TEN TEN TEN TEN TEN

static const struct {
	const char *label, *uid, *issuer, *jwks, *want; /* NULL: refused */
} fact_rows[] = {
	{ "both keys", UID, ISSUER, SET(RSA "," EC), OF_BOTH },
	{ "in another order", UID, ISSUER, SET(EC "," RSA), OF_BOTH },
	{ "one of them twice", UID, ISSUER, SET(EC "," RSA "," EC), OF_BOTH },
	{ "beside a key of no kind that counts", UID, ISSUER,
	    SET("{\"kty\":\"AKP\",\"pub\":\"AA\"}," EC "," RSA), OF_BOTH },
	{ "one key less", UID, ISSUER, SET(RSA), OF_RSA },
	{ "another UID", "6f1c2a34-5b7d-4e8f-9a0b-1c2d3e4f5a6c", ISSUER,
	    SET(EC "," RSA), OF_UID },
	{ "another issuer", UID, ISSUER "/", SET(EC "," RSA), OF_SLASH },
	{ "no UID", "", ISSUER, SET(EC) },
	{ "a UID with a line end", UID "\n", ISSUER, SET(EC) },
	{ "a UID too long", LONG "01234", ISSUER, SET(EC) },
	{ "no issuer", UID, "", SET(EC) },
	{ "an issuer with a blank", UID, "a b", SET(EC) },
	{ "an issuer that drives a terminal", UID, "a\x1b[2J", SET(EC) },
	{ "no keys", UID, ISSUER, SET("") },
	{ "no key that counts", UID, ISSUER, SET("{\"kty\":\"AKP\"}") },
	{ "a key that is none", UID, ISSUER, SET("{\"kty\":\"RSA\"}," EC) },
	{ "a private key", UID, ISSUER,
	    SET("{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"" EC_X
		"\",\"y\":\"" EC_Y "\",\"d\":\"AA\"}") },
	{ "a symmetric key", UID, ISSUER,
	    SET("{\"kty\":\"oct\",\"k\":\"AA\"}," EC) },
	{ "not a set", UID, ISSUER, EC },
	{ "a set twice", UID, ISSUER, "{\"keys\":[" EC "],\"keys\":[]}" },
	{ "not JSON", UID, ISSUER, "kubectl: not found" },
	{ "nothing", UID, ISSUER, "" },
};

static void facts_make_the_fingerprint(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(fact_rows); i++) {
		struct fingerprint_facts facts = { fact_rows[i].uid,
			fact_rows[i].issuer, fact_rows[i].jwks,
			strlen(fact_rows[i].jwks) };
		char text[FINGERPRINT_DIGITS + 1] = "";
		struct fault fault = FAULT_NONE;
		struct fingerprint f;
		int r = fingerprint_of(&f, &facts, &fault);

		if (!r != !!fact_rows[i].want || r != fault.code)
			fail_msg("%s: %s", fact_rows[i].label, fault.text);
		if (r)
			continue;
		fingerprint_print(text, &f);
		if (strcmp(text, fact_rows[i].want) != 0)
			fail_msg("%s: %s", fact_rows[i].label, text);
	}
}

static void limits_of_facts_are_reached(void **state)
{
	char issuer[FINGERPRINT_ISSUER_MOST + 2] = "";
	struct fingerprint_facts facts = { UID, issuer, SET(EC),
		strlen(SET(EC)) };
	struct fingerprint f;

	(void)state;
	memset(issuer, 'i', FINGERPRINT_ISSUER_MOST);
	assert_int_equal(fingerprint_of(&f, &facts, NULL), 0);
	issuer[FINGERPRINT_ISSUER_MOST] = 'i';
	assert_int_equal(fingerprint_of(&f, &facts, NULL), -EINVAL);
}

static char *set_of(size_t keys)
{
	json_t *list = json_array(), *set = json_pack("{so}", "keys", list);
	char *text;

	for (size_t i = 0; i < keys; i++)
		json_array_append_new(
		    list, json_pack("{ssssso}", "kty", "RSA", "e", "AQAB", "n",
			      json_sprintf("n%zu", i)));
	text = json_dumps(set, 0);
	json_decref(set);
	return text;
}

static void at_most_so_many_keys(void **state)
{
	struct fingerprint f;

	(void)state;
	for (size_t more = 0; more < 2; more++) {
		char *set = set_of(FINGERPRINT_KEYS_MOST + more);
		struct fingerprint_facts facts = { UID, ISSUER, set,
			strlen(set) };

		assert_int_equal(
		    fingerprint_of(&f, &facts, NULL), more ? -EINVAL : 0);
		free(set);
	}
}

static const struct {
	const char *label, *text, *want;
} discovery_rows[] = {
	{ "a cluster's", "{\"issuer\":\"" ISSUER "\",\"jwks_uri\":\"x\"}",
	    ISSUER },
	{ "no issuer", "{\"jwks_uri\":\"x\"}", NULL },
	{ "an issuer that is no text", "{\"issuer\":[\"a\"]}", NULL },
	{ "two issuers", "{\"issuer\":\"a\",\"issuer\":\"b\"}", NULL },
	{ "an issuer with a blank", "{\"issuer\":\"a b\"}", NULL },
	{ "an issuer with a NUL", "{\"issuer\":\"a\\u0000b\"}", NULL },
	{ "not JSON", "Error from server (Forbidden)", NULL },
};

static void discovery_names_the_issuer(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(discovery_rows); i++) {
		char issuer[FINGERPRINT_ISSUER_MOST + 1] = "untouched";
		const char *text = discovery_rows[i].text;
		struct fault fault = FAULT_NONE;
		int r = fingerprint_issuer(issuer, text, strlen(text), &fault);
		const char *want = discovery_rows[i].want;

		if (!r != !!want || r != fault.code)
			fail_msg("%s: %s", discovery_rows[i].label, fault.text);
		assert_string_equal(issuer, want ? want : "untouched");
	}
}

/* ---- on paper ---- */

static const struct {
	const char *label, *text;
	int want;
	const char *says; /* what the fault names */
} paper_rows[] = {
	{ "as shown", SHOWN, 0 },
	{ "canonical", OF_BOTH, 0 },
	{ "upper case",
	    "M24PPIN-6VNWZXK-BZQHW56-OPXU6Y2-WWMTJ35-5AIETUH-N542C76-TVSC4QN",
	    0 },
	{ "blanks in place of hyphens",
	    "m24ppin 6vnwzxk bzqhw56 opxu6y2 wwmtj35 5aietuh n542c76 tvsc4qn",
	    0 },
	{ "without groups",
	    "m24ppin6vnwzxkbzqhw56opxu6y2wwmtj355aietuhn542c76tvsc4qn", 0 },
	{ "one digit wrong in the third group",
	    "m24ppin-6vnwzxk-bzqhw57-opxu6y2-wwmtj35-5aietuh-n542c76-tvsc4qn",
	    FINGERPRINT_E_TYPO, "group 3 or 4" },
	{ "two digits changed places",
	    "m24ppin-6vnwzxk-bzqhw56-opxu6y2-wwmtj35-5aiteuh-n542c76-tvsc4qn",
	    FINGERPRINT_E_TYPO, "group 5 or 6" },
	{ "two groups changed places",
	    "6vnwzxk-m24ppin-bzqhw56-opxu6y2-wwmtj35-5aietuh-n542c76-tvsc4qn",
	    FINGERPRINT_E_TYPO, "group 1 or 2" },
	{ "two lines changed places",
	    "bzqhw56-opxu6y2-m24ppin-6vnwzxk-wwmtj35-5aietuh-n542c76-tvsc4qn",
	    FINGERPRINT_E_TYPO, "group 1 or 2" },
	{ "a check digit wrong",
	    "m24ppin-6vnwzxk-bzqhw56-opxu6y2-wwmtj35-5aietuh-n542c76-tvsc4qa",
	    FINGERPRINT_E_TYPO, "group 7 or 8" },
	{ "canonical, bits set that none has",
	    "m24ppin6vnwzxbzqhw56opxu6ywwmtj355aietun542c76tvsc4r",
	    FINGERPRINT_E_TYPO, "last digit" },
	{ "a group missing",
	    "m24ppin-6vnwzxk-bzqhw56-opxu6y2-wwmtj35-5aietuh-n542c76",
	    FINGERPRINT_E_LENGTH, "49 digits" },
	{ "a digit too many", SHOWN "a", FINGERPRINT_E_LENGTH, "57 digits" },
	{ "nothing", "", FINGERPRINT_E_LENGTH, "0 digits" },
	{ "a cluster's UID", "6f1c2a34-5b7d-4e8f-9a0b-1c2d3e4f5a6b",
	    FINGERPRINT_E_DIGIT, "'1'" },
	{ "0 for o",
	    "m24ppin-6vnwzxk-bzqhw56-0pxu6y2-wwmtj35-5aietuh-n542c76-tvsc4qn",
	    FINGERPRINT_E_DIGIT, "'0', after 21 digits" },
	{ "a letter of another alphabet", "m24ä", FINGERPRINT_E_DIGIT,
	    "'ä', after 3" },
	{ "what must not be shown", "m24\x1b", FINGERPRINT_E_DIGIT,
	    "'', after 3" },
	{ "a line end", SHOWN "\n", FINGERPRINT_E_DIGIT, "after 56 digits" },
};

static void what_was_typed_is_read_or_told(void **state)
{
	struct fingerprint right;

	(void)state;
	assert_int_equal(fingerprint_parse(&right, OF_BOTH, NULL), 0);
	for (size_t i = 0; i < N_ELEMS(paper_rows); i++) {
		struct fingerprint f = { { 7 } };
		struct fault fault = FAULT_NONE;
		int r = fingerprint_parse(&f, paper_rows[i].text, &fault);

		if (r != paper_rows[i].want || r != fault.code)
			fail_msg(
			    "%s: %d, %s", paper_rows[i].label, r, fault.text);
		if (!r)
			assert_true(fingerprint_equal(&f, &right));
		else if (!strstr(fault.text, paper_rows[i].says))
			fail_msg("%s: %s", paper_rows[i].label, fault.text);
		if (r)
			assert_int_equal(f.bytes[0], 7);
	}
}

static void shown_is_as_computed_elsewhere(void **state)
{
	char text[FINGERPRINT_SHOWN + 1];
	struct fingerprint f;

	(void)state;
	assert_int_equal(fingerprint_parse(&f, OF_BOTH, NULL), 0);
	fingerprint_show(text, &f);
	assert_string_equal(text, SHOWN);
	assert_int_equal(strlen(text), FINGERPRINT_SHOWN);
}

/* Computed apart from this program, from doc/wire/boot.md. */
static void the_meeting_is_as_computed_elsewhere(void **state)
{
	uint8_t hash[FINGERPRINT_SIZE];
	char hex[2 * FINGERPRINT_SIZE + 1];
	struct fingerprint f;

	(void)state;
	assert_int_equal(fingerprint_parse(&f, SHOWN, NULL), 0);
	fingerprint_meeting(hash, &f);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	assert_string_equal(hex,
	    "7f13cc7f602aa3b74797ecf04bbcf36d3b6104464c0b9b818a72cd3c0e526818");
	f.bytes[31] ^= 1;
	fingerprint_meeting(hash, &f);
	sodium_bin2hex(hex, sizeof(hex), hash, sizeof(hash));
	assert_memory_not_equal(hex, "7f13cc7f", 8);
}

/* Each of the 56 digits, replaced by each of the 31 others. */
static void every_wrong_digit_is_found(void **state)
{
	size_t tried = 0;

	(void)state;
	for (size_t at = 0; SHOWN[at]; at++) {
		for (unsigned v = 0; v < 32 && SHOWN[at] != '-'; v++) {
			char text[] = SHOWN;
			struct fingerprint f;

			text[at] = base32_digit(v);
			if (text[at] == SHOWN[at])
				continue;
			tried++;
			assert_int_equal(fingerprint_parse(&f, text, NULL),
			    FINGERPRINT_E_TYPO);
		}
	}
	assert_int_equal(tried, 56 * 31);
}

/* Any two digits of one line; between lines two checks must fail at once, and
 * they do too. */
static void every_two_that_changed_places_are_found(void **state)
{
	(void)state;
	for (size_t a = 0; SHOWN[a]; a++)
		for (size_t b = a + 1; SHOWN[b]; b++) {
			char text[] = SHOWN;
			struct fingerprint f;

			text[a] = SHOWN[b];
			text[b] = SHOWN[a];
			if (SHOWN[a] == SHOWN[b] || SHOWN[a] == '-' ||
			    SHOWN[b] == '-')
				continue;
			assert_int_equal(fingerprint_parse(&f, text, NULL),
			    FINGERPRINT_E_TYPO);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(thumbprints_are_the_rfcs),
		cmocka_unit_test(a_key_too_large_has_no_thumbprint),
		cmocka_unit_test(facts_make_the_fingerprint),
		cmocka_unit_test(limits_of_facts_are_reached),
		cmocka_unit_test(at_most_so_many_keys),
		cmocka_unit_test(discovery_names_the_issuer),
		cmocka_unit_test(what_was_typed_is_read_or_told),
		cmocka_unit_test(shown_is_as_computed_elsewhere),
		cmocka_unit_test(the_meeting_is_as_computed_elsewhere),
		cmocka_unit_test(every_wrong_digit_is_found),
		cmocka_unit_test(every_two_that_changed_places_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
