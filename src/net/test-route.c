/* Routes over a network in memory with a fake clock. Beacons are small ones of
 * the test's own: they take HELLO, say WAIT, and do what a test tells them. */
#include "net/route.h"
#include "base/buf.h"
#include "net/shake.h"
#include "net/tcp.h"
#include "net/test-network.h"
#include "net/test-support.h"
#include "pki/testpki.h"

enum { START = 1000000, LEGS_MOST = 64 };

static struct loop *loop;
static struct testpki_ca ca;
static struct identity *beacon_id;
static struct tls_context *server_context, *client_context;
static struct test_network network;

/* A target that is down refuses; one that is mute never answers. */
static struct {
	const char *name;
	bool down, mute;
	int dials;
} place[5] = { { .name = "one.example:1" }, { .name = "two.example:1" },
	{ .name = "three.example:1" }, { .name = "four.example:1" },
	{ .name = "one.example:2" } };

static const char *const targets[] = { "one.example:1", "two.example:1",
	"three.example:1", "four.example:1" };

/* The far ends, in order of arrival. */
static struct session {
	struct leg *leg;
	struct tls_shake *shake;
	int place;
	uint8_t in[FRAME_BUFFER];
	size_t n_in;
	bool greeted;
	struct frame_hello hello;
} session[LEGS_MOST];
static int n_sessions;
static bool is_beacon;

static struct {
	struct leg *leg[LEGS_MOST];
	unsigned target[LEGS_MOST];
	int legs, failures, works;
	struct fault fault;
	unsigned failed_target;
	enum { NEVER, AT_FAULT, AT_WORKS, AT_LEG } close; /* the route */
} got;

static struct route *route;

static int place_of(const char *name)
{
	for (int i = 0; i < (int)N_ELEMS(place); i++)
		if (!strcmp(place[i].name, name))
			return i;
	fail_msg("no such place: %s", name);
	return -1;
}

static enum test_network_answer answer(void *ctx, const char *target)
{
	int i = place_of(target);

	(void)ctx;
	place[i].dials++;
	if (place[i].mute)
		return TEST_MUTE;
	return place[i].down ? TEST_REFUSE : TEST_CONNECT;
}

static void send_frame(struct session *s, const struct frame *f)
{
	uint8_t bytes[FRAME_BUFFER];
	size_t n;

	assert_int_equal(frame_write(f, bytes, sizeof(bytes), &n), 0);
	assert_int_equal(leg_write(s->leg, bytes, n), (ssize_t)n);
}

static void on_beacon_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct session *s = ctx;
	struct frame f;
	size_t need;
	ssize_t n;

	if (events & LEG_GONE) {
		leg_close(STEAL(s->leg));
		return;
	}
	for (;;) {
		assert_int_equal(frame_need(s->in, s->n_in, &need), 0);
		if (!need)
			break;
		n = leg_read(leg, s->in + s->n_in, need);
		if (n <= 0)
			return;
		s->n_in += (size_t)n;
	}
	assert_int_equal(frame_read(&f, s->in, s->n_in), 0);
	s->greeted = true;
	s->hello = f.u.hello;
	leg_want(leg, 0);
	send_frame(
	    s, &(struct frame){ .type = FRAME_TYPE_WAIT, .u.wait.ping_s = 60 });
}

static void on_beacon_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct session *s = ctx;

	(void)why;
	(void)fault;
	s->shake = NULL;
	s->leg = leg;
	if (!leg)
		return;
	leg_handle(leg, on_beacon_leg, s);
	leg_want(leg, LEG_READ);
}

static void arrive(void *ctx, const char *target, struct leg *leg)
{
	struct session *s = &session[n_sessions++];

	(void)ctx;
	assert_true(n_sessions < LEGS_MOST);
	s->place = place_of(target);
	s->leg = leg;
	if (!is_beacon)
		return;
	s->leg = NULL;
	assert_int_equal(
	    tls_shake(&s->shake, &(struct tls_shake_order){ .lower = leg,
				     .context = server_context,
				     .ms = 10000,
				     .fn = on_beacon_shaken,
				     .ctx = s }),
	    0);
}

