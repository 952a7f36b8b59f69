#include "bridge/test-fakestore.h"
#include <signal.h>

static struct loop *loop;
static struct fake fake;
static struct store *store;

/* What the last call came to. */
static struct {
	int calls, status;
	char body[256], type[64], retry[32];
	size_t n;
	struct fault fault;
} got;

static void on_answer(
    void *ctx, const struct store_answer *a, const struct fault *fault)
{
	(void)ctx;
	got.calls++;
	got.status = a ? a->status : 0;
	if (!a) {
		got.fault = *fault;
		return;
	}
	got.n = a->n;
	snprintf(got.body, sizeof(got.body), "%s", a->body);
	snprintf(got.type, sizeof(got.type), "%s", a->content_type);
	snprintf(got.retry, sizeof(got.retry), "%s", a->retry_after);
}

static void open_with(const struct store_config *config)
{
	struct fault fault = FAULT_NONE;

	if (store_open(&store, loop, config, &fault))
		fail_msg("%s", fault.text);
}

static int setup(void **state)
{
	(void)state;
	memset(&got, 0, sizeof(got));
	store = NULL;
	assert_int_equal(loop_new(&loop), 0);
	fake_open(&fake, loop);
	fake_say(&fake, 200, "application/json", "{}");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	store_close(store);
	fake_close(&fake);
	loop_free(loop);
	return 0;
}

static struct store_call *send_get(const char *path, const struct secret *token)
{
	struct vault_call call;
	struct store_call *c;

	assert_int_equal(vault_call_get(&call, path, 0), 0);
	assert_int_equal(
	    store_send(&c, store, &call, token, on_answer, NULL), 0);
	return c;
}

static void test_a_call(void **state)
{
	CLEANUP(secret_freep) struct secret *token = NULL;

	(void)state;
	open_with(&(struct store_config){
	    .address = fake.address, .name_space = "ct/fp" });
	assert_int_equal(secret_from(&token, "s.token", 7), 0);
	fake_say(&fake, 200, "application/json", "{\"data\":1}");
	send_get("secret/data/a b", token);
	TEST_UNTIL(loop, got.calls);
	assert_int_equal(got.status, 200);
	assert_string_equal(got.body, "{\"data\":1}");
	assert_string_equal(got.type, "application/json");
	assert_string_equal(fake.asked, "GET /v1/secret/data/a%20b");
	assert_string_equal(fake.token, "s.token");
	assert_string_equal(fake.name_space, "ct/fp");
	assert_string_equal(fake.marker, "true");
	assert_string_equal(fake.type, "");
}

static void test_methods(void **state)
{
	static const struct {
		const char *method, *body, *asked, *type;
	} row[] = {
		{ "POST", "{\"a\":1}", "POST /v1/x {\"a\":1}",
		    "application/json" },
		{ "POST", NULL, "POST /v1/x", "" },
		{ "LIST", NULL, "LIST /v1/x", "" },
		{ "HEAD", NULL, "HEAD /v1/x", "" },
	};

	(void)state;
	open_with(&(struct store_config){ .address = fake.address });
	for (size_t i = 0; i < N_ELEMS(row); i++) {
		CLEANUP(vault_call_clear)
		struct vault_call call = { .method = row[i].method,
			.target = "/v1/x" };
		struct store_call *c;

		fake_say(&fake, 204, NULL, "");
		if (row[i].body)
			assert_int_equal(secret_from(&call.body, row[i].body,
					     strlen(row[i].body)),
			    0);
		assert_int_equal(
		    store_send(&c, store, &call, NULL, on_answer, NULL), 0);
		TEST_UNTIL(loop, got.calls == (int)i + 1);
		assert_int_equal(got.status, 204);
		assert_string_equal(fake.asked, row[i].asked);
		if (strcmp(fake.type, row[i].type))
			fail_msg("%s: type %s", row[i].asked, fake.type);
		assert_string_equal(fake.token, "");
		assert_string_equal(fake.name_space, "");
	}
}

/* Whatever the store says is handed on; deciding on it is not the job here. */
static void test_statuses(void **state)
{
	static const int status[] = { 200, 400, 403, 404, 429, 500, 503, 307 };
	static const struct http_field retry = { "retry-after", "7" };

	(void)state;
	open_with(&(struct store_config){ .address = fake.address });
	for (size_t i = 0; i < N_ELEMS(status); i++) {
		fake_say(&fake, status[i], "text/html", "<p>");
		fake.answer.fields = &retry;
		fake.answer.n_fields = 1;
		send_get("secret/x", NULL);
		TEST_UNTIL(loop, got.calls == (int)i + 1);
		assert_int_equal(got.status, status[i]);
		assert_string_equal(got.body, "<p>");
		assert_string_equal(got.type, "text/html");
		assert_string_equal(got.retry, "7");
	}
	assert_int_equal(fake.requests, N_ELEMS(status));
}

