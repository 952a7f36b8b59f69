/* broker/test-door.c: who is let in where the cluster reviews pods' tokens,
 * what the others are told, and who is counted. */
#include "broker/limits.h"
#include "broker/test-bench.h"
#include <signal.h>

/* {"exp":4102444800} */
#define TOKEN "e30.eyJleHAiOjQxMDI0NDQ4MDB9."

#define STATUS(text) "{\"status\":{" text "}}"
#define GOOD_FOR(uid)                                                          \
	STATUS("\"authenticated\":true,\"audiences\":[\"pharos-broker\"],"     \
	       "\"user\":{\"username\":\"system:serviceaccount:shop:web\","    \
	       "\"extra\":{\"authentication.kubernetes.io/pod-uid\":[\"" uid   \
	       "\"]}}")
#define GOOD	GOOD_FOR("u-1")
#define REFUSED STATUS("\"error\":\"pod is gone\"")
#define PERSON                                                                 \
	STATUS("\"authenticated\":true,\"audiences\":[\"pharos-broker\"],"     \
	       "\"user\":{\"username\":\"amy\"}")

static const struct {
	const char *label, *method, *authority, *target;
	struct http_field fields[2];
	int says_status;
	const char *says; /* the cluster */
	int status;	  /* the broker */
	const char *text, *retry;
	enum refusal_kind kind; /* REFUSAL_COUNT: none */
	int reviews, again;	/* of that request; and of a second one */
} rows[] = {
#define CONNECT .method = "CONNECT", .authority = "bridge.pharos:443"
#define READ	.method = "GET", .authority = "broker", .target = "/v1/kv/a"
#define SHOWN(field)                                                           \
	.fields = { { field, "Bearer " TOKEN } }, .says_status = 201
#define LET_IN .status = 200, .kind = REFUSAL_COUNT, .reviews = 1
	{ .label = "a pod",
	    CONNECT,
	    SHOWN("proxy-authorization"),
	    .says = GOOD,
	    LET_IN },
	{ .label = "no token: nobody is asked",
	    CONNECT,
	    .status = 407,
	    .text = "audience pharos-broker",
	    .kind = REFUSAL_PROXY_TOKEN },
	{ .label = "a token in the field of the other kind",
	    CONNECT,
	    SHOWN("authorization"),
	    .says = GOOD,
	    .status = 407,
	    .text = "Proxy-Authorization",
	    .kind = REFUSAL_PROXY_TOKEN },
	{ .label = "refused",
	    CONNECT,
	    SHOWN("proxy-authorization"),
	    .says = REFUSED,
	    .status = 407,
	    .text = "pod is gone: is it a projected token",
	    .kind = REFUSAL_REVIEW,
	    .reviews = 1 },
	{ .label = "what cannot be a token: nobody is asked",
	    CONNECT,
	    .fields = { { "proxy-authorization", "Bearer a b" } },
	    .status = 407,
	    .text = "does not take this token",
	    .kind = REFUSAL_REVIEW },
	{ .label = "nobody's pod",
	    CONNECT,
	    SHOWN("proxy-authorization"),
	    .says = PERSON,
	    .status = 403,
	    .text = "bound to no pod",
	    .kind = REFUSAL_NO_POD,
	    .reviews = 1 },
	{ .label = "the cluster cannot say",
	    CONNECT,
	    .fields = { { "proxy-authorization", "Bearer " TOKEN } },
	    .says_status = 500,
	    .says = "{}",
	    .status = 503,
	    .text = "cannot ask the cluster",
	    .retry = "5",
	    .kind = REFUSAL_CLUSTER,
	    .reviews = 1,
	    .again = 1 },
	{ .label = "the target is looked at after the token",
	    .method = "CONNECT",
	    .authority = "example.org:443",
	    SHOWN("proxy-authorization"),
	    .says = GOOD,
	    .status = 403,
	    .text = "bridge.pharos:443",
	    .kind = REFUSAL_TARGET,
	    .reviews = 1 },

	{ .label = "pass-through",
	    READ,
	    .fields = { { "x-pharos-token", TOKEN } },
	    .says_status = 201,
	    .says = GOOD,
	    LET_IN },
	{ .label = "pass-through, as Bearer",
	    READ,
	    SHOWN("authorization"),
	    .says = GOOD,
	    LET_IN },
	{ .label = "pass-through without a token",
	    READ,
	    .status = 401,
	    .text = "X-Pharos-Token",
	    .kind = REFUSAL_TOKEN },
	{ .label = "pass-through, refused",
	    READ,
	    SHOWN("authorization"),
	    .says = REFUSED,
	    .status = 401,
	    .text = "pod is gone",
	    .kind = REFUSAL_REVIEW,
	    .reviews = 1 },
	{ .label = "the status needs none",
	    .method = "GET",
	    .authority = "broker",
	    .target = "/v1/status",
	    .status = 200,
	    .kind = REFUSAL_COUNT },
};

