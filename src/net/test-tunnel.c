/* Two ends of a tunnel over a pair in memory, with a fake clock. */
#include "net/tunnel.h"
#include "base/buf.h"
#include "net/httpc.h"
#include "net/memleg.h"
#include "net/test-support.h"
#include "net/tlscontext.h"
#include "pki/testpki.h"

static struct loop *loop;
static struct testpki_ca ca, other_ca;
static struct identity *bridge_id, *broker_id, *stranger_id;
static struct httpd *handlers;

/* One end; [0] is TLS server. */
static struct end {
	struct tunnel_trust trust;
	struct tls_context *context;
	struct tunnel *tunnel;
	int ups, gones;
	bool was_up;
	struct fault fault;
	char peer[ROLE_NAME_MOST + 1];
	bool cut_when_up;
	int guests;
} end[2];

static struct leg *wire[2];	 /* when a test moves the bytes itself */
static struct http_stream *held; /* of GET /hold */

static struct {
	int calls, status;
	char body[64];
	struct fault fault;
} answer;

static void on_hello(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	(void)head;
	http_stream_answer(
	    s, &(struct http_answer){ .status = 200, .body = "hello", .n = 5 });
}

static void on_hold(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	(void)head;
	held = s;
}

static const struct httpd_route routes[] = {
	{ "GET", "/hello", on_hello },
	{ "GET", "/hold", on_hold },
};

static void on_up(void *ctx, struct tunnel *t)
{
	struct end *e = ctx;

	e->ups++;
	(void)snprintf(e->peer, sizeof(e->peer), "%s", tunnel_peer(t));
	if (e->cut_when_up)
		tunnel_cut(STEAL(e->tunnel));
}

static void on_gone(
    void *ctx, struct tunnel *t, const struct fault *fault, bool was_up)
{
	struct end *e = ctx;

	assert_ptr_equal(t, e->tunnel);
	e->gones++;
	e->fault = *fault;
	e->was_up = was_up;
	e->tunnel = NULL;
}

static void on_guest(void *ctx, struct tunnel *t, struct leg *leg)
{
	struct end *e = ctx;

	assert_ptr_equal(t, e->tunnel);
	e->guests++;
	e->tunnel = NULL;
	wire[0] = leg;
}

static const struct tunnel_events events = { on_up, on_gone, on_guest };

static int group_setup(void **state)
{
	(void)state;
	ca = testpki_ca_new("the bridge CA");
	other_ca = testpki_ca_new("another CA");
	bridge_id = testpki_identity(&ca, ROLE_BRIDGE, "b1", NULL);
	broker_id = testpki_identity(&ca, ROLE_BROKER, "k1", NULL);
	stranger_id = testpki_identity(&other_ca, ROLE_BROKER, "x", NULL);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	identity_free(bridge_id);
	identity_free(broker_id);
	identity_free(stranger_id);
	testpki_ca_free(&ca);
	testpki_ca_free(&other_ca);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(end, 0, sizeof(end));
	memset(&answer, 0, sizeof(answer));
	wire[0] = wire[1] = NULL;
	held = NULL;
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, 1000);
	assert_int_equal(httpd_new(&handlers, loop,
			     &(struct httpd_config){ .routes = routes,
				 .n_routes = N_ELEMS(routes) }),
	    0);
	end[0].trust = (struct tunnel_trust){ .identity = bridge_id,
		.end = TLS_SERVER,
		.peer_role = ROLE_BROKER };
	end[1].trust = (struct tunnel_trust){ .identity = broker_id,
		.end = TLS_CLIENT,
		.peer_role = ROLE_BRIDGE };
	return 0;
}

static void turns(void)
{
	for (int i = 0; i < 200; i++)
		loop_turn(loop);
}

static int teardown(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		if (end[i].tunnel)
			tunnel_cut(STEAL(end[i].tunnel));
		tls_context_free(end[i].context);
		leg_reset(wire[i]);
	}
	httpd_free(handlers);
	turns();
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	loop_free(loop);
	return 0;
}

