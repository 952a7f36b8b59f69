#include "link/web.h"
#include "link/test-fakeserver.h"
#include "net/tls.h"
#include "pki/testpki.h"
#include <pthread.h>
#include <signal.h>

static struct loop *loop;
static struct fake fake;
static struct web *web;

/* What the last call came to. */
static struct {
	int calls, status;
	char body[256], type[64], retry[32];
	size_t n;
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
	got.n = a->n;
	snprintf(got.body, sizeof(got.body), "%s", a->body);
	snprintf(got.type, sizeof(got.type), "%s", a->content_type);
	snprintf(got.retry, sizeof(got.retry), "%s", a->retry_after);
}

static const struct web_words words = {
	.who = "store",
	.address = "--vault-addr",
	.address_form = "https://HOST:PORT",
	.ca = "--vault-ca",
	.pin = "--vault-pin",
	.reach = "reach?",
	.late = "late?",
	.trust = "trust?",
	.broke = "broke?",
	.strange = "strange?",
};

enum { CALLS_MOST = 128, CONNECTIONS_MOST = 16, ANSWER_MOST = 100000 };

/* @config: what matters; the rest is filled in. */
static int try_open(const struct web_config *config, struct fault *fault)
{
	struct web_config full = *config;

	full.words = &words;
	full.agent = "test/1";
	full.calls_most = CALLS_MOST;
	full.connections_most = CONNECTIONS_MOST;
	full.answer_most = ANSWER_MOST;
	full.call_ms = config->call_ms ? config->call_ms : TEST_PATIENCE_MS;
	return web_open(&web, loop, &full, fault);
}

static void open_with(const struct web_config *config)
{
	struct fault fault = FAULT_NONE;

	if (try_open(config, &fault))
		fail_msg("%s", fault.text);
}

static int setup(void **state)
{
	(void)state;
	memset(&got, 0, sizeof(got));
	web = NULL;
	assert_int_equal(loop_new(&loop), 0);
	fake_open(&fake, loop);
	fake_say(&fake, 200, "application/json", "{}");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	web_close(web);
	fake_close(&fake);
	loop_free(loop);
	return 0;
}

static struct web_call *ask(const struct web_request *request)
{
	struct web_call *c;

	assert_int_equal(web_send(&c, web, request, on_answer, NULL), 0);
	return c;
}

static struct web_call *send_get(void)
{
	return ask(&(struct web_request){ .method = "GET", .target = "/v1/x" });
}

/* Headers come as they are said, and none that was not. */
static void test_a_call(void **state)
{
	static const struct web_header headers[] = {
		{ "Authorization", "Bearer a.b.c" },
		{ "X-Vault-Token", "s.token" },
	};

	(void)state;
	open_with(&(struct web_config){ .address = fake.address });
	fake_say(&fake, 200, "application/json", "{\"data\":1}");
	ask(&(struct web_request){ .method = "GET",
	    .target = "/v1/secret/data/a%20b?x=1",
	    .headers = headers,
	    .n_headers = N_ELEMS(headers) });
	TEST_UNTIL(loop, got.calls);
	assert_int_equal(got.status, 200);
	assert_string_equal(got.body, "{\"data\":1}");
	assert_string_equal(got.type, "application/json");
	assert_string_equal(fake.asked, "GET /v1/secret/data/a%20b?x=1");
	assert_string_equal(fake.login, "Bearer a.b.c");
	assert_string_equal(fake.token, "s.token");
	assert_string_equal(fake.marker, "");
	assert_string_equal(fake.type, "");
	assert_string_equal(fake.host, strchr(fake.address, '/') + 2);
}

/* A path of the address stands before every target. */
static void test_path(void **state)
{
	static const char *const ends[] = { "/k8s/c-1", "/k8s/c-1/" };
	char address[128];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(ends); i++) {
		snprintf(
		    address, sizeof(address), "%s%s", fake.address, ends[i]);
		open_with(&(struct web_config){
		    .address = address, .takes_path = true });
		send_get();
		TEST_UNTIL(loop, got.calls == (int)i + 1);
		assert_string_equal(fake.asked, "GET /k8s/c-1/v1/x");
		web_close(STEAL(web));
	}
}