static struct http_head head_of(size_t i)
{
	struct http_head head = { .method = rows[i].method,
		.authority = rows[i].authority,
		.target = rows[i].target,
		.length = -1,
		.fields = rows[i].fields };

	while (head.n_fields < 2 && rows[i].fields[head.n_fields].name)
		head.n_fields++;
	return head;
}

/* Return: how often the cluster was asked. */
static int visit_row(struct bench *b, size_t i)
{
	const char *retry = rows[i].retry ? rows[i].retry : "";
	const struct http_head head = head_of(i);
	struct visit v = { .sends = NULL };
	int before = b->cluster.requests;

	visit_begin(b, &v, &head);
	TURN_UNTIL(b, v.ended || v.failed);
	if (v.status != rows[i].status)
		fail_msg(
		    "%s, %s: %d", rows[i].label, b->shape->label, v.status);
	assert_string_equal(v.retry, retry);
	if (rows[i].text)
		ASSERT_BODY_HAS(&v, rows[i].text);
	visit_end(&v);
	return b->cluster.requests - before;
}

static void run_row(size_t i, const struct shape *shape)
{
	struct order order = {
		.shape = shape, .reviews = &reviewer_rules, .pass_through = true
	};
	struct bench b;

	bench_init_as(&b, &order);
	if (rows[i].says)
		fake_say(&b.cluster, rows[i].says_status, "application/json",
		    rows[i].says);
	assert_int_equal(visit_row(&b, i), rows[i].reviews);
	for (unsigned k = 0; k < REFUSAL_COUNT; k++)
		assert_int_equal(b.refusals.counts[k], k == rows[i].kind);
	bench_nothing_left(&b);
	if (!b.pod)
		bench_pod(&b);
	assert_int_equal(visit_row(&b, i), rows[i].again);
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

static const struct http_head pod_head = {
	.method = "CONNECT",
	.authority = "bridge.pharos:443",
	.length = -1,
	.fields = &(
	    const struct http_field){ "proxy-authorization", "Bearer " TOKEN },
	.n_fields = 1,
};

static void init_with(struct bench *b, const struct quota_rules *rules)
{
	bench_init_as(b, &(struct order){ .shape = &shapes[2],
			     .rules = rules,
			     .reviews = &reviewer_rules,
			     .pass_through = true });
	fake_say(&b->cluster, 201, "application/json", GOOD);
}

/* What waits for the review is what goes on after it, bodies and all. */
static void a_request_is_kept_as_it_was(void **state)
{
	static const struct http_field fields[] = { { "authorization",
							"Bearer " TOKEN },
		{ "x-vault-token", "s.1" }, { "content-type", "text/json" },
		{ NULL, NULL } };
	struct visit v = { .sends = "{\"data\":{}}", .n_sends = 11 };
	struct bench b;

	(void)state;
	init_with(&b, NULL);
	visit_send(&b, &v, "POST", "/v1/secret/data/a?x=1", fields);
	TURN_UNTIL(&b, v.ended);
	assert_int_equal(v.status, 200);
	assert_int_equal(b.cluster.requests, 1);
	ASSERT_BODY_HAS(&v, "{\"data\":{}}"); /* the bridge's echo */
	assert_string_equal(b.saw,
	    "POST bridge.pharos /v1/secret/data/a?x=1\n"
	    "x-vault-token: s.1\ncontent-type: text/json\n");
	visit_end(&v);
	bench_nothing_left(&b);
	bench_deinit(&b);
}

static void a_pod_that_is_known_counts_as_itself(void **state)
{
	struct visit v[LIMIT_STREAMS_SOURCE + 1] = { { .status = 0 } };
	struct visit other = { .holds = true };
	struct http_head head = pod_head;
	size_t last = LIMIT_STREAMS_SOURCE;
	struct bench b;

	(void)state;
	init_with(&b, NULL);
	for (size_t i = 0; i <= last; i++) {
		v[i].holds = true;
		visit_begin(&b, &v[i], &pod_head);
		TURN_UNTIL(&b, v[i].status);
		assert_int_equal(v[i].status, i < last ? 200 : 429);
	}
	assert_int_equal(b.refusals.counts[REFUSAL_STREAMS], 1);
	assert_int_equal(b.cluster.requests, 1);
	/* another pod at the same address */
	fake_say(&b.cluster, 201, "application/json", GOOD_FOR("u-2"));
	head.fields = &(const struct http_field){ "proxy-authorization",
		"Bearer " TOKEN "2" };
	visit_begin(&b, &other, &head);
	TURN_UNTIL(&b, other.status);
	assert_int_equal(other.status, 200);
	for (size_t i = 0; i <= last; i++)
		visit_end(&v[i]);
	visit_end(&other);
	bench_nothing_left(&b);
	bench_deinit(&b);
}

static void a_stranger_asks_no_faster_than_his_address_may(void **state)
{
	static const struct quota_rules slow = {
		.rate = { .burst = 3, .step_ms = 60000 },
		.streams = 8,
		.sources = 8,
	};
	static const char *const tokens[] = { "Bearer " TOKEN "1",
		"Bearer " TOKEN "2", "Bearer " TOKEN "3", "Bearer " TOKEN "4" };
	struct bench b;

	(void)state;
	init_with(&b, &slow);
	fake_say(&b.cluster, 201, "application/json", REFUSED);
	for (size_t i = 0; i < N_ELEMS(tokens); i++) {
		struct http_field field = { "proxy-authorization", tokens[i] };
		struct http_head head = pod_head;
		struct visit v = { .sends = NULL };

		head.fields = &field;
		visit_begin(&b, &v, &head);
		TURN_UNTIL(&b, v.ended || v.failed);
		assert_int_equal(v.status, i < 3 ? 407 : 429);
		visit_end(&v);
	}
	assert_int_equal(b.cluster.requests, 3);
	/* whom the cluster has named is not held back by that */
	bench_nothing_left(&b);
	bench_deinit(&b);
}

static void wait_for_review(struct bench *b, struct visit *v)
{
	b->cluster.manner = FAKE_HANG;
	visit_begin(b, v, &pod_head);
	TURN_UNTIL(b, b->cluster.requests);
	assert_int_equal(pods_gauges(b->pods).waiting, 1);
	assert_int_equal(pods_gauges(b->pods).streams, 1);
}

static void a_pod_that_leaves_while_it_waits(void **state)
{
	struct visit v = { .holds = true };
	struct bench b;

	(void)state;
	init_with(&b, NULL);
	wait_for_review(&b, &v);
	visit_end(&v);
	TURN_UNTIL(&b, !pods_gauges(b.pods).waiting);
	bench_nothing_left(&b);
	bench_deinit(&b);
}

static void the_broker_ends_while_one_waits(void **state)
{
	struct visit v = { .holds = true };
	struct bench b;

	(void)state;
	init_with(&b, NULL);
	wait_for_review(&b, &v);
	visit_end(&v);
	bench_deinit(&b);
}

static void as_many_tokens_wait_as_may(void **state)
{
	struct reviewer_rules one = reviewer_rules;
	struct visit first = { .holds = true }, second = { .sends = NULL };
	struct http_head head = pod_head;
	struct bench b;

	(void)state;
	one.most = 1;
	bench_init_as(
	    &b, &(struct order){ .shape = &shapes[2], .reviews = &one });
	wait_for_review(&b, &first);
	head.fields = &(const struct http_field){ "proxy-authorization",
		"Bearer " TOKEN "2" };
	visit_begin(&b, &second, &head);
	TURN_UNTIL(&b, second.ended);
	assert_int_equal(second.status, 503);
	assert_string_equal(second.retry, "1");
	assert_int_equal(b.refusals.counts[REFUSAL_REVIEWS], 1);
	visit_end(&second);
	visit_end(&first);
	bench_nothing_left(&b);
	bench_deinit(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_is_let_in),
		cmocka_unit_test(a_request_is_kept_as_it_was),
		cmocka_unit_test(a_pod_that_is_known_counts_as_itself),
		cmocka_unit_test(
		    a_stranger_asks_no_faster_than_his_address_may),
		cmocka_unit_test(a_pod_that_leaves_while_it_waits),
		cmocka_unit_test(the_broker_ends_while_one_waits),
		cmocka_unit_test(as_many_tokens_wait_as_may),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
