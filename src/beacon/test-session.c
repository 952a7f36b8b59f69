/* The beacon on a network in memory, with real TLS and a fake clock: what a
 * client sends, what it gets, what is counted. */
#include "beacon/session.h"
#include "beacon/gate.h"
#include "beacon/limits.h"
#include "base/buf.h"
#include "base/log.h"
#include "net/memleg.h"
#include "net/shake.h"
#include "pki/prove.h"
#include "pki/testpki.h"
#include "wire/proof.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { START = 100000, CAPACITY = 65536, IN_MOST = 8192 };

struct client {
	struct tls_shake *shake;
	struct leg *raw; /* instead of TLS: nothing is said */
	struct leg *leg;
	uint8_t in[IN_MOST];
	size_t n_in;
	bool ended; /* the beacon closed in order */
	bool reset; /* or not */
};

static struct loop *loop;
static struct beacon *beacon;
static struct testpki_ca server_ca, ca;
static struct identity *bridge, *broker;
static struct tls_context *outer;
static char folder[] = "/tmp/pharos-beacon-XXXXXX";
static char cert_file[64], key_file[64];
static struct client clients[300];
static size_t n_clients;

/* ---- the world ---- */

static void turns(void)
{
	for (int i = 0; i < 60; i++)
		loop_turn(loop);
}

/* Time passes; everything that is due on the way happens at its time. */
static void pass(uint64_t ms)
{
	uint64_t end = loop_now(loop) + ms;

	turns();
	while (loop_next_due(loop) < end) {
		if (loop_next_due(loop) > loop_now(loop))
			loop_set_now(loop, loop_next_due(loop));
		turns();
	}
	loop_set_now(loop, end);
	turns();
}

static int make_files(void **state)
{
	static const char *const alpn[] = { FRAME_ALPN, NULL };
	struct fault fault = FAULT_NONE;
	struct identity *server;

	(void)state;
	server_ca = testpki_ca_new("server");
	ca = testpki_ca_new("bridge");
	bridge = testpki_identity(&ca, ROLE_BRIDGE, "bridge", NULL);
	broker = testpki_identity(&ca, ROLE_BROKER, "broker", NULL);
	server = testpki_identity(&server_ca, ROLE_BRIDGE, "beacon", NULL);
	assert_non_null(mkdtemp(folder));
	snprintf(cert_file, sizeof(cert_file), "%s/crt", folder);
	snprintf(key_file, sizeof(key_file), "%s/key", folder);
	testpki_write_cert(cert_file, server->leaf);
	testpki_write_key(key_file, server->key);
	identity_free(server);
	return tls_context_new(&outer,
	    &(struct tls_config){ .end = TLS_CLIENT,
		.hop = "outer TLS",
		.alpn = alpn,
		.trust = TLS_TRUST_CA,
		.ca = server_ca.cert },
	    &fault);
}

static int remove_files(void **state)
{
	(void)state;
	unlink(cert_file);
	unlink(key_file);
	rmdir(folder);
	tls_context_free(outer);
	identity_free(bridge);
	identity_free(broker);
	testpki_ca_free(&ca);
	testpki_ca_free(&server_ca);
	return 0;
}

static int setup(void **state)
{
	struct config config = { .tls_cert = cert_file, .tls_key = key_file };
	struct fault fault = FAULT_NONE;

	(void)state;
	log_setup("beacon", LOG_FORMAT_TEXT, LOG_LEVEL_ERR);
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, START);
	if (beacon_new(&beacon, loop, &config, &fault))
		fail_msg("%s", fault.text);
	memset(clients, 0, sizeof(clients));
	n_clients = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_clients; i++) {
		tls_shake_cancel(clients[i].shake);
		leg_reset(clients[i].raw);
		leg_reset(clients[i].leg);
	}
	turns();
	assert_true(TAILQ_EMPTY(&beacon->sessions));
	assert_true(TAILQ_EMPTY(&beacon->pairs));
	assert_int_equal(switchboard_counts(beacon->board)->sources, 0);
	beacon_free(STEAL(beacon));
	turns();
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	loop_free(loop);
	return 0;
}

/* ---- a client ---- */

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct client *c = ctx;

	(void)why;
	(void)fault;
	c->shake = NULL;
	c->leg = leg;
	c->reset = !leg;
}

/* A connection from @source that does not speak TLS; NULL: it was shut. */
static struct client *connect_raw(const char *source)
{
	struct client *c = &clients[n_clients];
	struct session *s = gate_enter(beacon, source);
	struct leg *far;

