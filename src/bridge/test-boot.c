/* Boot sessions: who is let in, and what happens to those who are not. */
#include "bridge/test-desk.h"

/* ---- who is let in ------------------------------------------------------- */

static void the_record_is_written_before_anything_is_signed(void **state)
{
	struct guest *g = broker(&(struct ask){ .around = "" });

	(void)state;
	expect(g, BOOT_SIGNED, "write sign", "the first");
	assert_int_equal(store.record.state, REGISTRATION_ACTIVE);
	assert_int_equal(g->answer.n_certs, 1);
	assert_string_equal(g->answer.cert[0], SIGNED);
	assert_string_equal(store.name, "broker-1");
	assert_true(g->gone); /* one request, and it is over */
	assert_int_equal(boot_counts(boot)->open, 0);
}

static void a_replica_and_a_restart_change_nothing(void **state)
{
	(void)state;
	activate(&store.record);
	expect(broker(&(struct ask){ .no_keys = true }), BOOT_SIGNED, "sign",
	    "a replica");
}

/* Every refusal, and what is done in the store for it. */
static void every_refusal_is_reached(void **state)
{
	static const struct {
		const char *label;
		enum registration_state in;
		enum boot_code want;
		const char *done;
		struct ask ask;
		bool late, rogue, rings;
	} rows[] = {
		{ "a request of another key", 0, BOOT_MALFORMED, "",
		    .ask = { .forged_csr = true } },
		{ "a key that the store does not sign", 0, BOOT_MALFORMED, "",
		    .ask = { .unsigned_kind = true } },
		{ "too late", 0, BOOT_WINDOW, "", .late = true },
		{ "another cluster", 0, BOOT_FINGERPRINT, "",
		    .ask = { .uid = "u-2" } },
		{ "no keys, when they are needed", 0, BOOT_FINGERPRINT, "",
		    .ask = { .no_keys = true } },
		{ "a token of another session", 0, BOOT_TOKEN, "",
		    .ask = { .audience = "pharos-boot:v1:x" } },
		{ "a token for another key", 0, BOOT_TOKEN, "",
		    .ask = { .other_key = true } },
		{ "the same, later", REGISTRATION_ACTIVE, BOOT_TOKEN, "",
		    .ask = { .other_key = true } },
		{ "under a key that is not stored", REGISTRATION_ACTIVE,
		    BOOT_KEY, "write",
		    .ask = { .header =
				 "{\"alg\":\"ES256\",\"kid\":\"theirs\"}" },
		    .rogue = true, .rings = true },
		{ "a tenant", REGISTRATION_ACTIVE, BOOT_SUBJECT, "",
		    .ask = { .subject = SPACE "shop:default" } },
		{ "no pod", REGISTRATION_ACTIVE, BOOT_POD, "",
		    .ask = { .pod = "" } },
		{ "revoked", REGISTRATION_REVOKED, BOOT_REVOKED, "" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct ask ask = rows[i].ask;

		if (i)
			setup(state);
		registration_deinit(&store.record);
		record_make(rows[i].in, false);
		if (rows[i].late)
			store.record.closes = loop_wall(loop);
		ask.signer = rows[i].rogue ? theirs : NULL;
		expect(broker(&ask), rows[i].want, rows[i].done, rows[i].label);
		assert_int_equal(
		    store.record.state == REGISTRATION_STALE, rows[i].rings);
		assert_int_equal(issuer.hurries, rows[i].rings);
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

static void what_is_no_request_is_malformed(void **state)
{
	char *big = malloc(BOOT_REQUEST_MOST + 1);
	const struct {
		const char *label, *text;
		size_t n;
	} rows[] = {
		{ "nothing", "", 0 },
		{ "no JSON", "token", 5 },
		{ "no members", "{}", 2 },
		{ "too large", big, BOOT_REQUEST_MOST + 1 },
	};

	memset(big, ' ', BOOT_REQUEST_MOST + 1);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if (i)
			setup(state);
		guest_comes(&guest[0]);
		guest_speaks(&guest[0]);
		guest_posts(
		    &guest[0], "POST", BOOT_PATH, rows[i].text, rows[i].n);
		expect(&guest[0], BOOT_MALFORMED, "", rows[i].label);
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
	free(big);
}

static void anything_but_the_one_request_is_turned_away(void **state)
{
	static const struct {
		const char *method, *target;
		int status;
	} rows[] = {
		{ "POST", "/v1/secret/data/x", 404 },
		{ "GET", BOOT_PATH, 405 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if (i)
			setup(state);
		guest_comes(&guest[0]);
		guest_speaks(&guest[0]);
		guest_posts(&guest[0], rows[i].method, rows[i].target, NULL, 0);
		assert_int_equal(guest[0].status, rows[i].status);
		assert_true(guest[0].gone);
		assert_string_equal(store.done, "");
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

/* What another reader could find in the text is not passed on to it. */
static void the_store_is_given_the_request_that_was_judged(void **state)
{
	(void)state;
	broker(&(struct ask){ .around = "-----BEGIN X-----\nAAAA\n"
					"-----END X-----\n" });
	expect(&guest[0], BOOT_SIGNED, "write sign", "more in the text");
	assert_memory_equal(
	    store.csr, "-----BEGIN CERTIFICATE REQUEST-----\n", 36);
}

/* ---- races --------------------------------------------------------------- */

static void who_loses_the_race_is_judged_by_the_winners_record(void **state)
{
	(void)state;
	store.loses = 1;
	store.on_lost = activate;
	expect(broker(&(struct ask){ .around = "" }), BOOT_SIGNED, "write sign",
	    "lost once");
	assert_int_equal(boot_counts(boot)->again, 1);
}

static void a_race_that_is_always_lost_comes_to_an_end(void **state)
{
	(void)state;
	store.loses = 100;
	expect(broker(&(struct ask){ .around = "" }), BOOT_STORE,
	    "write write write write", "lost always");
	assert_int_equal(store.record.state, REGISTRATION_PENDING);
}

static void a_revocation_is_not_written_over(void **state)
{
	(void)state;
	store.loses = 1; /* to a person */
	guest_comes(&guest[0]);
	guest_speaks(&guest[0]);
	assert_int_equal(registration_revoke(&store.record), 0);
	guest_asks(&guest[0], &(struct ask){ .around = "" });
	expect(&guest[0], BOOT_REVOKED, "", "revoked in between");
}

/* ---- a store that is not there ------------------------------------------- */

static void without_the_store_nobody_is_let_in_and_the_next_try_is(void **state)
{
	static const struct {
		const char *label;
		bool none;
		enum manner write, sign;
		const char *done;
	} rows[] = {
		{ "the record is gone", true, WORKS, WORKS, "" },
		{ "it takes no write", false, REFUSES, WORKS, "write" },
		{ "it does not answer a write", false, AWAY, WORKS, "write" },
		{ "it takes no signing", false, WORKS, REFUSES, "write sign" },
		{ "it does not sign", false, WORKS, AWAY, "write sign" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		const struct guest *g;

		if (i)
			setup(state);
		store.none = rows[i].none;
		store.write = rows[i].write;
		store.sign = rows[i].sign;
		g = broker(&(struct ask){ .around = "" });
		expect(g, BOOT_STORE, rows[i].done, rows[i].label);
		assert_int_equal(g->answer.retry_s, 5);
		/* where the store is, and what it said, is not a guest's */
		assert_null(strstr(g->answer.fault.text, "10.0.0.1"));
		assert_int_equal(rows[i].none,
		    !!strstr(g->answer.fault.text, "not registered"));
		guest_leaves(&guest[0]);
		store.none = false;
		store.write = store.sign = WORKS;
		store.done[0] = '\0';
		broker(&(struct ask){ .around = "" });
		assert_int_equal(guest[0].answer.code, BOOT_SIGNED);
		assert_int_equal(store.record.state, REGISTRATION_ACTIVE);
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

static void each_stage_of_the_store_has_a_deadline(void **state)
{
	for (int signing = 0; signing < 2; signing++) {
		if (signing)
			setup(state);
		store.write = signing ? WORKS : HANGS;
		store.sign = HANGS;
		broker(&(struct ask){ .around = "" });
		pass(BOOT_STAGE_MS - 1);
		assert_int_equal(guest[0].calls, 0);
		pass(1);
		expect(&guest[0], BOOT_STORE, signing ? "write sign" : "write",
		    "late");
		assert_int_equal(store.cancelled, 1);
		if (!signing)
			teardown(state);
	}
}

/* ---- approval ------------------------------------------------------------ */

static void needs_approval(void)
{
	registration_deinit(&store.record);
	record_make(REGISTRATION_PENDING, true);
}

/* As the registry does once a person has written it. */
static void person_says(int (*what)(struct registration *))
{
	assert_int_equal(what(&store.record), 0);
	store.version++;
	boot_record(boot);
	turns();
}

static int yes(struct registration *r)
{
	return registration_approve(r, NULL, loop_wall(loop));
}

static void who_waits_for_approval_is_held_and_let_in(void **state)
{
	(void)state;
	needs_approval();
	broker(&(struct ask){ .around = "" });
	pass(BOOT_HOLD_MS - 1);
	assert_int_equal(guest[0].calls, 0);
	assert_int_equal(boot_counts(boot)->held, 1);
	assert_string_equal(store.record.pod, "broker-1");
	boot_record(boot); /* that changes nothing */
	turns();
	assert_int_equal(guest[0].calls, 0);
	person_says(yes);
	assert_string_equal(store.done, "write write sign");
	assert_int_equal(guest[0].answer.code, BOOT_SIGNED);
	assert_int_equal(boot_counts(boot)->held, 0);
	assert_int_equal(store.record.state, REGISTRATION_ACTIVE);
}

static void who_is_held_for_long_is_told_to_come_again(void **state)
{
	(void)state;
	needs_approval();
	broker(&(struct ask){ .around = "" });
	pass(BOOT_HOLD_MS / 2);
	boot_record(boot); /* which makes the time no longer */
	turns();
	pass(BOOT_HOLD_MS / 2);
	expect(&guest[0], BOOT_APPROVAL, "write", "held in vain");
	assert_int_equal(guest[0].answer.retry_s, BOOT_HELD_RETRY_S);
	assert_int_equal(boot_counts(boot)->held, 0);
}

static void who_is_held_hears_that_it_is_over(void **state)
{
	(void)state;
	needs_approval();
	broker(&(struct ask){ .around = "" });
	person_says(registration_revoke);
	assert_int_equal(guest[0].answer.code, BOOT_REVOKED);
	assert_int_equal(guest[0].answer.retry_s, 0);
	assert_int_equal(boot_counts(boot)->held, 0);
}

static void approve_after_the_write(struct registration *r)
{
	assert_int_equal(registration_approve(r, NULL, loop_wall(loop)), 0);
}

/* Nobody says so any more: the record is read again before one is held. */
static void approval_while_it_is_written_who_waits_is_seen(void **state)
{
	(void)state;
	needs_approval();
	store.on_stored = approve_after_the_write;
	broker(&(struct ask){ .around = "" });
	assert_string_equal(store.done, "write write sign");
	assert_int_equal(guest[0].answer.code, BOOT_SIGNED);
}

static void who_leaves_while_he_is_held_is_forgotten(void **state)
{
	(void)state;
	needs_approval();
	broker(&(struct ask){ .around = "" });
	assert_int_equal(boot_counts(boot)->held, 1);
	guest_leaves(&guest[0]);
	assert_int_equal(boot_counts(boot)->held, 0);
	assert_int_equal(boot_counts(boot)->open, 0);
	boot_record(boot);
}

static void more_than_can_be_held_are_answered(void **state)
{
	(void)state;
	needs_approval();
	for (int i = 0; i <= BOOT_HELD_MOST; i++) {
		guest_comes(&guest[i]);
		guest_speaks(&guest[i]);
		guest_asks(&guest[i], &(struct ask){ .around = "" });
		turns();
		assert_int_equal(guest[i].calls, i == BOOT_HELD_MOST);
	}
	assert_int_equal(boot_counts(boot)->held, BOOT_HELD_MOST);
	assert_int_equal(guest[BOOT_HELD_MOST].answer.code, BOOT_APPROVAL);
	assert_int_equal(guest[BOOT_HELD_MOST].answer.retry_s,
	    boot_code_retry_s(BOOT_APPROVAL));
}

/* ---- guests who do not behave -------------------------------------------- */

static void who_says_nothing_is_cut(void **state)
{
	char byte;

	(void)state;
	guest_comes(&guest[0]);
	pass(BOOT_STAGE_MS - 1);
	assert_int_equal(boot_counts(boot)->open, 1);
	pass(1);
	assert_int_equal(boot_counts(boot)->open, 0);
	assert_int_equal(boot_counts(boot)->broken, 1);
	/* after what the server's HTTP/2 began with: no orderly end */
	for (ssize_t n = 1; n > 0;)
		n = leg_read(guest[0].leg, &byte, 1);
	assert_int_not_equal(leg_read(guest[0].leg, &byte, 1), -EAGAIN);
}

static void on_nothing(void *ctx, struct http_stream *s,
    const struct http_head *head, enum http_why why)
{
	(void)ctx;
	(void)s;
	(void)head;
	(void)why;
}

static void a_body_that_never_ends_is_cut(void **state)
{
	struct http_head head = { .method = "POST",
		.authority = TUNNEL_BRIDGE_NAME,
		.target = BOOT_PATH,
		.length = -1 };
	struct http_stream *s;

	(void)state;
	guest_comes(&guest[0]);
	guest_speaks(&guest[0]);
	turns();
	assert_int_equal(http_conn_request(
			     guest[0].conn, &head, false, on_nothing, NULL, &s),
	    0);
	turns();
	assert_int_equal(leg_write(http_stream_leg(s), "{", 1), 1);
	turns();
	pass(BOOT_STAGE_MS - 1);
	assert_int_equal(boot_counts(boot)->open, 1);
	pass(1);
	assert_int_equal(boot_counts(boot)->open, 0);
	assert_true(guest[0].gone);
	http_stream_abandon(s);
}

static void who_leaves_while_the_store_works_is_forgotten(void **state)
{
	for (int signing = 0; signing < 2; signing++) {
		if (signing)
			setup(state);
		store.write = signing ? WORKS : HANGS;
		store.sign = HANGS;
		broker(&(struct ask){ .around = "" });
		assert_non_null(store.call);
		guest_leaves(&guest[0]);
		assert_int_equal(store.cancelled, 1);
		assert_int_equal(boot_counts(boot)->open, 0);
		assert_int_equal(boot_counts(boot)->broken, 1);
		if (!signing)
			teardown(state);
	}
}

static void more_sessions_than_the_limit_are_reset(void **state)
{
	(void)state;
	for (int i = 0; i < SESSIONS; i++)
		guest_comes(&guest[i]);
	assert_int_equal(boot_counts(boot)->open, BOOT_SESSIONS_MOST);
	assert_int_equal(boot_counts(boot)->refused, 1);
	guest_leaves(&guest[0]);
	guest_leaves(&guest[SESSIONS - 1]);
	broker(&(struct ask){ .around = "" });
	assert_int_equal(guest[0].answer.code, BOOT_SIGNED);
}

static void more_requests_than_the_rate_are_told_to_wait(void **state)
{
	(void)state;
	activate(&store.record);
	for (int i = 0; i < BOOT_REQUESTS_BURST; i++) {
		broker(&(struct ask){ .uid = "u-2" });
		assert_int_equal(guest[0].answer.code, BOOT_FINGERPRINT);
		guest_leaves(&guest[0]);
	}
	expect(
	    broker(&(struct ask){ .uid = "u-2" }), BOOT_BUSY, "", "one more");
	guest_leaves(&guest[0]);
	pass(BOOT_REQUESTS_STEP_MS);
	broker(&(struct ask){ .around = "" });
	assert_int_equal(guest[0].answer.code, BOOT_SIGNED);
}

static void sessions_end_with_the_desk(void **state)
{
	(void)state;
	store.write = HANGS;
	broker(&(struct ask){ .around = "" });
	boot_free(boot);
	assert_int_equal(store.cancelled, 1);
	turns();
	assert_true(guest[0].gone);
	assert_int_equal(boot_new(&boot, loop, &config), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_record_is_written_before_anything_is_signed),
		TEST(a_replica_and_a_restart_change_nothing),
		TEST(every_refusal_is_reached),
		TEST(what_is_no_request_is_malformed),
		TEST(anything_but_the_one_request_is_turned_away),
		TEST(the_store_is_given_the_request_that_was_judged),
		TEST(who_loses_the_race_is_judged_by_the_winners_record),
		TEST(a_race_that_is_always_lost_comes_to_an_end),
		TEST(a_revocation_is_not_written_over),
		TEST(without_the_store_nobody_is_let_in_and_the_next_try_is),
		TEST(each_stage_of_the_store_has_a_deadline),
		TEST(who_waits_for_approval_is_held_and_let_in),
		TEST(who_is_held_for_long_is_told_to_come_again),
		TEST(who_is_held_hears_that_it_is_over),
		TEST(approval_while_it_is_written_who_waits_is_seen),
		TEST(who_leaves_while_he_is_held_is_forgotten),
		TEST(more_than_can_be_held_are_answered),
		TEST(who_says_nothing_is_cut),
		TEST(a_body_that_never_ends_is_cut),
		TEST(who_leaves_while_the_store_works_is_forgotten),
		TEST(more_sessions_than_the_limit_are_reset),
		TEST(more_requests_than_the_rate_are_told_to_wait),
		TEST(sessions_end_with_the_desk),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
