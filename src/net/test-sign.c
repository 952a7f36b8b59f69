#include "net/sign.h"
#include "pki/ca.h"
#include <openssl/evp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* All of them are good for a certificate of `pharos pki`. */
static void only_the_kind_of_the_roles_is_taken(void **state)
{
	const struct {
		const char *label;
		EVP_PKEY *key;
		int want;
	} rows[] = {
		{ "P-256", EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"), 0 },
		{ "P-384", EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384"),
		    -EINVAL },
		{ "Ed25519", EVP_PKEY_Q_keygen(NULL, NULL, "ED25519"),
		    -EINVAL },
		{ "RSA", EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048),
		    -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct fault fault = FAULT_NONE;

		assert_true(pki_key_allowed(rows[i].key));
		if (sign_check_key(rows[i].key, &fault) != rows[i].want)
			fail_msg("%s: %s", rows[i].label, fault.text);
		if (rows[i].want)
			assert_non_null(
			    strstr(fault.hint, "pharos pki request"));
		EVP_PKEY_free(rows[i].key);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_kind_of_the_roles_is_taken),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
