/* The visit against a beacon that follows a script, over a network in memory
 * with real TLS and a fake clock. */
#include "net/beaconc.h"
#include "base/buf.h"
#include "net/shake.h"
#include "net/tcp.h"
#include "net/test-network.h"
#include "net/test-support.h"
#include "pki/prove.h"
#include "pki/testpki.h"
#include "wire/proof.h"

#include <netinet/tcp.h>

enum { START = 1000, PING_S = 25, PING_SIZE = 11, FLOOD_MOST = 1000000 };

#define TARGET "beacon.example:443"

static struct loop *loop;
static struct testpki_ca ca, other_ca;
static struct identity *beacon_id, *bridge_id;
static struct tls_context *server_context, *client_context;
static struct test_network network;
static enum test_network_answer fate;

static struct {
	struct tls_shake *shake;
	struct leg *leg; /* the beacon's end of the outer session */
	struct leg *raw; /* instead of a session: nothing is said */
	bool keeps_raw;
	uint8_t in[FRAME_BUFFER];
	size_t n_in;
	struct frame hello;
} beacon;

static struct {
	int waiting, paired, failed;
	uint32_t position, retry_ms;
	struct leg *leg;
	uint8_t pair[FRAME_ID];
	struct fault fault;
	unsigned code;
	bool cancel; /* cancel the visit from `waiting` */
} got;

static struct beaconc *visit;
static struct beaconc_config config;

static void turns(void)
{
	for (int i = 0; i < 60; i++)
		loop_turn(loop);
}

static void pass(uint64_t ms)
{
	loop_set_now(loop, loop_now(loop) + ms);
	turns();
}

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	(void)ctx;
	(void)why;
	(void)fault;
	beacon.shake = NULL;
	beacon.leg = leg;
}

static void arrive(void *ctx, const char *target, struct leg *leg)
{
	(void)ctx;
	assert_string_equal(target, TARGET);
	if (beacon.keeps_raw) {
		beacon.raw = leg;
		return;
	}
	assert_int_equal(
	    tls_shake(&beacon.shake, &(struct tls_shake_order){ .lower = leg,
					 .context = server_context,
					 .ms = 10000,
					 .fn = on_shaken }),
	    0);
}

static enum test_network_answer answer(void *ctx, const char *target)
{
	(void)ctx;
	(void)target;
	return fate;
}

static void on_waiting(void *ctx, uint32_t position)
{
	(void)ctx;
	got.waiting++;
	got.position = position;
	if (got.cancel)
		beaconc_cancel(STEAL(visit));
}

static void on_paired(void *ctx, struct leg *leg, const uint8_t pair[FRAME_ID])
{
	(void)ctx;
	got.paired++;
	got.leg = leg;
	memcpy(got.pair, pair, FRAME_ID);
	visit = NULL;
}

static void on_failed(
    void *ctx, const struct fault *fault, unsigned code, uint32_t retry_ms)
{
	(void)ctx;
	got.failed++;
	got.fault = *fault;
	got.code = code;
	got.retry_ms = retry_ms;
	visit = NULL;
}

static const struct beaconc_events events = { on_waiting, on_paired,
	on_failed };

static struct tls_context *context_of(const struct tls_config *of)
{
	struct tls_context *c = NULL;
	struct fault fault = FAULT_NONE;

	if (tls_context_new(&c, of, &fault))
		fail_msg("%s", fault.text);
	return c;
}

static struct tls_context *outer_of(X509 *trusted)
{
	static const char *const alpn[] = { FRAME_ALPN, NULL };

	return context_of(&(struct tls_config){ .end = TLS_CLIENT,
	    .hop = "outer TLS",
	    .alpn = alpn,
	    .trust = TLS_TRUST_CA,
	    .ca = trusted });
}