static void on_leg(void *ctx, struct leg *leg, unsigned target)
{
	(void)ctx;
	got.leg[got.legs] = leg;
	got.target[got.legs] = target;
	got.legs++;
	if (got.close == AT_LEG)
		route_close(STEAL(route));
}

static void on_target(void *ctx, unsigned target, const struct fault *fault)
{
	(void)ctx;
	if (fault) {
		got.failed_target = target;
		got.failures++;
		got.fault = *fault;
	} else {
		got.works++;
	}
	if (got.close == (fault ? AT_FAULT : AT_WORKS))
		route_close(STEAL(route));
}

static const struct route_events events = { on_leg, on_target };

static struct tls_context *context_of(const struct tls_config *of)
{
	struct tls_context *c = NULL;

	assert_int_equal(tls_context_new(&c, of, NULL), 0);
	return c;
}

static int group_setup(void **state)
{
	static const char *const alpn[] = { FRAME_ALPN, NULL };

	(void)state;
	ca = testpki_ca_new("the beacons' CA");
	beacon_id = testpki_identity(&ca, ROLE_BRIDGE, "beacon", "one.example");
	server_context = context_of(&(struct tls_config){ .end = TLS_SERVER,
	    .hop = "outer TLS",
	    .alpn = alpn,
	    .identity = beacon_id });
	client_context = context_of(&(struct tls_config){ .end = TLS_CLIENT,
	    .hop = "outer TLS",
	    .alpn = alpn,
	    .trust = TLS_TRUST_CA,
	    .ca = ca.cert });
	return 0;
}

static int group_teardown(void **state)
{
	(void)state;
	tls_context_free(server_context);
	tls_context_free(client_context);
	identity_free(beacon_id);
	testpki_ca_free(&ca);
	return 0;
}

static int setup(void **state)
{
	(void)state;
	memset(session, 0, sizeof(session));
	memset(&got, 0, sizeof(got));
	n_sessions = 0;
	is_beacon = false;
	for (size_t i = 0; i < N_ELEMS(place); i++) {
		place[i].down = place[i].mute = false;
		place[i].dials = 0;
	}
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, START);
	network = (struct test_network){ .answer = answer, .arrive = arrive };
	test_network_join(&network, loop);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	route_close(STEAL(route));
	for (int i = 0; i < n_sessions; i++) {
		tls_shake_cancel(session[i].shake);
		leg_reset(session[i].leg);
	}
	for (int i = 0; i < got.legs; i++)
		leg_reset(got.leg[i]);
	for (int i = 0; i < 20; i++)
		loop_turn(loop);
	assert_null(network.calls);
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	loop_free(loop);
	return 0;
}

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

static void go(const struct route_config *config)
{
	assert_int_equal(
	    route_open(&route, loop, config, &events, NULL, NULL), 0);
	turns();
}

static unsigned waiting_at(unsigned target)
{
	struct route_state s;

	route_look(route, target, &s);
	return s.waiting;
}

static void every_dials_each_target(void **state)
{
	struct route_state s;

	(void)state;
	go(&(struct route_config){ .kind = ROUTE_DIAL,
	    .keep = ROUTE_EVERY,
	    .count = 2,
	    .targets = targets,
	    .n_targets = 3 });
	assert_int_equal(got.legs, 6);
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(place[i].dials, 2);
		route_look(route, i, &s);
		assert_int_equal(s.live, 2);
		assert_int_equal(s.waiting, 0);
		assert_string_equal(s.target, targets[i]);
		assert_string_equal(s.last_fault, "");
	}
	assert_int_equal(route_targets(route), 3);
	assert_null(route_address(route));
}

static void a_leg_that_ended_is_dialled_again(void **state)
{
	struct route_state s;

	(void)state;
	go(&(struct route_config){ .kind = ROUTE_DIAL,
	    .keep = ROUTE_EVERY,
	    .count = 1,
	    .targets = targets,
	    .n_targets = 1 });
	assert_int_equal(got.legs, 1);
	route_ended(route, 0);
	turns();
	assert_int_equal(got.legs, 1);
	route_look(route, 0, &s);
	assert_true(s.resting_until > START);
	pass(500);
	assert_int_equal(got.legs, 2);
}

