/* net/test-httpd.c: routes, doors and their limits, on real sockets; the health
 * pages on top. The clock is a fake one, the sockets are not. */
#include "net/health.h"
#include "net/httpc.h"
#include "net/tcp.h"
#include "net/test-tls-support.h"

#include <poll.h>

static uint64_t clock_ms;

static int setup(void **state)
{
	int r = tls_setup(state);

	clock_ms = 1000;
	if (!r)
		loop_fake_clock(loop, clock_ms);
	return r;
}

/* The clock is a fake one, so the loop itself cannot wait. */
static void turn(void)
{
	struct pollfd p = { .fd = uv_backend_fd(loop_uv(loop)),
		.events = POLLIN };

	poll(&p, 1, 1);
	loop_turn(loop);
}

#define UNTIL(condition)                                                       \
	do {                                                                   \
		for (int turns_ = 0; turns_ < 5000 && !(condition); turns_++)  \
			turn();                                                \
		if (!(condition))                                              \
			fail_msg("never came: %s", #condition);                \
	} while (0)

static void pass(unsigned ms)
{
	clock_ms += ms;
	loop_set_now(loop, clock_ms);
	for (int i = 0; i < 10; i++)
		turn();
}

/* ---- handlers */

static struct http_stream *held;
static char last[64]; /* who was called */

static void answer(struct http_stream *s, const char *name)
{
	snprintf(last, sizeof(last), "%s", name);
	http_stream_answer(s, &(struct http_answer){ .status = 200,
				  .content_type = "text/plain",
				  .body = name,
				  .n = strlen(name) });
}

#define HANDLER(name)                                                          \
	static void on_##name(                                                 \
	    void *ctx, struct http_stream *s, const struct http_head *head)    \
	{                                                                      \
		(void)ctx, (void)head;                                         \
		answer(s, #name);                                              \
	}
HANDLER(exact)
HANDLER(prefix)
HANDLER(any)

static void on_connect(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	assert_null(head->target);
	assert_string_equal(head->authority, "h:1");
	snprintf(last, sizeof(last), "connect");
	http_stream_refuse(s, 403, "no tunnels here");
}

static void on_hold(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx, (void)head;
	assert_null(held);
	held = s;
}

static const struct httpd_route routes[] = {
	{ "GET", "/exact", on_exact },
	{ NULL, "/any", on_any },
	{ "POST", "/v1/*", on_prefix },
	{ "GET", "/hold", on_hold },
	{ "CONNECT", NULL, on_connect },
};

static struct httpd *serve(struct httpd_config config, struct tls_context *tls)
{
	struct fault fault = FAULT_NONE;
	struct httpd *h;

	config.routes = routes;
	config.n_routes = N_ELEMS(routes);
	assert_int_equal(httpd_new(&h, loop, &config), 0);
	if (httpd_listen(h, "127.0.0.1:0", tls, &fault))
		fail_msg("%s", fault.text);
	return h;
}

static uint16_t port_of(const char *address)
{
	return (uint16_t)strtol(strrchr(address, ':') + 1, NULL, 10);
}

/* ---- a client that is a bare socket */

static int knock(const struct httpd *h)
{
	return test_connect(port_of(httpd_address(h)));
}

/* Send @text, then read until the peer ends or has said @until.
 * Return: how many bytes; 0: an end at once; -1: a reset. */
static ssize_t talk(int fd, const char *text, char *to, const char *until)
{
	size_t used = 0;

	*to = '\0';
	if (*text)
		assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL),
		    (ssize_t)strlen(text));
	for (int i = 0; i < 5000; i++) {
		ssize_t n = recv(fd, to + used, 4095 - used, MSG_DONTWAIT);

		if (n == 0)
			return (ssize_t)used;
		if (n < 0 && errno != EAGAIN)
			return -1;
		used += n > 0 ? (size_t)n : 0;
		to[used] = '\0';
		if (until && strstr(to, until))
			return (ssize_t)used;
		turn();
	}
	fail_msg("no end and no '%s' after '%s'", until, to);
	return -1;
}

