#include "bridge/test-stage.h"

/* ---- watching */

static void test_waits_for_a_record(void **state)
{
	(void)state;
	open_registry();
	assert_non_null(registry_trouble(registry));
	UNTIL(counts()->reads == 2 && registry_identity(registry));
	assert_null(registry_record(registry));
	assert_int_equal(registry_version(registry), 0);
	assert_string_equal(
	    registry_trouble(registry), "no registration in the store yet");
	put(REGISTRATION_PENDING, 1);
	UNTIL(got.records == 1);
	assert_int_equal(
	    registry_record(registry)->state, REGISTRATION_PENDING);
	assert_int_equal(registry_version(registry), 1);
	assert_null(registry_trouble(registry));
	assert_string_equal(fake.name_space, "cloudtaser/m24ppin6");
	assert_string_equal(fake.token, "s.ours");
}

static void test_told_of_changes_only(void **state)
{
	(void)state;
	open_with(REGISTRATION_PENDING, 3);
	for (int i = 0; i < 5; i++)
		look_again();
	assert_int_equal(got.records, 1);
	put(REGISTRATION_ACTIVE, 4);
	UNTIL(got.records == 2);
	/* removed and made anew: the numbers begin again */
	put(REGISTRATION_PENDING, 1);
	UNTIL(got.records == 3);
	assert_int_equal(registry_version(registry), 1);
}

/* One look at a time, each half a second after the one before. */
static void test_how_often(void **state)
{
	(void)state;
	open_with(REGISTRATION_ACTIVE, 1);
	UNTIL(counts()->keys_pushed == 1);
	look_again();
	for (int i = 0; i < 20; i++) {
		uint64_t reads = counts()->reads;

		pass(REGISTRY_LOOK_MS / 2);
		for (int turn = 0; turn < 50; turn++)
			loop_turn(loop);
		assert_in_range(counts()->reads, reads, reads + 1);
	}
	fake.manner = FAKE_HANG;
	pass(REGISTRY_LOOK_MS);
	for (int i = 0; i < 100; i++)
		loop_turn(loop);
	pass(REGISTRY_LOOK_MS);
	for (int i = 0; i < 100; i++)
		loop_turn(loop);
	assert_non_null(fake.calls);
	assert_null(fake.calls->next);
}

static void test_without_namespaces(void **state)
{
	static const char *const names[] = {
		"POST /v1/auth/ct/m24/pharos-approle/login",
		"GET /v1/ct/m24/pharos/data/registration", "POST /v1/x",
		"GET /v1/ct/m24/pharos-pki/cert/ca",
		"POST /v1/ct/m24/pharos-pki/sign/bridge", "POST /v1/x",
		"POST /v1/auth/ct/m24/jwt/config"
	};
	struct fake_row rows[N_ELEMS(said)];

	(void)state;
	memcpy(rows, said, sizeof(rows));
	for (size_t i = 0; i < N_ELEMS(names); i++)
		said[i].asked = names[i];
	assert_int_equal(space_set(&space, "", "ct/m24/", NULL), 0);
	open_with(REGISTRATION_ACTIVE, 1);
	UNTIL(counts()->keys_pushed == 1);
	assert_string_equal(fake.name_space, "");
	for (size_t i = 0; i < N_ELEMS(names); i++)
		said[i].asked = rows[i].asked;
}

/* ---- what the store says, and does not say */

static void test_the_last_one_counts(void **state)
{
	static const struct {
		const char *label, *body;
		int status;
	} rows[] = {
		{ "sealed", ERRORS("Vault is sealed"), 503 },
		{ "a right is missing", ERRORS("permission denied"), 403 },
		{ "no store at all", "{}", 200 },
		{ "a failure", ERRORS("internal error"), 500 },
		{ "no record of ours",
		    "{\"data\":{\"data\":{\"a\":1},\"metadata\":{"
		    "\"version\":9}}}",
		    200 },
	};

	(void)state;
	open_with(REGISTRATION_ACTIVE, 3);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		uint64_t before = counts()->failures;

		say(READ, rows[i].status, rows[i].body);
		pass_slowly(REGISTRY_REST_MOST_MS);
		UNTIL(counts()->failures > before);
		if (registry_version(registry) != 3 ||
		    registry_admits(registry, "b", NULL))
			fail_msg("%s: forgotten", rows[i].label);
		put(REGISTRATION_ACTIVE, 3);
		look_again();
		assert_int_equal(counts()->away, 0);
	}
	assert_int_equal(got.records, 1);
}