/* Which target the test's hash prefers, from best to worst. */
static void order_of(uint8_t order[ROUTE_TARGETS_MAX])
{
	static const uint8_t hash[FRAME_HASH];

	route_order(order, hash, targets, N_ELEMS(targets));
}

static void some_goes_down_its_order_when_targets_fail(void **state)
{
	uint8_t order[ROUTE_TARGETS_MAX];

	(void)state;
	order_of(order);
	place[order[0]].down = true;
	place[order[1]].down = true;
	go(&(struct route_config){ .kind = ROUTE_DIAL,
	    .keep = ROUTE_SOME,
	    .count = 1,
	    .targets = targets,
	    .n_targets = 4 });
	assert_int_equal(got.legs, 1);
	assert_int_equal(got.target[0], order[2]);
	assert_int_equal(place[order[3]].dials, 0);
	assert_int_equal(got.failures, 2);
	assert_int_equal(got.failed_target, order[1]);
	assert_non_null(strstr(got.fault.text, targets[order[1]]));
}

static void some_fails_over_at_once_and_tells_of_the_return(void **state)
{
	uint8_t order[ROUTE_TARGETS_MAX];
	struct route_state s;

	(void)state;
	order_of(order);
	go(&(struct route_config){ .kind = ROUTE_DIAL,
	    .keep = ROUTE_SOME,
	    .count = 1,
	    .targets = targets,
	    .n_targets = 4 });
	assert_int_equal(got.target[0], order[0]);
	route_ended(route, order[0]); /* rests */
	for (unsigned i = 0; i < 4; i++)
		place[i].down = i != order[1];
	turns();
	assert_int_equal(got.legs, 2);
	assert_int_equal(got.target[1], order[1]);

	place[order[1]].down = true;
	route_ended(route, order[1]);
	pass(60000); /* all of them fail now */
	assert_int_equal(got.legs, 2);
	route_look(route, order[0], &s);
	assert_int_not_equal(s.last_fault[0], '\0');
	place[order[0]].down = false;
	got.works = 0;
	pass(60000);
	pass(60000);
	assert_int_equal(got.legs, 3);
	assert_int_equal(got.works, 1);
	route_look(route, order[0], &s);
	assert_string_equal(s.last_fault, "");
}

static void a_mute_target_costs_its_deadline_and_no_more(void **state)
{
	uint8_t order[ROUTE_TARGETS_MAX];

	(void)state;
	order_of(order);
	place[order[0]].mute = true;
	go(&(struct route_config){ .kind = ROUTE_DIAL,
	    .keep = ROUTE_SOME,
	    .count = 1,
	    .targets = targets,
	    .n_targets = 4 });
	pass(9999);
	assert_int_equal(got.legs, 0);
	pass(1);
	assert_int_equal(got.legs, 1);
	assert_int_equal(got.target[0], order[1]);
}

static void the_order_is_a_matter_of_hash_and_name(void **state)
{
	uint8_t hash[FRAME_HASH] = { 0 }, order[ROUTE_TARGETS_MAX];
	unsigned first[4] = { 0 };

	(void)state;
	for (int i = 0; i < 400; i++) {
		uint8_t without[ROUTE_TARGETS_MAX];
		unsigned seen = 0;

		hash[0] = (uint8_t)i;
		hash[1] = (uint8_t)(i >> 8);
		route_order(order, hash, targets, 4);
		for (int k = 0; k < 4; k++)
			seen |= 1u << order[k];
		assert_int_equal(seen, 0xf);
		first[order[0]]++;
		/* the loss of another target moves nobody */
		route_order(without, hash, targets, 3);
		if (order[0] != 3)
			assert_int_equal(without[0], order[0]);
	}
	for (int i = 0; i < 4; i++)
		assert_in_range(first[i], 60, 140);
}

/* Beacons. */
static struct route_config beacon_config(enum route_keep keep, unsigned count)
{
	return (struct route_config){ .kind = ROUTE_BEACON,
		.keep = keep,
		.count = count,
		.targets = targets,
		.n_targets = 1,
		.beacon = { .outer = client_context,
		    .require_proven = keep == ROUTE_EVERY,
		    .role =
			keep == ROUTE_EVERY ? FRAME_LISTEN : FRAME_CONNECT } };
}

