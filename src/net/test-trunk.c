/* Two trunks over loopback: names, refusals, waiting, limits. */
#include "net/trunk.h"
#include "net/ask.h"
#include "net/test-support.h"
#include "pki/testpki.h"
#include <stdio.h>

static struct loop *loop;
static char folder[] = "/tmp/pharos-test-trunk-XXXXXX";
static char here[64]; /* where the listening side accepts */

static struct trunk *listening, *connecting;

static struct {
	char name[TRUNK_NAME_MOST + 1], peer[ROLE_NAME_MOST + 1];
	int offers, ups, gones, failures;
	enum { ACCEPT, REFUSE, HOLD, ABANDON, KEEP } then;
	int kept;
	struct leg *leg;
	struct http_stream *held;
} far;

static struct call {
	struct trunk_call *call;
	int told;
	struct leg *leg;
	struct fault fault;
	struct call *then; /* call again from the callback */
} near;

static const char *in_folder(const char *name)
{
	static char path[4][128];
	static int next;
	char *to = path[next++ % 4];

	(void)snprintf(to, sizeof(path[0]), "%s/%s", folder, name);
	return to;
}

static void issue(const struct testpki_ca *ca, const char *name)
{
	struct identity *id = testpki_identity(ca, ROLE_PIPE, name, NULL);
	char file[32];

	(void)snprintf(file, sizeof(file), "%s.crt", name);
	testpki_write_cert(in_folder(file), id->leaf);
	(void)snprintf(file, sizeof(file), "%s.key", name);
	testpki_write_key(in_folder(file), id->key);
	identity_free(id);
}

static int group_setup(void **state)
{
	struct testpki_ca ca = testpki_ca_new("the CA");

	(void)state;
	assert_non_null(mkdtemp(folder));
	testpki_write_cert(in_folder("ca.crt"), ca.cert);
	issue(&ca, "home");
	issue(&ca, "laptop");
	testpki_ca_free(&ca);
	return 0;
}

static int group_teardown(void **state)
{
	static const char *const files[] = { "ca.crt", "home.crt", "home.key",
		"laptop.crt", "laptop.key" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(files); i++)
		unlink(in_folder(files[i]));
	rmdir(folder);
	return 0;
}

/* Ends with the peer. */
static void on_kept(void *ctx, struct leg *leg, unsigned events)
{
	(void)ctx;
	(void)events;
	leg_reset(leg);
	far.kept--;
}

static void keep(struct leg *leg)
{
	assert_non_null(leg);
	leg_handle(leg, on_kept, NULL);
	leg_want(leg, LEG_READ);
	far.kept++;
}

static void on_offered(
    void *ctx, struct http_stream *stream, const char *name, const char *peer)
{
	(void)ctx;
	far.offers++;
	(void)snprintf(far.name, sizeof(far.name), "%s", name);
	(void)snprintf(far.peer, sizeof(far.peer), "%s", peer);
	if (far.then == ACCEPT)
		far.leg = trunk_accept(stream);
	else if (far.then == REFUSE)
		trunk_refuse(stream, 404, "not\nhere");
	else if (far.then == KEEP)
		keep(trunk_accept(stream));
	else if (far.then == HOLD)
		far.held = stream;
	else
		http_stream_abandon(stream);
}

static void on_told(void *ctx, const struct uplink_news *news)
{
	(void)ctx;
	far.ups += news->what == UPLINK_UP;
	far.gones += news->what == UPLINK_GONE;
	far.failures += news->what == UPLINK_FAILED;
}

static struct uplink_config uplink_as(const char *name)
{
	static char cert[2][128], key[2][128], ca[128];
	int i = name[0] == 'l';

	(void)snprintf(cert[i], 128, "%s/%s.crt", folder, name);
	(void)snprintf(key[i], 128, "%s/%s.key", folder, name);
	(void)snprintf(ca, 128, "%s/ca.crt", folder);
	return (struct uplink_config){ .cert_file = cert[i],
		.key_file = key[i],
		.ca_file = ca,
		.role = ROLE_PIPE,
		.peer_role = ROLE_PIPE };
}

