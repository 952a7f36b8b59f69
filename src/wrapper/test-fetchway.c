/* The way to the bridge, hop by hop: where it breaks, what is said, and whether
 * it is worth another try. The far ends stand on the same loop. */
#include "net/httpd.h"
#include "net/loop.h"
#include "net/shake.h"
#include "net/test-support.h"
#include "net/tunnel.h"
#include "pki/testpki.h"
#include "wrapper/fetchway.h"

static struct loop *loop;
static struct testpki_ca bridge_ca, server_ca, other_ca;
static char folder[] = "/dev/shm/pharos-test-XXXXXX";
static char bridge_file[64], server_file[64], other_file[64];

static int set_up(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(bridge_file, sizeof(bridge_file), "%s/bridge.crt", folder);
	snprintf(server_file, sizeof(server_file), "%s/server.crt", folder);
	snprintf(other_file, sizeof(other_file), "%s/other.crt", folder);
	bridge_ca = testpki_ca_new("the bridge's CA");
	server_ca = testpki_ca_new("the broker's CA");
	other_ca = testpki_ca_new("another CA");
	testpki_write_cert(bridge_file, bridge_ca.cert);
	testpki_write_cert(server_file, server_ca.cert);
	testpki_write_cert(other_file, other_ca.cert);
	return loop_new(&loop);
}

static int tear_down(void **state)
{
	(void)state;
	loop_free(loop);
	testpki_ca_free(&bridge_ca);
	testpki_ca_free(&server_ca);
	testpki_ca_free(&other_ca);
	unlink(bridge_file);
	unlink(server_file);
	unlink(other_file);
	return rmdir(folder);
}

/* ---- the far ends ---- */

enum inner { INNER_GOOD, INNER_CLOSES, INNER_GARBAGE, INNER_NO_ALPN };

struct far {
	/* what is wrong with it */
	int status; /* of CONNECT; 0: 200 */
	const char *words, *retry_after;
	enum inner inner;
	const struct testpki_ca
	    *signer; /* of the bridge; NULL: the right one */
	enum role role;
	/* its parts */
	struct identity *server_id, *bridge_id;
	struct tls_context *server_tls, *bridge_tls;
	struct httpd *broker, *bridge;
	struct tls_shake *shake;
	char token[64];		   /* that it was shown */
	struct http_stream *asked; /* CONNECT, before its answer */
};

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *f)
{
	struct far *far = ctx;

	(void)why;
	(void)f;
	far->shake = NULL;
	if (leg)
		httpd_serve(far->bridge, leg, HTTP_2);
}

static void open_inner(struct far *far, struct http_stream *s)
{
	struct leg *leg = http_stream_leg(s);
	struct tls_shake_order order = { .lower = leg,
		.context = far->bridge_tls,
		.ms = 10000,
		.fn = on_shaken,
		.ctx = far };

	if (far->inner == INNER_CLOSES) {
		leg_close(leg);
	} else if (far->inner == INNER_GARBAGE) {
		assert_true(leg_write(leg, "HTTP/1.1 200 OK\r\n\r\n", 19) > 0);
		leg_close(leg);
	} else {
		assert_int_equal(tls_shake(&far->shake, &order), 0);
	}
}

/* The wrapper's first bytes are here: a handshake record. */
static void on_first_bytes(void *ctx, struct leg *leg, unsigned happened)
{
	struct far *far = ctx;
	struct http_stream *s = far->asked;
	struct http_field retry = { "retry-after", far->retry_after };
	struct http_head ok = { .status = 200, .length = -1 };
	uint8_t first = 0;

	assert_int_equal(happened, LEG_READ);
	assert_int_equal(http_stream_peek(s, &first, 1), 1);
	assert_int_equal(first, 22);
	leg_want(leg, 0);
	if (far->status) {
		struct http_answer answer = { .status = far->status,
			.content_type = "application/json",
			.fields = &retry,
			.n_fields = far->retry_after ? 1 : 0,
			.body = far->words,
			.n = strlen(far->words) };

		http_stream_answer(s, &answer);
		return;
	}
	assert_int_equal(http_stream_respond(s, &ok, false), 0);
	open_inner(far, s);
}

