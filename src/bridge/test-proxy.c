/* A client, the proxy, and a store of the worst kind: HTTP/2 in memory on one
 * side, libcurl over loopback on the other. */
#include "base/buf.h"
#include "bridge/proxy.h"
#include "link/test-fakeserver.h"
#include "net/httpc.h"
#include "net/memleg.h"
#include <signal.h>

static struct loop *loop;
static struct fake fake;
static struct policy policy;
static struct store *store;
static struct proxy *proxy;
static struct httpd *httpd;
static struct http_conn *client;

static struct {
	int answers, failures, status;
	char body[600], retry[24], type[80];
} got;

static void on_request(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	proxy_handle(proxy, s, head);
}

static const struct httpd_route routes[] = { { NULL, "/*", on_request } };

static void on_gone(void *ctx, const struct fault *fault)
{
	(void)ctx;
	(void)fault;
	client = NULL;
}

static const struct http_conn_events events = { .gone = on_gone };

static void open_client(void)
{
	struct http_conn_config config = {
		.version = HTTP_2, .end = HTTP_CLIENT, .events = &events
	};
	struct leg *near, *far;

	assert_int_equal(memleg_pair(&near, &far, loop, 65536), 0);
	httpd_serve(httpd, far, HTTP_2);
	assert_int_equal(http_conn_open(&client, near, &config), 0);
}

static void open_store(const struct store_config *config)
{
	struct fault fault = FAULT_NONE;

	if (store_open(&store, loop, config, &fault))
		fail_msg("%s", fault.text);
	assert_int_equal(proxy_new(&proxy, &policy, store), 0);
}

static int setup(void **state)
{
	static const char *const paths[] = { "secret/" };
	struct fault fault = FAULT_NONE;

	(void)state;
	memset(&got, 0, sizeof(got));
	assert_int_equal(loop_new(&loop), 0);
	fake_open(&fake, loop);
	fake_say(&fake, 200, "application/json", "{\"data\":{}}");
	assert_int_equal(policy_init(&policy, paths, 1, "jwt", &fault), 0);
	open_store(&(struct store_config){
	    .address = fake.address, .name_space = "ct/fp", .call_ms = 60000 });
	assert_int_equal(httpd_new(&httpd, loop,
			     &(struct httpd_config){ .routes = routes,
				 .n_routes = N_ELEMS(routes) }),
	    0);
	open_client();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (client)
		http_conn_cut(STEAL(client));
	proxy_free(proxy);
	httpd_free(httpd);
	store_close(store);
	fake_close(&fake);
	for (int i = 0; i < 50; i++)
		loop_turn(loop);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	loop_free(loop);
	return 0;
}

static void on_answer(
    void *ctx, struct httpc_answer *a, const struct fault *fault)
{
	(void)ctx;
	(void)fault;
	if (!a) {
		got.failures++;
		return;
	}
	got.answers++;
	got.status = a->status;
	snprintf(got.body, sizeof(got.body), "%s", a->body ? a->body : "");
	snprintf(got.retry, sizeof(got.retry), "%s", a->retry_after);
	snprintf(got.type, sizeof(got.type), "%s", a->content_type);
	free(a->body);
}

static struct httpc_call *ask(
    const char *method, const char *target, const char *body)
{
	static const struct http_field fields[] = {
		{ "x-vault-token", "s.t" },
		{ "x-forwarded-for", "10.1.2.3" },
		{ "content-type", "text/x-odd" },
	};
	struct httpc_call *c;

	assert_int_equal(httpc_send(&c, client,
			     &(struct httpc_request){ .method = method,
				 .authority = "bridge.pharos",
				 .target = target,
				 .fields = fields,
				 .n_fields = N_ELEMS(fields),
				 .body = body,
				 .n_body = body ? strlen(body) : 0,
				 .most = 1 << 20,
				 .ms = 60000 },
			     on_answer, NULL),
	    0);
	return c;
}

static void ask_and_wait(
    const char *method, const char *target, const char *body)
{
	int before = got.answers;

	ask(method, target, body);
	TEST_UNTIL(loop, got.answers > before);
}

/* What the store sees is what the bridge wrote, and nothing of the client's but
 * the token. */
static void test_what_crosses(void **state)
{
	(void)state;
	ask_and_wait("GET", "/v1/s%65cret/data/a?version=2", NULL);
	assert_int_equal(got.status, 200);
	assert_string_equal(got.body, "{\"data\":{}}");
	assert_string_equal(got.type, "application/json");
	assert_string_equal(fake.asked, "GET /v1/secret/data/a?version=2");
	assert_string_equal(fake.token, "s.t");
	assert_string_equal(fake.name_space, "ct/fp");
	assert_string_equal(fake.marker, "true");
	assert_string_equal(fake.odd, "");
	assert_string_equal(fake.type, "");
}