static void open_listening(const char *address)
{
	struct trunk_config config = {
		.side = TRUNK_LISTEN,
		.uplink = uplink_as("home"),
		.offered = on_offered,
		.told = on_told,
	};
	struct fault fault = FAULT_NONE;

	config.uplink.route = (struct route_config){
		.kind = ROUTE_ACCEPT, .targets = &address, .n_targets = 1
	};
	if (trunk_open(&listening, loop, &config, &fault))
		fail_msg("%s", fault.text);
	(void)snprintf(here, sizeof(here), "%s",
	    route_address(uplink_route(trunk_uplink(listening))));
}

static void open_connecting(unsigned wait_ms)
{
	const char *target = here;
	struct trunk_config config = {
		.side = TRUNK_CONNECT,
		.uplink = uplink_as("laptop"),
		.told = on_told,
		.wait_ms = wait_ms,
	};
	struct fault fault = FAULT_NONE;

	config.uplink.route = (struct route_config){ .kind = ROUTE_DIAL,
		.keep = ROUTE_SOME,
		.count = 1,
		.targets = &target,
		.n_targets = 1 };
	if (trunk_open(&connecting, loop, &config, &fault))
		fail_msg("%s", fault.text);
}

static int setup(void **state)
{
	(void)state;
	memset(&far, 0, sizeof(far));
	memset(&near, 0, sizeof(near));
	assert_int_equal(loop_new(&loop), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	leg_reset(STEAL(near.leg));
	leg_reset(STEAL(far.leg));
	if (far.held)
		http_stream_abandon(far.held);
	trunk_close(STEAL(connecting));
	trunk_close(STEAL(listening));
	loop_free(loop);
	return 0;
}

static void on_called(void *ctx, struct leg *leg, const struct fault *fault)
{
	struct call *c = ctx;

	c->call = NULL;
	c->told++;
	c->leg = leg;
	if (fault)
		c->fault = *fault;
	if (c->then)
		assert_int_equal(trunk_call(&c->then->call, connecting, "again",
				     on_called, c->then),
		    0);
}

static void call(const char *name)
{
	assert_int_equal(
	    trunk_call(&near.call, connecting, name, on_called, &near), 0);
}

/* Read @text, or with "" the end. */
static void hear(struct leg *leg, const char *text)
{
	char got[16] = "";
	ssize_t n = -EAGAIN;

	TEST_UNTIL(loop,
	    n != -EAGAIN || (n = leg_read(leg, got, sizeof(got))) != -EAGAIN);
	assert_int_equal(n, (ssize_t)strlen(text));
	assert_string_equal(got, text);
}

static void a_name_reaches_the_other_side(void **state)
{
	static const char *const names[] = { "ssh", "", "a.b-9", NULL };
	(void)state;
	open_listening("127.0.0.1:0");
	open_connecting(10000);
	for (size_t i = 0; i < N_ELEMS(names); i++) {
		near.told = 0;
		call(names[i]);
		TEST_UNTIL(loop, near.told);
		assert_non_null(near.leg);
		assert_string_equal(far.name, names[i] ? names[i] : "");
		assert_string_equal(far.peer, "laptop");
		assert_int_equal(leg_write(near.leg, "hello", 5), 5);
		hear(far.leg, "hello");
		assert_int_equal(leg_write(far.leg, "there", 5), 5);
		hear(near.leg, "there");
		leg_close(STEAL(near.leg));
		hear(far.leg, "");
		leg_close(STEAL(far.leg));
	}
	assert_int_equal(far.ups, 2); /* one tunnel, both its ends */
}

static void what_is_no_name_is_not_asked_for(void **state)
{
	static char long_name[TRUNK_NAME_MOST + 2];
	const char *const bad[] = { "A", "a b", "a/b", "a:1", long_name };

	(void)state;
	memset(long_name, 'a', sizeof(long_name) - 1);
	open_listening("127.0.0.1:0");
	open_connecting(10000);
	for (size_t i = 0; i < N_ELEMS(bad); i++)
		assert_int_equal(trunk_call(&near.call, connecting, bad[i],
				     on_called, &near),
		    -EINVAL);
	assert_null(near.call);
}

static void a_refusal_comes_with_its_words_made_safe(void **state)
{
	(void)state;
	far.then = REFUSE;
	open_listening("127.0.0.1:0");
	open_connecting(10000);
	call("ssh");
	TEST_UNTIL(loop, near.told);
	assert_null(near.leg);
	assert_int_equal(near.fault.code, -ECONNREFUSED);
	assert_string_equal(
	    near.fault.text, "the peer refused with 404: not?here");
}

static void on_answer(void *ctx, struct ask_answer *answer)
{
	int *status = ctx;

	assert_null(answer->leg);
	*status = answer->status;
}

static void another_authority_is_refused(void **state)
{
	static const char *const bad[] = { "127.0.0.1:22", "bridge.pharos:443",
		"pipe.pharos:80", ".pipe.pharos:443", "a_b.pipe.pharos:443",
		"xpipe.pharos:443", "A.pipe.pharos:443" };

	(void)state;
	open_listening("127.0.0.1:0");
	open_connecting(10000);
	TEST_UNTIL(loop, uplink_pick(trunk_uplink(connecting)));
	for (size_t i = 0; i < N_ELEMS(bad); i++) {
		int status = 0;
		struct ask *ask;

		assert_int_equal(
		    ask_open(&ask, uplink_pick(trunk_uplink(connecting)),
			bad[i], 10000, on_answer, &status),
		    0);
		TEST_UNTIL(loop, status);
		if (status != 403)
			fail_msg("%s: %d", bad[i], status);
	}
	assert_int_equal(far.offers, 0);
}

/* A tunnel has HTTP_STREAMS_MAX streams; who comes then waits for one. */
static void in_a_full_tunnel_a_call_waits_for_a_place(void **state)
{
	static struct call many[HTTP_STREAMS_MAX];

	(void)state;
	far.then = KEEP;
	open_listening("127.0.0.1:0");
	open_connecting(1000);
	TEST_UNTIL(loop, uplink_pick(trunk_uplink(connecting)));
	for (size_t i = 0; i < N_ELEMS(many); i++)
		assert_int_equal(trunk_call(&many[i].call, connecting, "x",
				     on_called, &many[i]),
		    0);
	TEST_UNTIL(loop, many[N_ELEMS(many) - 1].told);
	call("ssh");
	TEST_UNTIL(loop, near.told);
	assert_int_equal(near.fault.code, -EBUSY);
	assert_non_null(strstr(near.fault.text, "every tunnel"));
	near.told = 0;
	call("ssh");
	leg_close(STEAL(many[7].leg));
	TEST_UNTIL(loop, near.told);
	assert_non_null(near.leg);
	for (size_t i = 0; i < N_ELEMS(many); i++)
		leg_reset(many[i].leg);
	leg_reset(STEAL(near.leg));
	TEST_UNTIL(loop, !far.kept);
}

static void an_offer_that_is_dropped_is_a_failure(void **state)
{
	(void)state;
	far.then = ABANDON;
	open_listening("127.0.0.1:0");
	open_connecting(10000);
	call("ssh");
	TEST_UNTIL(loop, near.told);
	assert_int_equal(near.fault.code, -ECONNRESET);
	assert_int_equal(far.offers, 1);
}

static void a_call_waits_for_a_tunnel(void **state)
{
	char address[64];

	(void)state;
	open_listening("127.0.0.1:0");
	(void)snprintf(address, sizeof(address), "%s", here);
	trunk_close(STEAL(listening));
	open_connecting(20000);
	call("ssh");
	test_turns_in(loop, 50);
	assert_int_equal(near.told, 0);
	open_listening(address);
	TEST_UNTIL(loop, near.told);
	assert_non_null(near.leg);
}

static void and_no_longer_than_told(void **state)
{
	(void)state;
	open_listening("127.0.0.1:0");
	trunk_close(STEAL(listening));
	open_connecting(50);
	TEST_UNTIL(loop, far.failures);
	call("ssh");
	TEST_UNTIL(loop, near.told);
	assert_int_equal(near.fault.code, -ETIMEDOUT);
	assert_non_null(strstr(near.fault.text, "no tunnel to the peer in 50"));
	assert_non_null(
	    strstr(near.fault.text, "refused")); /* the last fault */
	assert_non_null(strstr(near.fault.hint, "is the other side running"));
}

static void many_wait_in_turn_up_to_a_limit(void **state)
{
	static struct call many[TRUNK_WAITING_MOST];

	(void)state;
	far.then = REFUSE;
	open_listening("127.0.0.1:0");
	open_connecting(20000);
	for (size_t i = 0; i < N_ELEMS(many); i++)
		assert_int_equal(trunk_call(&many[i].call, connecting, "x",
				     on_called, &many[i]),
		    0);
	assert_int_equal(
	    trunk_call(&near.call, connecting, "x", on_called, &near), -EBUSY);
	TEST_UNTIL(loop, many[N_ELEMS(many) - 1].told);
	for (size_t i = 0; i < N_ELEMS(many); i++)
		assert_int_equal(many[i].fault.code, -ECONNREFUSED);
	assert_int_equal(far.offers, TRUNK_WAITING_MOST);
}

static void a_call_may_be_made_from_a_call_s_end(void **state)
{
	struct call second = { .told = 0 };

	(void)state;
	far.then = REFUSE;
	open_listening("127.0.0.1:0");
	open_connecting(20000);
	near.then = &second;
	call("ssh");
	TEST_UNTIL(loop, second.told);
	assert_string_equal(far.name, "again");
}

static void a_cancelled_call_is_not_told(void **state)
{
	(void)state;
	far.then = HOLD;
	open_listening("127.0.0.1:0");
	open_connecting(20000);
	call("ssh");
	trunk_call_cancel(near.call); /* waiting */
	call("ssh");
	TEST_UNTIL(loop, far.held);
	trunk_call_cancel(near.call); /* asking */
	TEST_UNTIL(loop, leg_state(http_stream_leg(far.held)) == LEG_FAILED);
	assert_int_equal(near.told, 0);
	assert_null(trunk_accept(STEAL(far.held))); /* the peer has given up */
	near.call = NULL;
}

static void a_drain_lets_streams_end_and_takes_no_more(void **state)
{
	(void)state;
	open_listening("127.0.0.1:0");
	open_connecting(10000);
	call("ssh");
	TEST_UNTIL(loop, near.told);
	trunk_drain(connecting, 10000);
	assert_true(uplink_busy(trunk_uplink(connecting)));
	assert_null(uplink_pick(trunk_uplink(connecting)));
	assert_int_equal(leg_write(near.leg, "last", 4), 4);
	hear(far.leg, "last");
	leg_close(STEAL(far.leg));
	hear(near.leg, "");
	leg_close(STEAL(near.leg));
	TEST_UNTIL(loop, !uplink_busy(trunk_uplink(connecting)));
	TEST_UNTIL(loop, far.gones == 2);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_name_reaches_the_other_side),
		TEST(what_is_no_name_is_not_asked_for),
		TEST(a_refusal_comes_with_its_words_made_safe),
		TEST(another_authority_is_refused),
		TEST(in_a_full_tunnel_a_call_waits_for_a_place),
		TEST(an_offer_that_is_dropped_is_a_failure),
		TEST(a_call_waits_for_a_tunnel),
		TEST(and_no_longer_than_told),
		TEST(many_wait_in_turn_up_to_a_limit),
		TEST(a_call_may_be_made_from_a_call_s_end),
		TEST(a_cancelled_call_is_not_told),
		TEST(a_drain_lets_streams_end_and_takes_no_more),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