static void test_header_too_long(void **state)
{
	char *value = calloc(1, WEB_HEADER_MOST + 1);
	struct web_header header = { "Authorization", value };
	struct web_request request = { .method = "GET",
		.target = "/",
		.headers = &header,
		.n_headers = 1 };
	struct web_call *c;

	(void)state;
	assert_non_null(value);
	memset(value, 'x', WEB_HEADER_MOST);
	open_with(&(struct web_config){ .address = fake.address });
	assert_int_equal(web_send(&c, web, &request, on_answer, NULL), -ENOMEM);
	free(value);
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
	open_with(&(struct web_config){ .address = fake.address });
	for (size_t i = 0; i < N_ELEMS(row); i++) {
		CLEANUP(secret_freep) struct secret *body = NULL;

		fake_say(&fake, 204, NULL, "");
		if (row[i].body)
			assert_int_equal(secret_from(&body, row[i].body,
					     strlen(row[i].body)),
			    0);
		ask(&(struct web_request){
		    .method = row[i].method, .target = "/v1/x", .body = body });
		TEST_UNTIL(loop, got.calls == (int)i + 1);
		assert_int_equal(got.status, 204);
		assert_string_equal(fake.asked, row[i].asked);
		if (strcmp(fake.type, row[i].type))
			fail_msg("%s: type %s", row[i].asked, fake.type);
	}
}

