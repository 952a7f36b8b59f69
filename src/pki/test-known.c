#include "pki/known.h"
#include "pki/testpki.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { LIMIT = 3, FROM = 1000, UNTIL = 2000 };

static EVP_PKEY *key;
static const uint8_t realm[REALM_SIZE] = { 1 }, other_realm[REALM_SIZE] = { 2 };

static int setup(void **state)
{
	struct known *k;

	INVARIANT(!pki_key_new(&key));
	INVARIANT(!known_new(&k, LIMIT));
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	known_free(*state);
	EVP_PKEY_free(key);
	return 0;
}

static struct known_name name_of(const char *leaf)
{
	return (struct known_name){
		.realm = realm,
		.leaf = (const uint8_t *)leaf,
		.n_leaf = strlen(leaf),
	};
}

static void add(struct known *k, const char *leaf)
{
	const struct known_name name = name_of(leaf);

	known_add(k, &name,
	    &(struct known_leaf){ .key = key,
		.role = ROLE_BROKER,
		.from = FROM,
		.until = UNTIL });
}

static bool has(struct known *k, const char *leaf)
{
	const struct known_name name = name_of(leaf);

	return known_find(k, &name, FROM) != NULL;
}

static void what_was_added_is_found(void **state)
{
	struct known *k = *state;
	const struct known_name name = name_of("leaf");
	const struct known_leaf *leaf;

	assert_false(has(k, "leaf"));
	add(k, "leaf");
	leaf = known_find(k, &name, FROM);
	assert_non_null(leaf);
	assert_ptr_equal(leaf->key, key);
	assert_int_equal(leaf->role, ROLE_BROKER);
	assert_int_equal(known_counts(k)->found, 1);
	add(k, "leaf");
	assert_int_equal(known_counts(k)->leaves, 1);
}

static void any_other_byte_is_another_leaf(void **state)
{
	struct known *k = *state;
	struct known_name name = name_of("leaf");

	add(k, "leaf");
	assert_false(has(k, "leaF"));
	assert_false(has(k, "lea"));
	assert_false(has(k, "leaf2"));
	name.realm = other_realm;
	assert_null(known_find(k, &name, FROM));
}

static void known_only_while_it_is_valid(void **state)
{
	static const struct {
		const char *label;
		int64_t now;
		bool found;
	} rows[] = {
		{ "before its time", FROM - 1, false },
		{ "its first second", FROM, true },
		{ "its last second", UNTIL, true },
		{ "after its time", UNTIL + 1, false },
	};
	const struct known_name name = name_of("leaf");

	add(*state, "leaf");
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		if (rows[i].found !=
		    (known_find(*state, &name, rows[i].now) != NULL))
			fail_msg("%s", rows[i].label);
}

static void at_the_limit_the_one_used_longest_ago_goes(void **state)
{
	struct known *k = *state;

	add(k, "a");
	add(k, "b");
	add(k, "c");
	assert_true(has(k, "a"));
	add(k, "d");
	assert_int_equal(known_counts(k)->leaves, LIMIT);
	assert_int_equal(known_counts(k)->replaced, 1);
	assert_false(has(k, "b"));
	assert_true(has(k, "a") && has(k, "c") && has(k, "d"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    what_was_added_is_found, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    any_other_byte_is_another_leaf, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    known_only_while_it_is_valid, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    at_the_limit_the_one_used_longest_ago_goes, setup,
		    teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
