/* An uplink whose identity is in memory, and peers that are shut out. The
 * uplink is a bridge that dials; the test is the brokers that it reaches. */
#include "net/uplink.h"
#include "net/test-network.h"
#include "net/test-support.h"
#include "pki/testpki.h"

enum { FAR_MOST = 8 };

static const char *const targets[] = { "one.example:1", "two.example:1" };

static struct loop *loop;
static struct test_network network;
static struct testpki_ca ca, other_ca;
static struct identity *bridge_id, *renewed_id, *stranger_id;
static struct httpd *handlers;
static struct uplink *uplink;

/* The broker at each target. */
static struct far {
	struct identity *id;
	struct tunnel_trust trust;
	struct tls_context *context;
	struct tunnel *tunnel;
	int ups, gones;
	char peer[ROLE_NAME_MOST + 1]; /* of the last that was up */
} far[N_ELEMS(targets)];

static struct {
	int ups, gones, failures;
	struct fault fault;
	char peer[ROLE_NAME_MOST + 1];
} told;

static const char *shut_out; /* a name; NULL: nobody */

static bool admit(void *ctx, const char *name)
{
	assert_ptr_equal(ctx, &shut_out);
	return !shut_out || strcmp(shut_out, name) != 0;
}

static void on_far_up(void *ctx, struct tunnel *t)
{
	struct far *f = ctx;

	f->ups++;
	(void)snprintf(f->peer, sizeof(f->peer), "%s", tunnel_peer(t));
}

static void on_far_gone(
    void *ctx, struct tunnel *t, const struct fault *fault, bool was_up)
{
	struct far *f = ctx;

	(void)t;
	(void)fault;
	(void)was_up;
	f->gones++;
	f->tunnel = NULL;
}

static void arrive(void *ctx, const char *target, struct leg *leg)
{
	static const struct tunnel_events events = { on_far_up, on_far_gone };
	struct far *f = &far[strcmp(target, targets[0]) != 0];
	struct tunnel_config config = {
		.context = f->context, .events = &events, .ctx = f
	};

	(void)ctx;
	assert_null(f->tunnel);
	assert_int_equal(tunnel_open(&f->tunnel, leg, &config), 0);
}

static void on_told(void *ctx, const struct uplink_news *news)
{
	(void)ctx;
	told.ups += news->what == UPLINK_UP;
	told.gones += news->what == UPLINK_GONE;
	told.failures += news->what == UPLINK_FAILED;
	if (news->fault)
		told.fault = *news->fault;
	(void)snprintf(told.peer, sizeof(told.peer), "%s", news->peer);
}

static int group_setup(void **state)
{
	(void)state;
	ca = testpki_ca_new("the bridge CA");
	other_ca = testpki_ca_new("another CA");
	bridge_id = testpki_identity(&ca, ROLE_BRIDGE, "b1", NULL);
	renewed_id = testpki_identity(&ca, ROLE_BRIDGE, "b2", NULL);
	stranger_id = testpki_identity(&other_ca, ROLE_BRIDGE, "b1", NULL);
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	identity_free(bridge_id);
	identity_free(renewed_id);
	identity_free(stranger_id);
	testpki_ca_free(&ca);
	testpki_ca_free(&other_ca);
	return 0;
}

static void turns(void)
{
	for (int i = 0; i < 200; i++)
		loop_turn(loop);
}

static int setup(void **state)
{
	static const char *const names[] = { "k1", "k2" };
	static const struct httpd_config none = { .n_routes = 0 };

	(void)state;
	memset(&told, 0, sizeof(told));
	memset(far, 0, sizeof(far));
	shut_out = NULL;
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, 1000);
	network = (struct test_network){ .arrive = arrive };
	test_network_join(&network, loop);
	assert_int_equal(httpd_new(&handlers, loop, &none), 0);
	for (size_t i = 0; i < N_ELEMS(far); i++) {
		far[i].id = testpki_identity(&ca, ROLE_BROKER, names[i], NULL);
		far[i].trust = (struct tunnel_trust){ .identity = far[i].id,
			.end = TLS_CLIENT,
			.peer_role = ROLE_BRIDGE };
		assert_int_equal(
		    tunnel_context(&far[i].context, &far[i].trust, NULL), 0);
	}
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	uplink_close(STEAL(uplink));
	for (size_t i = 0; i < N_ELEMS(far); i++) {
		if (far[i].tunnel)
			tunnel_cut(far[i].tunnel);
		tls_context_free(far[i].context);
		identity_free(far[i].id);
	}
	httpd_free(handlers);
	turns();
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	loop_free(loop);
	return 0;
}

