#include "bridge/account.h"
#include "bridge/test-clock.h"
#include "pki/testpki.h"
#include <signal.h>

#define LOGIN_PATH "auth/pharos-approle/login"
#define AUTH(token, seconds, renewable)                                        \
	"{\"auth\":{\"client_token\":\"" token                                 \
	"\",\"lease_duration\":" seconds ",\"renewable\":" renewable "}}"

/* What the store answers. */
enum { LOGIN_ROW, RENEW_ROW, READ_ROW };
static struct fake_row said[] = {
	[LOGIN_ROW] = { "POST /v1/" LOGIN_PATH },
	[RENEW_ROW] = { "POST /v1/auth/token/renew-self" },
	[READ_ROW] = { "GET " },
	{ NULL },
};

static struct loop *loop;
static struct fake fake;
static struct store *store;
static struct account *account;
static struct secret *secret_id;
static char token_file[64];

static struct {
	int ready, answers, status, code;
	char text[400];
} got;

static void on_ready(void *ctx)
{
	(void)ctx;
	got.ready++;
}

static void on_answer(
    void *ctx, const struct web_answer *answer, const struct fault *fault)
{
	(void)ctx;
	got.answers++;
	got.status = answer ? answer->status : 0;
	got.code = fault ? fault->code : 0;
	snprintf(got.text, sizeof(got.text), "%s", fault ? fault->text : "");
}

static void say(int row, int status, const char *body)
{
	fake.manner = FAKE_ANSWER;
	said[row].status = status;
	said[row].body = body;
}

static int setup(void **state)
{
	struct fault fault = FAULT_NONE;

	(void)state;
	memset(&got, 0, sizeof(got));
	account = NULL;
	clock_open(&loop);
	fake_open(&fake, loop);
	fake.rows = said;
	say(LOGIN_ROW, 200, AUTH("s.first", "600", "true"));
	say(RENEW_ROW, 200, AUTH("s.first", "600", "true"));
	say(READ_ROW, 200, "{\"data\":{}}");
	if (store_open(&store, loop,
		&(struct store_config){ .address = fake.address,
		    .name_space = "cloudtaser/m24ppin6" },
		&fault))
		fail_msg("%s", fault.text);
	assert_int_equal(secret_from(&secret_id, "a secret id", 11), 0);
	snprintf(token_file, sizeof(token_file), "/tmp/test-account-%d",
	    (int)getpid());
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	account_close(account);
	store_close(store);
	fake_close(&fake);
	secret_free(secret_id);
	unlink(token_file);
	pass(100000);
	loop_turn(loop);
	loop_free(loop);
	return 0;
}

static void open_approle(void)
{
	struct fault fault = FAULT_NONE;
	const struct account_config config = { .store = store,
		.realm = "test",
		.login = LOGIN_PATH,
		.role_id = "a role id",
		.secret_id = secret_id,
		.ready = on_ready };

	if (account_open(&account, loop, &config, &fault))
		fail_msg("%s", fault.text);
}

static int open_file(struct fault *fault)
{
	const struct account_config config = {
		.store = store, .token_file = token_file, .ready = on_ready
	};

	return account_open(&account, loop, &config, fault);
}

static void ask(void)
{
	struct vault_call call;
	struct account_ask *k;

	assert_int_equal(vault_call_get(&call, "pharos/data/x", 0), 0);
	assert_int_equal(account_ask(&k, account, &call, on_answer, NULL), 0);
}

/* A call that is answered by @status, and what the account does then. */
static void ask_and_hear(int status)
{
	int before = got.answers;

	say(READ_ROW, status,
	    status == 200 ? "{\"data\":{}}"
			  : "{\"errors\":[\"permission denied\"]}");
	ask();
	UNTIL(got.answers > before);
}

/* ---- by AppRole */

