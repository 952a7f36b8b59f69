/* A wrapper's client and the bridge's end of a sealed session, with everything
 * between them in memory: HTTP/2, in it a CONNECT stream, in it TLS, in it
 * HTTP/2 again. */
#include "bridge/sealed.h"
#include "base/buf.h"
#include "net/httpc.h"
#include "net/memleg.h"
#include "net/shake.h"
#include "net/test-support.h"
#include "net/tunnel.h"
#include "pki/testpki.h"

static struct testpki_ca ca, other_ca;
static struct identity *bridge;

static struct loop *loop;
static struct sealed *sealed;
static struct httpd *outside, *inside;
static struct http_conn *tunnel, *session;
static struct tls_context *context;

static struct {
	int heads, opened, refused, answers, gone;
	int status;
	char body[64], alpn[32];
	struct fault fault;
} got;

/* ---- the bridge's side */

static void on_connect(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	sealed_accept(sealed, s, head);
}

static void on_hello(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	(void)head;
	http_stream_answer(s, &(struct http_answer){ .status = 200,
				  .content_type = "application/json",
				  .body = "sealed hello",
				  .n = 12 });
}

static const struct httpd_route outside_routes[] = { { "CONNECT", NULL,
    on_connect } };
static const struct httpd_route inside_routes[] = { { "GET", "/v1/hello",
    on_hello } };

static struct httpd *serve(const struct httpd_route *routes)
{
	struct httpd *h;

	assert_int_equal(httpd_new(&h, loop,
			     &(struct httpd_config){ .routes = routes,
				 .n_routes = 1,
				 .streams_max = SEALED_SESSIONS_MOST }),
	    0);
	return h;
}

/* ---- the wrapper's side */

static void on_gone(void *ctx, const struct fault *fault)
{
	struct http_conn **conn = ctx;

	(void)fault;
	got.gone++;
	*conn = NULL;
}

static const struct http_conn_events events = { .gone = on_gone };

static void open_http(struct http_conn **conn, struct leg *leg)
{
	struct http_conn_config config = { .version = HTTP_2,
		.end = HTTP_CLIENT,
		.events = &events,
		.ctx = conn };

	assert_int_equal(http_conn_open(conn, leg, &config), 0);
}

/* A wrapper's context: @trusted is its --bridge-ca. */
static void open_context(X509 *trusted, const char *protocol)
{
	const char *const alpn[] = { protocol, NULL };
	struct tls_config config = { .end = TLS_CLIENT,
		.hop = "sealed session",
		.alpn = alpn,
		.trust = TLS_TRUST_CA,
		.ca = trusted };
	struct fault fault = FAULT_NONE;

	if (tls_context_new(&context, &config, &fault))
		fail_msg("%s", fault.text);
}

static void on_secure(void *ctx, struct leg *leg, unsigned events_now)
{
	(void)ctx;
	if (events_now & LEG_GONE) {
		got.refused++;
		got.fault = *leg_fault(leg);
		leg_reset(leg);
		return;
	}
	got.opened++;
	snprintf(got.alpn, sizeof(got.alpn), "%s", tls_leg_alpn(leg));
	open_http(&session, leg);
}

static void on_connected(void *ctx, struct http_stream *s,
    const struct http_head *head, enum http_why why)
{
	struct leg *leg = http_stream_leg(s), *secure;

	(void)ctx;
	(void)why;
	got.heads++;
	got.status = head ? head->status : 0;
	if (got.status != 200) {
		leg_reset(leg);
		return;
	}
	assert_int_equal(
	    tls_leg_open(&secure, leg, context, TUNNEL_BRIDGE_NAME), 0);
	leg_handle(secure, on_secure, NULL);
	leg_want(secure, LEG_WRITE);
}

static struct http_stream *connect_to(const char *authority)
{
	struct http_head head = {
		.method = "CONNECT", .authority = authority, .length = -1
	};
	struct http_stream *s;

	assert_int_equal(
	    http_conn_request(tunnel, &head, false, on_connected, NULL, &s), 0);
	return s;
}

