#include "broker/status.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

static const struct {
	const char *label;
	struct status status;
	const char *want;
} rows[] = {
	{ "nothing yet", { .mode = "beacon", .last_error = "" },
	    "{\"sealed\":true,\"mode\":\"beacon\",\"pass_through\":false,"
	    "\"tunnels\":[],\"targets\":[],\"last_error\":\"\","
	    "\"asks_for\":\"nothing\"}" },
	{ "pass-through is not sealed",
	    { .mode = "reverse", .pass_through = true, .last_error = "" },
	    "{\"sealed\":false,\"mode\":\"reverse\",\"pass_through\":true,"
	    "\"tunnels\":[],\"targets\":[],\"last_error\":\"\","
	    "\"asks_for\":\"nothing\"}" },
	{ "two tunnels",
	    { .mode = "beacon",
		.tunnels = { { "eu-1", "b1:443", 12 },
		    { "eu-1", "b2:443", 0 } },
		.n_tunnels = 2,
		.last_error = "" },
	    "{\"sealed\":true,\"mode\":\"beacon\",\"pass_through\":false,"
	    "\"tunnels\":[{\"peer\":\"eu-1\",\"target\":\"b1:443\","
	    "\"age_seconds\":12},{\"peer\":\"eu-1\",\"target\":\"b2:443\","
	    "\"age_seconds\":0}],\"targets\":[],\"last_error\":\"\","
	    "\"asks_for\":\"nothing\"}" },
	{ "a target in each state",
	    { .mode = "beacon",
		.targets = { { "a:1", 1, 1, 0, "" }, { "b:2", 0, 1, 0, "" },
		    { "c:3", 0, 0, 30, "refused" }, { "d:4", 0, 0, 0, "" } },
		.n_targets = 4,
		.last_error = "c:3: refused" },
	    "{\"sealed\":true,\"mode\":\"beacon\",\"pass_through\":false,"
	    "\"tunnels\":[],\"targets\":["
	    "{\"target\":\"a:1\",\"state\":\"live\",\"last_error\":\"\"},"
	    "{\"target\":\"b:2\",\"state\":\"waiting\",\"last_error\":\"\"},"
	    "{\"target\":\"c:3\",\"state\":\"resting\","
	    "\"last_error\":\"refused\",\"retry_in_seconds\":30},"
	    "{\"target\":\"d:4\",\"state\":\"idle\",\"last_error\":\"\"}],"
	    "\"last_error\":\"c:3: refused\",\"asks_for\":\"nothing\"}" },
	{ "a client token",
	    { .mode = "beacon",
		.last_error = "",
		.asks_for = STATUS_CLIENT_TOKEN },
	    "{\"sealed\":true,\"mode\":\"beacon\",\"pass_through\":false,"
	    "\"tunnels\":[],\"targets\":[],\"last_error\":\"\","
	    "\"asks_for\":\"client token\"}" },
	{ "reviews",
	    { .mode = "beacon",
		.last_error = "",
		.asks_for = STATUS_POD_TOKEN,
		.reviews_waiting = 3,
		.reviews_remembered = 12,
		.reviews_last_error = "cluster: 403" },
	    "{\"sealed\":true,\"mode\":\"beacon\",\"pass_through\":false,"
	    "\"tunnels\":[],\"targets\":[],\"last_error\":\"\","
	    "\"asks_for\":\"pod token\",\"reviews\":{\"waiting\":3,"
	    "\"remembered\":12,\"last_error\":\"cluster: 403\"}}" },
	{ "joining, and the bridge refuses",
	    { .mode = "beacon",
		.last_error = "",
		.join = { .joins = true,
		    .waits_for = "",
		    .last_error = "not yet",
		    .remedy = "approve it",
		    .words = "",
		    .retry_s = 30 } },
	    "{\"sealed\":true,\"mode\":\"beacon\",\"pass_through\":false,"
	    "\"tunnels\":[],\"targets\":[],\"last_error\":\"\","
	    "\"asks_for\":\"nothing\","
	    "\"join\":{\"certificate\":\"none\",\"waits_for\":\"\","
	    "\"last_error\":\"not yet\",\"remedy\":\"approve it\","
	    "\"retry_in_seconds\":30}}" },
	{ "joined",
	    { .mode = "beacon",
		.last_error = "",
		.join = { .joins = true,
		    .ends = 1800000000,
		    .waits_for = "",
		    .last_error = "",
		    .remedy = "",
		    .words = "" } },
	    "{\"sealed\":true,\"mode\":\"beacon\",\"pass_through\":false,"
	    "\"tunnels\":[],\"targets\":[],\"last_error\":\"\","
	    "\"asks_for\":\"nothing\","
	    "\"join\":{\"certificate\":\"good\",\"waits_for\":\"\","
	    "\"last_error\":\"\",\"remedy\":\"\",\"ends\":1800000000}}" },
	{ "six words wait for a person",
	    { .mode = "beacon",
		.last_error = "none yet",
		.join = { .joins = true,
		    .waits_for = "a person",
		    .last_error = "",
		    .remedy = "",
		    .words = "fago keno dili fomi malo migi" } },
	    "{\"sealed\":true,\"mode\":\"beacon\",\"pass_through\":false,"
	    "\"tunnels\":[],\"targets\":[],\"last_error\":\"none yet\","
	    "\"asks_for\":\"nothing\","
	    "\"join\":{\"certificate\":\"none\",\"waits_for\":\"a person\","
	    "\"last_error\":\"\",\"remedy\":\"\","
	    "\"words\":\"fago keno dili fomi malo migi\"}}" },
	{ "a certificate that has ended",
	    { .mode = "beacon",
		.last_error = "",
		.join = { .joins = true,
		    .expired = true,
		    .ends = 1,
		    .waits_for = "TLS with the bridge",
		    .last_error = "",
		    .remedy = "",
		    .words = "" } },
	    "{\"sealed\":true,\"mode\":\"beacon\",\"pass_through\":false,"
	    "\"tunnels\":[],\"targets\":[],\"last_error\":\"\","
	    "\"asks_for\":\"nothing\","
	    "\"join\":{\"certificate\":\"expired\","
	    "\"waits_for\":\"TLS with the bridge\","
	    "\"last_error\":\"\",\"remedy\":\"\",\"ends\":1}}" },
	{ "quotes and broken UTF-8",
	    { .mode = "beacon",
		.targets = { { "a:1", 0, 0, 1, "half a letter: \xc3" } },
		.n_targets = 1,
		.last_error = "said \"no\"" },
	    "{\"sealed\":true,\"mode\":\"beacon\",\"pass_through\":false,"
	    "\"tunnels\":[],\"targets\":[{\"target\":\"a:1\","
	    "\"state\":\"resting\",\"last_error\":\"(not text)\","
	    "\"retry_in_seconds\":1}],"
	    "\"last_error\":\"said \\\"no\\\"\",\"asks_for\":\"nothing\"}" },
};

static void what_is_said(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		CLEANUP(free_p) char *text = NULL;

		assert_int_equal(status_print(&rows[i].status, &text), 0);
		if (strcmp(text, rows[i].want) != 0)
			fail_msg("%s: %s", rows[i].label, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(what_is_said) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