static void test_login(void **state)
{
	struct vault_call call;
	struct account_ask *k;

	(void)state;
	open_approle();
	assert_false(account_ready(account));
	assert_int_equal(vault_call_get(&call, "pharos/data/x", 0), 0);
	assert_int_equal(
	    account_ask(&k, account, &call, on_answer, NULL), ACCOUNT_E_OUT);
	UNTIL(got.ready);
	assert_string_equal(fake.asked,
	    "POST /v1/" LOGIN_PATH
	    " {\"role_id\":\"a role id\",\"secret_id\":\"a secret id\"}");
	assert_string_equal(fake.token, "");
	assert_string_equal(fake.name_space, "cloudtaser/m24ppin6");
	assert_true(account_ready(account));
	ask_and_hear(200);
	assert_string_equal(fake.token, "s.first");
	assert_int_equal(got.status, 200);
	assert_int_equal(got.code, 0);
}

static void test_renewed_at_two_thirds(void **state)
{
	const struct account_counts *counts;

	(void)state;
	open_approle();
	UNTIL(got.ready);
	counts = account_counts(account);
	pass(390 * SECOND);
	for (int i = 0; i < 100; i++)
		loop_turn(loop);
	assert_int_equal(fake.requests, 1);
	pass(11 * SECOND);
	UNTIL(counts->renewals);
	assert_string_equal(fake.asked, "POST /v1/auth/token/renew-self {}");
	assert_string_equal(fake.token, "s.first");
	pass(401 * SECOND);
	UNTIL(counts->renewals == 2);
	assert_int_equal(counts->logins, 1);
	assert_int_equal(got.ready, 1);
}