	if (!s)
		return NULL;
	assert_true(n_clients++ < N_ELEMS(clients));
	assert_int_equal(memleg_pair(&c->raw, &far, loop, CAPACITY), 0);
	session_start(s, far);
	return c;
}

static struct client *connect_tls(const char *source)
{
	struct client *c = connect_raw(source);

	if (!c)
		return NULL;
	assert_int_equal(tls_shake(&c->shake,
			     &(struct tls_shake_order){ .lower = STEAL(c->raw),
				 .context = outer,
				 .ms = 60000,
				 .fn = on_shaken,
				 .ctx = c }),
	    0);
	turns();
	return c;
}

static void say_bytes(struct client *c, const void *bytes, size_t n)
{
	assert_int_equal(leg_write(c->leg, bytes, n), (ssize_t)n);
	turns();
}

static void say(struct client *c, const struct frame *f)
{
	uint8_t bytes[FRAME_BUFFER];
	size_t n;

	assert_int_equal(frame_write(f, bytes, sizeof(bytes), &n), 0);
	say_bytes(c, bytes, n);
}

/* Everything that has come. */
static void hear(struct client *c)
{
	ssize_t n;

	turns();
	if (!c->leg || c->ended || c->reset)
		return;
	while ((n = leg_read(c->leg, c->in + c->n_in, IN_MOST - c->n_in)) > 0)
		c->n_in += (size_t)n;
	c->ended = n == 0;
	c->reset = n < 0 && n != -EAGAIN;
}

static bool hear_frame(struct client *c, struct frame *out)
{
	size_t have = 0, need = 0;

	hear(c);
	do {
		if (frame_need(c->in, have, &need) || have + need > c->n_in)
			return false;
		have += need;
	} while (need);
	assert_int_equal(frame_read(out, c->in, have), 0);
	c->n_in -= have;
	memmove(c->in, c->in + have, c->n_in);
	return true;
}

static struct frame expect(struct client *c, enum frame_type type)
{
	struct frame f = { .type = 0 };

	if (!hear_frame(c, &f))
		fail_msg("no frame came (wanted type %d)", (int)type);
	if (f.type != type)
		fail_msg("type %d came, not %d: %s", (int)f.type, (int)type,
		    f.type == FRAME_TYPE_ERROR ? f.u.error.text : "");
	return f;
}

/* ERROR, and the orderly end after it. */
static struct frame_err expect_error(struct client *c, enum frame_error code)
{
	struct frame f = expect(c, FRAME_TYPE_ERROR);
	uint64_t counted = beacon->meter.refusals[code];

	if (f.u.error.code != code)
		fail_msg(
		    "%s: %s", frame_error_name(f.u.error.code), f.u.error.text);
	hear(c);
	assert_true(c->ended && !c->n_in);
	assert_true(f.u.error.text[0]);
	assert_true(counted > 0);
	return f.u.error;
}

static void expect_text(struct client *c, const char *text)
{
	hear(c);
	assert_int_equal(c->n_in, strlen(text));
	assert_memory_equal(c->in, text, c->n_in);
	c->n_in = 0;
}

static struct frame bare_hello(enum frame_role role)
{
	struct frame f = { .type = FRAME_TYPE_HELLO };

	f.u.hello.version = FRAME_VERSION;
	f.u.hello.role = role;
	assert_int_equal(realm_of(f.u.hello.hash, ca.cert), 0);
	return f;
}

static struct client *arrive(const char *source, enum frame_role role)
{
	struct client *c = connect_tls(source);
	struct frame hello = bare_hello(role);

	assert_non_null(c);
	say(c, &hello);
	return c;
}

static struct frame proven_hello(struct client *c, enum frame_role role,
    const struct identity *id, struct prove_material *m)
{
	uint8_t exporter[FRAME_EXPORTER], bytes[PROOF_SIGNED_SIZE];
	struct frame f = bare_hello(role);

	assert_int_equal(
	    tls_leg_export(c->leg, PROOF_EXPORTER_LABEL, exporter), 0);
	proof_signed_bytes(bytes, exporter, f.u.hello.hash, role);
	assert_int_equal(prove_sign(m, id, bytes, sizeof(bytes)), 0);
	f.u.hello.has_proof = true;
	f.u.hello.proof = (struct frame_proof){ { m->leaf, m->n_leaf },
		{ m->ca, m->n_ca }, { m->signature, m->n_signature } };
	return f;
}

