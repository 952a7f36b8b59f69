/* broker/test-forward.c: pass-through: what crosses and what does not, and how
 * each end and each failure between shows at the other. */
#include "broker/limits.h"
#include "broker/test-bench.h"

enum { FIELDS_MOST = 12 /* with the one that has no name */ };

static void init(struct bench *b, const struct shape *shape)
{
	bench_init_as(
	    b, &(struct order){ .shape = shape, .pass_through = true });
}

/* ---- requests */

#define JSON_TYPE                                                              \
	{                                                                      \
		"content-type", "application/json"                             \
	}

static const struct {
	const char *label, *method, *target;
	struct http_field fields[FIELDS_MOST];
	const char *body;
	const char *token; /* --client-token-file */
	const char *saw;   /* what the bridge gets */
} requests[] = {
	{ "a read", "GET", "/v1/secret/data/team/db?version=2",
	    { { "x-vault-token", "s.1" }, { "x-vault-request", "true" } }, NULL,
	    NULL,
	    "GET bridge.pharos /v1/secret/data/team/db?version=2\n"
	    "x-vault-token: s.1\nx-vault-request: true\n" },
	{ "a login", "POST", "/v1/auth/jwt/login", { JSON_TYPE },
	    "{\"jwt\":\"a.b.c\"}", NULL,
	    "POST bridge.pharos /v1/auth/jwt/login\n"
	    "content-type: application/json\n" },
	{ "a method of the store's own", "LIST", "/v1/secret/metadata/",
	    { { 0 } }, NULL, NULL,
	    "LIST bridge.pharos /v1/secret/metadata/\n" },
	{ "what the bridge has to judge crosses", "GET", "/v1/sys/../x",
	    { { "x-vault-namespace", "other" }, { "x-vault-wrap-ttl", "60s" } },
	    NULL, NULL,
	    "GET bridge.pharos /v1/sys/../x\nx-vault-namespace: other\n"
	    "x-vault-wrap-ttl: 60s\n" },
	{ "nothing else crosses", "GET", "/v1/secret/data/a",
	    { { "cookie", "a=b" }, { "user-agent", "x" },
		{ "forwarded", "for=10.0.0.1" }, { "x-forwarded-for", "1" },
		{ "proxy-authorization", "Bearer p" },
		{ "x-pharos-token", "p" }, { "accept-encoding", "gzip" },
		{ "content-typed", "no" }, { "x-vault", "no" } },
	    NULL, NULL, "GET bridge.pharos /v1/secret/data/a\n" },
	{ "the store's token as Bearer", "GET", "/v1/secret/data/a",
	    { { "authorization", "Bearer s.1" } }, NULL, NULL,
	    "GET bridge.pharos /v1/secret/data/a\n"
	    "authorization: Bearer s.1\n" },
	{ "the broker's token as Bearer stays here", "GET", "/v1/secret/data/a",
	    { { "authorization", "bearer  knock" },
		{ "x-vault-token", "s.1" } },
	    NULL, "knock",
	    "GET bridge.pharos /v1/secret/data/a\nx-vault-token: s.1\n" },
	{ "each has its own", "GET", "/v1/secret/data/a",
	    { { "authorization", "Bearer s.1" },
		{ "x-pharos-token", "knock" } },
	    NULL, "knock",
	    "GET bridge.pharos /v1/secret/data/a\n"
	    "authorization: Bearer s.1\n" },
};

static void send_request(size_t i, const struct shape *shape)
{
	static const char body[] = "{\"data\":1}";
	struct visit v = { .sends = requests[i].body };
	struct order order = {
		.shape = shape, .token = requests[i].token, .pass_through = true
	};
	struct bench b;

	v.n_sends = v.sends ? strlen(v.sends) : 0;
	bench_init_as(&b, &order);
	b.bridge_way = BRIDGE_ANSWER;
	b.answer = (struct http_answer){
		.status = 200, .body = body, .n = strlen(body)
	};
	visit_send(
	    &b, &v, requests[i].method, requests[i].target, requests[i].fields);
	TURN_UNTIL(&b, v.ended || v.failed);
	if (v.status != 200 || strcmp(b.saw, requests[i].saw) != 0)
		fail_msg("%s, %s: %d, %s", requests[i].label, shape->label,
		    v.status, b.saw);
	ASSERT_BODY_HAS(&v, body);
	visit_end(&v);
	bench_nothing_left(&b);
	bench_deinit(&b);
}