/* What can be renewed no longer, or for less and less, is replaced. */
static void test_login_anew(void **state)
{
	static const struct {
		const char *label, *answer;
		int status;
	} rows[] = {
		{ "the renewal is refused",
		    "{\"errors\":[\"permission denied\"]}", 403 },
		{ "it is not renewable", "{\"errors\":[\"lease is not\"]}",
		    400 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		say(LOGIN_ROW, 200, AUTH("s.first", "600", "true"));
		open_approle();
		UNTIL(account_ready(account));
		say(RENEW_ROW, rows[i].status, rows[i].answer);
		say(LOGIN_ROW, 200, AUTH("s.second", "600", "true"));
		pass(401 * SECOND);
		UNTIL(account_counts(account)->logins == 2);
		ask_and_hear(200);
		assert_string_equal(fake.token, "s.second");
		account_close(STEAL(account));
	}
}

static void test_less_each_time(void **state)
{
	const struct account_counts *counts;

	(void)state;
	open_approle();
	counts = account_counts(account);
	UNTIL(got.ready);
	say(RENEW_ROW, 200, AUTH("s.first", "100", "true"));
	pass(401 * SECOND);
	UNTIL(counts->renewals == 1);
	pass(67 * SECOND);
	UNTIL(counts->logins == 2);
	assert_int_equal(counts->renewals, 1);
}

static void test_one_that_does_not_end(void **state)
{
	(void)state;
	say(LOGIN_ROW, 200, AUTH("s.root", "0", "false"));
	open_approle();
	UNTIL(got.ready);
	pass((uint64_t)365 * 24 * 3600 * 1000);
	for (int i = 0; i < 200; i++)
		loop_turn(loop);
	assert_int_equal(fake.requests, 1);
}

/* ---- refusals */

static void test_a_wrong_secret_id(void **state)
{
	(void)state;
	say(LOGIN_ROW, 400, "{\"errors\":[\"invalid role or secret ID\"]}");
	open_approle();
	UNTIL(*account_trouble(account));
	assert_non_null(strstr(account_trouble(account), "login by AppRole"));
	assert_non_null(
	    strstr(account_trouble(account), "invalid role or secret ID"));
	assert_null(strstr(account_trouble(account), "a secret id"));
	assert_false(account_ready(account));
	say(LOGIN_ROW, 200, AUTH("s.first", "600", "true"));
	pass(ACCOUNT_REST_MOST_MS);
	UNTIL(got.ready);
	assert_string_equal(account_trouble(account), "");
}

static void test_another_secret_id(void **state)
{
	CLEANUP(secret_freep) struct secret *other = NULL;

	(void)state;
	say(LOGIN_ROW, 400, "{\"errors\":[\"invalid role or secret ID\"]}");
	open_approle();
	UNTIL(*account_trouble(account));
	say(LOGIN_ROW, 200, AUTH("s.first", "600", "true"));
	assert_int_equal(secret_from(&other, "another", 7), 0);
	assert_int_equal(account_replace(account, "a role id", other), 0);
	UNTIL(got.ready);
	assert_non_null(strstr(fake.asked, "\"another\""));
}

/* The store has forgotten our token: nobody waits for its end. */
static void test_a_refused_token(void **state)
{
	const struct account_counts *counts;

	(void)state;
	open_approle();
	counts = account_counts(account);
	UNTIL(got.ready);
	say(LOGIN_ROW, 200, AUTH("s.next", "600", "true"));
	pass(ACCOUNT_LOGIN_LEAST_MS);
	ask_and_hear(403);
	assert_int_equal(got.status, 403);
	assert_int_equal(got.code, -EACCES);
	assert_non_null(strstr(got.text, "permission denied"));
	assert_true(account_ready(account));
	UNTIL(counts->logins == 2);
	ask_and_hear(200);
	assert_string_equal(fake.token, "s.next");
}

/* But a right that is missing does not make a login of each call. */
static void test_refused_again_and_again(void **state)
{
	uint64_t logins;

	(void)state;
	open_approle();
	UNTIL(got.ready);
	for (unsigned s = 0; s < 300; s++) {
		pass(1000);
		ask_and_hear(403);
	}
	logins = account_counts(account)->logins;
	if (logins < 4 || logins > 8)
		fail_msg("%llu logins", (unsigned long long)logins);
	assert_true(account_ready(account));
}

/* ---- the store goes away */

static void test_the_store_away(void **state)
{
	const struct account_counts *counts;

	(void)state;
	fake.manner = FAKE_CUT;
	open_approle();
	counts = account_counts(account);
	for (unsigned i = 1; i < 4; i++) {
		UNTIL(counts->failures == i);
		assert_false(account_ready(account));
		pass(ACCOUNT_REST_MOST_MS);
	}
	say(LOGIN_ROW, 200, AUTH("s.first", "600", "true"));
	pass(ACCOUNT_REST_MOST_MS);
	UNTIL(got.ready);
}

/* Away while a renewal is due: the token counts until its end, and not on. */
static void test_away_past_its_end(void **state)
{
	const struct account_counts *counts;

	(void)state;
	open_approle();
	counts = account_counts(account);
	UNTIL(got.ready);
	fake.manner = FAKE_CUT;
	pass(401 * SECOND);
	UNTIL(counts->failures == 1);
	assert_true(account_ready(account));
	pass(200 * SECOND);
	UNTIL(!account_ready(account));
	say(LOGIN_ROW, 200, AUTH("s.second", "600", "true"));
	pass(ACCOUNT_REST_MOST_MS);
	UNTIL(got.ready == 2);
	assert_int_equal(counts->logins, 2);
}

static void test_not_a_store(void **state)
{
	(void)state;
	fake.rows = NULL;
	fake_say(&fake, 200, "text/html", "<html>welcome</html>");
	open_approle();
	UNTIL(*account_trouble(account));
	assert_false(account_ready(account));
}

static void test_closed_under_way(void **state)
{
	(void)state;
	fake.manner = FAKE_HANG;
	open_approle();
	UNTIL(fake.requests == 1);
	account_close(STEAL(account));
	assert_int_equal(got.ready, 0);
}

static void test_a_call_cancelled(void **state)
{
	struct vault_call call;
	struct account_ask *k;

	(void)state;
	open_approle();
	UNTIL(got.ready);
	fake.manner = FAKE_HANG;
	assert_int_equal(vault_call_get(&call, "pharos/data/x", 0), 0);
	assert_int_equal(account_ask(&k, account, &call, on_answer, NULL), 0);
	UNTIL(fake.requests == 2);
	account_ask_cancel(k);
	ask(); /* and one that is there when the account is closed */
	account_close(STEAL(account));
	assert_int_equal(got.answers, 0);
}

/* ---- out of a file */

static void test_a_token_file(void **state)
{
	struct fault fault = FAULT_NONE;

	(void)state;
	testpki_write(token_file, "s.of-the-file\n", 0600);
	assert_int_equal(open_file(&fault), 0);
	assert_true(account_ready(account));
	UNTIL(account_counts(account)->renewals == 1);
	assert_string_equal(fake.token, "s.of-the-file");
	pass(401 * SECOND);
	UNTIL(account_counts(account)->renewals == 2);
	testpki_write(token_file, "s.replaced\n", 0600);
	assert_int_equal(account_reload(account, &fault), 0);
	UNTIL(account_counts(account)->renewals == 3);
	assert_string_equal(fake.token, "s.replaced");
	assert_int_equal(account_reload(account, &fault), 0);
	assert_int_equal(account_counts(account)->logins, 2);
}

/* Not ours to renew: it is used as it is. */
static void test_a_file_not_renewable(void **state)
{
	struct fault fault = FAULT_NONE;

	(void)state;
	testpki_write(token_file, "s.root\n", 0600);
	say(RENEW_ROW, 400, "{\"errors\":[\"lease is not renewable\"]}");
	assert_int_equal(open_file(&fault), 0);
	UNTIL(*account_trouble(account));
	assert_true(account_ready(account));
	ask_and_hear(200);
	assert_string_equal(fake.token, "s.root");
	/* refused, and then there is another in the file */
	testpki_write(token_file, "s.other\n", 0600);
	pass(ACCOUNT_LOGIN_LEAST_MS);
	ask_and_hear(403);
	UNTIL(account_counts(account)->logins == 2);
	ask_and_hear(200);
	assert_string_equal(fake.token, "s.other");
}

static void test_bad_files(void **state)
{
	static const struct {
		const char *label, *text;
		mode_t mode;
	} rows[] = {
		{ "no file", NULL, 0 },
		{ "empty", "", 0600 },
		{ "others may read it", "s.token", 0644 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct fault fault = FAULT_NONE;

		unlink(token_file);
		if (rows[i].text)
			testpki_write(token_file, rows[i].text, rows[i].mode);
		if (!open_file(&fault))
			fail_msg("%s: taken", rows[i].label);
		if (!strstr(fault.text, "--store-token-file"))
			fail_msg("%s: %s", rows[i].label, fault.text);
	}
}

static void test_a_file_that_goes_bad(void **state)
{
	struct fault fault = FAULT_NONE;

	(void)state;
	testpki_write(token_file, "s.good\n", 0600);
	assert_int_equal(open_file(&fault), 0);
	unlink(token_file);
	assert_int_not_equal(account_reload(account, &fault), 0);
	assert_true(account_ready(account));
}

#define ROW(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ROW(test_login),
		ROW(test_renewed_at_two_thirds),
		ROW(test_login_anew),
		ROW(test_less_each_time),
		ROW(test_one_that_does_not_end),
		ROW(test_a_wrong_secret_id),
		ROW(test_another_secret_id),
		ROW(test_a_refused_token),
		ROW(test_refused_again_and_again),
		ROW(test_the_store_away),
		ROW(test_away_past_its_end),
		ROW(test_not_a_store),
		ROW(test_closed_under_way),
		ROW(test_a_call_cancelled),
		ROW(test_a_token_file),
		ROW(test_a_file_not_renewable),
		ROW(test_bad_files),
		ROW(test_a_file_that_goes_bad),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