static int group_setup(void **state)
{
	static const char *const alpn[] = { FRAME_ALPN, NULL };

	(void)state;
	ca = testpki_ca_new("the beacon's CA");
	other_ca = testpki_ca_new("the bridge CA");
	beacon_id =
	    testpki_identity(&ca, ROLE_BRIDGE, "beacon", "beacon.example");
	bridge_id = testpki_identity(&other_ca, ROLE_BRIDGE, "b", NULL);
	server_context = context_of(&(struct tls_config){ .end = TLS_SERVER,
	    .hop = "outer TLS",
	    .alpn = alpn,
	    .identity = beacon_id });
	client_context = outer_of(ca.cert);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	tls_context_free(server_context);
	tls_context_free(client_context);
	identity_free(beacon_id);
	identity_free(bridge_id);
	testpki_ca_free(&ca);
	testpki_ca_free(&other_ca);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(&beacon, 0, sizeof(beacon));
	memset(&got, 0, sizeof(got));
	fate = TEST_CONNECT;
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, START);
	network = (struct test_network){ .answer = answer, .arrive = arrive };
	test_network_join(&network, loop);
	config = (struct beaconc_config){
		.target = TARGET, .outer = client_context, .role = FRAME_CONNECT
	};
	memset(config.hash, 0xab, sizeof(config.hash));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	beaconc_cancel(visit);
	visit = NULL;
	tls_shake_cancel(beacon.shake);
	leg_reset(beacon.leg);
	leg_reset(beacon.raw);
	leg_reset(got.leg);
	turns();
	assert_null(network.calls);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	loop_free(loop);
	return 0;
}

static void go(void)
{
	assert_int_equal(
	    beaconc_open(&visit, loop, &config, &events, NULL, NULL), 0);
	assert_int_equal(got.failed, 0);
	turns();
}

/* Read one whole frame at the beacon. */
static bool beacon_reads(struct frame *out)
{
	for (;;) {
		size_t need;
		ssize_t n;

		assert_int_equal(frame_need(beacon.in, beacon.n_in, &need), 0);
		if (!need)
			break;
		turns();
		n = leg_read(beacon.leg, beacon.in + beacon.n_in, need);
		if (n <= 0)
			return false;
		beacon.n_in += (size_t)n;
	}
	assert_int_equal(frame_read(out, beacon.in, beacon.n_in), 0);
	beacon.n_in = 0;
	return true;
}

static void beacon_sends(const struct frame *f)
{
	uint8_t bytes[FRAME_BUFFER];
	size_t n;

	assert_int_equal(frame_write(f, bytes, sizeof(bytes), &n), 0);
	assert_int_equal(leg_write(beacon.leg, bytes, n), (ssize_t)n);
	turns();
}

/* As far as HELLO. */
static void greet(void)
{
	go();
	assert_non_null(beacon.leg);
	assert_true(beacon_reads(&beacon.hello));
	assert_int_equal(beacon.hello.type, FRAME_TYPE_HELLO);
}

static void send_wait(uint32_t position)
{
	beacon_sends(&(struct frame){ .type = FRAME_TYPE_WAIT,
	    .u.wait = { .ping_s = PING_S, .position = position } });
}

static void send_paired(void)
{
	beacon_sends(&(struct frame){
	    .type = FRAME_TYPE_PAIRED, .u.paired.pair = { 1, 2, 3 } });
}

static void send_ping(char c)
{
	beacon_sends(&(struct frame){
	    .type = FRAME_TYPE_PING, .u.ping.opaque = { (uint8_t)c } });
}

static void send_error(unsigned code, uint32_t retry_ms, const char *text)
{
	struct frame f = { .type = FRAME_TYPE_ERROR,
		.u.error = { .code = (uint16_t)code, .retry_ms = retry_ms } };

	(void)snprintf(f.u.error.text, sizeof(f.u.error.text), "%s", text);
	beacon_sends(&f);
}

static void expect_failure(const char *text)
{
	turns();
	assert_int_equal(got.failed, 1);
	assert_int_equal(got.paired, 0);
	assert_null(visit);
	if (!strstr(got.fault.text, text))
		fail_msg("\"%s\" is not in: %s", text, got.fault.text);
	assert_memory_equal(
	    got.fault.text, "beacon " TARGET ": ", 7 + sizeof(TARGET) + 1);
	assert_int_not_equal(got.fault.code, 0);
}