static struct client *arrive_proven(const char *source, enum frame_role role)
{
	struct client *c = connect_tls(source);
	struct prove_material m;
	struct frame f =
	    proven_hello(c, role, role == FRAME_LISTEN ? bridge : broker, &m);

	f.u.hello.require_proven = true;
	say(c, &f);
	return c;
}

static void make_pair(struct client **a, struct client **b)
{
	*a = arrive("192.0.2.1:1", FRAME_LISTEN);
	expect(*a, FRAME_TYPE_WAIT);
	*b = arrive("192.0.2.2:1", FRAME_CONNECT);
	expect(*a, FRAME_TYPE_PAIRED);
	expect(*b, FRAME_TYPE_PAIRED);
}

/* ---- pairs ---- */

static void test_bare_pair(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN);
	struct frame wait = expect(a, FRAME_TYPE_WAIT);
	struct client *b = arrive("192.0.2.2:1", FRAME_CONNECT);
	struct frame one = expect(a, FRAME_TYPE_PAIRED);
	struct frame two = expect(b, FRAME_TYPE_PAIRED);

	(void)state;
	assert_int_equal(wait.u.wait.ping_s, 25);
	assert_int_equal(wait.u.wait.position, 0);
	assert_memory_equal(wait.u.wait.instance, beacon->instance, FRAME_ID);
	assert_memory_equal(one.u.paired.pair, two.u.paired.pair, FRAME_ID);
	assert_int_equal(one.u.paired.flags, 0);
	say_bytes(a, "from a", 6);
	expect_text(b, "from a");
	say_bytes(b, "from b", 6);
	expect_text(a, "from b");
	assert_int_equal(beacon->meter.bare, 2);
}

static void test_proven_pair(void **state)
{
	struct client *stranger = arrive("192.0.2.3:1", FRAME_CONNECT);
	struct client *a = arrive_proven("192.0.2.1:1", FRAME_LISTEN);
	struct client *b;

	(void)state;
	expect(stranger, FRAME_TYPE_WAIT);
	expect(a, FRAME_TYPE_WAIT); /* not with the bare one */
	b = arrive_proven("192.0.2.2:1", FRAME_CONNECT);
	expect(a, FRAME_TYPE_PAIRED);
	expect(b, FRAME_TYPE_PAIRED);
	assert_int_equal(beacon->meter.proven, 2);
}

/* FIN passes after the last byte, each direction by itself. */
static void test_ends_pass(void **state)
{
	struct client *a, *b;

	(void)state;
	make_pair(&a, &b);
	say_bytes(a, "last", 4);
	leg_finish(a->leg);
	expect_text(b, "last");
	assert_true(b->ended);
	say_bytes(b, "more", 4);
	expect_text(a, "more");
	assert_false(a->ended);
	leg_finish(b->leg);
	hear(a);
	assert_true(a->ended);
	assert_int_equal(beacon->meter.bytes[METER_TO_CONNECTOR], 4);
	assert_int_equal(beacon->meter.bytes[METER_TO_LISTENER], 4);
	assert_int_equal(beacon->meter.pair_resets, 0);
	assert_int_equal(switchboard_counts(beacon->board)->paired, 0);
}

static void test_resets_pass(void **state)
{
	struct client *a, *b;

	(void)state;
	make_pair(&a, &b);
	leg_reset(STEAL(b->leg));
	hear(a);
	assert_true(a->reset);
	assert_int_equal(beacon->meter.pair_resets, 1);
}

static void test_half_closed_pair_is_cut(void **state)
{
	struct client *a, *b;

	(void)state;
	make_pair(&a, &b);
	leg_finish(a->leg);
	hear(b);
	pass(LIMIT_HALF_CLOSED_MS - 1);
	hear(a);
	assert_false(a->reset);
	pass(1);
	hear(a);
	assert_true(a->reset);
}

/* Bytes one by one, as bad networks bring them. */
static void test_small_pieces(void **state)
{
	struct frame hello = bare_hello(FRAME_LISTEN);
	struct client *a = connect_tls("192.0.2.1:1"), *b;
	uint8_t bytes[FRAME_BUFFER];
	size_t n;

	(void)state;
	assert_int_equal(frame_write(&hello, bytes, sizeof(bytes), &n), 0);
	for (size_t i = 0; i < n; i++)
		say_bytes(a, bytes + i, 1);
	expect(a, FRAME_TYPE_WAIT);
	b = arrive("192.0.2.2:1", FRAME_CONNECT);
	expect(a, FRAME_TYPE_PAIRED);
	expect(b, FRAME_TYPE_PAIRED);
}