/* Whatever the store says is handed on; deciding on it is not the job here. */
static void test_statuses(void **state)
{
	static const int status[] = { 200, 400, 403, 404, 429, 500, 503, 307 };
	static const struct http_field retry = { "retry-after", "7" };

	(void)state;
	open_with(&(struct web_config){ .address = fake.address });
	for (size_t i = 0; i < N_ELEMS(status); i++) {
		fake_say(&fake, status[i], "text/html", "<p>");
		fake.answer.fields = &retry;
		fake.answer.n_fields = 1;
		send_get();
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
	open_with(&(struct web_config){ .address = fake.address });
	for (int i = 1; i <= 5; i++) {
		send_get();
		TEST_UNTIL(loop, got.calls == i);
	}
	assert_int_equal(httpd_connections(fake.httpd), 1);
}

static void test_many_at_once(void **state)
{
	(void)state;
	open_with(&(struct web_config){ .address = fake.address });
	for (int i = 0; i < 100; i++)
		send_get();
	TEST_UNTIL(loop, got.calls == 100);
	assert_true(httpd_connections(fake.httpd) <= CONNECTIONS_MOST);
}

static void test_limit(void **state)
{
	const struct web_request request = { .method = "GET", .target = "/" };
	struct web_call *c = NULL;

	(void)state;
	open_with(&(struct web_config){ .address = fake.address });
	fake.manner = FAKE_HANG;
	for (int i = 0; i < CALLS_MOST; i++)
		c = send_get();
	assert_int_equal(
	    web_send(&c, web, &request, on_answer, NULL), WEB_E_BUSY);
	assert_int_equal(web_counts(web)->refused, 1);
	assert_int_equal(web_counts(web)->under_way, CALLS_MOST);
	web_cancel(c);
	c = send_get();
	assert_int_equal(got.calls, 0);
}

static void test_no_answer_in_time(void **state)
{
	(void)state;
	open_with(
	    &(struct web_config){ .address = fake.address, .call_ms = 50 });
	fake.manner = FAKE_HANG;
	send_get();
	TEST_UNTIL(loop, got.calls);
	assert_int_equal(got.fault.code, -ETIMEDOUT);
	assert_non_null(strstr(got.fault.text, fake.address));
	assert_non_null(strstr(got.fault.text, "no answer in time"));
	assert_string_equal(web_last_fault(web), got.fault.text);
}

static void test_connection_cut(void **state)
{
	(void)state;
	open_with(&(struct web_config){ .address = fake.address });
	fake.manner = FAKE_CUT;
	send_get();
	TEST_UNTIL(loop, got.calls);
	assert_int_equal(got.fault.code, -EIO);
	assert_non_null(strstr(got.fault.text, "the connection broke"));
	fake_say(&fake, 200, "application/json", "{}");
	send_get();
	TEST_UNTIL(loop, got.calls == 2);
	assert_int_equal(got.status, 200);
	assert_string_equal(web_last_fault(web), "");
}

static void test_too_large(void **state)
{
	char *large = malloc(ANSWER_MOST + 1);

	(void)state;
	memset(large, 'x', ANSWER_MOST + 1);
	open_with(&(struct web_config){ .address = fake.address });
	fake_say(&fake, 200, "application/json", "");
	fake.answer.body = large;
	fake.answer.n = ANSWER_MOST;
	send_get();
	TEST_UNTIL(loop, got.calls == 1);
	assert_int_equal(got.n, ANSWER_MOST);
	fake.answer.n = ANSWER_MOST + 1;
	send_get();
	TEST_UNTIL(loop, got.calls == 2);
	assert_int_equal(got.fault.code, -EMSGSIZE);
	free(large);
}

static void test_cancel(void **state)
{
	struct web_call *c;

	(void)state;
	open_with(&(struct web_config){ .address = fake.address });
	web_cancel(send_get());
	fake.manner = FAKE_HANG;
	c = send_get();
	TEST_UNTIL(loop, fake.requests);
	web_cancel(c);
	web_cancel(NULL);
	fake.manner = FAKE_ANSWER;
	send_get();
	TEST_UNTIL(loop, got.calls);
	assert_int_equal(got.calls, 1);
}

/* ---- TLS ---------------------------------------------------------------- */

#define SERVER_NAME "server.example"

static struct testpki_ca ca, stranger_ca;
static struct identity *server_id, *client_id;

static int tls_setup(void **state)
{
	static const char *const alpn[] = { "h2", "http/1.1", NULL };
	struct tls_config config = { .end = TLS_SERVER,
		.hop = "TLS with the client",
		.alpn = alpn,
		.alpn_optional = true,
		.trust = TLS_TRUST_CA };
	struct tls_context *tls;
	struct fault fault = FAULT_NONE;

	setup(state);
	fake_close(&fake);
	ca = testpki_ca_new("the CA");
	stranger_ca = testpki_ca_new("another CA");
	server_id = testpki_identity(&ca, ROLE_BRIDGE, "b", SERVER_NAME);
	client_id = testpki_identity(&ca, ROLE_BROKER, "k", NULL);
	config.identity = server_id;
	config.ca = ca.cert;
	if (tls_context_new(&tls, &config, &fault))
		fail_msg("%s", fault.text);
	fake_open_tls(&fake, loop, tls);
	tls_context_free(tls);
	fake_say(&fake, 200, "application/json", "{}");
	return 0;
}

static int tls_teardown(void **state)
{
	teardown(state);
	identity_free(server_id);
	identity_free(client_id);
	testpki_ca_free(&ca);
	testpki_ca_free(&stranger_ca);
	return 0;
}

enum shows { SHOWS, SHOWS_NONE };

/* The server is at 127.0.0.1 with a certificate for another name, and asks for
 * a client's certificate of its CA. */
static const struct {
	const char *label;
	const struct testpki_ca *ca;
	const char *name;
	enum shows shows;
	const char *want; /* of the fault; NULL: answered */
} meetings[] = {
	{ "all is right", &ca, SERVER_NAME, SHOWS, NULL },
	{ "by its address, which the certificate does not have", &ca, NULL,
	    SHOWS, "TLS:" },
	{ "another name", &ca, "other.example", SHOWS, "TLS:" },
	{ "a CA that did not sign it", &stranger_ca, SERVER_NAME, SHOWS,
	    "TLS:" },
	{ "no certificate to show", &ca, SERVER_NAME, SHOWS_NONE, "store" },
};

static void meet(size_t i)
{
	CLEANUP(free_p) char *ca_pem = NULL, *cert_pem = NULL;
	CLEANUP(secret_freep) struct secret *key_pem = NULL;
	struct web_config config = { .address = fake.address,
		.server_name = meetings[i].name };

	assert_int_equal(pki_cert_pem(&ca_pem, meetings[i].ca->cert), 0);
	assert_int_equal(pki_cert_pem(&cert_pem, client_id->leaf), 0);
	assert_int_equal(pki_key_pem(&key_pem, client_id->key), 0);
	config.ca_pem = ca_pem;
	if (meetings[i].shows == SHOWS) {
		config.cert_pem = cert_pem;
		config.key_pem = key_pem;
	}
	open_with(&config);
	send_get();
	TEST_UNTIL(loop, got.calls);
	web_close(STEAL(web));
}

static void test_meetings(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(meetings); i++) {
		const char *want = meetings[i].want;

		memset(&got, 0, sizeof(got));
		meet(i);
		if (got.status != (want ? 0 : 200) ||
		    (want && !strstr(got.fault.text, want)))
			fail_msg("%s: %d %s", meetings[i].label, got.status,
			    got.fault.text);
	}
	/* the Host header is where the server is, not what it is called */
	assert_string_equal(fake.host, strchr(fake.address, '/') + 2);
}