/* It never answers before the ClientHello has come, so each test shows that
 * this does not wait for the answer. */
static void on_connect(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct far *far = ctx;
	const char *shown = http_head_get(head, "proxy-authorization");

	snprintf(far->token, sizeof(far->token), "%s", shown ? shown : "");
	assert_string_equal(head->authority, "bridge.pharos:443");
	far->asked = s;
	leg_handle(http_stream_leg(s), on_first_bytes, far);
	leg_want(http_stream_leg(s), LEG_READ);
}

static void on_hello(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct http_answer answer = { .status = 204 };

	(void)ctx;
	(void)head;
	http_stream_answer(s, &answer);
}

static struct tls_context *server_context(
    const struct identity *id, const char *const *alpn)
{
	struct tls_config config = { .end = TLS_SERVER,
		.hop = "far end",
		.alpn = alpn,
		.identity = id };
	struct tls_context *c = NULL;
	struct fault f = FAULT_NONE;

	if (tls_context_new(&c, &config, &f))
		fail_msg("%s", f.text);
	return c;
}

static void far_open(struct far *far)
{
	static const struct httpd_route routes[] = { { "CONNECT", NULL,
	    on_connect } };
	static const struct httpd_route inner_routes[] = { { "GET", "/*",
	    on_hello } };
	static const char *const h2[] = { "h2", NULL };
	static const char *const sealed[] = { TUNNEL_SEALED_ALPN, NULL };
	static const char *const other[] = { "other/1", NULL };
	struct httpd_config outer = { routes, N_ELEMS(routes), far, 0, 0, 0 };
	struct httpd_config inner = { inner_routes, 1, far, 0, 0, 0 };

	far->server_id =
	    testpki_identity(&server_ca, ROLE_BROKER, "k", "127.0.0.1");
	far->bridge_id =
	    testpki_identity(far->signer ? far->signer : &bridge_ca,
		far->role ? far->role : ROLE_BRIDGE, "b", TUNNEL_BRIDGE_NAME);
	far->server_tls = server_context(far->server_id, h2);
	far->bridge_tls = server_context(
	    far->bridge_id, far->inner == INNER_NO_ALPN ? other : sealed);
	assert_int_equal(httpd_new(&far->broker, loop, &outer), 0);
	assert_int_equal(httpd_new(&far->bridge, loop, &inner), 0);
	assert_int_equal(
	    httpd_listen(far->broker, "127.0.0.1:0", far->server_tls, NULL), 0);
}

static void far_close(struct far *far)
{
	tls_shake_cancel(far->shake);
	httpd_free(far->bridge);
	httpd_free(far->broker);
	tls_context_free(far->server_tls);
	tls_context_free(far->bridge_tls);
	identity_free(far->server_id);
	identity_free(far->bridge_id);
}

/* ---- the near end ---- */

struct near {
	struct fetchway *way;
	struct http_conn *conn;
	bool lost, retry;
	uint32_t retry_ms;
	enum handoff_hop hop;
	struct fault fault;
	struct http_stream *stream;
	int status;
};

static void on_open(void *ctx, struct http_conn *conn)
{
	struct near *n = ctx;

	n->conn = conn;
}

static void on_lost(void *ctx, const struct fetchway_failure *why)
{
	struct near *n = ctx;

	assert_false(n->lost);
	n->lost = true;
	n->retry = why->retry;
	n->retry_ms = why->retry_ms;
	n->hop = why->hop;
	n->fault = *why->fault;
}

static const struct fetchway_events events = { on_open, on_lost };

static void near_open(struct near *n, struct fetchway_order *order)
{
	assert_int_equal(
	    fetchway_open(&n->way, loop, order, &events, n, &n->fault), 0);
	TEST_UNTIL(loop, n->conn || n->lost);
}