/* What stands behind HELLO in the same write, once the peer is there. */
static void test_early_bytes_are_the_peers(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN);
	struct client *b = connect_tls("192.0.2.2:1");
	struct frame hello = bare_hello(FRAME_CONNECT);
	uint8_t bytes[FRAME_BUFFER];
	size_t n;

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	assert_int_equal(frame_write(&hello, bytes, sizeof(bytes), &n), 0);
	bytes[n] = 'e'; /* the first byte of its own */
	say_bytes(b, bytes, n + 1);
	expect(a, FRAME_TYPE_PAIRED);
	expect_text(a, "e");
}

/* ---- waiting ---- */

static void test_ping_and_pong(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN);

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	for (int i = 0; i < 10; i++) {
		struct frame f;

		pass(LIMIT_PING_MS);
		f = expect(a, FRAME_TYPE_PING);
		f.type = FRAME_TYPE_PONG;
		say(a, &f);
	}
	assert_false(a->ended || a->reset);
}

static void test_no_pong(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN);

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	pass(LIMIT_PING_MS + LIMIT_PONG_MS);
	expect(a, FRAME_TYPE_PING);
	expect_error(a, FRAME_ERROR_TIMEOUT);
}

/* PING crossed PAIRED: one PONG is read, and what follows it is the peer's. */
static void test_owed_pong(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN), *b;
	struct frame f;
	uint8_t bytes[64];
	size_t n;

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	pass(LIMIT_PING_MS);
	f = expect(a, FRAME_TYPE_PING);
	b = arrive("192.0.2.2:1", FRAME_CONNECT);
	expect(a, FRAME_TYPE_PAIRED);
	expect(b, FRAME_TYPE_PAIRED);
	say_bytes(b, "first", 5);
	f.type = FRAME_TYPE_PONG;
	assert_int_equal(frame_write(&f, bytes, sizeof(bytes), &n), 0);
	say_bytes(a, bytes, 4); /* a half of it, */
	bytes[n] = 'm';
	say_bytes(a, bytes + 4, n - 3); /* the rest, and more */
	expect_text(b, "m");
	expect_text(a, "first");
}

static void test_owed_pong_is_wrong(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN), *b;

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	pass(LIMIT_PING_MS);
	expect(a, FRAME_TYPE_PING);
	b = arrive("192.0.2.2:1", FRAME_CONNECT);
	expect(b, FRAME_TYPE_PAIRED);
	say_bytes(a, "these are no frames", 19);
	hear(b);
	assert_true(b->reset);
	assert_int_equal(switchboard_counts(beacon->board)->paired, 0);
}

static void test_owed_pong_never_comes(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN), *b;

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	pass(LIMIT_PING_MS);
	expect(a, FRAME_TYPE_PING);
	b = arrive("192.0.2.2:1", FRAME_CONNECT);
	expect(b, FRAME_TYPE_PAIRED);
	pass(LIMIT_PONG_MS);
	hear(a);
	hear(b);
	assert_true(a->reset && b->reset);
}

static void test_no_peer(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_CONNECT);
	struct frame_err e;

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	pass(LIMIT_CONNECTOR_MS);
	e = expect_error(a, FRAME_ERROR_NO_PEER);
	assert_in_range(e.retry_ms, 1000, 1999);
}

static void test_waiting_client_leaves(void **state)
{
	struct client *a = arrive("192.0.2.1:1", FRAME_LISTEN);
	struct client *b = arrive("192.0.2.1:1", FRAME_LISTEN);

	(void)state;
	expect(a, FRAME_TYPE_WAIT);
	expect(b, FRAME_TYPE_WAIT);
	leg_reset(STEAL(a->leg));
	leg_close(STEAL(b->leg));
	turns();
	assert_int_equal(switchboard_counts(beacon->board)->listeners, 0);
	assert_true(TAILQ_EMPTY(&beacon->sessions));
}

/* ---- what is refused ---- */