static void test_login(void **state)
{
	(void)state;
	ask_and_wait("POST", "/v1/auth/jwt/login",
	    "{ \"jwt\" : \"a.b.c\", \"role\": \"r\" }");
	assert_int_equal(got.status, 200);
	assert_string_equal(fake.asked,
	    "POST /v1/auth/jwt/login {\"role\":\"r\",\"jwt\":\"a.b.c\"}");
	assert_string_equal(fake.token, "");
	assert_string_equal(fake.type, "application/json");
}

static void test_refusals_end_here(void **state)
{
	(void)state;
	ask_and_wait("GET", "/v1/kv/data/a", NULL);
	assert_int_equal(got.status, 403);
	assert_non_null(
	    strstr(got.body, "bridge: refused: the path is outside"));
	ask_and_wait("POST", "/v1/secret/data/a", "{\"data\":{}}");
	assert_int_equal(got.status, 403);
	ask_and_wait("POST", "/v1/auth/jwt/login", "{\"role\":\"r\"}");
	assert_int_equal(got.status, 400);
	assert_int_equal(fake.requests, 0);
	assert_int_equal(proxy_refused(proxy, POLICY_OUTSIDE), 1);
	assert_int_equal(proxy_refused(proxy, POLICY_OPERATION), 1);
	assert_int_equal(proxy_refused(proxy, POLICY_BODY), 1);
}

static void test_body_too_large(void **state)
{
	char *body = malloc(POLICY_BODY_MOST + 2);

	(void)state;
	memset(body, ' ', POLICY_BODY_MOST + 1);
	body[POLICY_BODY_MOST + 1] = '\0';
	ask_and_wait("POST", "/v1/auth/jwt/login", body);
	assert_int_equal(got.status, 413);
	assert_int_equal(fake.requests, 0);
	free(body);
}

#define DENIED                                                                 \
	"{\"errors\":[\"1 error occurred:\\n\\t* permission denied\\n\\n\"]}"

/* What a client meets for each kind of answer of the store's. */
static const struct {
	const char *label;
	int said;
	const char *type, *body;
	int status;
	const char *want; /* stands in the answer; NULL: it is empty */
} answers[] = {
	{ "deleted: its metadata passes", 404, "application/json",
	    "{\"data\":{\"data\":null,\"metadata\":{\"version\":1}}}", 404,
	    "{\"data\":{\"data\":null,\"metadata\":{\"version\":1}}}" },
	{ "a standby's health passes", 429, "application/json",
	    "{\"standby\":true}", 429, "{\"standby\":true}" },
	{ "nothing to say", 204, NULL, "", 204, NULL },
	{ "denied", 403, "application/json", DENIED, 403,
	    ": 403 permission denied\"]}" },
	{ "not found", 404, "application/json", "{\"errors\":[]}", 404,
	    ": 404 not found\"]}" },
	{ "rate limit", 429, "application/json", "{\"errors\":[\"slow down\"]}",
	    429, ": 429 too many requests: slow down\"]}" },
	{ "broken", 500, "application/json", "{\"errors\":[\"oh\"]}", 500,
	    ": 500 internal error: oh\"]}" },
	{ "sealed", 503, "application/json",
	    "{\"errors\":[\"Vault is sealed\"]}", 503,
	    ": 503 sealed or not ready: Vault is sealed\"]}" },
	{ "HTML", 200, "text/html", "<html>hi</html>", 502,
	    "which is not how the store answers" },
	{ "HTML as refusal", 403, "text/html", "<html>no</html>", 502,
	    "which is not how the store answers" },
	{ "HTML of a gateway", 502, "text/html", "<html>no</html>", 503,
	    "which is not how the store answers" },
	{ "a redirect", 307, "text/html", "<a>", 502,
	    "which is not how the store answers" },
	{ "JSON that is no object", 200, "application/json", "[1]", 502,
	    "which is not how the store answers" },
	{ "nothing", 200, "application/json", "", 502, "200 empty answer" },
	{ "nothing as a failure", 500, NULL, "", 503, "without a word" },
	{ "cut JSON", 200, "application/json", "{\"data\":", 502,
	    "which is not how the store answers" },
	{ "a status of its own", 599, "application/json",
	    "{\"errors\":[\"x\"]}", 599, ": 599 unexpected status: x" },
};

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(answers); i++) {
		fake_say(
		    &fake, answers[i].said, answers[i].type, answers[i].body);
		ask_and_wait("GET", "/v1/secret/data/a", NULL);
		if (got.status != answers[i].status)
			fail_msg("%s: %d %s", answers[i].label, got.status,
			    got.body);
		if (answers[i].want ? !strstr(got.body, answers[i].want)
				    : *got.body)
			fail_msg("%s: %s", answers[i].label, got.body);
		/* a refusal names the hop */
		if (strstr(got.body, "errors") &&
		    !strstr(got.body, fake.address))
			fail_msg(
			    "%s: no hop in %s", answers[i].label, got.body);
	}
}