static void broker_url(char url[64], const struct far *far)
{
	snprintf(url, 64, "https://%s", httpd_address(far->broker));
}

/* ---- the tests ---- */

static void on_answer(void *ctx, struct http_stream *s,
    const struct http_head *head, enum http_why why)
{
	struct near *n = ctx;

	(void)why;
	n->status = head ? head->status : -1;
	http_stream_abandon(s);
}

static void test_open(void **state)
{
	struct far far = { .status = 0 };
	struct near n = { .way = NULL };
	CLEANUP(secret_freep) struct secret *token = NULL;
	char url[64];
	struct fetchway_order order = { url, server_file, bridge_file, NULL };
	struct http_head get = { .method = "GET",
		.scheme = "https",
		.authority = TUNNEL_BRIDGE_NAME,
		.target = "/hello",
		.length = -1 };

	(void)state;
	assert_int_equal(secret_from(&token, "t0ken", 5), 0);
	order.broker_token = token;
	far_open(&far);
	broker_url(url, &far);
	near_open(&n, &order);
	if (n.lost)
		fail_msg("%s", n.fault.text);
	assert_int_equal(
	    http_conn_request(n.conn, &get, true, on_answer, &n, &n.stream), 0);
	TEST_UNTIL(loop, n.status);
	assert_int_equal(n.status, 204);
	assert_string_equal(far.token, "Bearer t0ken");
	/* and it is told when the far end goes */
	far_close(&far);
	TEST_UNTIL(loop, n.lost);
	assert_true(n.retry);
	fetchway_close(n.way);
}

static const struct {
	const char *label;
	struct far far;
	const char *broker_ca, *bridge_ca; /* NULL: the right one */
	enum handoff_hop hop;
	bool retry;
	uint32_t retry_ms;
	const char *text, *hint; /* parts of what is said */
} breaks[] = {
	{ "the broker's CA is another", { .status = 0 }, other_file, NULL,
	    HANDOFF_HOP_BROKER, false, 0, "TLS with the broker", "" },
	{ "no tunnel",
	    { .status = 503,
		.words = "{\"errors\":[\"no tunnel\"]}",
		.retry_after = "3" },
	    NULL, NULL, HANDOFF_HOP_CONNECT, true, 3000, "503: no tunnel",
	    "/v1/status" },
	{ "no token",
	    { .status = 407, .words = "{\"errors\":[\"show a token\"]}" }, NULL,
	    NULL, HANDOFF_HOP_CONNECT, false, 0, "407: show a token",
	    "--broker-token-file" },
	{ "too many", { .status = 429, .words = "", .retry_after = "soon" },
	    NULL, NULL, HANDOFF_HOP_CONNECT, true, 0, "429", "" },
	{ "refused in HTML", { .status = 403, .words = "<html>no</html>" },
	    NULL, NULL, HANDOFF_HOP_CONNECT, false, 0, "403", "--broker" },
	{ "an odd answer", { .status = 302, .words = "" }, NULL, NULL,
	    HANDOFF_HOP_CONNECT, false, 0, "302", "--broker" },
	{ "another error", { .status = 500, .words = "" }, NULL, NULL,
	    HANDOFF_HOP_CONNECT, true, 0, "500", "" },
	{ "a broker poses as the bridge", { .role = ROLE_BROKER }, NULL, NULL,
	    HANDOFF_HOP_SEALED, false, 0, "role", "" },
	{ "another CA's bridge", { .signer = &other_ca }, NULL, NULL,
	    HANDOFF_HOP_SEALED, false, 0, "sealed session", "" },
	{ "--bridge-ca is another", { .status = 0 }, NULL, other_file,
	    HANDOFF_HOP_SEALED, false, 0, "sealed session", "" },
	{ "another protocol", { .inner = INNER_NO_ALPN }, NULL, NULL,
	    HANDOFF_HOP_SEALED, false, 0, "sealed session", "" },
	{ "broken off", { .inner = INNER_CLOSES }, NULL, NULL,
	    HANDOFF_HOP_SEALED, true, 0, "sealed session", "" },
	{ "not TLS", { .inner = INNER_GARBAGE }, NULL, NULL, HANDOFF_HOP_SEALED,
	    false, 0, "sealed session", "" },
};