static int status_of(
    const struct httpd *h, const char *method, const char *target)
{
	char request[256], said[4096];
	int fd = knock(h);

	snprintf(request, sizeof(request),
	    "%s %s HTTP/1.1\r\nHost: h:1\r\nConnection: close\r\n\r\n", method,
	    target);
	*last = '\0';
	assert_true(talk(fd, request, said, NULL) > 0);
	close(fd);
	return (int)strtol(said + 9, NULL, 10);
}

static void test_routes(void **state)
{
	static const struct {
		const char *method, *target;
		int status;
		const char *handler;
	} rows[] = {
		{ "GET", "/exact", 200, "exact" },
		{ "HEAD", "/exact", 200, "exact" },
		{ "GET", "/exact?a=b", 200, "exact" },
		{ "GET", "/exac", 404, "" },
		{ "GET", "/exact/", 404, "" },
		{ "GET", "/exactly", 404, "" },
		{ "POST", "/exact", 405, "" },
		{ "DELETE", "/any", 200, "any" },
		{ "POST", "/v1/", 200, "prefix" },
		{ "POST", "/v1/a/b", 200, "prefix" },
		{ "POST", "/v1", 404, "" },
		{ "GET", "/v1/a", 405, "" },
		{ "GET", "/", 404, "" },
		{ "OPTIONS", "*", 404, "" },
		{ "CONNECT", "h:1", 403, "connect" },
	};
	struct httpd *h = serve((struct httpd_config){ 0 }, NULL);

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		int status = status_of(h, rows[i].method, rows[i].target);

		if (status != rows[i].status || strcmp(last, rows[i].handler))
			fail_msg("%s %s: %d by '%s'", rows[i].method,
			    rows[i].target, status, last);
	}
	httpd_free(h);
}

static void test_allow_names_the_methods(void **state)
{
	struct httpd *h = serve((struct httpd_config){ 0 }, NULL);
	char said[4096];
	int fd = knock(h);

	(void)state;
	assert_true(talk(fd,
			"PUT /exact HTTP/1.1\r\nHost: h\r\n"
			"Content-Length: 0\r\n\r\n",
			said, "errors") > 0);
	assert_non_null(strstr(said, "\r\nallow: GET\r\n"));
	close(fd);
	httpd_free(h);
}

/* ---- limits */

static void test_connections_max(void **state)
{
	struct httpd *h =
	    serve((struct httpd_config){ .connections_max = 2 }, NULL);
	int a = knock(h), b = knock(h), c = knock(h);
	char said[4096];

	(void)state;
	UNTIL(httpd_connections(h) == 2 && httpd_refused(h) == 1);
	assert_true(talk(c, "", said, NULL) <= 0);
	/* the two that are in are served, and leave room when they go */
	assert_true(talk(a, "GET /exact HTTP/1.1\r\nHost: h\r\n\r\n", said,
			"exact") > 0);
	close(b);
	UNTIL(httpd_connections(h) == 1);
	close(c);
	c = knock(h);
	UNTIL(httpd_connections(h) == 2);
	close(a);
	close(c);
	httpd_free(h);
}

static void test_source_max(void **state)
{
	struct httpd *h = serve((struct httpd_config){ .source_max = 1 }, NULL);
	int a = knock(h), b = knock(h);
	char said[4096];

	(void)state;
	UNTIL(httpd_connections(h) == 1 && httpd_refused(h) == 1);
	assert_true(talk(b, "", said, NULL) <= 0);
	close(a);
	close(b);
	UNTIL(httpd_connections(h) == 0);
	b = knock(h);
	UNTIL(httpd_connections(h) == 1);
	close(b);
	httpd_free(h);
}

