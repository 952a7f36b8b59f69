#include "wire/keyring.h"
#include "wire/test-codex.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define KEY_2	"AhEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define KEY_3	"AxEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWgA="
#define PRIVATE "eBEiAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAWlo="
#define ZERO	"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define HEAD	"pharos-keyring 1\nprivate " PRIVATE "\n"

static const struct {
	const char *label, *text, *says; /* says NULL: it is one */
} rows[] = {
	{ "a private key alone", HEAD, NULL },
	{ "what is shared with two",
	    HEAD "shared " KEY_2 " " KEY_3 "\nshared " KEY_3 " " KEY_2 "\n",
	    NULL },
	{ "an empty file", "", ":1: " },
	{ "of a version to come", "pharos-keyring 2\n", ":1: " },
	{ "no private key", "pharos-keyring 1\n", ":2: " },
	{ "no private key but others",
	    "pharos-keyring 1\nshared " KEY_2 " " KEY_3 "\n", ":2: " },
	{ "a private key of zeros", "pharos-keyring 1\nprivate " ZERO "\n",
	    ":2: " },
	{ "cut in the private key", "pharos-keyring 1\nprivate AhEi", ":2: " },
	{ "cut in a line", HEAD "shared " KEY_2 " AhEi", ":3: " },
	{ "one twice",
	    HEAD "shared " KEY_2 " " KEY_3 "\nshared " KEY_2 " " KEY_2 "\n",
	    ":4: " },
	{ "in another order",
	    HEAD "shared " KEY_3 " " KEY_3 "\nshared " KEY_2 " " KEY_2 "\n",
	    ":4: " },
	{ "zeros shared", HEAD "shared " KEY_2 " " ZERO "\n", ":3: " },
	{ "with nobody", HEAD "shared " ZERO " " KEY_2 "\n", ":3: " },
	{ "something else", HEAD "sharing " KEY_2 " " KEY_3 "\n", ":3: " },
	{ "an empty line", HEAD "\n\n", ":3: " },
	{ "another private key", HEAD "private " PRIVATE "\n", ":3: " },
};

static void one_text_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		CLEANUP(secret_freep) struct secret *text = NULL;
		CLEANUP(secret_freep) struct secret *again = NULL;
		CLEANUP(keyring_freep) struct keyring *k = NULL;
		struct fault fault = FAULT_NONE;
		size_t n = strlen(rows[i].text);
		int r;

		assert_int_equal(secret_from(&text, rows[i].text, n), 0);
		r = keyring_read(&k, text, "keys", &fault);
		if (r != (rows[i].says ? -EINVAL : 0))
			fail_msg("%s: %d %s", rows[i].label, r, fault.text);
		if (r) {
			assert_non_null(strstr(fault.text, rows[i].says));
			assert_null(strstr(fault.text, "AhEi"));
			continue;
		}
		assert_int_equal(keyring_write(&again, k), 0);
		assert_true(secret_equal(again, rows[i].text, n));
	}
}

static void the_last_lines_end_may_be_gone(void **state)
{
	CLEANUP(secret_freep) struct secret *text = NULL;
	CLEANUP(keyring_freep) struct keyring *k = NULL;

	(void)state;
	assert_int_equal(secret_from(&text, HEAD, sizeof(HEAD) - 2), 0);
	assert_int_equal(keyring_read(&k, text, "keys", NULL), 0);
}

/* Put, put again and dropped in any order, against a plain table. */
static void what_was_put_is_found(void **state)
{
	CLEANUP(secret_freep) struct secret *private_key = NULL;
	CLEANUP(keyring_freep) struct keyring *k = NULL;
	uint8_t model[256] = { 0 };
	size_t n = 0;

	(void)state;
	assert_int_equal(wgkey_private_new(&private_key), 0);
	assert_int_equal(keyring_new(&k, private_key), 0);
	assert_true(secret_equal(
	    keyring_private(k), secret_bytes(private_key), WGKEY_SIZE));
	for (unsigned step = 0; step < 2000; step++) {
		uint8_t who = (uint8_t)(step * 97 % 251);
		uint8_t what = (uint8_t)(1 + step % 200);
		const struct wgkey peer = test_key(who), shared = { { what } };
		CLEANUP(secret_freep) struct secret *s = NULL;

		if (step % 3 == 2) {
			n -= model[who] != 0;
			model[who] = 0;
			keyring_drop(k, &peer);
		} else {
			n += model[who] == 0;
			model[who] = what;
			assert_int_equal(
			    secret_from(&s, &shared, sizeof(shared)), 0);
			assert_int_equal(keyring_put(k, &peer, s), 0);
		}
		assert_int_equal(keyring_count(k), n);
	}
	for (unsigned who = 0; who < 256; who++) {
		const struct wgkey peer = test_key((uint8_t)who);
		const uint8_t *shared = keyring_shared(k, &peer);

		assert_int_equal(shared != NULL, model[who] != 0);
		if (shared)
			assert_int_equal(shared[0], model[who]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_text_each),
		cmocka_unit_test(the_last_lines_end_may_be_gone),
		cmocka_unit_test(what_was_put_is_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