static void on_answer(
    void *ctx, struct httpc_answer *a, const struct fault *fault)
{
	(void)ctx;
	(void)fault;
	assert_non_null(a);
	got.answers++;
	got.status = a->status;
	snprintf(got.body, sizeof(got.body), "%s", a->body);
	free(a->body);
}

static void ask(const char *method, const char *target)
{
	struct httpc_call *c;

	assert_int_equal(httpc_send(&c, session,
			     &(struct httpc_request){ .method = method,
				 .authority = TUNNEL_BRIDGE_NAME,
				 .target = target,
				 .most = 1000,
				 .ms = 5000 },
			     on_answer, NULL),
	    0);
}

/* ---- the bench */

static int group_setup(void **state)
{
	(void)state;
	ca = testpki_ca_new("the bridge CA");
	other_ca = testpki_ca_new("another CA");
	bridge = testpki_identity(&ca, ROLE_BRIDGE, "b1", NULL);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	identity_free(bridge);
	testpki_ca_free(&ca);
	testpki_ca_free(&other_ca);
	return 0;
}

static int setup(void **state)
{
	struct leg *near, *far;
	struct fault fault = FAULT_NONE;

	(void)state;
	memset(&got, 0, sizeof(got));
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, 1000);
	outside = serve(outside_routes);
	inside = serve(inside_routes);
	assert_int_equal(sealed_new(&sealed, bridge, inside, &fault), 0);
	assert_int_equal(memleg_pair(&near, &far, loop, 65536), 0);
	httpd_serve(outside, far, HTTP_2);
	open_http(&tunnel, near);
	return 0;
}

static void turns(int n)
{
	while (n--)
		loop_turn(loop);
}

static int teardown(void **state)
{
	(void)state;
	if (session)
		http_conn_cut(STEAL(session));
	if (tunnel)
		http_conn_cut(STEAL(tunnel));
	sealed_free(sealed);
	httpd_free(inside);
	httpd_free(outside);
	tls_context_free(STEAL(context));
	turns(300);
	loop_set_now(loop, 1000000);
	turns(300);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	loop_free(loop);
	return 0;
}

static void turn_until(const int *counter, int want)
{
	for (int i = 0; i < 5000 && *counter < want; i++)
		loop_turn(loop);
	assert_int_equal(*counter, want);
}

/* ---- */

static void test_a_session(void **state)
{
	(void)state;
	open_context(ca.cert, TUNNEL_SEALED_ALPN);
	connect_to(TUNNEL_BRIDGE_NAME ":443");
	turn_until(&got.opened, 1);
	assert_string_equal(got.alpn, TUNNEL_SEALED_ALPN);
	ask("GET", "/v1/hello");
	turn_until(&got.answers, 1);
	assert_int_equal(got.status, 200);
	assert_string_equal(got.body, "sealed hello");
	assert_int_equal(sealed_counts(sealed)->total, 1);
	assert_int_equal(sealed_counts(sealed)->open, 0);
}

static void test_sessions_do_not_nest(void **state)
{
	struct http_head head = { .method = "CONNECT",
		.authority = TUNNEL_BRIDGE_NAME ":443",
		.length = -1 };
	struct http_stream *s;

	(void)state;
	open_context(ca.cert, TUNNEL_SEALED_ALPN);
	connect_to(TUNNEL_BRIDGE_NAME ":443");
	turn_until(&got.opened, 1);
	assert_int_equal(
	    http_conn_request(session, &head, false, on_connected, NULL, &s),
	    0);
	turn_until(&got.heads, 2);
	assert_true(got.status >= 400);
	assert_int_equal(sealed_counts(sealed)->total, 1);
}