static void test_deadlines_of_a_guest(void **state)
{
	static const struct {
		const char *label, *sent;
		unsigned ms;
		bool tls;
	} rows[] = {
		{ "says nothing", "", 60000, false },
		{ "half a head", "GET / HT", 10000, false },
		{ "no handshake", "", 10000, true },
		{ "half a handshake", "\x16\x03\x01", 10000, true },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct tls_context *tls = context_of(server_config());
		struct httpd *h =
		    serve((struct httpd_config){ 0 }, rows[i].tls ? tls : NULL);
		int fd = knock(h);
		char said[4096];

		print_message("# %s\n", rows[i].label);
		assert_int_equal(
		    send(fd, rows[i].sent, strlen(rows[i].sent), 0),
		    (ssize_t)strlen(rows[i].sent));
		UNTIL(httpd_connections(h) == 1);
		for (int k = 0; k < 10 && *rows[i].sent; k++)
			pass(0); /* until it has been read */
		pass(rows[i].ms - 1);
		assert_int_equal(httpd_connections(h), 1);
		pass(2);
		pass(2001); /* an orderly close may linger */
		assert_int_equal(httpd_connections(h), 0);
		assert_true(talk(fd, "", said, NULL) <= 0);
		close(fd);
		httpd_free(h);
		tls_context_free(tls);
	}
}

static void test_address_in_use(void **state)
{
	struct httpd *h = serve((struct httpd_config){ 0 }, NULL);
	struct fault fault = FAULT_NONE;

	(void)state;
	assert_int_equal(
	    httpd_listen(h, httpd_address(h), NULL, &fault), -EADDRINUSE);
	assert_true(*fault.text);
	httpd_free(h);
}

/* Freed while a handler holds a stream: the handler ends it as usual. */
static void test_free_under_a_handler(void **state)
{
	struct httpd *h = serve((struct httpd_config){ 0 }, NULL);
	int fd = knock(h);

	(void)state;
	assert_true(
	    send(fd, "GET /hold HTTP/1.1\r\nHost: h\r\n\r\n", 32, 0) > 0);
	UNTIL(held);
	httpd_free(h);
	assert_null(http_stream_conn(held));
	answer(held, "late");
	held = NULL;
	pass(0);
	close(fd);
}

/* ---- TLS and ALPN: who offers h2 is served HTTP/2 */

static void on_answer(
    void *ctx, struct httpc_answer *a, const struct fault *fault)
{
	int *status = ctx;

	if (!a)
		fail_msg("%s", fault->text);
	*status = a->status;
	assert_string_equal(a->body, "exact");
	free(a->body);
}

static void on_gone(void *ctx, const struct fault *fault)
{
	(void)ctx, (void)fault;
}

static const struct http_conn_events client_events = { .gone = on_gone };

static int fetch(struct leg *leg, enum http_version version)
{
	const struct http_conn_config config = {
		.version = version, .end = HTTP_CLIENT, .events = &client_events
	};
	const struct httpc_request get = { .method = "GET",
		.authority = "h",
		.target = "/exact",
		.most = 100,
		.ms = 5000 };
	struct httpc_call *call;
	struct http_conn *conn;
	int status = 0;

	assert_int_equal(http_conn_open(&conn, leg, &config), 0);
	assert_int_equal(httpc_send(&call, conn, &get, on_answer, &status), 0);
	UNTIL(status);
	http_conn_cut(conn);
	return status;
}

static void on_leg(void *ctx, struct leg *leg, unsigned events)
{
	(void)leg;
	*(unsigned *)ctx |= events;
}

