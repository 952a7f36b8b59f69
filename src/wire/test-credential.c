#include "wire/credential.h"
#include "wire/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static const char good[] =
    "{\"version\":1,\"address\":\"https://store:8200\","
    "\"namespace\":\"cloudtaser/m24ppin6\",\"prefix\":\"\","
    "\"role_id\":\"r-1\",\"secret_id\":\"s-1\","
    "\"beacons\":[\"relay.example:443\",\"[2001:db8::1]:8443\"]}";

static void what_is_read_is_written_the_same(void **state)
{
	CLEANUP(secret_freep) struct secret *text = NULL;
	struct credential c;
	JSON *was = json_loads(good, 0, NULL), *is = NULL;

	(void)state;
	assert_int_equal(credential_read(&c, good, sizeof(good) - 1, NULL), 0);
	assert_string_equal(c.address, "https://store:8200");
	assert_string_equal(c.space.name_space, "cloudtaser/m24ppin6");
	assert_string_equal(c.space.prefix, "");
	assert_string_equal(c.role_id, "r-1");
	assert_true(secret_equal(c.secret_id, "s-1", 3));
	assert_int_equal(c.n_beacons, 2);
	assert_string_equal(c.beacon[1], "[2001:db8::1]:8443");
	assert_int_equal(credential_write(&text, &c), 0);
	is = json_loads(secret_bytes(text), 0, NULL);
	assert_true(json_equal(was, is));
	credential_deinit(&c);
	credential_deinit(&c);
}

/* One member in place of another; NULL: taken away. */
static const struct {
	const char *label, *member, *value;
	const char *says; /* NULL: it is good */
} rows[] = {
	{ "by a path", "address", "\"https://store/vault\"", NULL },
	{ "plain HTTP, which the bridge judges", "address", "\"http://h:1\"",
	    NULL },
	{ "behind a prefix", "prefix", "\"cloudtaser/m24ppin6/\"", NULL },
	{ "in the root", "namespace", "\"\"", NULL },
	{ "another version", "version", "2", "version 1" },
	{ "a version in words", "version", "\"1\"", "version 1" },
	{ "no version", "version", NULL, "version 1" },
	{ "no address", "address", NULL, "address" },
	{ "an address without a scheme", "address", "\"store:8200\"",
	    "address" },
	{ "a scheme alone", "address", "\"https://\"", "address" },
	{ "a line break in the address", "address", "\"https://a\\nb\"",
	    "address" },
	{ "another kind", "address", "7", "address" },
	{ "a namespace with slashes around", "namespace", "\"/a/\"",
	    "namespace" },
	{ "no namespace", "namespace", NULL, "namespace" },
	{ "a prefix without its slash", "prefix", "\"a\"", "prefix" },
	{ "no role id", "role_id", NULL, "role_id" },
	{ "an empty role id", "role_id", "\"\"", "role_id" },
	{ "a blank in the role id", "role_id", "\"a b\"", "role_id" },
	{ "no secret id", "secret_id", NULL, "secret_id" },
	{ "an empty secret id", "secret_id", "\"\"", "secret_id" },
	{ "a secret id of another kind", "secret_id", "[]", "secret_id" },
	{ "a line break in the secret id", "secret_id", "\"a\\nb\"",
	    "secret_id" },
	{ "no beacons", "beacons", NULL, "beacons" },
	{ "none at all", "beacons", "[]", "beacons" },
	{ "a beacon without a port", "beacons", "[\"relay\"]", "beacons" },
	{ "a number", "beacons", "[1]", "beacons" },
	{ "nine", "beacons",
	    "[\"a:1\",\"a:1\",\"a:1\",\"a:1\",\"a:1\",\"a:1\",\"a:1\",\"a:1\","
	    "\"a:1\"]",
	    "beacons" },
	{ "something more", "token", "\"x\"", "not known" },
};

static void each_member_has_to_be_right(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		JSON *j = json_loads(good, 0, NULL);
		CLEANUP(free_p) char *text = NULL;
		struct credential c = { .n_beacons = 0 };
		struct fault fault = FAULT_NONE;
		int r;

		print_message("%s\n", rows[i].label);
		if (rows[i].value)
			json_object_set_new(j, rows[i].member,
			    json_loads(rows[i].value, JSON_DECODE_ANY, NULL));
		else
			json_object_del(j, rows[i].member);
		text = json_dumps(j, 0);
		r = credential_read(&c, text, strlen(text), &fault);
		assert_int_equal(r, rows[i].says ? -EINVAL : 0);
		assert_int_equal(r, fault.code);
		if (r)
			assert_non_null(strstr(fault.text, rows[i].says));
		credential_deinit(&c);
	}
}

static void what_is_no_json_is_refused(void **state)
{
	static const char *const texts[] = { "", "[]", "{", "7",
		"{\"version\":1,\"version\":1}" };
	struct credential c;
	struct fault fault = FAULT_NONE;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(texts); i++)
		assert_int_equal(
		    credential_read(&c, texts[i], strlen(texts[i]), &fault),
		    -EINVAL);
	assert_null(strstr(fault.text, "s-1"));
}

static void what_could_not_be_read_is_not_written(void **state)
{
	struct secret *text;
	struct credential c;

	(void)state;
	assert_int_equal(credential_read(&c, good, sizeof(good) - 1, NULL), 0);
	c.n_beacons = 0;
	assert_int_equal(credential_write(&text, &c), -EINVAL);
	credential_deinit(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_read_is_written_the_same),
		cmocka_unit_test(each_member_has_to_be_right),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(what_could_not_be_read_is_not_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