static void pair(struct session *s)
{
	send_frame(s, &(struct frame){ .type = FRAME_TYPE_PAIRED });
	turns();
}

static void spare_legs_wait_and_ask_for_what_they_should(void **state)
{
	struct route_config config = beacon_config(ROUTE_EVERY, 4);
	int bare = 0;

	(void)state;
	is_beacon = true;
	config.bare_spares = 1;
	go(&config);
	assert_int_equal(n_sessions, 4);
	assert_int_equal(waiting_at(0), 4);
	assert_int_equal(got.legs, 0);
	for (int i = 0; i < 4; i++) {
		assert_true(session[i].greeted);
		assert_int_equal(session[i].hello.role, FRAME_LISTEN);
		bare += !session[i].hello.require_proven;
	}
	assert_int_equal(bare, 1);
}

static void where_nobody_has_to_prove_himself_no_leg_asks_for_it(void **state)
{
	struct route_config config = beacon_config(ROUTE_EVERY, 3);

	(void)state;
	is_beacon = true;
	config.beacon.require_proven = false;
	go(&config);
	assert_int_equal(n_sessions, 3);
	for (int i = 0; i < 3; i++)
		assert_false(session[i].hello.require_proven);
}

static void a_spare_leg_that_is_paired_is_replaced_at_once(void **state)
{
	struct route_config config = beacon_config(ROUTE_EVERY, 2);

	(void)state;
	is_beacon = true;
	go(&config);
	assert_int_equal(n_sessions, 2);
	pair(&session[0]);
	assert_int_equal(got.legs, 1);
	assert_int_equal(n_sessions, 3);
	assert_int_equal(waiting_at(0), 2);
	route_ended(route, 0); /* the beacon is not to blame */
	pair(&session[1]);
	assert_int_equal(got.legs, 2);
	assert_int_equal(waiting_at(0), 2);
}

static void outer_tls_is_kept_where_shedding_it_broke_the_last_one(void **state)
{
	struct route_config config = beacon_config(ROUTE_EVERY, 1);
	uint8_t exporter[FRAME_EXPORTER];

	(void)state;
	is_beacon = true;
	config.beacon.shed = true;
	go(&config);
	assert_true(session[0].hello.has_shed);
	assert_int_equal(
	    tls_leg_export(session[0].leg, FRAME_SHED_LABEL, exporter), 0);
	assert_memory_equal(session[0].hello.shed, exporter, sizeof(exporter));
	route_cut_at_shed(route, 0);
	send_frame(&session[0], &(struct frame){ .type = FRAME_TYPE_PAIRED,
				    .u.paired.flags = FRAME_PAIRED_SHED });
	turns();
	assert_true(leg_shed_out(got.leg[0]));
	assert_int_equal(n_sessions, 2);
	assert_true(session[1].greeted && !session[1].hello.has_shed);
	pair(&session[1]);
	assert_false(leg_shed_out(got.leg[1]));
	pass(ROUTEPLAN_KEEP_TLS_MS); /* nobody pings: it dials again */
	pass(ROUTEPLAN_REST_MOST_MS);
	assert_true(session[n_sessions - 1].greeted);
	assert_true(session[n_sessions - 1].hello.has_shed);
}

static void a_stranger_makes_a_bridge_register_slowly(void **state)
{
	struct route_config config = beacon_config(ROUTE_EVERY, 2);

	(void)state;
	is_beacon = true;
	config.bare_spares = 1;
	go(&config);
	for (int seconds = 0; seconds < 60; seconds++) {
		struct session *s = &session[n_sessions - 1];

		if (s->leg && s->greeted && !s->hello.require_proven) {
			pair(s);
			leg_reset(STEAL(s->leg));
			route_ended(route, 0);
		}
		pass(1000);
	}
	assert_in_range(n_sessions, 2 + 9, 2 + 11);
}