static void test_retry_after_passes(void **state)
{
	static const struct http_field retry = { "retry-after", "9" };

	(void)state;
	fake_say(&fake, 429, "application/json", "{\"errors\":[\"x\"]}");
	fake.answer.fields = &retry;
	fake.answer.n_fields = 1;
	ask_and_wait("GET", "/v1/secret/data/a", NULL);
	assert_int_equal(got.status, 429);
	assert_string_equal(got.retry, "9");
}

static void test_store_resets(void **state)
{
	(void)state;
	fake.manner = FAKE_CUT;
	ask_and_wait("GET", "/v1/secret/data/a", NULL);
	assert_int_equal(got.status, 502);
	assert_non_null(strstr(got.body, "the connection broke"));
	fake_say(&fake, 200, "application/json", "{}");
	ask_and_wait("GET", "/v1/secret/data/a", NULL);
	assert_int_equal(got.status, 200);
}

static void test_store_hangs(void **state)
{
	(void)state;
	proxy_free(STEAL(proxy));
	store_close(STEAL(store));
	open_store(
	    &(struct store_config){ .address = fake.address, .call_ms = 50 });
	fake.manner = FAKE_HANG;
	ask_and_wait("GET", "/v1/secret/data/a", NULL);
	assert_int_equal(got.status, 504);
	assert_non_null(strstr(got.body, "no answer in time"));
}

static uint64_t under_way(void)
{
	const struct metric_table *t = proxy_metrics(proxy);

	for (size_t i = 0; i < t->n_rows; i++)
		if (!strcmp(t->rows[i].name, "pharos_bridge_requests"))
			return *t->rows[i].value;
	fail_msg("no such metric");
	return 0;
}

/* Its call to the store goes with it. */
static void test_client_gives_up(void **state)
{
	struct httpc_call *c;

	(void)state;
	fake.manner = FAKE_HANG;
	c = ask("GET", "/v1/secret/data/a", NULL);
	TEST_UNTIL(loop, fake.requests);
	assert_int_equal(under_way(), 1);
	httpc_cancel(c);
	TEST_UNTIL(loop, !under_way());
	fake_say(&fake, 200, "application/json", "{}");
	ask_and_wait("GET", "/v1/secret/data/a", NULL);
	assert_int_equal(got.status, 200);
}

static void test_connection_goes(void **state)
{
	(void)state;
	fake.manner = FAKE_HANG;
	ask("GET", "/v1/secret/data/a", NULL);
	ask("GET", "/v1/secret/data/b", NULL);
	TEST_UNTIL(loop, fake.requests == 2);
	http_conn_cut(STEAL(client));
	TEST_UNTIL(loop, !under_way());
	assert_int_equal(got.failures, 2);
}

/* The store's limit on calls is met before the proxy's on requests. */
static void test_limit(void **state)
{
	int more = 0;

	(void)state;
	http_conn_cut(STEAL(client));
	httpd_free(httpd);
	assert_int_equal(httpd_new(&httpd, loop,
			     &(struct httpd_config){ .routes = routes,
				 .n_routes = N_ELEMS(routes),
				 .streams_max = PROXY_CALLS_MOST }),
	    0);
	open_client();
	fake.manner = FAKE_HANG;
	while (more < STORE_CALLS_MOST) {
		struct httpc_call *c = ask("GET", "/v1/secret/data/a", NULL);

		(void)c;
		more++;
		if (more % 50 == 0)
			for (int i = 0; i < 20; i++)
				loop_turn(loop);
	}
	TEST_UNTIL(loop, under_way() == STORE_CALLS_MOST);
	ask_and_wait("GET", "/v1/secret/data/a", NULL);
	assert_int_equal(got.status, 503);
	assert_non_null(strstr(got.body, "too many calls to the store"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_what_crosses, setup, teardown),
		cmocka_unit_test_setup_teardown(test_login, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_refusals_end_here, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_body_too_large, setup, teardown),
		cmocka_unit_test_setup_teardown(test_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_retry_after_passes, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_store_resets, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_store_hangs, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_client_gives_up, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_connection_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
