#include "wire/wgkey.h"
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* RFC 7748, section 6.1: Alice's private key, already clamped or not, and what
 * its public key is. */
static const char alice[] = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
static const char alice_public[] =
    "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=";

static void the_keys_of_the_rfc(void **state)
{
	CLEANUP(secret_freep) struct secret *private_key = NULL;
	char text[WGKEY_TEXT_SIZE + 1];
	struct wgkey key, back;

	(void)state;
	assert_int_equal(
	    wgkey_private_read(&private_key, alice, sizeof(alice) - 1), 0);
	wgkey_public(&key, private_key);
	wgkey_write(text, &key);
	assert_string_equal(text, alice_public);
	assert_int_equal(wgkey_read(&back, text), 0);
	assert_true(wgkey_equal(&key, &back));
}

static const struct {
	const char *label, *text;
	int want;
} texts[] = {
	{ "a key", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=", 0 },
	{ "nothing", "", WGKEY_E_FORM },
	{ "no padding", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo",
	    WGKEY_E_FORM },
	{ "padded twice",
	    "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTm==", WGKEY_E_FORM },
	{ "one more", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=A",
	    WGKEY_E_FORM },
	{ "a line end", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=\n",
	    WGKEY_E_FORM },
	{ "a line end for a digit",
	    "hSDwCYkwp1R0i33ctD73Wg2\n"
	    "Og0mOBr066SpjqqbTmo=",
	    WGKEY_E_FORM },
	{ "a blank before",
	    " SDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=", WGKEY_E_FORM },
	{ "of base64url",
	    "hSDwCYkwp1R0i33ctD73Wg2_Og0mOBr066SpjqqbTmo=", WGKEY_E_FORM },
	{ "hex",
	    "8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a",
	    WGKEY_E_FORM },
	{ "bits over that are not 0",
	    "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmp=", WGKEY_E_FORM },
	{ "33 bytes", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmoA",
	    WGKEY_E_FORM },
	{ "all zero",
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", WGKEY_E_ZERO },
	{ "one, of order 1",
	    "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", WGKEY_E_ORDER },
	{ "2^255-20, of low order",
	    "7P///////////////////////////////////////38=", WGKEY_E_ORDER },
	{ "2^255-21, the greatest of all",
	    "6////////////////////////////////////////38=", 0 },
	{ "2^255-19, which is 0",
	    "7f///////////////////////////////////////38=", WGKEY_E_SECOND },
	{ "2^255-1, which is 18",
	    "/////////////////////////////////////////38=", WGKEY_E_SECOND },
	{ "the top bit",
	    "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTuo=", WGKEY_E_SECOND },
};

static void a_public_key_has_one_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(texts); i++) {
		struct wgkey key, untouched;
		char back[WGKEY_TEXT_SIZE + 1];
		int r;

		memset(&key, 0x5a, sizeof(key));
		untouched = key;
		r = wgkey_read(&key, texts[i].text);
		if (r != texts[i].want)
			fail_msg("%s: %d", texts[i].label, r);
		if (r) {
			assert_true(wgkey_equal(&key, &untouched));
			assert_non_null(wgkey_says(r));
			continue;
		}
		wgkey_write(back, &key);
		assert_string_equal(back, texts[i].text);
	}
}

/* Each character of a key's text, by each other that there is. */
static void any_other_character_is_refused_or_another_key(void **state)
{
	char text[sizeof(alice_public)];
	char back[WGKEY_TEXT_SIZE + 1];

	(void)state;
	for (size_t at = 0; at < WGKEY_TEXT_SIZE; at++)
		for (unsigned c = 0; c < 256; c++) {
			struct wgkey key;

			memcpy(text, alice_public, sizeof(text));
			text[at] = (char)c;
			if (wgkey_read(&key, text))
				continue;
			wgkey_write(back, &key);
			assert_string_equal(back, text);
		}
}

/* What libsodium's multiplication says about a point is what the table says:
 * for the known ones, those beside them, and a thousand others. */