static struct uplink_config config_of(const struct identity *id, size_t n)
{
	return (struct uplink_config){
		.identity = id,
		.role = ROLE_BRIDGE,
		.peer_role = ROLE_BROKER,
		.admit = admit,
		.admit_ctx = &shut_out,
		.end = TLS_SERVER,
		.handlers = handlers,
		.route = { .kind = ROUTE_DIAL,
		    .keep = ROUTE_EVERY,
		    .count = 1,
		    .targets = targets,
		    .n_targets = n },
		.told = on_told,
	};
}

/* To the first @n of the targets. */
static void open_uplink(size_t n)
{
	const struct uplink_config config = config_of(bridge_id, n);
	struct fault fault = FAULT_NONE;

	if (uplink_open(&uplink, loop, &config, &fault))
		fail_msg("%s", fault.text);
	turns();
}

static void an_identity_from_memory_is_shown(void **state)
{
	(void)state;
	open_uplink(1);
	assert_int_equal(uplink_up(uplink), 1);
	assert_string_equal(told.peer, "k1");
	assert_string_equal(far[0].peer, "b1");
	assert_string_equal(uplink_identity(uplink)->subject.name, "b1");
	assert_true(uplink_expiry(uplink) > loop_wall(loop));
}

static void a_renewed_one_is_for_tunnels_from_then_on(void **state)
{
	const struct uplink_config renewed = config_of(renewed_id, 1);
	struct papers *papers = NULL;

	(void)state;
	open_uplink(1);
	assert_int_equal(uplink_prepare(&papers, uplink, &renewed, NULL), 0);
	uplink_renew(uplink, papers);
	turns();
	assert_int_equal(told.gones, 0);
	assert_string_equal(far[0].peer, "b1");
	tunnel_cut(STEAL(far[0].tunnel));
	turns();
	loop_set_now(loop, loop_now(loop) + 30000);
	turns();
	assert_int_equal(told.ups, 2);
	assert_string_equal(far[0].peer, "b2");
}

/* What cannot take the place of what is in use, and why. */
static void another_one_is_refused(void **state)
{
	const struct {
		const char *label;
		const struct identity *id;
		const char *words;
	} rows[] = {
		{ "of another CA", stranger_id, "another CA" },
		{ "of another role", far[0].id, "role is broker" },
	};

	(void)state;
	open_uplink(1);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		const struct uplink_config config = config_of(rows[i].id, 1);
		struct papers *papers = NULL;
		struct fault fault = FAULT_NONE;

		if (!uplink_prepare(&papers, uplink, &config, &fault) || papers)
			fail_msg("%s: taken", rows[i].label);
		if (!strstr(fault.text, rows[i].words))
			fail_msg("%s: %s", rows[i].label, fault.text);
	}
}

static void who_is_shut_out_gets_no_tunnel(void **state)
{
	(void)state;
	shut_out = "k2";
	open_uplink(2);
	assert_int_equal(uplink_up(uplink), 1);
	assert_int_equal(far[0].ups, 1);
	assert_int_equal(far[1].ups, 0);
	assert_int_equal(far[1].gones, 1);
	assert_non_null(strstr(told.fault.text, "k2 is shut out"));
}