static void test_other_targets(void **state)
{
	static const char *const targets[] = { "store:8200", "127.0.0.1:8200",
		TUNNEL_BRIDGE_NAME ":80", TUNNEL_BRIDGE_NAME ".example:443",
		"bridge:443" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(targets); i++) {
		connect_to(targets[i]);
		turn_until(&got.heads, (int)i + 1);
		if (got.status != 403)
			fail_msg("%s: %d", targets[i], got.status);
	}
	assert_int_equal(sealed_counts(sealed)->refused, N_ELEMS(targets));
	assert_int_equal(sealed_counts(sealed)->open, 0);
}

/* ---- the ClientHello comes along with the CONNECT */

static struct {
	struct tls_shake *shake;
	struct http_collect *words;
	char refusal[160];
} early;

static void on_early_secure(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	(void)ctx;
	(void)why;
	early.shake = NULL;
	if (!leg)
		fail_msg("%s", fault->text);
	got.opened++;
	open_http(&session, leg);
}

static void on_words(void *ctx, char *body, size_t n, int error)
{
	(void)ctx;
	(void)n;
	assert_int_equal(error, 0);
	early.words = NULL;
	got.refused++;
	snprintf(early.refusal, sizeof(early.refusal), "%s", body);
	free(body);
}

static void on_early(void *ctx, struct http_stream *s,
    const struct http_head *head, enum http_why why)
{
	struct leg *leg;

	(void)ctx;
	(void)s;
	(void)why;
	got.heads++;
	got.status = head ? head->status : 0;
	if (got.status == 200)
		return;
	leg = tls_shake_release(STEAL(early.shake));
	assert_int_equal(
	    http_collect(&early.words, leg, 1000, 1000, on_words, NULL), 0);
}

static void connect_early(const char *authority)
{
	struct http_head head = { .method = "CONNECT",
		.authority = authority,
		.length = -1,
		.early = true };
	struct tls_shake_order order = { .context = context,
		.name = TUNNEL_BRIDGE_NAME,
		.ms = 10000,
		.fn = on_early_secure };
	struct http_stream *s;

	assert_int_equal(
	    http_conn_request(tunnel, &head, false, on_early, NULL, &s), 0);
	order.lower = http_stream_leg(s);
	assert_int_equal(tls_shake(&early.shake, &order), 0);
}

static void test_early_hello(void **state)
{
	(void)state;
	open_context(ca.cert, TUNNEL_SEALED_ALPN);
	connect_early(TUNNEL_BRIDGE_NAME ":443");
	turn_until(&got.opened, 1);
	ask("GET", "/v1/hello");
	turn_until(&got.answers, 1);
	assert_string_equal(got.body, "sealed hello");
	assert_int_equal(sealed_counts(sealed)->total, 1);
}

/* Many, so that what is dropped would be missed in the tunnel's window; its
 * reason is read each time, and the tunnel goes on. */
static void test_early_hello_is_refused(void **state)
{
	(void)state;
	open_context(ca.cert, TUNNEL_SEALED_ALPN);
	for (int i = 1; i <= 300; i++) {
		connect_early("store:8200");
		turn_until(&got.refused, i);
		assert_int_equal(got.status, 403);
		assert_non_null(strstr(early.refusal, "bridge.pharos:443"));
	}
	assert_int_equal(sealed_counts(sealed)->failed, 0);
	connect_early(TUNNEL_BRIDGE_NAME ":443");
	turn_until(&got.opened, 1);
}

/* The wrapper trusts another CA: it must not go on, and the bridge counts. */
static void test_wrong_ca(void **state)
{
	(void)state;
	open_context(other_ca.cert, TUNNEL_SEALED_ALPN);
	connect_to(TUNNEL_BRIDGE_NAME ":443");
	turn_until(&got.refused, 1);
	turns(200);
	assert_int_equal(got.opened, 0);
	assert_non_null(strstr(got.fault.text, "sealed session"));
	assert_int_equal(sealed_counts(sealed)->failed, 1);
	assert_int_equal(sealed_counts(sealed)->open, 0);
}

static void test_wrong_protocol(void **state)
{
	(void)state;
	open_context(ca.cert, TUNNEL_ALPN);
	connect_to(TUNNEL_BRIDGE_NAME ":443");
	turn_until(&got.refused, 1);
	turns(200);
	assert_int_equal(got.opened, 0);
	assert_int_equal(sealed_counts(sealed)->failed, 1);
}

