/* broker/test-carry.c: sessions of a pod with the bridge, and how each end and
 * each failure between shows at the other. */
#include "broker/test-bench.h"
#include "broker/limits.h"
#include "net/ask.h"

static void both_directions_are_carried(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		static const char text[] = "sealed for the bridge alone";
		struct visit v = { .sends = text, .n_sends = sizeof(text) };
		struct bench b;

		bench_init(&b, shape);
		visit_connect(&b, &v);
		TURN_UNTIL(&b, v.ended || v.failed);
		assert_int_equal(v.status, 200);
		assert_false(v.failed);
		assert_int_equal(v.n_body, sizeof(text));
		assert_memory_equal(v.body, text, sizeof(text));
		assert_string_equal(b.saw, "CONNECT bridge.pharos:443 -\n");
		visit_end(&v);
		bench_nothing_left(&b);
		assert_int_equal(carry_counts(b.carry)->total, 1);
		assert_int_equal(carry_counts(b.carry)->join.counts[0], 1);
		assert_int_equal(
		    carry_bytes(b.carry, WAY_TO_BRIDGE), sizeof(text));
		assert_int_equal(
		    carry_bytes(b.carry, WAY_TO_POD), sizeof(text));
		bench_deinit(&b);
	}
}

/* A pod that does not read holds back its own session, at a bounded cost. */
static void a_pod_that_does_not_read_is_waited_for(void **state)
{
	enum { MUCH = 4 * 1024 * 1024 };
	char *much = calloc(1, MUCH);

	(void)state;
	assert_non_null(much);
	EACH_SHAPE(shape)
	{
		struct visit v = {
			.sends = much, .n_sends = MUCH, .deaf = true
		};
		struct bench b;

		if (shape->chop)
			continue;
		bench_init(&b, shape);
		visit_connect(&b, &v);
		turn(&b, 20000);
		assert_int_equal(v.status, 200);
		assert_true(v.sent < MUCH / 2);
		/* counted while it goes on */
		assert_in_range(
		    carry_bytes(b.carry, WAY_TO_BRIDGE), 1, MUCH / 2);
		v.deaf = false;
		leg_want(http_stream_leg(v.stream), LEG_READ | LEG_WRITE);
		TURN_UNTIL(&b, v.ended);
		assert_int_equal(v.sent, MUCH);
		visit_end(&v);
		bench_nothing_left(&b);
		assert_int_equal(carry_bytes(b.carry, WAY_TO_POD), MUCH);
		bench_deinit(&b);
	}
	free(much);
}

static const struct {
	const char *label;
	int status;
	const char *type, *body, *retry;
	int want;
	const char *words, *want_retry;
} answers[] = {
	{ "a reason", 403, "application/json",
	    "{\"errors\":[\"no such realm\"]}", NULL, 403,
	    "the bridge refused with 403: no such realm", "" },
	{ "with a time to come back", 503, "application/json",
	    "{\"errors\":[\"draining\"]}", "7", 503,
	    "the bridge refused with 503: draining", "7" },
	{ "a time that is none", 503, NULL, "{}", "soon", 503,
	    "the bridge refused with 503: no reason given", "" },
	{ "a time far too long", 429, NULL, "{}", "99999999999", 429,
	    "the bridge refused with 429", "3600" },
	{ "credentials are not asked of pods: 401", 401, NULL, "{}", NULL, 502,
	    "the bridge refused with 401", "" },
	{ "nor 407", 407, NULL, "{}", NULL, 502, "refused with 407", "" },
	{ "a redirect", 302, NULL, "{}", NULL, 502, "refused with 302", "" },
	{ "no body", 404, NULL, "", NULL, 404, "no reason given", "" },
	{ "HTML", 502, "text/html", "<html>bad gateway</html>", NULL, 502,
	    "no reason given", "" },
};