static void test_silence(void **state)
{
	struct client *raw = connect_raw("192.0.2.1:1");
	struct client *a = connect_tls("192.0.2.2:1");
	struct client *b = connect_tls("192.0.2.3:1");

	(void)state;
	pass(LIMIT_HELLO_MS - 1);
	say_bytes(b, "\0\x23\x01\x01", 4); /* the time does not start again */
	assert_int_equal(leg_read(raw->raw, (char[1]){ 0 }, 1), -EAGAIN);
	pass(1);
	assert_true(leg_read(raw->raw, (char[1]){ 0 }, 1) != -EAGAIN);
	assert_int_equal(
	    beacon->meter.handshake_failures[TLS_FAILURE_TIMEOUT], 1);
	expect_error(a, FRAME_ERROR_TIMEOUT);
	expect_error(b, FRAME_ERROR_TIMEOUT);
}

static void test_not_tls(void **state)
{
	struct client *c = connect_raw("192.0.2.1:1");
	static const char http[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";

	(void)state;
	assert_true(leg_write(c->raw, http, sizeof(http) - 1) > 0);
	turns();
	assert_int_equal(
	    beacon->meter.handshake_failures[TLS_FAILURE_NOT_TLS], 1);
	assert_true(TAILQ_EMPTY(&beacon->sessions));
}

static const struct {
	const char *label, *bytes;
	size_t n;
	enum frame_error code;
} bad[] = {
	{ "zero length", "\0\0", 2, FRAME_ERROR_BAD_HELLO },
	{ "HTTP", "GET / HTTP/1.1\r\n", 16, FRAME_ERROR_BAD_HELLO },
	{ "oversize HELLO", "\x10\x01\x01", 3, FRAME_ERROR_BAD_HELLO },
	{ "oversize PING", "\x04\x01\x03", 3, FRAME_ERROR_BAD_HELLO },
	{ "type 8", "\0\x01\x08", 3, FRAME_ERROR_BAD_HELLO },
	{ "PONG first",
	    "\0\x09\x04"
	    "12345678",
	    11, FRAME_ERROR_BAD_HELLO },
	{ "HELLO without a body", "\0\x01\x01", 3, FRAME_ERROR_BAD_HELLO },
	{ "version 2", "\0\x02\x01\x02", 4, FRAME_ERROR_VERSION },
	{ "role 3",
	    "\0\x23\x01\x01\x03"
	    "01234567890123456789012345678901",
	    37, FRAME_ERROR_BAD_HELLO },
	{ "a feature that must be known",
	    "\0\x26\x01\x01\x01"
	    "01234567890123456789012345678901\x80\0\0",
	    40, FRAME_ERROR_FEATURE },
};

static void test_bad_hellos(void **state)
{
	struct client *good = arrive("192.0.2.9:1", FRAME_LISTEN);

	(void)state;
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		struct client *c = connect_tls("192.0.2.1:1");
		struct frame f;

		say_bytes(c, bad[i].bytes, bad[i].n);
		if (!hear_frame(c, &f) || f.type != FRAME_TYPE_ERROR ||
		    f.u.error.code != bad[i].code)
			fail_msg("%s: %s", bad[i].label,
			    frame_error_name(f.u.error.code));
	}
	expect(good, FRAME_TYPE_WAIT); /* others go on */
	assert_false(good->ended || good->reset);
}

static void test_speech_while_waiting(void **state)
{
	static const char *const words[] = { "x", "\0\x09\x03"
						  "12345678" };
	static const size_t sizes[] = { 1, 11 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(words); i++) {
		struct client *c = arrive("192.0.2.1:1", FRAME_LISTEN);

		expect(c, FRAME_TYPE_WAIT);
		say_bytes(c, words[i], sizes[i]);
		expect_error(c, FRAME_ERROR_BAD_HELLO);
	}
}

static void test_wrong_pong(void **state)
{
	struct client *c = arrive("192.0.2.1:1", FRAME_LISTEN);
	struct frame f;

	(void)state;
	expect(c, FRAME_TYPE_WAIT);
	pass(LIMIT_PING_MS);
	f = expect(c, FRAME_TYPE_PING);
	f.type = FRAME_TYPE_PONG;
	f.u.ping.opaque[0] ^= 1;
	say(c, &f);
	expect_error(c, FRAME_ERROR_BAD_HELLO);
}

static void test_bad_proofs(void **state)
{
	struct client *c = connect_tls("192.0.2.1:1");
	struct client *d = connect_tls("192.0.2.2:1");
	struct client *e = connect_tls("192.0.2.3:1");
	struct prove_material m;
	struct frame f = proven_hello(c, FRAME_LISTEN, broker, &m);

	(void)state;
	say(c, &f); /* a broker does not listen */
	expect_error(c, FRAME_ERROR_UNPROVEN);
	f = proven_hello(c, FRAME_LISTEN, bridge, &m);
	say(d, &f); /* made for another session */
	expect_error(d, FRAME_ERROR_UNPROVEN);
	f = proven_hello(e, FRAME_LISTEN, bridge, &m);
	f.u.hello.hash[0] ^= 1; /* of another hash */
	say(e, &f);
	expect_error(e, FRAME_ERROR_UNPROVEN);
	assert_int_equal(beacon->meter.refusals[FRAME_ERROR_UNPROVEN], 3);
}