static void test_reuse(void **state)
{
	(void)state;
	open_with(&(struct store_config){ .address = fake.address });
	for (int i = 1; i <= 5; i++) {
		send_get("secret/x", NULL);
		TEST_UNTIL(loop, got.calls == i);
	}
	assert_int_equal(httpd_connections(fake.httpd), 1);
}

static void test_many_at_once(void **state)
{
	(void)state;
	open_with(&(struct store_config){ .address = fake.address });
	for (int i = 0; i < 100; i++)
		send_get("secret/x", NULL);
	TEST_UNTIL(loop, got.calls == 100);
	assert_true(httpd_connections(fake.httpd) <= STORE_CONNECTIONS_MOST);
}

static void test_limit(void **state)
{
	struct vault_call call;
	struct store_call *c = NULL;

	(void)state;
	open_with(&(struct store_config){ .address = fake.address });
	fake.manner = FAKE_HANG;
	for (int i = 0; i < STORE_CALLS_MOST; i++)
		c = send_get("secret/x", NULL);
	assert_int_equal(vault_call_get(&call, "secret/x", 0), 0);
	assert_int_equal(
	    store_send(&c, store, &call, NULL, on_answer, NULL), STORE_E_BUSY);
	store_cancel(c);
	c = send_get("secret/x", NULL);
	assert_int_equal(got.calls, 0);
}

static void test_no_answer_in_time(void **state)
{
	(void)state;
	open_with(
	    &(struct store_config){ .address = fake.address, .call_ms = 50 });
	fake.manner = FAKE_HANG;
	send_get("secret/x", NULL);
	TEST_UNTIL(loop, got.calls);
	assert_int_equal(got.fault.code, -ETIMEDOUT);
	assert_non_null(strstr(got.fault.text, fake.address));
	assert_non_null(strstr(got.fault.text, "no answer in time"));
	assert_string_equal(store_last_fault(store), got.fault.text);
}

static void test_connection_cut(void **state)
{
	(void)state;
	open_with(&(struct store_config){ .address = fake.address });
	fake.manner = FAKE_CUT;
	send_get("secret/x", NULL);
	TEST_UNTIL(loop, got.calls);
	assert_int_equal(got.fault.code, -EIO);
	assert_non_null(strstr(got.fault.text, "the connection broke"));
	fake_say(&fake, 200, "application/json", "{}");
	send_get("secret/x", NULL);
	TEST_UNTIL(loop, got.calls == 2);
	assert_int_equal(got.status, 200);
	assert_string_equal(store_last_fault(store), "");
}

static void test_too_large(void **state)
{
	char *large = malloc(VAULT_ANSWER_MOST + 1);

	(void)state;
	memset(large, 'x', VAULT_ANSWER_MOST + 1);
	open_with(&(struct store_config){ .address = fake.address });
	fake_say(&fake, 200, "application/json", "");
	fake.answer.body = large;
	fake.answer.n = VAULT_ANSWER_MOST;
	send_get("secret/x", NULL);
	TEST_UNTIL(loop, got.calls == 1);
	assert_int_equal(got.n, VAULT_ANSWER_MOST);
	fake.answer.n = VAULT_ANSWER_MOST + 1;
	send_get("secret/x", NULL);
	TEST_UNTIL(loop, got.calls == 2);
	assert_int_equal(got.fault.code, -EMSGSIZE);
	free(large);
}

static void test_cancel(void **state)
{
	struct store_call *c;

	(void)state;
	open_with(&(struct store_config){ .address = fake.address });
	store_cancel(send_get("secret/x", NULL));
	fake.manner = FAKE_HANG;
	c = send_get("secret/x", NULL);
	TEST_UNTIL(loop, fake.requests);
	store_cancel(c);
	store_cancel(NULL);
	fake.manner = FAKE_ANSWER;
	send_get("secret/x", NULL);
	TEST_UNTIL(loop, got.calls);
	assert_int_equal(got.calls, 1);
}

/* ---- peers that are no store -------------------------------------------- */

struct stranger {
	struct listener *listener;
	const char *says; /* then closes; NULL: resets */
};