static void test_breaks(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(breaks); i++) {
		struct far far = breaks[i].far;
		struct near n = { .way = NULL };
		char url[64];
		struct fetchway_order order = { url,
			breaks[i].broker_ca ? breaks[i].broker_ca : server_file,
			breaks[i].bridge_ca ? breaks[i].bridge_ca : bridge_file,
			NULL };

		far_open(&far);
		broker_url(url, &far);
		near_open(&n, &order);
		if (!n.lost || n.hop != breaks[i].hop ||
		    n.retry != breaks[i].retry ||
		    n.retry_ms != breaks[i].retry_ms ||
		    !strstr(n.fault.text, breaks[i].text) ||
		    !strstr(n.fault.hint, breaks[i].hint))
			fail_msg("%s: hop %d retry %d %u: %s | %s",
			    breaks[i].label, (int)n.hop, n.retry, n.retry_ms,
			    n.fault.text, n.fault.hint);
		fetchway_close(n.way);
		far_close(&far);
	}
}

static void test_nobody_there(void **state)
{
	struct near n = { .way = NULL };
	struct fetchway_order order = { "https://127.0.0.1:1", server_file,
		bridge_file, NULL };

	(void)state;
	near_open(&n, &order);
	assert_true(n.lost && n.retry);
	assert_int_equal(n.hop, HANDOFF_HOP_BROKER);
	assert_non_null(strstr(n.fault.text, "127.0.0.1:1"));
	fetchway_close(n.way);
}

static const struct {
	const char *label, *broker, *broker_ca, *bridge_ca, *text;
} orders[] = {
	{ "plain HTTP", "http://127.0.0.1:1", server_file, bridge_file,
	    "--broker" },
	{ "no scheme", "127.0.0.1:1", server_file, bridge_file, "--broker" },
	{ "no port", "https://127.0.0.1", server_file, bridge_file,
	    "--broker" },
	{ "a path", "https://127.0.0.1:1/x", server_file, bridge_file,
	    "--broker" },
	{ "no host", "https://:8199", server_file, bridge_file, "--broker" },
	{ "no such CA", "https://127.0.0.1:1", "/no/such", bridge_file,
	    "/no/such" },
	{ "no such bridge CA", "https://127.0.0.1:1", server_file, "/no/such",
	    "/no/such" },
	{ "not a certificate", "https://127.0.0.1:1", server_file,
	    "/etc/hostname", "/etc/hostname" },
};

static void test_orders(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(orders); i++) {
		struct near n = { .way = NULL };
		struct fetchway_order order = { orders[i].broker,
			orders[i].broker_ca, orders[i].bridge_ca, NULL };

		if (!fetchway_open(
			&n.way, loop, &order, &events, &n, &n.fault) ||
		    !strstr(n.fault.text, orders[i].text))
			fail_msg("%s: %s", orders[i].label, n.fault.text);
	}
}

/* It may be given up at every step. */
static void test_close_at_every_turn(void **state)
{
	(void)state;
	for (int turns = 0; turns < 60; turns++) {
		struct far far = { .status = 0 };
		struct near n = { .way = NULL };
		char url[64];
		struct fetchway_order order = { url, server_file, bridge_file,
			NULL };

		far_open(&far);
		broker_url(url, &far);
		assert_int_equal(
		    fetchway_open(&n.way, loop, &order, &events, &n, &n.fault),
		    0);
		for (int i = 0; i < turns && !n.conn; i++)
			loop_wait(loop);
		fetchway_close(n.way);
		far_close(&far);
		if (n.conn)
			return;
	}
	fail_msg("it never opened");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_breaks),
		cmocka_unit_test(test_nobody_there),
		cmocka_unit_test(test_orders),
		cmocka_unit_test(test_close_at_every_turn),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