static void a_refusal_of_the_bridge_is_passed_on(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(answers); i++) {
		struct http_field retry = { "retry-after", answers[i].retry };
		struct visit v = { .holds = true };
		struct bench b;

		bench_init(&b, &shapes[i % N_ELEMS(shapes)]);
		b.bridge_way = BRIDGE_ANSWER;
		b.answer = (struct http_answer){ .status = answers[i].status,
			.content_type = answers[i].type,
			.fields = &retry,
			.n_fields = answers[i].retry ? 1 : 0,
			.body = answers[i].body,
			.n = strlen(answers[i].body) };
		visit_connect(&b, &v);
		TURN_UNTIL(&b, v.ended || v.failed);
		if (v.status != answers[i].want ||
		    strcmp(v.retry, answers[i].want_retry) != 0)
			fail_msg("%s: %d, retry \"%s\"", answers[i].label,
			    v.status, v.retry);
		ASSERT_BODY_HAS(&v, answers[i].words);
		assert_int_equal(b.refusals.counts[REFUSAL_BRIDGE], 1);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

static void reasons_without_end_are_not_awaited(void **state)
{
	static const struct http_head no = { .status = 403, .length = -1 };

	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .holds = true };
		struct bench b;

		bench_init(&b, shape);
		b.bridge_way = BRIDGE_HOLD;
		visit_connect(&b, &v);
		TURN_UNTIL(&b, b.held);
		assert_int_equal(http_stream_respond(b.held, &no, false), 0);
		pass(&b, ASK_BODY_MS - 100);
		assert_int_equal(v.status, 0);
		pass(&b, 200);
		TURN_UNTIL(&b, v.ended);
		assert_int_equal(v.status, 403);
		ASSERT_BODY_HAS(&v, "no reason given");
		TURN_UNTIL(&b, b.bridge_resets == 1);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

static void no_answer_in_time_is_504(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .holds = true };
		struct bench b;

		bench_init(&b, shape);
		b.bridge_way = BRIDGE_HOLD;
		visit_connect(&b, &v);
		TURN_UNTIL(&b, b.held);
		pass(&b, LIMIT_ANSWER_MS - 1000);
		assert_int_equal(v.status, 0);
		pass(&b, 1000);
		TURN_UNTIL(&b, v.ended);
		assert_int_equal(v.status, 504);
		assert_string_equal(v.retry, "1");
		assert_int_equal(b.bridge_requests, 1); /* no other tunnel */
		TURN_UNTIL(&b, b.bridge_resets == 1);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

/* ---- what a pod says before it is answered */

#define EACH_EARLY_SHAPE(shape)                                                \
	EACH_SHAPE(shape)                                                      \
	if (shape->version == HTTP_2)

static const char hello[] = "hello, said along with the CONNECT";

static size_t held_bytes(struct bench *b)
{
	static char bytes[16 * LIMIT_EARLY];

	return b->held ? http_stream_peek(b->held, bytes, sizeof(bytes)) : 0;
}

static void early_bytes_reach_a_bridge_that_has_not_answered(void **state)
{
	(void)state;
	EACH_EARLY_SHAPE(shape)
	{
		struct visit v = { .sends = hello, .n_sends = sizeof(hello) };
		struct bench b;

		bench_init(&b, shape);
		b.bridge_way = BRIDGE_HOLD;
		visit_connect_early(&b, &v);
		TURN_UNTIL(&b, held_bytes(&b));
		if (!shape->chop)
			assert_int_equal(held_bytes(&b), sizeof(hello));
		assert_int_equal(v.status, 0);
		bridge_echo(&b, STEAL(b.held));
		TURN_UNTIL(&b, v.ended || v.failed);
		assert_int_equal(v.n_body, sizeof(hello)); /* each once */
		assert_memory_equal(v.body, hello, sizeof(hello));
		visit_end(&v);
		bench_nothing_left(&b);
		assert_int_equal(
		    carry_bytes(b.carry, WAY_TO_BRIDGE), sizeof(hello));
		bench_deinit(&b);
	}
}

static void no_more_than_the_limit_is_early(void **state)
{
	static char much[3 * LIMIT_EARLY];

	(void)state;
	for (size_t i = 0; i < sizeof(much); i++)
		much[i] = (char)(i % 251);
	EACH_EARLY_SHAPE(shape)
	{
		/* a body longer than the visitor keeps is counted only */
		struct visit v = { .sends = much, .n_sends = TEXT_MOST - 1 };
		struct bench b;

		bench_init(&b, shape);
		b.bridge_way = BRIDGE_HOLD;
		visit_connect_early(&b, &v);
		TURN_UNTIL(&b, held_bytes(&b));
		turn(&b, 2000);
		assert_in_range(held_bytes(&b), 1, LIMIT_EARLY);
		if (!shape->chop)
			assert_int_equal(held_bytes(&b), LIMIT_EARLY);
		bridge_echo(&b, STEAL(b.held));
		TURN_UNTIL(&b, v.ended || v.failed);
		assert_int_equal(v.n_body, TEXT_MOST - 1);
		assert_memory_equal(v.body, much, v.n_body);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

static void a_pod_that_floods_before_the_answer_fills_its_window(void **state)
{
	enum { MUCH = 1024 * 1024 };
	char *much = calloc(1, MUCH);

	(void)state;
	assert_non_null(much);
	EACH_EARLY_SHAPE(shape)
	{
		struct visit v = { .sends = much, .n_sends = MUCH };
		struct bench b;

		if (shape->chop)
			continue;
		bench_init(&b, shape);
		b.bridge_way = BRIDGE_HOLD;
		visit_connect_early(&b, &v);
		turn(&b, 5000);
		assert_in_range(v.sent, 65536, 256 * 1024);
		assert_int_equal(held_bytes(&b), LIMIT_EARLY);
		bridge_echo(&b, STEAL(b.held));
		TURN_UNTIL(&b, v.ended || v.failed);
		assert_false(v.failed);
		visit_end(&v);
		bench_nothing_left(&b);
		assert_int_equal(carry_bytes(b.carry, WAY_TO_BRIDGE), MUCH);
		bench_deinit(&b);
	}
	free(much);
}

static void a_refusal_reaches_a_pod_that_spoke_early(void **state)
{
	static const char words[] = "{\"errors\":[\"too many sessions\"]}";

	(void)state;
	EACH_EARLY_SHAPE(shape)
	{
		struct visit v = {
			.sends = hello, .n_sends = sizeof(hello), .holds = true
		};
		struct bench b;

		bench_init(&b, shape);
		b.bridge_way = BRIDGE_ANSWER;
		b.answer = (struct http_answer){ .status = 503,
			.content_type = "application/json",
			.body = words,
			.n = sizeof(words) - 1 };
		visit_connect_early(&b, &v);
		TURN_UNTIL(&b, v.ended || v.failed);
		assert_int_equal(v.status, 503);
		ASSERT_BODY_HAS(&v, "too many sessions");
		visit_end(&v);
		bench_nothing_left(&b);
		assert_int_equal(carry_bytes(b.carry, WAY_TO_BRIDGE), 0);
		bench_deinit(&b);
	}
}

static void both_tunnels_are_told_the_early_bytes(void **state)
{
	(void)state;
	EACH_EARLY_SHAPE(shape)
	{
		struct visit v = { .sends = hello, .n_sends = sizeof(hello) };
		struct http_stream *first;
		struct bench b;

		bench_init(&b, shape);
		bench_spare_up(&b);
		b.bridge_way = BRIDGE_HOLD;
		visit_connect_early(&b, &v);
		TURN_UNTIL(&b, held_bytes(&b));
		first = STEAL(b.held);
		pass(&b, LIMIT_ASK_AGAIN_MS);
		TURN_UNTIL(&b, held_bytes(&b) == sizeof(hello));
		assert_ptr_not_equal(b.held, first);
		bridge_echo(&b, STEAL(b.held)); /* the second tunnel's */
		TURN_UNTIL(&b, v.ended || v.failed);
		assert_int_equal(v.n_body, sizeof(hello));
		assert_memory_equal(v.body, hello, sizeof(hello));
		TURN_UNTIL(&b, b.bridge_resets == 1);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

static void a_pod_that_spoke_early_may_go(void **state)
{
	(void)state;
	EACH_EARLY_SHAPE(shape)
	{
		struct visit v = {
			.sends = hello, .n_sends = sizeof(hello), .holds = true
		};
		struct bench b;

		bench_init(&b, shape);
		b.bridge_way = BRIDGE_HOLD;
		visit_connect_early(&b, &v);
		TURN_UNTIL(&b, held_bytes(&b));
		visit_end(&v);
		TURN_UNTIL(&b, b.bridge_resets == 1);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

/* ---- two tunnels, of which the first says nothing */

/* A pod's CONNECT that the bridge was sent by the first tunnel, and holds.
 * Return: its stream at the bridge. */
static struct http_stream *ask_on_first(struct bench *b, struct visit *v)
{
	bench_spare_up(b);
	b->bridge_way = BRIDGE_HOLD;
	visit_connect(b, v);
	TURN_UNTIL(b, b->held);
	assert_int_equal(b->bridge_requests, 1);
	return STEAL(b->held);
}

static struct http_stream *ask_on_both(struct bench *b, struct visit *v)
{
	struct http_stream *first = ask_on_first(b, v);

	pass(b, LIMIT_ASK_AGAIN_MS);
	TURN_UNTIL(b, b->held);
	assert_int_equal(b->bridge_requests, 2);
	return first;
}

static void another_tunnel_is_asked_where_one_is_silent(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		static const char text[] = "sealed for the bridge alone";
		struct visit v = { .sends = text, .n_sends = sizeof(text) };
		struct bench b;

		bench_init(&b, shape);
		(void)ask_on_first(&b, &v);
		b.bridge_way = BRIDGE_ECHO;
		pass(&b, LIMIT_ASK_AGAIN_MS - 100);
		assert_int_equal(b.bridge_requests, 1);
		pass(&b, 100);
		TURN_UNTIL(&b, v.ended || v.failed);
		assert_int_equal(v.status, 200);
		assert_memory_equal(v.body, text, sizeof(text));
		assert_int_equal(b.bridge_requests, 2);
		assert_int_equal(carry_counts(b.carry)->asked_again, 1);
		TURN_UNTIL(&b, b.bridge_resets == 1); /* the first stream */
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

static void the_first_answer_counts_whichever_tunnel_it_comes_by(void **state)
{
	static const struct http_head good = { .status = 200, .length = -1 };

	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .holds = true };
		struct http_stream *first;
		struct bench b;

		bench_init(&b, shape);
		first = ask_on_both(&b, &v);
		assert_int_equal(http_stream_respond(first, &good, false), 0);
		TURN_UNTIL(&b, v.status == 200);
		TURN_UNTIL(&b, b.bridge_resets == 1); /* the second stream */
		assert_int_equal(carry_counts(b.carry)->open, 1);
		leg_finish(http_stream_leg(first));
		TURN_UNTIL(&b, v.ended);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

static void a_refusal_by_the_second_tunnel_is_one(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .holds = true };
		struct bench b;

		bench_init(&b, shape);
		(void)ask_on_first(&b, &v);
		b.bridge_way = BRIDGE_ANSWER;
		b.answer = (struct http_answer){ .status = 503 };
		pass(&b, LIMIT_ASK_AGAIN_MS);
		TURN_UNTIL(&b, v.ended);
		assert_int_equal(v.status, 503);
		assert_int_equal(b.refusals.counts[REFUSAL_BRIDGE], 1);
		TURN_UNTIL(&b, b.bridge_resets == 1);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

static void where_one_of_two_goes_the_other_is_waited_for(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .holds = true };
		struct bench b;

		bench_init(&b, shape);
		(void)ask_on_both(&b, &v);
		bench_tunnel_cut(&b);
		pass(&b, LIMIT_ANSWER_MS - LIMIT_ASK_AGAIN_MS - 1000);
		assert_int_equal(v.status, 0);
		pass(&b, 1000); /* both have the time of one */
		TURN_UNTIL(&b, v.ended);
		assert_int_equal(v.status, 504);
		TURN_UNTIL(&b, b.bridge_resets == 2);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

static void a_tunnel_that_comes_while_one_is_silent_is_asked(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .sends = "x", .n_sends = 1 };
		struct bench b;

		bench_init(&b, shape);
		b.bridge_way = BRIDGE_HOLD;
		visit_connect(&b, &v);
		TURN_UNTIL(&b, b.held);
		b.bridge_way = BRIDGE_ECHO;
		pass(&b, LIMIT_ASK_AGAIN_MS + 1000);
		bench_spare_up(&b);
		pass(&b, LIMIT_ASK_AGAIN_MS - 1100);
		assert_int_equal(v.status, 0);
		pass(&b, 100);
		TURN_UNTIL(&b, v.ended);
		assert_int_equal(v.status, 200);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

/* A second try on a tunnel that says nothing either would be wasted. */
static void a_tunnel_that_is_silent_too_is_not_asked(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .sends = "x", .n_sends = 1 };
		struct bench b;

		bench_init(&b, shape);
		(void)ask_on_first(&b, &v);
		b.bridge_way = BRIDGE_ECHO;
		loop_set_now(b.loop, loop_now(b.loop) + LIMIT_ASK_AGAIN_MS);
		http_conn_probe(b.spare);
		turn(&b, 50);
		assert_int_equal(b.bridge_requests, 1);
		assert_int_equal(carry_counts(b.carry)->asked_again, 0);
		pass(&b, LIMIT_ASK_AGAIN_MS); /* it has answered meanwhile */
		TURN_UNTIL(&b, v.ended);
		assert_int_equal(v.status, 200);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

/* As after the machine, or the process, was stopped. */
static void nobody_is_asked_again_when_it_is_too_late(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .holds = true };
		struct bench b;

		bench_init(&b, shape);
		(void)ask_on_first(&b, &v);
		loop_set_now(b.loop, loop_now(b.loop) + LIMIT_ANSWER_MS + 1000);
		TURN_UNTIL(&b, v.ended);
		assert_int_equal(v.status, 504);
		assert_int_equal(carry_counts(b.carry)->asked_again, 0);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

static void a_tunnel_that_goes_before_the_answer_is_503(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .holds = true };
		struct bench b;

		bench_init(&b, shape);
		b.bridge_way = BRIDGE_HOLD;
		visit_connect(&b, &v);
		TURN_UNTIL(&b, b.held);
		bench_tunnel_cut(&b);
		TURN_UNTIL(&b, v.ended);
		assert_int_equal(v.status, 503);
		assert_string_equal(v.retry, "1");
		ASSERT_BODY_HAS(&v, "the tunnel");
		assert_int_equal(b.refusals.counts[REFUSAL_CUT], 1);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

static void a_bridge_that_resets_before_the_answer_is_503(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .holds = true };
		struct bench b;

		bench_init(&b, shape);
		b.bridge_way = BRIDGE_HOLD;
		visit_connect(&b, &v);
		TURN_UNTIL(&b, b.held);
		http_stream_abandon(STEAL(b.held));
		TURN_UNTIL(&b, v.ended);
		assert_int_equal(v.status, 503);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

static void a_tunnel_that_goes_resets_its_sessions(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .sends = "x", .n_sends = 1, .holds = true };
		struct bench b;

		bench_init(&b, shape);
		visit_connect(&b, &v);
		TURN_UNTIL(&b, v.n_body == 1);
		bench_tunnel_cut(&b);
		TURN_UNTIL(&b, v.failed);
		assert_false(v.ended);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

static void a_pod_that_goes_while_asking_resets_the_bridges_stream(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .holds = true };
		struct bench b;

		bench_init(&b, shape);
		b.bridge_way = BRIDGE_HOLD;
		visit_connect(&b, &v);
		TURN_UNTIL(&b, b.held);
		visit_end(&v);
		if (b.pod)
			http_conn_cut(STEAL(b.pod));
		TURN_UNTIL(&b, b.bridge_resets == 1);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

static void a_pod_that_goes_resets_the_session(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .sends = "x", .n_sends = 1, .holds = true };
		struct bench b;

		bench_init(&b, shape);
		visit_connect(&b, &v);
		TURN_UNTIL(&b, v.n_body == 1);
		visit_end(&v);
		if (b.pod)
			http_conn_cut(STEAL(b.pod));
		TURN_UNTIL(&b, b.bridge_resets == 1);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

static void a_quiet_session_is_kept_and_a_half_closed_one_cut(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		static const struct http_head good = { .status = 200,
			.length = -1 };
		struct visit v = { .holds = true };
		struct bench b;

		if (shape->chop)
			continue;
		bench_init(&b, shape);
		b.bridge_way = BRIDGE_HOLD;
		visit_connect(&b, &v);
		TURN_UNTIL(&b, b.held);
		assert_int_equal(http_stream_respond(b.held, &good, false), 0);
		pass(&b, UINT64_C(24) * 3600 * 1000);
		assert_int_equal(v.status, 200);
		assert_int_equal(carry_counts(b.carry)->open, 1);
		leg_finish(http_stream_leg(b.held));
		TURN_UNTIL(&b, v.ended);
		pass(&b, LIMIT_HALF_CLOSED_MS - 1000);
		assert_int_equal(carry_counts(b.carry)->open, 1);
		pass(&b, 2000);
		bench_nothing_left(&b);
		visit_end(&v);
		bench_deinit(&b);
	}
}

static void without_a_tunnel_the_pod_is_told_why(void **state)
{
	static const struct {
		const char *label, *fault, *words, *retry;
		bool full;
		enum refusal_kind kind;
	} rows[] = {
		{ "a fault", "beacon b1:443: connection refused",
		    "no tunnel to the bridge: beacon b1:443: connection "
		    "refused",
		    "5", false, REFUSAL_NO_TUNNEL },
		{ "not yet", "", "no tunnel to the bridge: it has not come",
		    "1", false, REFUSAL_NO_TUNNEL },
		{ "all full", "", "every tunnel to the bridge is full", "5",
		    true, REFUSAL_BUSY },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct visit v = { .holds = true };
		struct bench b;

		bench_init(&b, &shapes[i]);
		b.fault = rows[i].fault;
		b.full = rows[i].full;
		if (!b.full)
			bench_tunnel_cut(&b);
		visit_connect(&b, &v);
		TURN_UNTIL(&b, v.ended);
		assert_int_equal(v.status, 503);
		assert_string_equal(v.retry, rows[i].retry);
		ASSERT_BODY_HAS(&v, rows[i].words);
		assert_int_equal(b.refusals.counts[rows[i].kind], 1);
		assert_int_equal(b.bridge_requests, 0);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

/* bench_deinit() ends the broker first, with the session as it is. */
static void a_broker_may_end_in_every_state(void **state)
{
	static const struct http_head no = { .status = 403, .length = -1 };

	(void)state;
	for (int stage = 0; stage < 3; stage++) {
		struct visit v = { .holds = true };
		struct bench b;

		bench_init(&b, &shapes[2]);
		b.bridge_way = stage == 2 ? BRIDGE_ECHO : BRIDGE_HOLD;
		visit_connect(&b, &v);
		TURN_UNTIL(&b, b.bridge_requests == 1);
		if (stage == 1)
			assert_int_equal(
			    http_stream_respond(b.held, &no, false), 0);
		turn(&b, 50);
		assert_int_equal(pods_gauges(b.pods).streams, 1);
		visit_end(&v);
		bench_deinit(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_are_carried),
		cmocka_unit_test(a_pod_that_does_not_read_is_waited_for),
		cmocka_unit_test(a_refusal_of_the_bridge_is_passed_on),
		cmocka_unit_test(reasons_without_end_are_not_awaited),
		cmocka_unit_test(no_answer_in_time_is_504),
		cmocka_unit_test(
		    early_bytes_reach_a_bridge_that_has_not_answered),
		cmocka_unit_test(no_more_than_the_limit_is_early),
		cmocka_unit_test(
		    a_pod_that_floods_before_the_answer_fills_its_window),
		cmocka_unit_test(a_refusal_reaches_a_pod_that_spoke_early),
		cmocka_unit_test(both_tunnels_are_told_the_early_bytes),
		cmocka_unit_test(a_pod_that_spoke_early_may_go),
		cmocka_unit_test(another_tunnel_is_asked_where_one_is_silent),
		cmocka_unit_test(
		    the_first_answer_counts_whichever_tunnel_it_comes_by),
		cmocka_unit_test(a_refusal_by_the_second_tunnel_is_one),
		cmocka_unit_test(where_one_of_two_goes_the_other_is_waited_for),
		cmocka_unit_test(
		    a_tunnel_that_comes_while_one_is_silent_is_asked),
		cmocka_unit_test(a_tunnel_that_is_silent_too_is_not_asked),
		cmocka_unit_test(nobody_is_asked_again_when_it_is_too_late),
		cmocka_unit_test(a_tunnel_that_goes_before_the_answer_is_503),
		cmocka_unit_test(a_bridge_that_resets_before_the_answer_is_503),
		cmocka_unit_test(a_tunnel_that_goes_resets_its_sessions),
		cmocka_unit_test(
		    a_pod_that_goes_while_asking_resets_the_bridges_stream),
		cmocka_unit_test(a_pod_that_goes_resets_the_session),
		cmocka_unit_test(
		    a_quiet_session_is_kept_and_a_half_closed_one_cut),
		cmocka_unit_test(without_a_tunnel_the_pod_is_told_why),
		cmocka_unit_test(a_broker_may_end_in_every_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
