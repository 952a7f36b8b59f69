/* What two clients that are paired may do to their outer TLS. */
#include "beacon/pair.h"
#include "beacon/test-client.h"
#include "net/tunnel.h"

enum shed_word { SILENT, AGREES, OTHER_SESSION };

static struct client *arrive_with(
    const char *source, enum frame_role role, enum shed_word word)
{
	struct client *c = connect_tls(source);
	struct frame f = bare_hello(role);

	assert_non_null(c);
	f.u.hello.has_shed = word != SILENT;
	assert_int_equal(
	    tls_leg_export(c->leg, FRAME_SHED_LABEL, f.u.hello.shed), 0);
	if (word == OTHER_SESSION)
		f.u.hello.shed[FRAME_EXPORTER - 1] ^= 1;
	say(c, &f);
	return c;
}

/* Return: the flags of PAIRED, the same for both. */
static uint32_t pair_with(struct client **a, enum shed_word listener,
    struct client **b, enum shed_word connector)
{
	uint32_t flags;

	*a = arrive_with("192.0.2.1:1", FRAME_LISTEN, listener);
	expect(*a, FRAME_TYPE_WAIT);
	*b = arrive_with("192.0.2.2:1", FRAME_CONNECT, connector);
	flags = expect(*a, FRAME_TYPE_PAIRED).u.paired.flags;
	assert_int_equal(expect(*b, FRAME_TYPE_PAIRED).u.paired.flags, flags);
	return flags;
}

/* And whatever came of it, the pair works. */
static void test_shed_needs_all_three(void **state)
{
	static const struct {
		const char *label;
		enum shed_word listener, connector;
		bool refused;
		uint32_t flags;
	} rows[] = {
		{ "both agree", AGREES, AGREES, false, FRAME_PAIRED_SHED },
		{ "the listener does not", SILENT, AGREES, false, 0 },
		{ "the connector does not", AGREES, SILENT, false, 0 },
		{ "none does", SILENT, SILENT, false, 0 },
		{ "somebody's TLS before the listener", OTHER_SESSION, AGREES,
		    false, 0 },
		{ "somebody's TLS before the connector", AGREES, OTHER_SESSION,
		    false, 0 },
		{ "the beacon does not", AGREES, AGREES, true, 0 },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct client *a, *b;
		uint32_t flags;

		if (i)
			setup(state);
		config.no_shed = rows[i].refused;
		flags = pair_with(&a, rows[i].listener, &b, rows[i].connector);
		if (flags != rows[i].flags)
			fail_msg("%s: flags %u", rows[i].label, flags);
		say_bytes(a, "from a", 6);
		expect_text(b, "from a");
		say_bytes(b, "from b", 6);
		expect_text(a, "from b");
		if (i + 1 < N_ELEMS(rows))
			teardown(state);
	}
}

/* ---- TLS inside, as the product's clients have it */

struct inside {
	struct tunnel_trust trust[2];
	struct tls_context *context[2];
	struct client *client[2];
};

static void go_inside(struct inside *in, struct client *a, struct client *b)
{
	struct fault fault;

	in->client[0] = a;
	in->client[1] = b;
	for (int i = 0; i < 2; i++) {
		struct client *c = in->client[i];

		in->trust[i] = (struct tunnel_trust){
			.identity = i ? broker : bridge,
			.end = i ? TLS_CLIENT : TLS_SERVER,
			.peer_role = i ? ROLE_BRIDGE : ROLE_BROKER,
		};
		if (tunnel_context(&in->context[i], &in->trust[i], &fault))
			fail_msg("%s", fault.text);
		tls_leg_agree_shed(c->leg);
		assert_int_equal(tls_leg_open(&c->leg, c->leg, in->context[i],
				     i ? TUNNEL_BRIDGE_NAME : NULL),
		    0);
	}
	turns();
	turns();
	assert_int_equal(leg_state(a->leg), LEG_OPEN);
	assert_int_equal(leg_state(b->leg), LEG_OPEN);
}

static void leave_inside(struct inside *in)
{
	tls_context_free(in->context[0]);
	tls_context_free(in->context[1]);
}

static void test_tls_inside_sheds_outer_tls(void **state)
{
	struct client *a, *b;
	struct inside in;
	struct pair *p;

	(void)state;
	assert_int_equal(pair_with(&a, AGREES, &b, AGREES), FRAME_PAIRED_SHED);
	p = TAILQ_FIRST(&beacon->pairs);
	assert_true(pair_sheds(p));
	assert_false(pair_shed(p));
	go_inside(&in, a, b);
	say_bytes(a, "from a", 6);
	expect_text(b, "from a");
	say_bytes(b, "from b", 6);
	expect_text(a, "from b");
	assert_true(pair_shed(p));
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	/* each direction ends by itself, after its last byte */
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
	assert_int_equal(beacon->meter.pair_resets, 0);
	assert_int_equal(beacon->meter.shed_pairs, 1);
	assert_true(TAILQ_EMPTY(&beacon->pairs));
	leave_inside(&in);
}

static void test_resets_pass_a_shed_pair(void **state)
{
	struct client *a, *b;
	struct inside in;

	(void)state;
	pair_with(&a, AGREES, &b, AGREES);
	go_inside(&in, a, b);
	say_bytes(a, "from a", 6);
	expect_text(b, "from a");
	say_bytes(b, "from b", 6);
	expect_text(a, "from b");
	leg_reset(STEAL(b->leg));
	hear(a);
	assert_true(a->reset);
	assert_int_equal(beacon->meter.pair_resets, 1);
	assert_int_equal(beacon->meter.shed_pairs, 1);
	leave_inside(&in);
}

static void test_a_shed_pair_that_is_half_closed_is_cut(void **state)
{
	struct client *a, *b;
	struct inside in;

	(void)state;
	pair_with(&a, AGREES, &b, AGREES);
	go_inside(&in, a, b);
	say_bytes(a, "from a", 6);
	expect_text(b, "from a");
	leg_finish(a->leg);
	pass(LIMIT_HALF_CLOSED_MS - 1);
	assert_false(TAILQ_EMPTY(&beacon->pairs));
	pass(1);
	assert_true(TAILQ_EMPTY(&beacon->pairs));
	hear(b);
	assert_true(b->reset || b->ended);
	leave_inside(&in);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_shed_needs_all_three),
		TEST(test_tls_inside_sheds_outer_tls),
		TEST(test_resets_pass_a_shed_pair),
		TEST(test_a_shed_pair_that_is_half_closed_is_cut),
	};

	return cmocka_run_group_tests(tests, make_files, remove_files);
}