static void what_a_beacon_asks_for_is_waited_for(void **state)
{
	struct route_config config = beacon_config(ROUTE_SOME, 1);

	(void)state;
	is_beacon = true;
	go(&config);
	send_frame(&session[0],
	    &(struct frame){ .type = FRAME_TYPE_ERROR,
		.u.error = { .code = FRAME_ERROR_NO_PEER, .retry_ms = 7000 } });
	turns();
	assert_int_equal(got.failures, 1);
	assert_non_null(strstr(got.fault.text, "noPeer"));
	pass(6999);
	assert_int_equal(n_sessions, 1);
	pass(1);
	assert_int_equal(n_sessions, 2);
	assert_int_equal(got.works, 2);
}

static bool drains(unsigned target)
{
	struct route_state state;

	route_look(route, target, &state);
	return state.draining;
}

static void say_goaway(struct session *s)
{
	send_frame(s, &(struct frame){ .type = FRAME_TYPE_GOAWAY,
			  .u.goaway.reconnect_ms = 5000 });
	turns();
}

/* The next beacon at once; and this one not before the time that it told. */
static void a_beacon_that_drains_is_left_for_another(void **state)
{
	static const char *const two[] = { "one.example:1", "one.example:2" };
	struct route_config config = beacon_config(ROUTE_SOME, 1);
	uint8_t order[ROUTE_TARGETS_MAX];
	unsigned best, next;

	(void)state;
	is_beacon = true;
	config.targets = two;
	config.n_targets = 2;
	route_order(order, config.beacon.hash, two, 2);
	best = order[0];
	next = order[1];
	go(&config);
	assert_int_equal(session[0].place, place_of(two[best]));
	say_goaway(&session[0]);
	assert_true(drains(best));
	assert_int_equal(got.failures, 1);
	assert_int_equal(n_sessions, 2);
	assert_int_equal(session[1].place, place_of(two[next]));
	assert_false(drains(next));
	say_goaway(&session[1]);
	pass(4999);
	assert_int_equal(n_sessions, 2);
	pass(1);
	assert_int_equal(n_sessions, 3);
	assert_int_equal(session[2].place, place_of(two[best]));
	assert_false(drains(best)); /* it has taken us in */
	assert_true(drains(next));
}

static void a_beacon_that_dies_is_one_failure_and_is_probed_by_one(void **state)
{
	struct route_config config = beacon_config(ROUTE_EVERY, 4);

	(void)state;
	is_beacon = true;
	go(&config);
	assert_int_equal(place[0].dials, 4);
	place[0].down = true;
	for (int i = 0; i < 4; i++)
		leg_reset(STEAL(session[i].leg));
	turns();
	assert_int_equal(got.failures, 1);
	pass(500);
	assert_int_equal(place[0].dials, 5);
	place[0].down = false;
	pass(1000);
	assert_int_equal(place[0].dials, 9);
	assert_int_equal(waiting_at(0), 4);
	assert_int_equal(got.works, 2);
}

static void closing_drops_what_is_on_its_way_and_no_more(void **state)
{
	struct route_config config = beacon_config(ROUTE_EVERY, 3);

	(void)state;
	is_beacon = true;
	go(&config);
	pair(&session[0]);
	assert_int_equal(got.legs, 1);
	route_close(STEAL(route));
	turns();
	assert_int_equal(leg_state(got.leg[0]), LEG_OPEN);
	for (int i = 1; i < n_sessions; i++)
		assert_null(session[i].leg);
	assert_int_equal(n_sessions, 4);
}

static void stopping_keeps_what_there_is_and_brings_nothing_new(void **state)
{
	struct route_config config = beacon_config(ROUTE_EVERY, 3);
	struct route_state s;

	(void)state;
	is_beacon = true;
	go(&config);
	pair(&session[0]);
	route_stop(route);
	turns();
	route_look(route, 0, &s);
	assert_int_equal(s.waiting, 0);
	assert_int_equal(s.live, 1);
	assert_string_equal(s.target, targets[0]);
	assert_int_equal(leg_state(got.leg[0]), LEG_OPEN);
	for (int i = 1; i < n_sessions; i++)
		assert_null(session[i].leg);
	route_ended(route, 0);
	turns();
	assert_int_equal(n_sessions, 4);
}

