/* broker/test-cluster.c: who the broker is, as its token says. */
#include "broker/cluster.h"
#include "broker/config.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* {"kubernetes.io":{"namespace":"pharos","pod":{"name":"broker-1","uid":"u-1"},
 * "serviceaccount":{"name":"broker","uid":"x"}}} */
#define POD                                                                    \
	"eyJrdWJlcm5ldGVzLmlvIjp7Im5hbWVzcGFjZSI6InBoYXJvcyIsInBvZCI6eyJuYW1l" \
	"IjoiYnJva2VyLTEiLCJ1aWQiOiJ1LTEifSwic2VydmljZWFjY291bnQiOnsibmFtZSI6" \
	"ImJyb2tlciIsInVpZCI6IngifX19"
/* {"kubernetes.io":{"namespace":"pharos","serviceaccount":{"name":"broker"}}}
 */
#define NO_POD                                                                 \
	"eyJrdWJlcm5ldGVzLmlvIjp7Im5hbWVzcGFjZSI6InBoYXJvcyIsInNlcnZpY2VhY2Nv" \
	"dW50Ijp7Im5hbWUiOiJicm9rZXIifX19"
/* {"kubernetes.io":{"namespace":7,"pod":[],"serviceaccount":{"name":null}}} */
#define OTHER_KINDS                                                            \
	"eyJrdWJlcm5ldGVzLmlvIjp7Im5hbWVzcGFjZSI6NywicG9kIjpbXSwic2VydmljZWFj" \
	"Y291bnQiOnsibmFtZSI6bnVsbH19fQ"

static const struct {
	const char *label, *token;
	bool good;
	struct cluster_self self;
} rows[] = {
	{ "bound to a pod", "e30." POD ".c2ln", true,
	    { "pharos", "broker", "broker-1", "u-1" } },
	{ "bound to no pod", "e30." NO_POD ".c2ln", true,
	    { "pharos", "broker", "", "" } },
	{ "members of other kinds", "e30." OTHER_KINDS ".c2ln", true,
	    { "", "", "", "" } },
	{ "claims of somebody else", "e30.e30.c2ln", true, { "", "", "", "" } },
	{ "no token", "hello", false, { "", "", "", "" } },
};

static void what_a_token_says(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		const struct cluster_self *want = &rows[i].self;
		struct cluster_self seen;
		int r = cluster_read_self(&seen, rows[i].token);

		if (!r != rows[i].good)
			fail_msg("%s: %d", rows[i].label, r);
		if (!r && (strcmp(seen.name_space, want->name_space) ||
			      strcmp(seen.account, want->account) ||
			      strcmp(seen.pod_name, want->pod_name) ||
			      strcmp(seen.pod_uid, want->pod_uid)))
			fail_msg("%s", rows[i].label);
	}
}

static char from[] = "context x", name_space[] = "n", account[] = "a";
static char pod_name[] = "p", pod_uid[] = "u";

static void what_is_not_known_has_to_be_said(void **state)
{
	static const struct {
		const char *label;
		struct config config;
		const char *words; /* NULL: it is enough */
	} options[] = {
		{ "all of it",
		    { .pod_namespace = name_space,
			.service_account = account,
			.pod_name = pod_name,
			.pod_uid = pod_uid },
		    NULL },
		{ "nothing", { .pod_uid = NULL }, "--pod-namespace" },
		{ "no UID",
		    { .pod_namespace = name_space,
			.service_account = account,
			.pod_name = pod_name },
		    "--pod-uid is missing: context x" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(options); i++) {
		struct cluster c = { .access = { .from = from } };
		struct fault fault = FAULT_NONE;
		int r = cluster_find_self(&c, &options[i].config, &fault);

		if (!r != !options[i].words ||
		    (r && !strstr(fault.text, options[i].words)))
			fail_msg("%s: %s", options[i].label, fault.text);
	}
}

/* What an option says counts more than the token. */
static void options_win(void **state)
{
	const struct config config = { .pod_name = pod_name };
	struct cluster c = { .access = { .from = from } };

	(void)state;
	assert_int_equal(secret_from(&c.access.token, "e30." POD ".c2ln",
			     sizeof("e30." POD ".c2ln") - 1),
	    0);
	assert_int_equal(cluster_find_self(&c, &config, NULL), 0);
	assert_string_equal(c.self.pod_name, "p");
	assert_string_equal(c.self.pod_uid, "u-1");
	secret_free(c.access.token);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_token_says),
		cmocka_unit_test(what_is_not_known_has_to_be_said),
		cmocka_unit_test(options_win),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
