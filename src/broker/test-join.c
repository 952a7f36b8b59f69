/* broker/test-join.c: what a join string makes of the uplink. */
#include "broker/join.h"
#include "pki/testpki.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static struct testpki_ca ca;
static struct identity *leaf;
static char good[JOINSTRING_MOST + 1], no_ca[JOINSTRING_MOST + 1];
static char folder[] = "/tmp/pharos-join-XXXXXX";

static void write_string(char *to, X509 *cert)
{
	struct joinstring s = { .beacon = { "b1.example:443", "b2.example:8443",
				    "b3.example:1" },
		.n_beacons = 3 };
	uint8_t *at = s.ca;

	s.n_ca = (size_t)i2d_X509(cert, &at);
	assert_int_equal(joinstring_write(to, &s, NULL), 0);
}

static int make(void **state)
{
	(void)state;
	ca = testpki_ca_new("the bridge CA");
	leaf = testpki_identity(&ca, ROLE_BRIDGE, "b", NULL);
	write_string(good, ca.cert);
	write_string(no_ca, leaf->leaf);
	return mkdtemp(folder) ? 0 : -1;
}

static int unmake(void **state)
{
	(void)state;
	identity_free(leaf);
	testpki_ca_free(&ca);
	return rmdir(folder);
}

static void it_says_whom_to_meet_and_where(void **state)
{
	const struct config config = { .join = good };
	struct join j = { .ca = NULL };
	struct uplink_config uplink;

	(void)state;
	assert_int_equal(join_read(&j, &config, NULL), 0);
	join_config(&uplink, &j, &config);
	assert_int_equal(X509_cmp(uplink.ca, ca.cert), 0);
	assert_int_equal(uplink.route.kind, ROUTE_BEACON);
	assert_int_equal(uplink.route.n_targets, 3);
	assert_int_equal(uplink.route.count, 2);
	assert_string_equal(uplink.route.targets[1], "b2.example:8443");
	assert_null(uplink.cert_file);
	join_clear(&j);
}

static void beacons_that_are_named_win(void **state)
{
	char *one[] = { (char[]){ "c.example:5" } };
	const struct config config = { .join = good,
		.uplink.beacon_address = { one, 1 } };
	struct join j = { .ca = NULL };
	struct uplink_config uplink;

	(void)state;
	assert_int_equal(join_read(&j, &config, NULL), 0);
	join_config(&uplink, &j, &config);
	assert_int_equal(uplink.route.n_targets, 1);
	assert_int_equal(uplink.route.count, 1);
	assert_string_equal(uplink.route.targets[0], "c.example:5");
	assert_non_null(uplink.ca);
	join_clear(&j);
}

static void without_one_files_say_it(void **state)
{
	char *one[] = { (char[]){ "c.example:5" } };
	const struct config config = { .uplink = {
					   .beacon_address = { one, 1 },
					   .tls_cert = (char[]){ "crt" },
				       } };
	struct join j = { .ca = NULL };
	struct uplink_config uplink;

	(void)state;
	assert_int_equal(join_read(&j, &config, NULL), 0);
	join_config(&uplink, &j, &config);
	assert_null(uplink.ca);
	assert_string_equal(uplink.cert_file, "crt");
}

static void from_a_file_with_or_without_its_end(void **state)
{
	static const char *const ends[] = { "", "\n", "\r\n" };
	char file[64], text[JOINSTRING_MOST + 3];

	(void)state;
	snprintf(file, sizeof(file), "%s/join", folder);
	for (size_t i = 0; i < N_ELEMS(ends); i++) {
		const struct config config = { .join_file = file };
		struct join j = { .ca = NULL };

		snprintf(text, sizeof(text), "%s%s", good, ends[i]);
		testpki_write(file, text, 0644);
		assert_int_equal(join_read(&j, &config, NULL), 0);
		assert_int_equal(j.said.n_beacons, 3);
		join_clear(&j);
	}
	unlink(file);
}

static void what_is_none_is_refused(void **state)
{
	char hello[] = "hello", nowhere[] = "/nowhere/join";
	const struct {
		const char *label;
		struct config config;
		const char *words;
	} rows[] = {
		{ "no join string", { .join = hello }, "--join: " },
		{ "a leaf in the CA's place", { .join = no_ca }, "no CA's" },
		{ "no file", { .join_file = nowhere }, "/nowhere/join" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct fault fault = FAULT_NONE;
		struct join j = { .ca = NULL };

		if (!join_read(&j, &rows[i].config, &fault) || j.ca ||
		    !strstr(fault.text, rows[i].words))
			fail_msg("%s: %s", rows[i].label, fault.text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_says_whom_to_meet_and_where),
		cmocka_unit_test(beacons_that_are_named_win),
		cmocka_unit_test(without_one_files_say_it),
		cmocka_unit_test(from_a_file_with_or_without_its_end),
		cmocka_unit_test(what_is_none_is_refused),
	};

	return cmocka_run_group_tests(tests, make, unmake);
}