static void a_pair_is_handed_over_without_a_byte_lost(void **state)
{
	char byte[8] = "";

	(void)state;
	greet();
	send_wait(0);
	assert_int_equal(got.waiting, 1);
	/* the peer's first bytes follow PAIRED at once */
	assert_int_equal(beacon.hello.u.hello.role, FRAME_CONNECT);
	send_paired();
	assert_int_equal(leg_write(beacon.leg, "peer", 4), 4);
	turns();
	assert_int_equal(got.paired, 1);
	assert_int_equal(got.pair[2], 3);
	assert_int_equal(leg_read(got.leg, byte, sizeof(byte)), 4);
	assert_string_equal(byte, "peer");
	assert_int_equal(leg_write(got.leg, "me", 2), 2);
	turns();
	assert_int_equal(leg_read(beacon.leg, byte, sizeof(byte)), 2);
}

static void bytes_in_the_same_record_as_paired_are_the_peers(void **state)
{
	static const uint8_t first[] = { 1, 2, 3, 4, 5 };
	uint8_t bytes[64], seen[8];
	size_t n;

	(void)state;
	greet();
	assert_int_equal(
	    frame_write(&(struct frame){ .type = FRAME_TYPE_PAIRED }, bytes,
		sizeof(bytes), &n),
	    0);
	memcpy(bytes + n, first, sizeof(first));
	n += sizeof(first);
	assert_int_equal(leg_write(beacon.leg, bytes, n), (ssize_t)n);
	turns();
	assert_int_equal(got.paired, 1);
	assert_int_equal(leg_read(got.leg, seen, sizeof(seen)), sizeof(first));
	assert_memory_equal(seen, first, sizeof(first));
}

static void hello_says_what_was_configured(void **state)
{
	const struct frame_hello *h = &beacon.hello.u.hello;

	(void)state;
	config.role = FRAME_LISTEN;
	config.require_proven = true;
	config.name = "bridge in cellar 2";
	greet();
	assert_int_equal(h->version, FRAME_VERSION);
	assert_int_equal(h->role, FRAME_LISTEN);
	assert_memory_equal(h->hash, config.hash, FRAME_HASH);
	assert_true(h->require_proven);
	assert_string_equal(h->name, "bridge in cellar 2");
	assert_false(h->has_proof || h->has_shed);
}

static void the_proof_holds_for_this_session(void **state)
{
	static const enum role roles[] = { ROLE_BRIDGE };
	const struct frame_hello *h = &beacon.hello.u.hello;
	uint8_t exporter[FRAME_EXPORTER], bytes[PROOF_SIGNED_SIZE];

	(void)state;
	config.identity = bridge_id;
	memcpy(config.hash, bridge_id->realm, sizeof(config.hash));
	greet();
	assert_true(h->has_proof);
	assert_int_equal(
	    tls_leg_export(beacon.leg, PROOF_EXPORTER_LABEL, exporter), 0);
	proof_signed_bytes(bytes, exporter, h->hash, h->role);
	assert_int_equal(
	    prove_check(&(struct prove_claim){ .leaf = h->proof.leaf.bytes,
		.n_leaf = h->proof.leaf.n,
		.ca = h->proof.ca.bytes,
		.n_ca = h->proof.ca.n,
		.signature = h->proof.signature.bytes,
		.n_signature = h->proof.signature.n,
		.hash = h->hash,
		.roles = roles,
		.n_roles = 1,
		.bytes = bytes,
		.n_bytes = sizeof(bytes) }),
	    0);
}

static void each_ping_has_its_pong_before_the_pair(void **state)
{
	struct frame f;

	(void)state;
	greet();
	send_wait(0);
	for (int c = 'a'; c < 'd'; c++) {
		send_ping((char)c);
		assert_true(beacon_reads(&f));
		assert_int_equal(f.type, FRAME_TYPE_PONG);
		assert_int_equal(f.u.ping.opaque[0], c);
	}
	send_ping('x');
	send_paired();
	assert_int_equal(leg_write(got.leg, "mine", 4), 4);
	assert_true(beacon_reads(&f)); /* the PONG comes first */
	assert_int_equal(f.type, FRAME_TYPE_PONG);
	assert_int_equal(f.u.ping.opaque[0], 'x');
	assert_int_equal(leg_read(beacon.leg, (char[4]){ 0 }, 4), 4);
}