static void the_route_may_be_closed_from_any_of_its_calls(void **state)
{
	struct route_config config = beacon_config(ROUTE_SOME, 1);

	(void)state;
	is_beacon = true;
	got.close = AT_FAULT;
	place[0].down = true;
	go(&config);
	assert_null(route);
	place[0].down = false;
	got.close = AT_WORKS;
	go(&config);
	assert_null(route);
	assert_int_equal(got.works, 1);
	got.close = AT_LEG;
	go(&config);
	pair(&session[1]);
	assert_null(route);
	assert_int_equal(got.legs, 1);
	config.kind = ROUTE_DIAL; /* both calls for one leg */
	got.close = AT_WORKS;
	go(&config);
	assert_null(route);
	assert_int_equal(got.legs, 1);
}

static void accepting_hands_out_what_comes(void **state)
{
	struct route_config config = { .kind = ROUTE_ACCEPT,
		.targets = &(const char *){ "127.0.0.1:0" },
		.n_targets = 1 };
	struct route_state s;
	int client;

	(void)state;
	go(&config);
	client = test_connect((uint16_t)strtoul(
	    strrchr(route_address(route), ':') + 1, NULL, 10));
	turns();
	assert_int_equal(got.legs, 1);
	assert_int_equal(got.target[0], 0);
	route_look(route, 0, &s);
	assert_int_equal(s.live, 1);
	route_ended(route, 0);
	route_look(route, 0, &s);
	assert_int_equal(s.live, 0);
	close(client);
}

static void bad_targets_are_refused(void **state)
{
	static const struct {
		enum route_kind kind;
		const char *target;
		size_t n;
	} rows[] = {
		{ ROUTE_DIAL, "nowhere", 1 },
		{ ROUTE_DIAL, "x:0", 1 },
		{ ROUTE_BEACON, ":443", 1 },
		{ ROUTE_ACCEPT, "x", 1 },
		{ ROUTE_DIAL, "x:1", 0 },
		{ ROUTE_DIAL, "x:1", 2 },
		{ ROUTE_DIAL, "x:1", ROUTE_TARGETS_MAX + 1 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		const char *list[ROUTE_TARGETS_MAX + 1];
		struct fault fault = FAULT_NONE;

		for (size_t k = 0; k < N_ELEMS(list); k++)
			list[k] = rows[i].target;
		assert_int_equal(
		    route_open(&route, loop,
			&(struct route_config){ .kind = rows[i].kind,
			    .count = 1,
			    .targets = list,
			    .n_targets = rows[i].n },
			&events, NULL, &fault),
		    -EINVAL);
		assert_null(route);
		assert_int_not_equal(fault.text[0], '\0');
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(every_dials_each_target),
		TEST(a_leg_that_ended_is_dialled_again),
		TEST(some_goes_down_its_order_when_targets_fail),
		TEST(some_fails_over_at_once_and_tells_of_the_return),
		TEST(a_mute_target_costs_its_deadline_and_no_more),
		TEST(the_order_is_a_matter_of_hash_and_name),
		TEST(spare_legs_wait_and_ask_for_what_they_should),
		TEST(where_nobody_has_to_prove_himself_no_leg_asks_for_it),
		TEST(a_spare_leg_that_is_paired_is_replaced_at_once),
		TEST(outer_tls_is_kept_where_shedding_it_broke_the_last_one),
		TEST(a_stranger_makes_a_bridge_register_slowly),
		TEST(what_a_beacon_asks_for_is_waited_for),
		TEST(a_beacon_that_drains_is_left_for_another),
		TEST(a_beacon_that_dies_is_one_failure_and_is_probed_by_one),
		TEST(closing_drops_what_is_on_its_way_and_no_more),
		TEST(stopping_keeps_what_there_is_and_brings_nothing_new),
		TEST(the_route_may_be_closed_from_any_of_its_calls),
		TEST(accepting_hands_out_what_comes),
		TEST(bad_targets_are_refused),
	};

	return cmocka_run_group_tests(tests, group_setup, group_teardown);
}