static void open_end(int i, struct leg *leg, bool answers)
{
	struct tunnel_config config = { .handlers = answers ? handlers : NULL,
		.events = &events,
		.ctx = &end[i] };
	struct fault fault = FAULT_NONE;

	if (tunnel_context(&end[i].context, &end[i].trust, &fault))
		fail_msg("%s", fault.text);
	config.context = end[i].context;
	assert_int_equal(tunnel_open(&end[i].tunnel, leg, &config), 0);
	assert_int_equal(end[i].gones, 0);
}

/* Both ends; @who answers requests. */
static void open_both(int who)
{
	struct leg *leg[2];

	assert_int_equal(memleg_pair(&leg[0], &leg[1], loop, 4096), 0);
	open_end(0, leg[0], who == 0);
	open_end(1, leg[1], who == 1);
	turns();
}

static void pass(uint64_t ms)
{
	loop_set_now(loop, loop_now(loop) + ms);
	turns();
}

static void on_answer(
    void *ctx, struct httpc_answer *a, const struct fault *fault)
{
	(void)ctx;
	answer.calls++;
	if (!a) {
		answer.fault = *fault;
		return;
	}
	answer.status = a->status;
	(void)snprintf(answer.body, sizeof(answer.body), "%s", a->body);
	free(a->body);
}

static struct httpc_call *ask(struct tunnel *t, const char *target)
{
	struct httpc_call *call;
	struct http_conn *c = tunnel_http(t);

	assert_non_null(c);
	assert_int_equal(httpc_send(&call, c,
			     &(struct httpc_request){ .method = "GET",
				 .authority = TUNNEL_BRIDGE_NAME,
				 .target = target,
				 .most = 1000,
				 .ms = 600000 },
			     on_answer, NULL),
	    0);
	turns();
	return call;
}

static void tls_end_and_asking_end_are_two_facts(void **state)
{
	(void)state;
	for (int who = 0; who < 2; who++) {
		if (who)
			setup(state);
		open_both(who);
		assert_int_equal(end[0].ups, 1);
		assert_int_equal(end[1].ups, 1);
		assert_string_equal(end[0].peer, "k1");
		assert_string_equal(end[1].peer, "b1");
		assert_null(tunnel_http(end[who].tunnel));
		ask(end[1 - who].tunnel, "/hello");
		assert_int_equal(answer.status, 200);
		assert_string_equal(answer.body, "hello");
		ask(end[1 - who].tunnel, "/none");
		assert_int_equal(answer.status, 404);
		if (!who)
			teardown(state);
	}
}

static void expect_names(struct tunnel_trust *trust, const char *const *names)
{
	trust->peer_names = names;
	trust->n_peer_names = 0;
	while (names[trust->n_peer_names])
		trust->n_peer_names++;
}

static void one_of_the_names_is_enough(void **state)
{
	static const char *const names[] = { "k0", "k1", NULL };

	(void)state;
	expect_names(&end[0].trust, names);
	open_both(0);
	assert_int_equal(end[0].ups + end[1].ups, 2);
}