static void test_alpn_decides(void **state)
{
	static const char *const both[] = { "h2", "http/1.1", NULL };
	static const char *const old[] = { "http/1.1", NULL };
	static const char *const other[] = { "frob", NULL };
	static const struct {
		const char *label;
		const char *const *offer;
		const char *agreed;
		enum http_version version;
	} rows[] = {
		{ "both", both, "h2", HTTP_2 },
		{ "only the old one", old, "http/1.1", HTTP_1 },
		{ "something else", other, NULL, HTTP_1 },
	};
	struct tls_config server = server_config(), client = client_config();
	struct tls_context *near, *far;
	struct httpd *h;

	(void)state;
	server.alpn = both;
	far = context_of(server);
	h = serve((struct httpd_config){ 0 }, far);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		unsigned seen = 0;
		struct leg *leg;

		print_message("# %s\n", rows[i].label);
		client.alpn = rows[i].offer;
		near = context_of(client);
		assert_int_equal(tcp_leg_open(&leg, loop, knock(h), false), 0);
		assert_int_equal(tls_leg_open(&leg, leg, near, SERVER_NAME), 0);
		leg_handle(leg, on_leg, &seen);
		leg_want(leg, LEG_WRITE);
		UNTIL(seen);
		if (rows[i].agreed) {
			assert_string_equal(tls_leg_alpn(leg), rows[i].agreed);
			assert_int_equal(fetch(leg, rows[i].version), 200);
		} else {
			assert_true(seen & LEG_GONE);
			leg_close(leg);
		}
		tls_context_free(near);
	}
	httpd_free(h);
	tls_context_free(far);
	pass(3000);
}

/* Before its certificate there is nothing to speak with. */
static void test_tls_to_come(void **state)
{
	static const char *const alpn[] = { "http/1.1", NULL };
	struct httpd_config config = { .routes = routes,
		.n_routes = N_ELEMS(routes) };
	struct tls_config server = server_config(), client = client_config();
	struct tls_context *near, *far;
	struct httpd *h;
	struct leg *leg;
	char said[4096];
	unsigned seen = 0;
	int fd;

	(void)state;
	server.alpn = client.alpn = alpn;
	near = context_of(client);
	far = context_of(server);
	assert_int_equal(httpd_new(&h, loop, &config), 0);
	assert_int_equal(httpd_listen_later(h, "127.0.0.1:0", NULL), 0);
	fd = knock(h);
	assert_true(talk(fd, "GET /exact HTTP/1.0\r\n\r\n", said, NULL) <= 0);
	close(fd);
	assert_int_equal(httpd_refused(h), 1);
	httpd_renew(h, far);
	assert_int_equal(tcp_leg_open(&leg, loop, knock(h), false), 0);
	assert_int_equal(tls_leg_open(&leg, leg, near, SERVER_NAME), 0);
	leg_handle(leg, on_leg, &seen);
	leg_want(leg, LEG_WRITE);
	UNTIL(seen);
	assert_int_equal(fetch(leg, HTTP_1), 200);
	tls_context_free(near);
	httpd_free(h);
	tls_context_free(far);
	pass(3000);
}

/* ---- health */

static const char *reason;

static int say_status(void *ctx, char **out)
{
	assert_ptr_equal(ctx, &reason);
	*out = strdup("{\"is\":\"fine\"}");
	return *out ? 0 : -ENOMEM;
}

static const char *is_ready(void *ctx)
{
	assert_ptr_equal(ctx, &reason);
	return reason;
}

static void test_health(void **state)
{
	static const struct {
		const char *target, *reason, *want, *also;
	} rows[] = {
		{ "/healthz", "not yet", "HTTP/1.1 200 ", "ok\n" },
		{ "/readyz", NULL, "HTTP/1.1 200 ", "ok\n" },
		{ "/readyz", "no tunnel is up", "HTTP/1.1 503 ",
		    "no tunnel is up\n" },
		{ "/metrics", NULL, "HTTP/1.1 200 ",
		    "pharos_http_refused_total{limit=\"head\"} " },
		{ "/v1/status", NULL, "HTTP/1.1 200 ", "{\"is\":\"fine\"}" },
		{ "/other", NULL, "HTTP/1.1 404 ", "" },
	};
	struct metric_registry metrics = { .first = NULL };
	const struct health_config config = { .address = "127.0.0.1:0",
		.metrics = &metrics,
		.ready = is_ready,
		.status = say_status,
		.ctx = &reason };
	struct fault fault = FAULT_NONE;
	struct health *h;

	(void)state;
	metric_add(&metrics, http_metrics());
	assert_int_equal(health_open(&h, loop, &config, &fault), 0);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		char request[128], said[4096];
		int fd = test_connect(port_of(health_address(h)));

		print_message("# %s\n", rows[i].target);
		reason = rows[i].reason;
		snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\n\r\n",
		    rows[i].target);
		assert_true(talk(fd, request, said, NULL) > 0);
		assert_memory_equal(said, rows[i].want, strlen(rows[i].want));
		assert_non_null(strstr(said, rows[i].also));
		close(fd);
	}
	health_close(h);
}