static void test_the_store_away(void **state)
{
	uint64_t failures;

	(void)state;
	open_with(REGISTRATION_ACTIVE, 3);
	fake.manner = FAKE_CUT;
	UNTIL(counts()->away);
	assert_int_equal(registry_admits(registry, "b", NULL), 0);
	failures = counts()->failures;
	for (int i = 0; i < 30; i++) {
		pass(100);
		for (int turn = 0; turn < 50; turn++)
			loop_turn(loop);
	}
	assert_in_range(counts()->failures, failures, failures + 8);
	put(REGISTRATION_REVOKED, 4);
	look_again();
	assert_int_equal(counts()->away, 0);
	assert_int_not_equal(registry_admits(registry, "b", NULL), 0);
}

static void test_away_at_the_start(void **state)
{
	(void)state;
	fake.manner = FAKE_CUT;
	open_registry();
	UNTIL(account_counts(registry_account(registry))->failures == 2);
	assert_null(registry_record(registry));
	assert_non_null(registry_trouble(registry));
	put(REGISTRATION_ACTIVE, 1);
	pass_slowly(60000);
	UNTIL(registry_record(registry) && registry_identity(registry));
}

static void test_malformed_from_the_start(void **state)
{
	(void)state;
	say(READ, 200,
	    "{\"data\":{\"data\":{\"version\":7},"
	    "\"metadata\":{\"version\":1}}}");
	open_registry();
	UNTIL(counts()->failures == 2);
	assert_null(registry_record(registry));
	assert_non_null(strstr(registry_trouble(registry), "version 1: "));
	assert_int_not_equal(registry_admits(registry, "b", NULL), 0);
	put(REGISTRATION_ACTIVE, 2);
	UNTIL(got.records == 1);
}

static void test_who_is_let_in(void **state)
{
	struct registration r;
	struct fault fault;

	(void)state;
	open_with(REGISTRATION_PENDING, 1);
	assert_int_equal(registry_admits(registry, "b1", &fault), 0);
	put(REGISTRATION_STALE, 2);
	UNTIL(got.records == 2);
	assert_int_equal(registry_admits(registry, "b1", &fault), 0);
	r = made(REGISTRATION_ACTIVE);
	assert_int_equal(registration_shut_out(&r, "b1"), 0);
	put_record(&r, 3);
	registration_deinit(&r);
	UNTIL(got.records == 3);
	assert_int_equal(registry_admits(registry, "b1", &fault), -EACCES);
	assert_non_null(strstr(fault.text, "by its name"));
	assert_int_equal(registry_admits(registry, "b2", &fault), 0);
	put(REGISTRATION_REVOKED, 4);
	UNTIL(got.records == 4);
	assert_int_equal(registry_admits(registry, "b2", &fault), -EACCES);
	say(READ, 404, ERRORS(""));
	UNTIL(got.records == 5);
	assert_null(registry_record(registry));
	assert_int_equal(registry_admits(registry, "b2", &fault), -EACCES);
	assert_non_null(strstr(fault.text, "not registered"));
}

/* ---- keys of the cluster */

static void test_keys_are_pushed(void **state)
{
	(void)state;
	open_with(REGISTRATION_PENDING, 1);
	look_again();
	assert_int_equal(counts()->keys_pushed, 0);
	say(JWT, 503, ERRORS("sealed"));
	put(REGISTRATION_ACTIVE, 2);
	UNTIL(got.records == 2);
	look_again();
	assert_int_equal(counts()->keys_pushed, 0);
	say(JWT, 204, "");
	pass_slowly(20000);
	UNTIL(counts()->keys_pushed == 1);
	/* nothing new in them: nothing to do */
	put(REGISTRATION_STALE, 3);
	UNTIL(got.records == 3);
	look_again();
	assert_int_equal(counts()->keys_pushed, 1);
}

/* At each start, should somebody have changed the mount meanwhile. */
static void test_keys_at_the_start(void **state)
{
	(void)state;
	open_with(REGISTRATION_ACTIVE, 1);
	UNTIL(counts()->keys_pushed == 1);
}

/* ---- writing */

static void write_from(unsigned long version, struct registry_call **out)
{
	struct registration r = made(REGISTRATION_ACTIVE);
	struct registry_write order = {
		.record = &r, .version = version, .fn = on_written
	};
	struct registry_call *c;

	assert_int_equal(registry_write(out ? out : &c, registry, &order), 0);
	registration_deinit(&r);
}

