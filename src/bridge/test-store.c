#include "bridge/store.h"
#include "link/test-fakeserver.h"
#include <signal.h>

static struct loop *loop;
static struct fake fake;
static struct store *store;

/* What the last call came to. */
static struct {
	int calls, status;
	char body[256];
	struct fault fault;
} got;

static void on_answer(
    void *ctx, const struct web_answer *a, const struct fault *fault)
{
	(void)ctx;
	got.calls++;
	got.status = a ? a->status : 0;
	if (!a) {
		got.fault = *fault;
		return;
	}
	snprintf(got.body, sizeof(got.body), "%s", a->body);
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

static void send_get(const char *path, const struct secret *token)
{
	struct vault_call call;
	struct web_call *c;

	assert_int_equal(vault_call_get(&call, path, 0), 0);
	assert_int_equal(
	    store_send(&c, store, &call, token, on_answer, NULL), 0);
}

/* What the bridge says of itself and of the token, and nothing else. */
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
	assert_string_equal(fake.asked, "GET /v1/secret/data/a%20b");
	assert_string_equal(fake.token, "s.token");
	assert_string_equal(fake.name_space, "ct/fp");
	assert_string_equal(fake.marker, "true");
}

static void test_without_token_and_namespace(void **state)
{
	(void)state;
	open_with(&(struct store_config){ .address = fake.address });
	send_get("secret/data/x", NULL);
	TEST_UNTIL(loop, got.calls);
	assert_string_equal(fake.token, "");
	assert_string_equal(fake.name_space, "");
	assert_string_equal(fake.marker, "true");
}

/* Where a proxy has it, as what registers takes it. */
static void test_below_a_path(void **state)
{
	char address[128];

	(void)state;
	snprintf(address, sizeof(address), "%s/bao/", fake.address);
	open_with(&(struct store_config){ .address = address });
	send_get("secret/data/x", NULL);
	TEST_UNTIL(loop, got.calls);
	assert_string_equal(fake.asked, "GET /bao/v1/secret/data/x");
}

static void test_faults_name_the_options(void **state)
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
	assert_non_null(strstr(got.fault.text, "store http://127.0.0.1:"));
	assert_non_null(strstr(got.fault.hint, "--vault-addr"));
	assert_string_equal(store_last_fault(store), got.fault.text);
}

static const struct {
	const char *label;
	struct store_config config;
	const char *want;
} bad[] = {
	{ "no scheme", { .address = "store:8200" }, "--vault-addr store:8200" },
	{ "plain HTTP on a network", { .address = "http://store:8200" },
	    "plain HTTP is for loopback only" },
	{ "the API itself", { .address = "https://store/v1" },
	    "cannot be the address" },
	{ "a way up", { .address = "https://store/bao/.." },
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
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a_call, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_without_token_and_namespace, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_below_a_path, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_faults_name_the_options, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_configuration, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
