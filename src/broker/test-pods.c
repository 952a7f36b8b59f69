/* broker/test-pods.c: who is let in, by quota, token and target, and what is
 * said to the others. */
#include "broker/limits.h"
#include "broker/test-bench.h"

static const char challenge[] = "Bearer realm=\"pharos-broker\"";

static const struct {
	const char *label, *method, *authority, *target;
	struct http_field fields[2];
	const char *token; /* --client-token-file */
	bool pass_through;
	int status;
	const char *says, *challenge;
	enum refusal_kind kind; /* REFUSAL_COUNT: none */
} rows[] = {
#define CONNECT	   .method = "CONNECT", .authority = "bridge.pharos:443"
#define READ	   .method = "GET", .authority = "broker", .target = "/v1/kv/a"
#define NO_REFUSAL .status = 200, .kind = REFUSAL_COUNT
	{ .label = "CONNECT", CONNECT, NO_REFUSAL },
	{ .label = "case of the name does not matter",
	    .method = "CONNECT",
	    .authority = "Bridge.PHAROS:443",
	    NO_REFUSAL },
	{ .label = "another host",
	    .method = "CONNECT",
	    .authority = "example.org:443",
	    .status = 403,
	    .says = "bridge.pharos:443",
	    .kind = REFUSAL_TARGET },
	{ .label = "another port",
	    .method = "CONNECT",
	    .authority = "bridge.pharos:8200",
	    .status = 403,
	    .says = "bridge.pharos:443",
	    .kind = REFUSAL_TARGET },
	{ .label = "a longer name",
	    .method = "CONNECT",
	    .authority = "bridge.pharos.example.org:443",
	    .status = 403,
	    .says = "bridge.pharos:443",
	    .kind = REFUSAL_TARGET },
	{ .label = "with the token",
	    CONNECT,
	    .token = "knock",
	    .fields = { { "proxy-authorization", "Bearer knock" } },
	    NO_REFUSAL },
	{ .label = "with the token, in another case",
	    CONNECT,
	    .token = "knock",
	    .fields = { { "proxy-authorization", "bearer knock" } },
	    NO_REFUSAL },
	{ .label = "a token that nobody asked for",
	    CONNECT,
	    .fields = { { "proxy-authorization", "Bearer x" } },
	    NO_REFUSAL },
#define NO_PROXY_TOKEN                                                         \
	.status = 407, .says = "Proxy-Authorization", .challenge = challenge,  \
	.kind = REFUSAL_PROXY_TOKEN
	{ .label = "no token", CONNECT, .token = "knock", NO_PROXY_TOKEN },
	{ .label = "a wrong token",
	    CONNECT,
	    .token = "knock",
	    .fields = { { "proxy-authorization", "Bearer knack" } },
	    NO_PROXY_TOKEN },
	{ .label = "a part of it",
	    CONNECT,
	    .token = "knock",
	    .fields = { { "proxy-authorization", "Bearer knoc" } },
	    NO_PROXY_TOKEN },
	{ .label = "more than it",
	    CONNECT,
	    .token = "knock",
	    .fields = { { "proxy-authorization", "Bearer knock2" } },
	    NO_PROXY_TOKEN },
	{ .label = "no scheme",
	    CONNECT,
	    .token = "knock",
	    .fields = { { "proxy-authorization", "knock" } },
	    NO_PROXY_TOKEN },
	{ .label = "Basic",
	    CONNECT,
	    .token = "knock",
	    .fields = { { "proxy-authorization", "Basic knock" } },
	    NO_PROXY_TOKEN },
	{ .label = "in the field of the other kind",
	    CONNECT,
	    .token = "knock",
	    .fields = { { "authorization", "Bearer knock" } },
	    NO_PROXY_TOKEN },
	{ .label = "the token is asked for before the target is looked at",
	    .method = "CONNECT",
	    .authority = "example.org:443",
	    .token = "knock",
	    NO_PROXY_TOKEN },

	{ .label = "pass-through", READ, .pass_through = true, NO_REFUSAL },
	{ .label = "pass-through is off",
	    READ,
	    .status = 403,
	    .says = "--pass-through",
	    .kind = REFUSAL_PASS_THROUGH },
	{ .label = "with the token",
	    READ,
	    .pass_through = true,
	    .token = "knock",
	    .fields = { { "x-pharos-token", "knock" } },
	    NO_REFUSAL },
	{ .label = "with the token as Bearer",
	    READ,
	    .pass_through = true,
	    .token = "knock",
	    .fields = { { "authorization", "Bearer knock" } },
	    NO_REFUSAL },
#define NO_TOKEN                                                               \
	.status = 401, .says = "X-Pharos-Token", .challenge = challenge,       \
	.kind = REFUSAL_TOKEN
	{ .label = "no token",
	    READ,
	    .pass_through = true,
	    .token = "knock",
	    NO_TOKEN },
	{ .label = "a wrong one",
	    READ,
	    .pass_through = true,
	    .token = "knock",
	    .fields = { { "x-pharos-token", "knack" } },
	    NO_TOKEN },
	{ .label = "our own field decides",
	    READ,
	    .pass_through = true,
	    .token = "knock",
	    .fields = { { "x-pharos-token", "knack" },
		{ "authorization", "Bearer knock" } },
	    NO_TOKEN },
	{ .label = "the token of a CONNECT",
	    READ,
	    .pass_through = true,
	    .token = "knock",
	    .fields = { { "proxy-authorization", "Bearer knock" } },
	    NO_TOKEN },

	{ .label = "the status needs none",
	    .method = "GET",
	    .authority = "broker",
	    .target = "/v1/status",
	    .token = "knock",
	    .says = "\"mode\":\"beacon\"",
	    NO_REFUSAL },
	{ .label = "outside of /v1/",
	    .method = "GET",
	    .authority = "broker",
	    .target = "/ui/",
	    .pass_through = true,
	    .status = 404,
	    .kind = REFUSAL_COUNT },
};