static void who_is_shut_out_later_is_cut(void **state)
{
	(void)state;
	open_uplink(2);
	assert_int_equal(uplink_cut(uplink, admit, &shut_out), 0);
	assert_int_equal(uplink_up(uplink), 2);
	shut_out = "k2";
	assert_int_equal(uplink_cut(uplink, admit, &shut_out), 1);
	assert_int_equal(told.gones, 1);
	assert_string_equal(told.peer, "k2");
	assert_int_equal(told.fault.code, -EACCES);
	turns();
	assert_int_equal(far[1].gones, 1);
	assert_int_equal(far[0].gones, 0);
	loop_set_now(loop, loop_now(loop) + 30000);
	turns();
	assert_int_equal(far[1].ups, 1); /* it came again, in vain */
	assert_int_equal(far[1].gones, 2);
	assert_int_equal(uplink_up(uplink), 1);
}

/* A broker that waits for its identity, and for whom dials it. */
static void open_waiting(enum route_kind kind)
{
	static const char *const here[] = { "127.0.0.1:0" };
	const struct uplink_config config = {
		.ca = ca.cert,
		.role = ROLE_BROKER,
		.peer_role = ROLE_BRIDGE,
		.end = TLS_CLIENT,
		.route = { .kind = kind,
		    .keep = ROUTE_SOME,
		    .count = 1,
		    .targets = kind == ROUTE_ACCEPT ? here : targets,
		    .n_targets = 1,
		    .beacon = { .role = FRAME_CONNECT } },
		.told = on_told,
	};

	assert_int_equal(uplink_open(&uplink, loop, &config, NULL), 0);
	turns();
	assert_null(uplink_identity(uplink));
	assert_int_equal(uplink_expiry(uplink), 0);
}

static int dial_in(void)
{
	const char *address = route_address(uplink_route(uplink));
	int fd =
	    test_connect((uint16_t)strtol(strrchr(address, ':') + 1, NULL, 10));

	turns();
	return fd;
}

static void without_an_identity_no_beacon_is_dialled(void **state)
{
	(void)state;
	open_waiting(ROUTE_BEACON);
	loop_set_now(loop, loop_now(loop) + 60000);
	turns();
	assert_null(network.calls);
	assert_int_equal(uplink_waiting(uplink), 0);
	assert_int_equal(told.failures, 0);
}

static struct leg *lent;

static void on_lent(void *ctx, struct leg *leg, unsigned target)
{
	assert_ptr_equal(ctx, &lent);
	assert_int_equal(target, 0);
	lent = leg;
}

/* Who dials gets no tunnel before there is an identity, but a session of
 * another kind may have the connection. */
static void a_connection_may_be_borrowed(void **state)
{
	int fd[3];
	char byte;

	(void)state;
	open_waiting(ROUTE_ACCEPT);
	fd[0] = dial_in();
	assert_int_equal(recv(fd[0], &byte, 1, 0), -1); /* reset */
	uplink_borrow(uplink, on_lent, &lent, 1000);
	fd[1] = dial_in();
	assert_non_null(lent);
	fd[2] = dial_in(); /* one, and no more */
	assert_int_equal(recv(fd[2], &byte, 1, 0), -1);
	leg_reset(STEAL(lent));
	uplink_return(uplink, 0);
	for (size_t i = 0; i < N_ELEMS(fd); i++)
		close(fd[i]);
}

/* A peer that keeps its number of tunnels dials again when one ends. */
static void a_tunnel_makes_room_for_what_is_borrowed(void **state)
{
	(void)state;
	open_uplink(1);
	uplink_borrow(uplink, on_lent, &lent, 1000);
	turns();
	assert_int_equal(told.gones, 1);
	assert_int_equal(far[0].gones, 1);
	loop_set_now(loop, loop_now(loop) + 30000);
	turns();
	assert_non_null(lent);
	assert_int_equal(uplink_up(uplink), 0);
	leg_reset(STEAL(lent));
	uplink_return(uplink, 0);
	if (far[0].tunnel)
		tunnel_cut(STEAL(far[0].tunnel));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_identity_from_memory_is_shown),
		TEST(a_renewed_one_is_for_tunnels_from_then_on),
		TEST(another_one_is_refused),
		TEST(who_is_shut_out_gets_no_tunnel),
		TEST(who_is_shut_out_later_is_cut),
		TEST(without_an_identity_no_beacon_is_dialled),
		TEST(a_connection_may_be_borrowed),
		TEST(a_tunnel_makes_room_for_what_is_borrowed),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