/* ---- clients that do not speak TLS */

static struct leg *raw;

static void on_raw(void *ctx, struct http_stream *s,
    const struct http_head *head, enum http_why why)
{
	(void)ctx;
	(void)why;
	got.heads++;
	got.status = head ? head->status : 0;
	raw = http_stream_leg(s);
}

static void open_raw(void)
{
	struct http_head head = { .method = "CONNECT",
		.authority = TUNNEL_BRIDGE_NAME ":443",
		.length = -1 };
	struct http_stream *s;

	assert_int_equal(
	    http_conn_request(tunnel, &head, false, on_raw, NULL, &s), 0);
	turn_until(&got.heads, 1);
	assert_int_equal(got.status, 200);
	assert_int_equal(sealed_counts(sealed)->open, 1);
}

static void test_garbage(void **state)
{
	static const char text[] = "GET / HTTP/1.1\r\n\r\n";

	(void)state;
	open_raw();
	assert_int_equal(
	    leg_write(raw, text, sizeof(text) - 1), sizeof(text) - 1);
	turns(200);
	assert_int_equal(sealed_counts(sealed)->failed, 1);
	assert_int_equal(sealed_counts(sealed)->open, 0);
	leg_reset(STEAL(raw));
}

static void test_silence(void **state)
{
	(void)state;
	open_raw();
	loop_set_now(loop, 1000 + SEALED_SHAKE_MS + 1);
	turns(200);
	assert_int_equal(sealed_counts(sealed)->failed, 1);
	assert_int_equal(sealed_counts(sealed)->open, 0);
	leg_reset(STEAL(raw));
}

/* The tunnel goes while hands are being shaken. */
static void test_tunnel_goes(void **state)
{
	(void)state;
	open_raw();
	leg_reset(STEAL(raw));
	http_conn_cut(STEAL(tunnel));
	turns(200);
	assert_int_equal(sealed_counts(sealed)->open, 0);
}

static void test_client_gives_up(void **state)
{
	(void)state;
	open_raw();
	leg_reset(STEAL(raw));
	turns(200);
	assert_int_equal(sealed_counts(sealed)->open, 0);
}

/* As many handshakes as there may be, on one tunnel; one more on another. */
static void test_limit(void **state)
{
	static struct http_stream *streams[SEALED_SESSIONS_MOST + 1];
	struct http_head head = { .method = "CONNECT",
		.authority = TUNNEL_BRIDGE_NAME ":443",
		.length = -1 };
	struct leg *near, *far;
	struct http_conn *second;

	(void)state;
	assert_int_equal(memleg_pair(&near, &far, loop, 65536), 0);
	httpd_serve(outside, far, HTTP_2);
	open_http(&second, near);
	for (size_t i = 0; i < N_ELEMS(streams); i++) {
		assert_int_equal(http_conn_request(
				     i < SEALED_SESSIONS_MOST ? tunnel : second,
				     &head, false, on_raw, NULL, &streams[i]),
		    0);
		turn_until(&got.heads, (int)i + 1);
		assert_int_equal(
		    got.status, i < SEALED_SESSIONS_MOST ? 200 : 503);
	}
	assert_int_equal(sealed_counts(sealed)->open, SEALED_SESSIONS_MOST);
	assert_int_equal(sealed_counts(sealed)->refused, 1);
	for (size_t i = 0; i < N_ELEMS(streams); i++)
		http_stream_abandon(streams[i]);
	raw = NULL;
	http_conn_cut(second);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_a_session, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_sessions_do_not_nest, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_other_targets, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_early_hello, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_early_hello_is_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(test_wrong_ca, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_wrong_protocol, setup, teardown),
		cmocka_unit_test_setup_teardown(test_garbage, setup, teardown),
		cmocka_unit_test_setup_teardown(test_silence, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_tunnel_goes, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_client_gives_up, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