static void test_written(void **state)
{
	(void)state;
	open_with(REGISTRATION_PENDING, 1);
	fake.asked[0] = '\0';
	write_from(1, NULL);
	UNTIL(strstr(fake.asked, "POST /v1/pharos/data/registration"));
	assert_non_null(strstr(fake.asked, "\"options\":{\"cas\":1}"));
	assert_non_null(strstr(fake.asked, "\"state\":\"active\""));
	put(REGISTRATION_ACTIVE, 2);
	UNTIL(got.written);
	assert_int_equal(got.outcome, REGISTRY_DONE);
	assert_int_equal(got.version, 2);
	assert_int_equal(registry_version(registry), 2);
	assert_int_equal(registry_record(registry)->state, REGISTRATION_ACTIVE);
	assert_int_equal(got.records, 2);
	UNTIL(counts()->keys_pushed == 1);
	look_again();
	assert_int_equal(got.records, 2);
}

/* Who loses is told when what won has been read. */
static void test_a_lost_race(void **state)
{
	struct registry_call *c;

	(void)state;
	open_with(REGISTRATION_PENDING, 1);
	say(WRITE, 400, LOST);
	put(REGISTRATION_ACTIVE, 2);
	write_from(1, NULL);
	write_from(1, NULL);
	write_from(1, &c);
	registry_cancel(c);
	UNTIL(got.written == 2);
	assert_int_equal(got.outcome, REGISTRY_LOST);
	assert_int_equal(got.version, 2);
	assert_int_equal(counts()->lost, 2);
}

/* The answer to a write comes when what was written after it has been read. */
static void test_overtaken(void **state)
{
	(void)state;
	open_with(REGISTRATION_PENDING, 1);
	put(REGISTRATION_REVOKED, 3);
	UNTIL(got.records == 2);
	write_from(1, NULL); /* as version 2, says the store */
	UNTIL(got.written);
	assert_int_equal(got.outcome, REGISTRY_LOST);
	assert_int_equal(registry_version(registry), 3);
	assert_int_equal(got.records, 2);
	assert_int_not_equal(registry_admits(registry, "b", NULL), 0);
}

static void test_lost_and_then_away(void **state)
{
	(void)state;
	open_with(REGISTRATION_PENDING, 1);
	say(WRITE, 400, LOST);
	say(READ, 503, ERRORS("sealed"));
	write_from(1, NULL);
	UNTIL(got.written);
	assert_int_equal(got.outcome, REGISTRY_AWAY);
	assert_non_null(strstr(got.text, "sealed"));
}

static void test_not_written(void **state)
{
	(void)state;
	open_with(REGISTRATION_PENDING, 1);
	say(WRITE, 403, ERRORS("permission denied"));
	write_from(1, NULL);
	UNTIL(got.written == 1);
	assert_int_equal(got.outcome, REGISTRY_AWAY);
	assert_non_null(strstr(got.text, "permission denied"));
	say(WRITE, 400, ERRORS("something else"));
	write_from(1, NULL);
	UNTIL(got.written == 2);
	assert_int_equal(got.outcome, REGISTRY_AWAY);
	fake.manner = FAKE_CUT;
	write_from(1, NULL);
	UNTIL(got.written == 3);
	assert_int_equal(got.outcome, REGISTRY_AWAY);
	assert_int_equal(registry_version(registry), 1);
}

static void test_the_limit_of_calls(void **state)
{
	struct registry_call *c[REGISTRY_CALLS_MOST];
	struct registration r = made(REGISTRATION_ACTIVE);
	struct registry_write order = { .record = &r, .fn = on_written };

	(void)state;
	open_with(REGISTRATION_PENDING, 1);
	fake.manner = FAKE_HANG;
	for (size_t i = 0; i < N_ELEMS(c); i++)
		write_from(1, &c[i]);
	assert_int_equal(
	    registry_write(&c[0], registry, &order), REGISTRY_E_AWAY);
	registry_cancel(c[1]);
	write_from(1, &c[1]);
	registration_deinit(&r);
}

/* ---- the end */

static void test_closed_while_asking(void **state)
{
	(void)state;
	open_with(REGISTRATION_ACTIVE, 1);
	fake.manner = FAKE_HANG;
	write_from(1, NULL);
	write_from(1, NULL);
	registry_close(STEAL(registry));
	for (int i = 0; i < 100; i++)
		loop_turn(loop);
	assert_int_equal(got.written, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_waits_for_a_record),
		ROW(test_told_of_changes_only),
		ROW(test_how_often),
		ROW(test_without_namespaces),
		ROW(test_the_last_one_counts),
		ROW(test_the_store_away),
		ROW(test_away_at_the_start),
		ROW(test_malformed_from_the_start),
		ROW(test_who_is_let_in),
		ROW(test_keys_are_pushed),
		ROW(test_keys_at_the_start),
		ROW(test_written),
		ROW(test_a_lost_race),
		ROW(test_overtaken),
		ROW(test_lost_and_then_away),
		ROW(test_not_written),
		ROW(test_the_limit_of_calls),
		ROW(test_closed_while_asking),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