static void low_order_is_what_multiplies_to_nothing(void **state)
{
	static const uint8_t seed[randombytes_SEEDBYTES] = { 6 };
	uint8_t scalar[WGKEY_SIZE] = { [0] = 8, [31] = 0x40 };
	uint8_t product[WGKEY_SIZE];
	struct wgkey some[1000];

	(void)state;
	randombytes_buf_deterministic(some, sizeof(some), seed);
	for (size_t i = 0; i < N_ELEMS(some); i++) {
		int r;

		if (i < 64) /* small ones, and small ones below the top */
			memset(some[i].bytes, i & 1 ? 0xff : 0, WGKEY_SIZE);
		if (i < 64)
			some[i].bytes[0] =
			    (uint8_t)(i & 1 ? 0xff - i / 2 : i / 2);
		some[i].bytes[31] &= 0x7f;
		r = wgkey_check(&some[i]);
		if (r == WGKEY_E_SECOND)
			continue;
		assert_int_equal(r == WGKEY_E_ORDER || r == WGKEY_E_ZERO,
		    crypto_scalarmult_curve25519(
			product, scalar, some[i].bytes) != 0);
	}
}

static void a_new_private_key_is_clamped_and_its_own(void **state)
{
	(void)state;
	for (int i = 0; i < 100; i++) {
		CLEANUP(secret_freep) struct secret *key = NULL;
		CLEANUP(secret_freep) struct secret *other = NULL;
		CLEANUP(secret_freep) struct secret *text = NULL;
		CLEANUP(secret_freep) struct secret *back = NULL;
		const uint8_t *bytes;
		struct wgkey public_key;

		assert_int_equal(wgkey_private_new(&key), 0);
		assert_int_equal(wgkey_private_new(&other), 0);
		bytes = (const uint8_t *)secret_bytes(key);
		assert_int_equal(bytes[0] & 7, 0);
		assert_int_equal(bytes[31] >> 6, 1);
		assert_false(secret_equal(other, bytes, WGKEY_SIZE));
		wgkey_public(&public_key, key);
		assert_int_equal(wgkey_check(&public_key), 0);
		assert_int_equal(wgkey_secret_write(&text, key), 0);
		assert_int_equal(secret_size(text), WGKEY_TEXT_SIZE);
		assert_int_equal(wgkey_private_read(&back, secret_bytes(text),
				     secret_size(text)),
		    0);
		assert_true(secret_equal(back, bytes, WGKEY_SIZE));
	}
}

static const struct {
	const char *label, *text;
	int want;
} secrets[] = {
	{ "a key", "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo=", 0 },
	{ "one that is no point",
	    "/////////////////////////////////////////////" /* 45 */,
	    WGKEY_E_FORM },
	{ "any bytes", "//////////////////////////////////////////8=", 0 },
	{ "all zero",
	    "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", WGKEY_E_ZERO },
	{ "cut", "hSDwCYkwp1R0i33ctD73Wg2/", WGKEY_E_FORM },
	{ "nothing", "", WGKEY_E_FORM },
};

static void a_secret_key_has_one_text(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(secrets); i++) {
		CLEANUP(secret_freep) struct secret *key = NULL;
		CLEANUP(secret_freep) struct secret *text = NULL;
		CLEANUP(secret_freep) struct secret *clamped = NULL;
		const char *given = secrets[i].text;
		int r = wgkey_shared_read(&key, given, strlen(given));

		if (r != secrets[i].want ||
		    wgkey_private_read(&clamped, given, strlen(given)) != r)
			fail_msg("%s: %d", secrets[i].label, r);
		if (r)
			continue;
		assert_int_equal(wgkey_secret_write(&text, key), 0);
		assert_true(secret_equal(text, given, strlen(given)));
	}
}

static void a_new_pre_shared_key_is_its_own(void **state)
{
	CLEANUP(secret_freep) struct secret *a = NULL;
	CLEANUP(secret_freep) struct secret *b = NULL;

	(void)state;
	assert_int_equal(wgkey_shared_new(&a), 0);
	assert_int_equal(wgkey_shared_new(&b), 0);
	assert_int_equal(secret_size(a), WGKEY_SIZE);
	assert_false(secret_equal(a, secret_bytes(b), WGKEY_SIZE));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_keys_of_the_rfc),
		cmocka_unit_test(a_public_key_has_one_text),
		cmocka_unit_test(any_other_character_is_refused_or_another_key),
		cmocka_unit_test(low_order_is_what_multiplies_to_nothing),
		cmocka_unit_test(a_new_private_key_is_clamped_and_its_own),
		cmocka_unit_test(a_secret_key_has_one_text),
		cmocka_unit_test(a_new_pre_shared_key_is_its_own),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