static void test_pin(void **state)
{
	static const char wrong[] = "0000000000000000000000000000000000000000"
				    "000000000000000000000000";

	(void)state;
	open_with(
	    &(struct web_config){ .address = fake.address, .pin_hex = wrong });
	send_get();
	TEST_UNTIL(loop, got.calls);
	assert_non_null(strstr(got.fault.text, "TLS:"));
	assert_string_equal(got.fault.hint, "trust?");
}

/* ---- peers that are no server -------------------------------------------- */

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
		open_with(&(struct web_config){ .address = address });
		send_get();
		TEST_UNTIL(loop, got.calls);
		if (got.status || !strstr(got.fault.text, strangers[i].want) ||
		    !got.fault.hint[0])
			fail_msg("%s: %d %s", strangers[i].label, got.status,
			    got.fault.text);
		web_close(STEAL(web));
		listen_close(s.listener);
	}
}

/* Takes one connection, and resets it once it has been spoken to. */
static void *reset_one(void *ctx)
{
	const int *listener = ctx;
	int fd = accept(*listener, NULL, NULL);
	char byte;

	if (fd >= 0 && read(fd, &byte, 1) >= 0)
		test_reset(fd);
	return NULL;
}

/* That the network ends a handshake says nothing of certificates. */
static void test_reset_while_shaking(void **state)
{
	char address[64];
	pthread_t thread;
	uint16_t port;
	int fd = test_listen(&port);

	(void)state;
	assert_int_equal(pthread_create(&thread, NULL, reset_one, &fd), 0);
	snprintf(address, sizeof(address), "https://127.0.0.1:%u", port);
	open_with(&(struct web_config){ .address = address });
	send_get();
	TEST_UNTIL(loop, got.calls);
	pthread_join(thread, NULL);
	close(fd);
	assert_int_equal(got.fault.code, -EIO);
	assert_non_null(strstr(got.fault.text, "the connection broke"));
	assert_string_equal(got.fault.hint, "broke?");
}

static void test_nobody_listens(void **state)
{
	char address[64];
	uint16_t port;
	int fd = test_listen(&port);

	(void)state;
	close(fd);
	snprintf(address, sizeof(address), "http://127.0.0.1:%u", port);
	open_with(&(struct web_config){ .address = address });
	send_get();
	TEST_UNTIL(loop, got.calls);
	assert_int_equal(got.fault.code, -EIO);
	assert_non_null(strstr(got.fault.text, "cannot be reached"));
}

/* A server that somebody else has named is not looked for in our network. */
static void test_public_only(void **state)
{
	static const char *const hosts[] = { "127.0.0.1", "localhost" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(hosts); i++) {
		char address[80];

		snprintf(address, sizeof(address), "http://%s%s", hosts[i],
		    strrchr(fake.address, ':'));
		got.calls = 0;
		open_with(&(struct web_config){
		    .address = address, .public_only = true });
		send_get();
		TEST_UNTIL(loop, got.calls);
		assert_int_equal(got.fault.code, -EIO);
		assert_non_null(strstr(got.fault.text, "not of the internet"));
		assert_int_equal(fake.requests, 0);
		web_close(STEAL(web));
	}
}

/* A proxy of the environment would see every token. */
static void test_environment(void **state)
{
	(void)state;
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("all_proxy", "http://127.0.0.1:1", 1);
	open_with(&(struct web_config){ .address = fake.address });
	send_get();
	TEST_UNTIL(loop, got.calls);
	assert_int_equal(got.status, 200);
	unsetenv("http_proxy");
	unsetenv("all_proxy");
}

static const struct {
	const char *label;
	struct web_config config;
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
	{ "a user where a path may be",
	    { .address = "https://a:b@store/x", .takes_path = true },
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

		if (!try_open(&bad[i].config, &fault))
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
		cmocka_unit_test_setup_teardown(test_path, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_header_too_long, setup, teardown),
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
		    test_meetings, tls_setup, tls_teardown),
		cmocka_unit_test_setup_teardown(
		    test_pin, tls_setup, tls_teardown),
		cmocka_unit_test_setup_teardown(
		    test_strangers, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_nobody_listens, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_reset_while_shaking, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_public_only, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_environment, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_configuration, setup, teardown),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