static void test_rate_limit(void **state)
{
	struct client *c;
	struct frame_err e;

	(void)state;
	for (int i = 0; i < LIMIT_RATE_BURST; i++) {
		c = connect_raw("192.0.2.1:1");
		leg_reset(STEAL(c->raw));
		turns();
	}
	c = connect_tls("192.0.2.1:2");
	e = expect_error(c, FRAME_ERROR_RATE_LIMIT);
	assert_in_range(e.retry_ms, 1, 600);
	c = arrive("192.0.2.2:1", FRAME_LISTEN); /* another source */
	expect(c, FRAME_TYPE_WAIT);
	for (int i = 0; i < LIMIT_RATE_BURST - 1; i++) {
		c = connect_raw("192.0.2.1:3");
		leg_reset(STEAL(c->raw));
		turns();
	}
	assert_null(connect_raw("192.0.2.1:4"));
	pass(e.retry_ms);
	c = arrive("192.0.2.1:5", FRAME_LISTEN);
	expect(c, FRAME_TYPE_WAIT);
}

static void test_unfinished(void **state)
{
	struct client *first = connect_raw("192.0.2.1:1");
	struct client *other = connect_raw("192.0.2.2:1");
	struct client *done = arrive("192.0.2.1:2", FRAME_LISTEN);

	(void)state;
	for (int i = 1; i < LIMIT_UNFINISHED_SOURCE; i++)
		connect_raw("192.0.2.1:3");
	turns();
	assert_int_equal(leg_read(first->raw, (char[1]){ 0 }, 1), -EAGAIN);
	connect_raw("192.0.2.1:4");
	turns();
	assert_true(leg_read(first->raw, (char[1]){ 0 }, 1) != -EAGAIN);
	assert_int_equal(leg_read(other->raw, (char[1]){ 0 }, 1), -EAGAIN);
	assert_int_equal(limiter_counts(beacon->limiter)->pushed_out, 1);
	expect(done, FRAME_TYPE_WAIT);
	pass(LIMIT_HELLO_MS);
}

static void test_too_many_bare_legs(void **state)
{
	struct client *c;

	(void)state;
	for (int i = 0; i < LIMIT_WAITING_SOURCE_BARE; i++)
		expect(arrive("192.0.2.1:1", FRAME_LISTEN), FRAME_TYPE_WAIT);
	c = arrive("192.0.2.1:2", FRAME_LISTEN);
	expect_error(c, FRAME_ERROR_SOURCE_BUSY);
}

/* The end of the process, whatever is going on. */
static void test_free_with_everybody_in(void **state)
{
	struct client *a, *b;
	struct config config = { .tls_cert = cert_file, .tls_key = key_file };

	(void)state;
	make_pair(&a, &b);
	arrive("192.0.2.3:1", FRAME_LISTEN);
	connect_tls("192.0.2.4:1");
	connect_raw("192.0.2.5:1");
	beacon_free(STEAL(beacon));
	hear(a);
	hear(b);
	assert_true(a->reset && b->reset);
	assert_int_equal(beacon_new(&beacon, loop, &config, NULL), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_bare_pair),
		TEST(test_proven_pair),
		TEST(test_ends_pass),
		TEST(test_resets_pass),
		TEST(test_half_closed_pair_is_cut),
		TEST(test_small_pieces),
		TEST(test_early_bytes_are_the_peers),
		TEST(test_ping_and_pong),
		TEST(test_no_pong),
		TEST(test_owed_pong),
		TEST(test_owed_pong_is_wrong),
		TEST(test_owed_pong_never_comes),
		TEST(test_no_peer),
		TEST(test_waiting_client_leaves),
		TEST(test_silence),
		TEST(test_not_tls),
		TEST(test_bad_hellos),
		TEST(test_speech_while_waiting),
		TEST(test_wrong_pong),
		TEST(test_bad_proofs),
		TEST(test_rate_limit),
		TEST(test_unfinished),
		TEST(test_too_many_bare_legs),
		TEST(test_free_with_everybody_in),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