static void what_crosses_of_a_request(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(requests); i++)
		EACH_SHAPE(shape)
	send_request(i, shape);
}

static void bodies_flow_both_ways(void **state)
{
	enum { MUCH = 1024 * 1024 };
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
		init(&b, shape);
		visit_send(&b, &v, "PUT", "/v1/secret/data/a", NULL);
		turn(&b, 20000);
		assert_int_equal(v.status, 200);
		assert_true(v.sent < MUCH);
		v.deaf = false;
		leg_want(http_stream_leg(v.stream), LEG_READ | LEG_WRITE);
		TURN_UNTIL(&b, v.ended);
		visit_end(&v);
		bench_nothing_left(&b);
		assert_int_equal(forward_bytes(b.forward, WAY_TO_BRIDGE), MUCH);
		assert_int_equal(forward_bytes(b.forward, WAY_TO_POD), MUCH);
		assert_int_equal(forward_counts(b.forward)->total, 1);
		bench_deinit(&b);
	}
	free(much);
}

/* ---- answers */

static const struct {
	const char *label, *method;
	struct http_answer answer;
	const char *body;
	const char *type, *retry;
} answers[] = {
	{ "a value", "GET",
	    { .status = 200, .content_type = "application/json" },
	    "{\"data\":{}}", "application/json", "" },
	{ "not permitted", "GET",
	    { .status = 403, .content_type = "application/json" },
	    "{\"errors\":[\"permission denied\"]}", "application/json", "" },
	{ "credentials are the store's to ask for", "GET", { .status = 401 },
	    "{}", "", "" },
	{ "not now", "GET", { .status = 503 }, "{}", "", "9" },
	{ "no content", "POST", { .status = 204 }, "", "", "" },
	{ "not modified", "GET", { .status = 304 }, "", "", "" },
	{ "empty", "GET", { .status = 404 }, "", "", "" },
	{ "only the head", "HEAD",
	    { .status = 200, .content_type = "text/plain" }, "swallowed",
	    "text/plain", "" },
};

static void bring_answer(size_t i, const struct shape *shape)
{
	struct http_field fields[] = {
		{ "set-cookie", "a=b" },
		{ "retry-after", answers[i].retry },
	};
	struct visit v = { .sends = NULL };
	struct bench b;

	init(&b, shape);
	b.bridge_way = BRIDGE_ANSWER;
	b.answer = answers[i].answer;
	b.answer.body = answers[i].body;
	b.answer.n = strlen(answers[i].body);
	b.answer.fields = fields;
	b.answer.n_fields = *answers[i].retry ? 2 : 1;
	visit_send(&b, &v, answers[i].method, "/v1/a", NULL);
	TURN_UNTIL(&b, v.ended || v.failed);
	if (v.status != answers[i].answer.status ||
	    strcmp(v.type, answers[i].type) != 0 ||
	    strcmp(v.retry, answers[i].retry) != 0 || v.cookie)
		fail_msg("%s, %s: %d %s %s", answers[i].label, shape->label,
		    v.status, v.type, v.retry);
	assert_int_equal(
	    v.n_body, strcmp(answers[i].method, "HEAD") ? b.answer.n : 0);
	assert_memory_equal(v.body, b.answer.body, v.n_body);
	visit_end(&v);
	bench_nothing_left(&b);
	bench_deinit(&b);
}

static void what_crosses_of_an_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(answers); i++)
		EACH_SHAPE(shape)
	bring_answer(i, shape);
}

/* A bridge that refuses does not read what it refuses. (HTTP/1.1 can end the
 * upload only with the connection; whether the client reads before it notices
 * is the client's luck, so only the one that does is looked at.) */