static void on_stranger(void *ctx, int fd, const char *source)
{
	struct stranger *s = ctx;
	const struct linger at_once = { .l_onoff = 1 };

	(void)source;
	if (s->says && *s->says)
		assert_true(write(fd, s->says, strlen(s->says)) > 0);
	if (!s->says)
		setsockopt(
		    fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	close(fd);
}

static const struct {
	const char *label, *says, *want;
} strangers[] = {
	{ "resets", NULL, "store http://" },
	{ "closes", "", "store http://" },
	{ "speaks something else", "220 mail ready\r\n", "store http://" },
	{ "half a head", "HTTP/1.1 200 OK\r\nContent-", "store http://" },
	{ "half a body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{}",
	    "store http://" },
};

static void test_strangers(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(strangers); i++) {
		struct stranger s = { .says = strangers[i].says };
		struct fault fault = FAULT_NONE;
		char address[64];

		assert_int_equal(listen_open(&s.listener, loop, "127.0.0.1:0",
				     on_stranger, &s, &fault),
		    0);
		snprintf(address, sizeof(address), "http://%s",
		    listen_address(s.listener));
		memset(&got, 0, sizeof(got));
		open_with(&(struct store_config){ .address = address });
		send_get("secret/x", NULL);
		TEST_UNTIL(loop, got.calls);
		if (got.status || !strstr(got.fault.text, strangers[i].want) ||
		    !got.fault.hint[0])
			fail_msg("%s: %d %s", strangers[i].label, got.status,
			    got.fault.text);
		store_close(STEAL(store));
		listen_close(s.listener);
	}
}

static void test_nobody_listens(void **state)
{
	char address[64];
	uint16_t port;
	int fd = test_listen(&port);

	(void)state;
	close(fd);
	snprintf(address, sizeof(address), "http://127.0.0.1:%u", port);
	open_with(&(struct store_config){ .address = address });
	send_get("secret/x", NULL);
	TEST_UNTIL(loop, got.calls);
	assert_int_equal(got.fault.code, -EIO);
	assert_non_null(strstr(got.fault.text, "cannot be reached"));
}

/* A proxy of the environment would see every token. */
static void test_environment(void **state)
{
	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	open_with(&(struct store_config){ .address = fake.address });
	send_get("secret/x", NULL);
	TEST_UNTIL(loop, got.calls);
	assert_int_equal(got.status, 200);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
}

static const struct {
	const char *label;
	struct store_config config;
	const char *want;
} bad[] = {
	{ "empty", { .address = "" }, "--vault-addr" },
	{ "no scheme", { .address = "store:8200" }, "--vault-addr store:8200" },
	{ "another scheme", { .address = "ftp://store" }, "ftp://store" },
	{ "a file", { .address = "file:///etc/passwd" }, "--vault-addr" },
	{ "plain HTTP on a network", { .address = "http://store:8200" },
	    "plain HTTP is for loopback only" },
	{ "plain HTTP to a name that begins alike",
	    { .address = "http://localhost.example:8200" },
	    "plain HTTP is for loopback only" },
	{ "plain HTTP to an address that begins alike",
	    { .address = "http://127.0.0.1.example:8200" },
	    "plain HTTP is for loopback only" },
	{ "a path", { .address = "https://store/v1" },
	    "cannot be the address" },
	{ "a user", { .address = "https://a:b@store" },
	    "cannot be the address" },
	{ "a query", { .address = "https://store/?a" },
	    "cannot be the address" },
	{ "no such CA",
	    { .address = "https://store", .ca_file = "/nowhere/ca.pem" },
	    "--vault-ca /nowhere/ca.pem" },
	{ "a bad pin", { .address = "https://store", .pin_hex = "abc" },
	    "--vault-pin" },
};

static void test_configuration(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		struct fault fault = FAULT_NONE;
		struct store *s;

		if (!store_open(&s, loop, &bad[i].config, &fault))
			fail_msg("%s: taken", bad[i].label);
		if (!strstr(fault.text, bad[i].want))
			fail_msg("%s: %s", bad[i].label, fault.text);
		/* a password in the address stays out of the message */
		assert_null(strstr(fault.text, "a:b@"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_call, setup, teardown),
		cmocka_unit_test_setup_teardown(test_methods, setup, teardown),
		cmocka_unit_test_setup_teardown(test_statuses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_reuse, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_many_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_no_answer_in_time, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_connection_cut, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_cancel, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_strangers, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_nobody_listens, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_environment, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_configuration, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