/* Send PINGs, numbered, without reading a PONG, until nothing more is taken.
 * Return: bytes that were taken. */
static size_t flood(void)
{
	size_t sent = 0;
	int stuck = 0;

	while (stuck < 3) {
		struct frame f = { .type = FRAME_TYPE_PING };
		uint32_t number = (uint32_t)(sent / PING_SIZE);
		uint8_t bytes[PING_SIZE];
		size_t n;
		ssize_t put;

		memcpy(f.u.ping.opaque, &number, sizeof(number));
		assert_int_equal(frame_write(&f, bytes, sizeof(bytes), &n), 0);
		assert_int_equal(n, PING_SIZE);
		put = leg_write(beacon.leg, bytes + sent % PING_SIZE,
		    PING_SIZE - sent % PING_SIZE);
		sent += put > 0 ? (size_t)put : 0;
		stuck = put > 0 ? 0 : stuck + 1;
		if (put < 0)
			turns();
		assert_true(sent < FLOOD_MOST); /* it stops reading */
	}
	return sent;
}

static void nothing_is_read_while_a_pong_cannot_be_written(void **state)
{
	size_t sent;
	struct frame f;

	(void)state;
	network.capacity = 4096;
	greet();
	send_wait(0);
	sent = flood();
	for (uint32_t i = 0; i < sent / PING_SIZE; i++) {
		uint32_t number;

		assert_true(beacon_reads(&f));
		assert_int_equal(f.type, FRAME_TYPE_PONG);
		memcpy(&number, f.u.ping.opaque, sizeof(number));
		assert_int_equal(number, i);
	}
	assert_int_equal(got.failed, 0);
}

static int near_fd;

static void connect_by_tcp(void *ctx, struct leg **near, struct leg **far)
{
	int fd[2];

	(void)ctx;
	test_tcp_pair(fd);
	near_fd = fd[0];
	assert_int_equal(tcp_leg_open(near, loop, fd[0], false), 0);
	assert_int_equal(tcp_leg_open(far, loop, fd[1], false), 0);
}

static int user_timeout(void)
{
	int ms = -1;
	socklen_t size = sizeof(ms);

	assert_int_equal(
	    getsockopt(near_fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, &size), 0);
	return ms;
}

static void dead_networks_are_found_while_waiting_and_not_after(void **state)
{
	(void)state;
	network.connect = connect_by_tcp;
	assert_int_equal(
	    beaconc_open(&visit, loop, &config, &events, NULL, NULL), 0);
	while (!beacon.leg)
		loop_turn(loop);
	while (!beacon_reads(&beacon.hello))
		loop_turn(loop);
	assert_int_equal(user_timeout(), 30000);
	send_paired();
	while (!got.paired)
		loop_turn(loop);
	assert_int_equal(user_timeout(), 0);
}

static void waiting_is_told_when_the_position_changes(void **state)
{
	(void)state;
	greet();
	send_wait(7);
	send_wait(7);
	assert_int_equal(got.waiting, 1);
	send_wait(3);
	assert_int_equal(got.waiting, 2);
	assert_int_equal(got.position, 3);
}

static void pings_keep_a_visit_alive_and_silence_ends_it(void **state)
{
	(void)state;
	greet();
	send_wait(0);
	for (int i = 0; i < 10; i++) {
		pass(UINT64_C(2) * PING_S * 1000);
		send_ping('k');
	}
	pass(UINT64_C(3) * PING_S * 1000 - 1);
	assert_int_equal(got.failed, 0);
	pass(1);
	expect_failure("no ping");
	assert_int_equal(got.fault.code, -ETIMEDOUT);
}