static unsigned drained;

static void on_drain(void *ctx)
{
	assert_ptr_equal(ctx, &drained);
	drained++;
}

/* /admin/drain is for this machine: on --health-addr only if that is loopback,
 * and not for a page that a browser shows. */
static void test_drain(void **state)
{
	static const struct {
		const char *address, *request, *want;
		bool admin; /* asked on the listener of its own */
		unsigned drains;
	} rows[] = {
		{ "127.0.0.1:0", "POST /admin/drain", "HTTP/1.1 202 ", false,
		    1 },
		{ "localhost:0", "POST /admin/drain", "HTTP/1.1 202 ", false,
		    1 },
		{ "127.0.0.1:0", "GET /admin/drain", "HTTP/1.1 405 ", false },
		{ "127.0.0.1:0",
		    "POST /admin/drain HTTP/1.0\r\nOrigin: http://x.test",
		    "HTTP/1.1 403 ", false },
		{ "0.0.0.0:0", "POST /admin/drain", "HTTP/1.1 404 ", false },
		{ "0.0.0.0:0", "POST /admin/drain", "HTTP/1.1 202 ", true, 1 },
		{ "0.0.0.0:0", "GET /metrics", "HTTP/1.1 404 ", true },
		{ ":0", "POST /admin/drain", "HTTP/1.1 202 ", true, 1 },
	};
	struct metric_registry metrics = { .first = NULL };

	(void)state;
	reason = NULL;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		const struct health_config config = {
			.address = rows[i].address,
			.metrics = &metrics,
			.ready = is_ready,
			.ctx = &reason,
			.drain = on_drain,
			.drain_ctx = &drained,
		};
		char request[256], said[4096];
		struct fault fault = FAULT_NONE;
		struct health *h;
		int fd;

		print_message("# %s on %s\n", rows[i].request, rows[i].address);
		drained = 0;
		assert_int_equal(health_open(&h, loop, &config, &fault), 0);
		assert_int_equal(health_admin_address(h) != NULL,
		    rows[i].address[0] != '1' && rows[i].address[0] != 'l');
		fd =
		    test_connect(port_of(rows[i].admin ? health_admin_address(h)
						       : health_address(h)));
		snprintf(request, sizeof(request), "%s%s\r\n\r\n",
		    rows[i].request,
		    strstr(rows[i].request, "HTTP/1.0") ? "" : " HTTP/1.0");
		assert_true(talk(fd, request, said, NULL) > 0);
		assert_memory_equal(said, rows[i].want, strlen(rows[i].want));
		assert_int_equal(drained, rows[i].drains);
		close(fd);
		health_close(h);
		pass(3000);
	}
}

static void test_health_address_in_use(void **state)
{
	struct httpd *taken = serve((struct httpd_config){ 0 }, NULL);
	struct metric_registry metrics = { .first = NULL };
	const struct health_config config = { .address = httpd_address(taken),
		.metrics = &metrics,
		.ready = is_ready };
	struct fault fault = FAULT_NONE;
	struct health *h = NULL;

	(void)state;
	assert_int_equal(health_open(&h, loop, &config, &fault), -EADDRINUSE);
	assert_true(*fault.text);
	assert_null(h);
	httpd_free(taken);
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, tls_teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_routes),
		TEST(test_allow_names_the_methods),
		TEST(test_connections_max),
		TEST(test_source_max),
		TEST(test_deadlines_of_a_guest),
		TEST(test_address_in_use),
		TEST(test_free_under_a_handler),
		TEST(test_alpn_decides),
		TEST(test_tls_to_come),
		TEST(test_health),
		TEST(test_drain),
		TEST(test_health_address_in_use),
	};

	return cmocka_run_group_tests_name("net/httpd", tests, NULL, NULL);
}