/* Whom a tunnel does not let in, and what both sides say. */
static void only_the_expected_peer_comes_up(void **state)
{
	static const struct {
		const char *label;
		bool stranger;
		enum role server_wants, client_wants;
		int refuses; /* which end */
		const char *text;
		const char *server_names[3], *client_names[3];
	} rows[] = {
		{ "wrong role of the client", false, ROLE_PIPE, ROLE_BRIDGE, 0,
		    "role" },
		{ "wrong role of the server", false, ROLE_BROKER, ROLE_PIPE, 1,
		    "role" },
		{ "another CA", true, ROLE_BROKER, ROLE_BRIDGE, 1, "" },
		{ "another name of the client", false, ROLE_BROKER, ROLE_BRIDGE,
		    0,
		    "expected a certificate named k2 (or others), got one "
		    "named k1",
		    { "k2", "k" }, { "b1" } },
		{ "another name of the server", false, ROLE_BROKER, ROLE_BRIDGE,
		    1, "expected a certificate named b2, got one named b1",
		    { "k1" }, { "b2" } },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if (i)
			setup(state);
		end[0].trust.peer_role = rows[i].server_wants;
		end[1].trust.peer_role = rows[i].client_wants;
		expect_names(&end[0].trust, rows[i].server_names);
		expect_names(&end[1].trust, rows[i].client_names);
		if (rows[i].stranger)
			end[1].trust.identity = stranger_id;
		open_both(0);
		for (int k = 0; k < 2; k++) {
			if (end[k].gones != 1 || !end[k].fault.code)
				fail_msg("%s: end %d", rows[i].label, k);
			assert_non_null(strstr(end[k].fault.text, "tunnel"));
		}
		if (!strstr(end[rows[i].refuses].fault.text, rows[i].text))
			fail_msg("%s: %s", rows[i].label,
			    end[rows[i].refuses].fault.text);
		assert_int_equal(end[0].ups + end[1].ups, 0);
		assert_false(end[0].was_up || end[1].was_up);
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

/* The bridge's end of a boot session, as far as TLS goes. */
static struct leg *boot_server(struct leg *leg, const struct identity *id)
{
	static const char *const alpn[] = { "pharos-boot/1", NULL };
	const struct tls_config config = {
		.end = TLS_SERVER, .hop = "test", .alpn = alpn, .identity = id
	};

	assert_int_equal(tls_context_new(&end[0].context, &config, NULL), 0);
	assert_int_equal(tls_leg_open(&leg, leg, end[0].context, NULL), 0);
	return leg;
}

/* Who does not know the broker yet shows no certificate; the broker knows whom
 * to expect. */
static void only_a_bridge_may_answer_a_boot_session(void **state)
{
	CLEANUP(identity_freep)
	struct identity *other_bridge =
	    testpki_identity(&other_ca, ROLE_BRIDGE, "b1", NULL);
	const struct {
		const char *label;
		const struct identity *answers;
		const char *words; /* NULL: it is good */
	} rows[] = {
		{ "a bridge", bridge_id, NULL },
		{ "a broker of the same CA", broker_id, "wrong role" },
		{ "a bridge of another CA", other_bridge, "boot session" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct fault fault = FAULT_NONE;
		struct leg *leg[2];

		if (i)
			setup(state);
		if (tunnel_boot_context(&end[1].context, ca.cert, &fault))
			fail_msg("%s", fault.text);
		assert_int_equal(memleg_pair(&leg[0], &leg[1], loop, 65536), 0);
		wire[0] = boot_server(leg[0], rows[i].answers);
		assert_int_equal(
		    tls_leg_open(&wire[1], leg[1], end[1].context, NULL), 0);
		turns();
		if ((leg_state(wire[1]) == LEG_OPEN) != !rows[i].words)
			fail_msg("%s", rows[i].label);
		if (rows[i].words &&
		    !strstr(leg_fault(wire[1])->text, rows[i].words))
			fail_msg(
			    "%s: %s", rows[i].label, leg_fault(wire[1])->text);
		if (!rows[i].words)
			assert_null(tls_leg_peer(wire[0]));
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

/* TLS and nothing above it. */
static void a_peer_without_http_has_a_deadline(void **state)
{
	struct leg *leg[2];

	(void)state;
	assert_int_equal(memleg_pair(&leg[0], &leg[1], loop, 65536), 0);
	assert_int_equal(
	    tunnel_context(&end[0].context, &end[0].trust, NULL), 0);
	open_end(1, leg[1], false);
	assert_int_equal(
	    tls_leg_open(&wire[0], leg[0], end[0].context, NULL), 0);
	turns();
	pass(9999);
	assert_int_equal(end[1].ups + end[1].gones, 0);
	pass(1);
	assert_int_equal(end[1].gones, 1);
	assert_false(end[1].was_up);
	assert_non_null(strstr(end[1].fault.text, "says nothing"));
}

static void a_silent_peer_has_a_deadline(void **state)
{
	struct leg *leg;

	(void)state;
	assert_int_equal(memleg_pair(&leg, &wire[1], loop, 4096), 0);
	open_end(0, leg, true);
	pass(9999);
	assert_int_equal(end[0].gones, 0);
	pass(1);
	assert_int_equal(end[0].gones, 1);
	assert_false(end[0].was_up);
	assert_int_equal(end[0].fault.code, -ETIMEDOUT);
}

/* Carry bytes between two pairs by hand, so that a test can stop doing so. */
static void carry(void)
{
	uint8_t bytes[4096];

	for (int i = 0; i < 200; i++) {
		for (int k = 0; k < 2; k++) {
			ssize_t n = leg_read(wire[k], bytes, sizeof(bytes));

			if (n > 0)
				assert_int_equal(
				    leg_write(wire[1 - k], bytes, (size_t)n),
				    n);
		}
		loop_turn(loop);
	}
}

static void a_dead_network_is_found_by_pings(void **state)
{
	struct leg *leg[2];

	(void)state;
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    memleg_pair(&leg[i], &wire[i], loop, 65536), 0);
	open_end(0, leg[0], true);
	open_end(1, leg[1], false);
	carry();
	assert_int_equal(end[0].ups + end[1].ups, 2);
	for (int i = 0; i < 100; i++) { /* idle, and alive by its pings */
		loop_set_now(loop, loop_now(loop) + 10000);
		carry();
	}
	assert_int_equal(end[0].gones + end[1].gones, 0);
	pass(15000);
	pass(15000);
	assert_int_equal(end[0].gones + end[1].gones, 0);
	pass(15000);
	assert_int_equal(end[0].gones + end[1].gones, 2);
	assert_true(end[0].was_up && end[1].was_up);
	assert_non_null(strstr(end[1].fault.text, "ping"));
}

static void an_orderly_close_lets_streams_end(void **state)
{
	(void)state;
	open_both(0);
	ask(end[1].tunnel, "/hold");
	assert_non_null(held);
	tunnel_close(end[0].tunnel, 5000);
	turns();
	assert_int_equal(end[0].gones, 0);
	assert_false(http_conn_takes(tunnel_http(end[1].tunnel)));
	http_stream_answer(
	    held, &(struct http_answer){ .status = 200, .body = "l", .n = 1 });
	turns();
	assert_int_equal(answer.status, 200);
	assert_int_equal(end[0].gones + end[1].gones, 2);
	assert_int_equal(end[0].fault.code, -ESHUTDOWN);
	assert_non_null(strstr(end[0].fault.text, "this end"));
	assert_int_equal(end[1].fault.code, -ESHUTDOWN);
	assert_non_null(strstr(end[1].fault.text, "the peer"));
}

static void an_orderly_close_has_a_deadline(void **state)
{
	(void)state;
	open_both(0);
	ask(end[1].tunnel, "/hold");
	tunnel_close(end[1].tunnel, 5000);
	assert_null(tunnel_http(end[1].tunnel));
	pass(4999);
	assert_int_equal(end[1].gones, 0);
	pass(1);
	assert_int_equal(end[1].gones, 1);
	assert_int_equal(end[0].gones, 1);
	assert_int_equal(answer.calls, 1);
	assert_int_not_equal(answer.fault.code, 0);
	http_stream_abandon(held);
}

static void a_cut_is_silent_here_and_told_there(void **state)
{
	(void)state;
	open_both(0);
	ask(end[1].tunnel, "/hold");
	tunnel_cut(STEAL(end[0].tunnel));
	turns();
	assert_int_equal(end[0].gones, 0);
	assert_int_equal(end[1].gones, 1);
	assert_true(end[1].was_up);
	assert_memory_equal(end[1].fault.text, "tunnel: ", 8);
	assert_null(strstr(end[1].fault.text + 8, "tunnel: "));
	assert_int_equal(answer.calls, 1);
	http_stream_abandon(held);
}

static void closing_before_it_is_up_is_told(void **state)
{
	struct leg *leg;

	(void)state;
	assert_int_equal(memleg_pair(&leg, &wire[1], loop, 4096), 0);
	open_end(0, leg, true);
	tunnel_close(end[0].tunnel, 1000);
	assert_int_equal(end[0].gones, 0);
	turns();
	assert_int_equal(end[0].gones, 1);
	assert_false(end[0].was_up);
}

static void it_may_be_cut_as_soon_as_it_is_up(void **state)
{
	(void)state;
	end[0].cut_when_up = true;
	open_both(0);
	assert_int_equal(end[0].ups, 1);
	assert_int_equal(end[0].gones, 0);
	assert_int_equal(end[1].gones, 1);
}

/* ---- guests */

#define GUEST "guest/1"

/* A bare TLS client that offers @alpn, and shows @identity if it is asked; the
 * server has guests where @lets says so. */
static void client_comes(
    bool lets, const char *const *alpn, const struct identity *identity)
{
	struct tls_config config = { .end = TLS_CLIENT,
		.hop = "a client",
		.alpn = alpn,
		.identity = identity,
		.trust = TLS_TRUST_CA,
		.ca = ca.cert };
	struct leg *leg[2];

	end[0].trust.guest = lets ? GUEST : NULL;
	assert_int_equal(tls_context_new(&end[1].context, &config, NULL), 0);
	assert_int_equal(memleg_pair(&leg[0], &leg[1], loop, 65536), 0);
	open_end(0, leg[0], true);
	assert_int_equal(
	    tls_leg_open(&wire[1], leg[1], end[1].context, NULL), 0);
	turns();
}

static void a_guest_shows_no_certificate_and_gets_no_tunnel(void **state)
{
	static const char *const alpn[] = { GUEST, NULL };
	uint8_t exported[2][32];

	(void)state;
	client_comes(true, alpn, broker_id);
	assert_int_equal(end[0].guests, 1);
	assert_int_equal(end[0].ups + end[0].gones, 0);
	assert_string_equal(tls_leg_alpn(wire[0]), GUEST);
	assert_null(tls_leg_peer(wire[0])); /* though it had one: not asked */
	for (int i = 0; i < 2; i++)
		assert_int_equal(
		    tls_leg_export(wire[i], "EXPORTER-t", exported[i]), 0);
	assert_memory_equal(exported[0], exported[1], sizeof(exported[0]));
}

/* The guests' protocol is the only way in without a certificate. */
static void only_the_guests_protocol_is_a_guests(void **state)
{
	static const struct {
		const char *label;
		bool lets;
		const char *alpn[3];
		struct identity **identity;
		bool comes_up;
		const char *text;
	} rows[] = {
		{ "where none are let in", false, { GUEST }, &broker_id, false,
		    "protocol" },
		{ "the tunnel's, nothing to show", true, { TUNNEL_ALPN }, NULL,
		    false, "certificate" },
		{ "the tunnel's, a stranger's", true, { TUNNEL_ALPN },
		    &stranger_id, false, "" },
		{ "the tunnel's, the wrong role", true, { TUNNEL_ALPN },
		    &bridge_id, false, "role" },
		{ "the tunnel's, as it should be", true, { TUNNEL_ALPN },
		    &broker_id, true, "" },
		{ "both, nothing to show", true, { GUEST, TUNNEL_ALPN }, NULL,
		    false, "certificate" },
		{ "both, a broker's", true, { GUEST, TUNNEL_ALPN }, &broker_id,
		    true, "" },
		{ "another", true, { "guest/2" }, &broker_id, false,
		    "protocol" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if (i)
			setup(state);
		client_comes(rows[i].lets, rows[i].alpn,
		    rows[i].identity ? *rows[i].identity : NULL);
		if (end[0].guests || end[0].ups != rows[i].comes_up ||
		    end[0].gones == rows[i].comes_up ||
		    !strstr(end[0].fault.text, rows[i].text))
			fail_msg("%s: %s", rows[i].label, end[0].fault.text);
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

/* Once the first hello is out, what is asked for is the tunnel's. */
static void ask_for_the_tunnel_now(const SSL *ssl, int where, int value)
{
	static const uint8_t alpn[] = "\17" TUNNEL_ALPN;

	(void)value;
	if (where == SSL_CB_CONNECT_LOOP &&
	    SSL_get_state(ssl) == TLS_ST_CW_CLNT_HELLO)
		assert_int_equal(SSL_set_alpn_protos((SSL *)(uintptr_t)ssl,
				     alpn, sizeof(alpn) - 1),
		    0);
}

/* A server that does not like the client's key share has it say hello again
 * (RFC 8446, 4.1.4), and what it asks for may be something else then. */
static void a_guest_that_says_hello_again_is_asked_who_it_is(void **state)
{
	static const char *const alpn[] = { GUEST, NULL };
	struct tls_config config = { .end = TLS_CLIENT,
		.hop = "a client",
		.alpn = alpn,
		.trust = TLS_TRUST_CA,
		.ca = ca.cert };
	struct leg *leg[2];

	(void)state;
	end[0].trust.guest = GUEST;
	assert_int_equal(tls_context_new(&end[1].context, &config, NULL), 0);
	assert_int_equal(
	    SSL_CTX_set1_groups_list(end[1].context->ssl, "P-521:X25519"), 1);
	SSL_CTX_set_info_callback(end[1].context->ssl, ask_for_the_tunnel_now);
	assert_int_equal(memleg_pair(&leg[0], &leg[1], loop, 65536), 0);
	open_end(0, leg[0], true);
	assert_int_equal(
	    tls_leg_open(&wire[1], leg[1], end[1].context, NULL), 0);
	turns();
	assert_int_equal(end[0].ups + end[0].guests, 0);
	assert_int_equal(end[0].gones, 1);
	assert_non_null(
	    strstr(end[0].fault.text, "expected a client certificate"));
}

static int asked_to_admit;
static bool admits;

static bool on_admit(void *ctx, const char *name)
{
	(void)ctx;
	assert_string_equal(name, "k1");
	asked_to_admit++;
	return admits;
}

/* Carry bytes to the server one at a time, until it has seen who comes. */
static void show_certificate(void)
{
	uint8_t byte, bytes[4096];
	ssize_t n;

	for (int i = 0; i < 10000 && !asked_to_admit; i++) {
		if (leg_read(wire[1], &byte, 1) == 1)
			assert_int_equal(leg_write(wire[0], &byte, 1), 1);
		n = leg_read(wire[0], bytes, sizeof(bytes));
		if (n > 0)
			assert_int_equal(
			    leg_write(wire[1], bytes, (size_t)n), n);
		loop_turn(loop);
	}
	assert_int_equal(asked_to_admit, 1);
}

static void finish_handshake(void)
{
	uint8_t bytes[4096];
	ssize_t n = leg_read(wire[1], bytes, sizeof(bytes));

	assert_true(n > 0);
	assert_int_equal(leg_write(wire[0], bytes, (size_t)n), n);
	turns();
}

static void who_is_shut_out_in_the_middle_of_a_handshake_is_out(void **state)
{
	(void)state;
	for (int shut_out = 0; shut_out < 2; shut_out++) {
		struct leg *leg[2];

		if (shut_out)
			setup(state);
		asked_to_admit = 0;
		admits = true;
		end[0].trust.admit = on_admit;
		for (int i = 0; i < 2; i++)
			assert_int_equal(
			    memleg_pair(&leg[i], &wire[i], loop, 65536), 0);
		open_end(0, leg[0], true);
		open_end(1, leg[1], false);
		show_certificate();
		assert_int_equal(end[0].ups, 0);
		admits = !shut_out;
		finish_handshake();
		assert_int_equal(end[0].ups, !shut_out);
		assert_int_equal(end[0].gones, shut_out);
		if (shut_out)
			assert_non_null(
			    strstr(end[0].fault.text, "k1 is shut out"));
		else
			teardown(state);
	}
}

/* A tunnel carries the streams of many pods: when all of them go at once, the
 * one that stays is still served. */
static void resets_of_many_do_not_end_it(void **state)
{
	(void)state;
	open_both(0);
	for (int i = 0; i < 1000; i++) {
		httpc_cancel(ask(end[1].tunnel, "/hold"));
		turns();
		http_stream_abandon(held);
	}
	assert_int_equal(end[0].gones + end[1].gones, 0);
	ask(end[1].tunnel, "/hello");
	assert_int_equal(answer.status, 200);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(tls_end_and_asking_end_are_two_facts),
		TEST(one_of_the_names_is_enough),
		TEST(only_the_expected_peer_comes_up),
		TEST(only_a_bridge_may_answer_a_boot_session),
		TEST(a_guest_shows_no_certificate_and_gets_no_tunnel),
		TEST(only_the_guests_protocol_is_a_guests),
		TEST(a_guest_that_says_hello_again_is_asked_who_it_is),
		TEST(who_is_shut_out_in_the_middle_of_a_handshake_is_out),
		TEST(a_peer_without_http_has_a_deadline),
		TEST(a_silent_peer_has_a_deadline),
		TEST(a_dead_network_is_found_by_pings),
		TEST(an_orderly_close_lets_streams_end),
		TEST(an_orderly_close_has_a_deadline),
		TEST(a_cut_is_silent_here_and_told_there),
		TEST(closing_before_it_is_up_is_told),
		TEST(resets_of_many_do_not_end_it),
		TEST(it_may_be_cut_as_soon_as_it_is_up),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