static void an_answer_before_the_request_is_whole_arrives(void **state)
{
	enum { MUCH = 4 * 1024 * 1024 };
	static const char no[] = "{\"errors\":[\"not below an allowed path\"]}";
	char *much = calloc(1, MUCH);

	(void)state;
	assert_non_null(much);
	EACH_SHAPE(shape)
	{
		struct visit v = { .sends = much, .n_sends = MUCH };
		struct bench b;

		if (shape->version == HTTP_1 && shape->chop)
			continue;
		init(&b, shape);
		b.bridge_way = BRIDGE_ANSWER;
		b.answer = (struct http_answer){
			.status = 403, .body = no, .n = strlen(no)
		};
		visit_send(&b, &v, "POST", "/v1/a", NULL);
		TURN_UNTIL(&b, v.n_body == strlen(no));
		assert_int_equal(v.status, 403);
		ASSERT_BODY_HAS(&v, no);
		assert_true(v.sent < MUCH);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
	free(much);
}

/* ---- failures */

static void no_answer_in_time_is_504(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .sends = NULL };
		struct bench b;

		init(&b, shape);
		b.bridge_way = BRIDGE_HOLD;
		visit_send(&b, &v, "GET", "/v1/a", NULL);
		TURN_UNTIL(&b, b.held);
		pass(&b, LIMIT_FORWARD_MS - 1000);
		assert_int_equal(v.status, 0);
		pass(&b, 1000);
		TURN_UNTIL(&b, v.ended);
		assert_int_equal(v.status, 504);
		TURN_UNTIL(&b, b.bridge_resets == 1);
		assert_int_equal(b.refusals.counts[REFUSAL_LATE], 1);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

static void an_answer_without_end_is_cut(void **state)
{
	static const struct http_head good = { .status = 200, .length = -1 };

	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .sends = NULL };
		struct bench b;

		init(&b, shape);
		b.bridge_way = BRIDGE_HOLD;
		visit_send(&b, &v, "GET", "/v1/a", NULL);
		TURN_UNTIL(&b, b.held);
		assert_int_equal(http_stream_respond(b.held, &good, false), 0);
		TURN_UNTIL(&b, v.status == 200);
		pass(&b, LIMIT_FORWARD_MS);
		TURN_UNTIL(&b, v.failed);
		assert_false(v.ended);
		TURN_UNTIL(&b, b.bridge_resets == 1);
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
		static const char body[] = "half of it";
		struct visit v = { .sends = body, .n_sends = sizeof(body) };
		struct bench b;

		init(&b, shape);
		b.bridge_way = BRIDGE_HOLD;
		visit_send(&b, &v, "POST", "/v1/a", NULL);
		TURN_UNTIL(&b, b.held);
		bench_tunnel_cut(&b);
		TURN_UNTIL(&b, v.ended);
		assert_int_equal(v.status, 503);
		ASSERT_BODY_HAS(&v, "is not known");
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

/* It may only be slow: so the request stays, and is not sent twice. But what
 * comes before the tunnel has been heard goes by another one. */
static void a_tunnel_that_does_not_answer_is_doubted(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .sends = NULL };
		struct bench b;

		init(&b, shape);
		b.bridge_way = BRIDGE_HOLD;
		visit_send(&b, &v, "GET", "/v1/a", NULL);
		TURN_UNTIL(&b, b.held);
		bench_spare_up(&b);
		pass(&b, LIMIT_ASK_AGAIN_MS - 1);
		assert_ptr_equal(b.way.pick(&b), b.tunnel);
		memleg_chop(http_conn_leg(b.tunnel), 1, 7); /* slow */
		loop_set_now(b.loop, loop_now(b.loop) + 1);
		TURN_UNTIL(&b, b.way.pick(&b) == b.spare);
		TURN_UNTIL(&b, b.way.pick(&b) == b.tunnel);
		assert_int_equal(b.bridge_requests, 1);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

/* A part must not pass for the whole. */
static void an_answer_that_breaks_off_resets_the_pod(void **state)
{
	static const struct http_head heads[] = {
		{ .status = 200, .length = -1 },
		{ .status = 200, .length = 100 },
	};

	(void)state;
	EACH_SHAPE(shape)
	{
		for (size_t i = 0; i < N_ELEMS(heads); i++) {
			struct visit v = { .sends = NULL };
			struct bench b;

			init(&b, shape);
			b.bridge_way = BRIDGE_HOLD;
			visit_send(&b, &v, "GET", "/v1/a", NULL);
			TURN_UNTIL(&b, b.held);
			assert_int_equal(
			    http_stream_respond(b.held, &heads[i], false), 0);
			assert_int_equal(
			    leg_write(http_stream_leg(b.held), "part", 4), 4);
			TURN_UNTIL(&b, v.n_body == 4);
			http_stream_abandon(STEAL(b.held));
			TURN_UNTIL(&b, v.failed);
			assert_false(v.ended);
			visit_end(&v);
			bench_nothing_left(&b);
			bench_deinit(&b);
		}
	}
}

static void a_pod_that_goes_takes_its_request_along(void **state)
{
	static const struct http_head good = { .status = 200, .length = -1 };

	(void)state;
	EACH_SHAPE(shape)
	{
		for (int answered = 0; answered < 2; answered++) {
			struct visit v = {
				.sends = "part", .n_sends = 4, .holds = true
			};
			struct bench b;

			init(&b, shape);
			b.bridge_way = BRIDGE_HOLD;
			visit_begin(&b, &v,
			    &(struct http_head){ .method = "PUT",
				.authority = "broker",
				.target = "/v1/a",
				.length = -1 });
			TURN_UNTIL(&b, b.held && v.sent == 4);
			if (answered)
				assert_int_equal(
				    http_stream_respond(b.held, &good, false),
				    0);
			turn(&b, 50);
			visit_end(&v);
			if (b.pod)
				http_conn_cut(STEAL(b.pod));
			TURN_UNTIL(&b, b.bridge_resets == 1);
			bench_nothing_left(&b);
			bench_deinit(&b);
		}
	}
}

static void without_a_tunnel_the_pod_is_told_why(void **state)
{
	(void)state;
	EACH_SHAPE(shape)
	{
		struct visit v = { .sends = "body", .n_sends = 4 };
		struct bench b;

		init(&b, shape);
		b.fault = "beacon b1:443: connection refused";
		bench_tunnel_cut(&b);
		visit_send(&b, &v, "POST", "/v1/a", NULL);
		TURN_UNTIL(&b, v.ended);
		assert_int_equal(v.status, 503);
		assert_string_equal(v.retry, "5");
		ASSERT_BODY_HAS(&v, b.fault);
		visit_end(&v);
		bench_nothing_left(&b);
		bench_deinit(&b);
	}
}

/* bench_deinit() ends the broker first, with the errand as it is. */
static void a_broker_may_end_in_every_state(void **state)
{
	static const struct http_head good = { .status = 200, .length = -1 };

	(void)state;
	for (int answered = 0; answered < 2; answered++) {
		struct visit v = { .sends = NULL };
		struct bench b;

		init(&b, &shapes[2]);
		b.bridge_way = BRIDGE_HOLD;
		visit_send(&b, &v, "GET", "/v1/a", NULL);
		TURN_UNTIL(&b, b.held);
		if (answered)
			assert_int_equal(
			    http_stream_respond(b.held, &good, false), 0);
		turn(&b, 50);
		assert_int_equal(forward_counts(b.forward)->open, 1);
		visit_end(&v);
		bench_deinit(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_crosses_of_a_request),
		cmocka_unit_test(bodies_flow_both_ways),
		cmocka_unit_test(what_crosses_of_an_answer),
		cmocka_unit_test(an_answer_before_the_request_is_whole_arrives),
		cmocka_unit_test(no_answer_in_time_is_504),
		cmocka_unit_test(an_answer_without_end_is_cut),
		cmocka_unit_test(a_tunnel_that_does_not_answer_is_doubted),
		cmocka_unit_test(a_tunnel_that_goes_before_the_answer_is_503),
		cmocka_unit_test(an_answer_that_breaks_off_resets_the_pod),
		cmocka_unit_test(a_pod_that_goes_takes_its_request_along),
		cmocka_unit_test(without_a_tunnel_the_pod_is_told_why),
		cmocka_unit_test(a_broker_may_end_in_every_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