/* What the beacon's own refusals become. */
static void refusals_name_the_hop_the_code_and_the_remedy(void **state)
{
	static const struct {
		unsigned code;
		uint32_t retry_ms, retry_want;
		const char *says, *text;
	} rows[] = {
		{ FRAME_ERROR_RATE_LIMIT, 600, 600, "",
		    "rateLimit: too many connections" },
		{ FRAME_ERROR_BAD_HELLO, 0, 0, "", "badHello" },
		{ FRAME_ERROR_VERSION, 0, 0, "", "version: " },
		{ FRAME_ERROR_FEATURE, 0, 0, "", "feature: " },
		{ FRAME_ERROR_SOURCE_BUSY, 0, 0, "", "sourceBusy: " },
		{ FRAME_ERROR_HASH_BUSY, 0, 0, "", "info hash abababab" },
		{ FRAME_ERROR_NO_PEER, 1000, 1000, "",
		    "noPeer: nobody is waiting under info hash abababab" },
		{ FRAME_ERROR_DRAINING, 90000, 60000, "", "draining: " },
		{ FRAME_ERROR_UNPROVEN, 0, 0, "leaf has expired",
		    "(it says: leaf has expired)" },
		{ FRAME_ERROR_TIMEOUT, UINT32_MAX, 60000, "", "timeout: " },
		{ 4711, 0, 0, "something new",
		    "unknown: it refused us (it says: something new)" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if (i)
			setup(state);
		greet();
		send_error(rows[i].code, rows[i].retry_ms, rows[i].says);
		expect_failure(rows[i].text);
		assert_int_equal(got.code, rows[i].code);
		assert_int_equal(got.retry_ms, rows[i].retry_want);
		assert_int_equal(got.fault.code == -ENXIO,
		    rows[i].code == FRAME_ERROR_NO_PEER);
		assert_int_not_equal(got.fault.hint[0], '\0');
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

static void a_refusal_is_read_even_if_the_beacon_closed_at_once(void **state)
{
	(void)state;
	greet();
	send_wait(0);
	beacon_sends(&(struct frame){ .type = FRAME_TYPE_PING });
	send_error(FRAME_ERROR_DRAINING, 5, "");
	leg_close(STEAL(beacon.leg));
	expect_failure("draining");
	assert_int_equal(got.retry_ms, 5);
}

static void goaway_is_draining(void **state)
{
	(void)state;
	greet();
	send_wait(0);
	beacon_sends(&(struct frame){
	    .type = FRAME_TYPE_GOAWAY, .u.goaway.reconnect_ms = 70000 });
	expect_failure("draining");
	assert_int_equal(got.code, FRAME_ERROR_DRAINING);
	assert_int_equal(got.retry_ms, 60000);
}

static void what_is_no_beacon_is_said_to_be_none(void **state)
{
	static const struct {
		const char *label, *bytes;
		size_t n;
		const char *text;
	} rows[] = {
		{ "HTTP", "HTTP/1.1 400 Bad Request\r\n", 26, "not a frame" },
		{ "a frame too long", "\xff\xff\x02", 3, "not a frame" },
		{ "an unknown type", "\0\x01\x63", 3, "frame" },
		{ "PONG",
		    "\0\x09\x04"
		    "12345678",
		    11, "only clients" },
		{ "a short PAIRED", "\0\x05\x05zzzz", 7, "malformed" },
		{ "shed, which we did not offer",
		    "\0\x15\x05"
		    "0123456789abcdef\0\0\0\1",
		    23, "did not ask for" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		if (i)
			setup(state);
		greet();
		assert_int_equal(
		    leg_write(beacon.leg, rows[i].bytes, rows[i].n),
		    (ssize_t)rows[i].n);
		expect_failure(rows[i].text);
		assert_int_equal(got.fault.code, -EPROTO);
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

/* The places where the network or the beacon can go. */
static void a_refused_dial_is_a_failure(void **state)
{
	(void)state;
	fate = TEST_REFUSE;
	go();
	expect_failure("connection refused");
}

static void a_dial_without_answer_has_a_deadline(void **state)
{
	(void)state;
	fate = TEST_MUTE;
	go();
	pass(9999);
	assert_int_equal(got.failed, 0);
	pass(1);
	expect_failure("no answer");
}

static void a_handshake_without_answer_has_a_deadline(void **state)
{
	(void)state;
	beacon.keeps_raw = true;
	go();
	pass(10000);
	expect_failure("outer TLS");
}

static void a_hello_without_answer_has_a_deadline(void **state)
{
	(void)state;
	greet();
	pass(9999);
	assert_int_equal(got.failed, 0);
	pass(1);
	expect_failure("HELLO is not answered");
}

static void an_end_or_a_reset_is_a_failure_at_every_stage(void **state)
{
	for (int stage = 0; stage < 4; stage++) {
		if (stage)
			setup(state);
		greet();
		if (stage >= 2)
			send_wait(0);
		if (stage % 2)
			leg_reset(STEAL(beacon.leg));
		else
			leg_close(STEAL(beacon.leg));
		expect_failure("");
		assert_int_equal(got.fault.code, -ECONNRESET);
		if (stage < 3)
			teardown(state);
	}
}

static void an_untrusted_beacon_is_refused(void **state)
{
	struct tls_context *wrong = outer_of(other_ca.cert);

	(void)state;
	config.outer = wrong;
	go();
	expect_failure("outer TLS");
	assert_int_equal(got.fault.code, -EACCES);
	tls_context_free(wrong);
}

static void cancelling_is_silent_at_every_stage(void **state)
{
	for (int stage = 0; stage < 5; stage++) {
		if (stage)
			setup(state);
		fate = stage == 0 ? TEST_MUTE : TEST_CONNECT;
		beacon.keeps_raw = stage == 1;
		got.cancel = stage == 4;
		if (stage < 2)
			go();
		else
			greet();
		if (stage >= 3)
			send_wait(0);
		assert_true(!visit == (stage == 4));
		beaconc_cancel(STEAL(visit));
		pass(100000);
		assert_int_equal(got.failed + got.paired, 0);
		if (stage < 4)
			teardown(state);
	}
}

static void a_bad_target_is_refused_at_once(void **state)
{
	struct fault fault = FAULT_NONE;

	(void)state;
	config.target = "beacon.example";
	assert_int_equal(
	    beaconc_open(&visit, loop, &config, &events, NULL, &fault),
	    -EINVAL);
	assert_non_null(strstr(fault.text, "beacon.example"));
}

static void trust_is_roots_a_file_or_a_pin(void **state)
{
	static const struct {
		const char *ca_file, *pin;
		int want;
		const char *text;
	} rows[] = {
		{ NULL, NULL, 0, NULL },
		{ NULL,
		    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b"
		    "7852b855",
		    0, NULL },
		{ NULL, "e3b0c4", -EINVAL, "--beacon-pin" },
		{ NULL, "", -EINVAL, "--beacon-pin" },
		{ "x.pem", "e3b0c4", -EINVAL, "exclude" },
		{ "/nonexistent/x.pem", NULL, -ENOENT, "/nonexistent/x.pem" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct beaconc_trust trust = { rows[i].ca_file, rows[i].pin };
		struct fault fault = FAULT_NONE;
		struct tls_context *c = NULL;

		assert_int_equal(
		    beaconc_outer_context(&c, &trust, &fault), rows[i].want);
		if (rows[i].text && !strstr(fault.text, rows[i].text))
			fail_msg("%s", fault.text);
		tls_context_free(c);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_pair_is_handed_over_without_a_byte_lost),
		TEST(bytes_in_the_same_record_as_paired_are_the_peers),
		TEST(hello_says_what_was_configured),
		TEST(the_proof_holds_for_this_session),
		TEST(each_ping_has_its_pong_before_the_pair),
		TEST(nothing_is_read_while_a_pong_cannot_be_written),
		TEST(dead_networks_are_found_while_waiting_and_not_after),
		TEST(waiting_is_told_when_the_position_changes),
		TEST(pings_keep_a_visit_alive_and_silence_ends_it),
		TEST(refusals_name_the_hop_the_code_and_the_remedy),
		TEST(a_refusal_is_read_even_if_the_beacon_closed_at_once),
		TEST(goaway_is_draining),
		TEST(what_is_no_beacon_is_said_to_be_none),
		TEST(a_refused_dial_is_a_failure),
		TEST(a_dial_without_answer_has_a_deadline),
		TEST(a_handshake_without_answer_has_a_deadline),
		TEST(a_hello_without_answer_has_a_deadline),
		TEST(an_end_or_a_reset_is_a_failure_at_every_stage),
		TEST(an_untrusted_beacon_is_refused),
		TEST(cancelling_is_silent_at_every_stage),
		TEST(a_bad_target_is_refused_at_once),
		TEST(trust_is_roots_a_file_or_a_pin),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