static void run_row(size_t i, const struct shape *shape)
{
	struct visit v = { .sends = NULL };
	struct order order = { .shape = shape,
		.token = rows[i].token,
		.pass_through = rows[i].pass_through };
	struct http_head head = { .method = rows[i].method,
		.authority = rows[i].authority,
		.target = rows[i].target,
		.length = -1,
		.fields = rows[i].fields };
	struct bench b;

	while (head.n_fields < 2 && rows[i].fields[head.n_fields].name)
		head.n_fields++;
	bench_init_as(&b, &order);
	visit_begin(&b, &v, &head);
	TURN_UNTIL(&b, v.ended || v.failed);
	if (v.status != rows[i].status)
		fail_msg("%s, %s: %d", rows[i].label, shape->label, v.status);
	if (rows[i].says)
		ASSERT_BODY_HAS(&v, rows[i].says);
	assert_string_equal(
	    v.challenge, rows[i].challenge ? rows[i].challenge : "");
	for (unsigned k = 0; k < REFUSAL_COUNT; k++)
		assert_int_equal(b.refusals.counts[k], k == rows[i].kind);
	visit_end(&v);
	bench_nothing_left(&b);
	bench_deinit(&b);
}

static void who_is_let_in(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		EACH_SHAPE(shape)
	run_row(i, shape);
}

static void the_ninth_stream_is_told_to_wait(void **state)
{
	struct visit v[LIMIT_STREAMS_SOURCE + 2] = { { .status = 0 } };
	struct bench b;
	size_t last = LIMIT_STREAMS_SOURCE;

	(void)state;
	bench_init(&b, &shapes[2]);
	for (size_t i = 0; i <= last; i++) {
		v[i].holds = true;
		visit_connect(&b, &v[i]);
		TURN_UNTIL(&b, v[i].status);
		assert_int_equal(v[i].status, i < last ? 200 : 429);
	}
	assert_string_equal(v[last].retry, "5");
	assert_int_equal(b.refusals.counts[REFUSAL_STREAMS], 1);
	assert_int_equal(b.bridge_requests, last);
	visit_end(&v[0]);
	TURN_UNTIL(&b, pods_gauges(b.pods).streams == last - 1);
	v[last + 1].holds = true;
	visit_connect(&b, &v[last + 1]);
	TURN_UNTIL(&b, v[last + 1].status == 200);
	for (size_t i = 0; i < N_ELEMS(v); i++)
		visit_end(&v[i]);
	bench_nothing_left(&b);
	bench_deinit(&b);
}

static void requests_too_fast_are_told_to_slow_down(void **state)
{
	static const struct quota_rules slow = {
		.rate = { .burst = 2, .step_ms = 2500 },
		.streams = 8,
		.sources = 4,
	};
	static const int wanted[] = { 200, 200, 429 };
	struct bench b;

	(void)state;
	bench_init_as(
	    &b, &(struct order){ .shape = &shapes[2], .rules = &slow });
	for (size_t i = 0; i < N_ELEMS(wanted); i++) {
		struct visit v = { .sends = NULL };

		visit_send(&b, &v, "GET", "/v1/status", NULL);
		TURN_UNTIL(&b, v.ended);
		assert_int_equal(v.status, wanted[i]);
		assert_string_equal(v.retry, i == 2 ? "3" : "");
		visit_end(&v);
	}
	assert_int_equal(b.refusals.counts[REFUSAL_RATE], 1);
	bench_nothing_left(&b);
	bench_deinit(&b);
}

static void a_full_table_of_sources_is_503(void **state)
{
	static const struct quota_rules none = {
		.rate = { .burst = 2, .step_ms = 1000 },
		.streams = 8,
		.sources = 0,
	};
	struct visit v = { .holds = true };
	struct bench b;

	(void)state;
	bench_init_as(
	    &b, &(struct order){ .shape = &shapes[2], .rules = &none });
	visit_connect(&b, &v);
	TURN_UNTIL(&b, v.ended);
	assert_int_equal(v.status, 503);
	assert_int_equal(b.refusals.counts[REFUSAL_SOURCES], 1);
	visit_end(&v);
	bench_nothing_left(&b);
	bench_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_let_in),
		cmocka_unit_test(the_ninth_stream_is_told_to_wait),
		cmocka_unit_test(requests_too_fast_are_told_to_slow_down),
		cmocka_unit_test(a_full_table_of_sources_is_503),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
