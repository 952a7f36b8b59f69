#include "wire/enrol.h"
#include "wire/json.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define F     "m24ppin6vnwzxbzqhw56opxu6ywwmtj355aietun542c76tvsc4q"
#define REALM "2f0c"

/* A plan, and what it is made of. */
struct plan {
	struct changes *changes;
	struct enrol enrol;
	struct space space;
	struct fingerprint fingerprint;
	struct enrol_order order;
};

static void plan_open(
    struct plan *plan, const char *name_space, const char *prefix)
{
	assert_int_equal(fingerprint_parse(&plan->fingerprint, F, NULL), 0);
	assert_int_equal(space_set(&plan->space, name_space, prefix, NULL), 0);
	plan->order = (struct enrol_order){ .space = &plan->space,
		.fingerprint = &plan->fingerprint,
		.broker_namespace = "pharos-system",
		.broker_service = "pharos-broker" };
	assert_int_equal(changes_new(&plan->changes), 0);
	assert_int_equal(
	    enrol_places(plan->changes, &plan->enrol, &plan->order), 0);
	assert_int_equal(
	    enrol_rights(plan->changes, &plan->enrol, &plan->order, REALM), 0);
	assert_int_equal(
	    enrol_credential(plan->changes, &plan->enrol, &plan->space), 0);
	assert_int_equal(enrol_record(plan->changes, &plan->space,
			     json_pack("{ss}", "state", "pending"), 3),
	    0);
}

/* "POST @namespace path", or with its look before it. */
static void write_step(char *to, size_t room, const struct changes *p, size_t i)
{
	struct changes_step step;

	changes_step(&step, p, i);
	(void)snprintf(to, room, "%s%s%s @%s %s", step.look ? step.look : "",
	    step.look ? " " : "", step.method, step.name_space, step.path);
}

static void check_steps(
    const struct plan *plan, const char *const *expected, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char text[3 * VAULT_PATH_MOST];

		write_step(text, sizeof(text), plan->changes, i);
		assert_string_equal(text, expected[i]);
	}
	assert_int_equal(changes_size(plan->changes), n);
}

#define SPACE		 " @cloudtaser/m24ppin6 "
#define SAME(path)	 path " POST" SPACE path
#define PREFIX		 "cloudtaser/m24ppin6/"
#define BEHIND(a, b)	 a PREFIX b " POST @ " a PREFIX b
#define OTHER(look, way) look " POST" SPACE way

static void in_a_namespace(void **state)
{
	static const char *const expected[] = {
		"sys/namespaces/cloudtaser POST @ sys/namespaces/cloudtaser",
		"sys/namespaces/m24ppin6 POST @cloudtaser "
		"sys/namespaces/m24ppin6",
		SAME("sys/mounts/pharos"),
		SAME("sys/mounts/secret"),
		SAME("sys/mounts/pharos-pki"),
		SAME("sys/auth/jwt"),
		SAME("sys/auth/pharos-approle"),
		SAME("pharos/config"),
		OTHER(
		    "pharos-pki/cert/ca", "pharos-pki/root/generate/internal"),
		SAME("pharos-pki/roles/bridge"),
		SAME("pharos-pki/roles/broker"),
		SAME("sys/policies/acl/pharos-bridge"),
		SAME("auth/pharos-approle/role/bridge"),
		"GET" SPACE "auth/pharos-approle/role/bridge/role-id",
		"POST" SPACE "auth/pharos-approle/role/bridge/secret-id",
		SAME("pharos/data/registration"),
	};
	struct plan plan;

	(void)state;
	plan_open(&plan, "cloudtaser/m24ppin6", "");
	check_steps(&plan, expected, N_ELEMS(expected));
	assert_int_equal(plan.enrol.ca, 8);
	assert_int_equal(plan.enrol.role_id, 13);
	assert_int_equal(plan.enrol.secret_id, 14);
	changes_free(plan.changes);
}

static void behind_a_prefix(void **state)
{
	static const char *const expected[] = {
		BEHIND("sys/mounts/", "pharos"),
		BEHIND("sys/mounts/", "pharos-pki"),
		BEHIND("sys/auth/", "jwt"),
		BEHIND("sys/auth/", "pharos-approle"),
		BEHIND("", "pharos/config"),
		PREFIX "pharos-pki/cert/ca POST @ " PREFIX
		       "pharos-pki/root/generate/internal",
		BEHIND("", "pharos-pki/roles/bridge"),
		BEHIND("", "pharos-pki/roles/broker"),
		"sys/policies/acl/cloudtaser-m24ppin6-pharos-bridge POST @ "
		"sys/policies/acl/cloudtaser-m24ppin6-pharos-bridge",
		BEHIND("auth/", "pharos-approle/role/bridge"),
		"GET @ auth/" PREFIX "pharos-approle/role/bridge/role-id",
		"POST @ auth/" PREFIX "pharos-approle/role/bridge/secret-id",
		BEHIND("", "pharos/data/registration"),
	};
	struct plan plan;

	(void)state;
	plan_open(&plan, "", PREFIX);
	check_steps(&plan, expected, N_ELEMS(expected));
	changes_free(plan.changes);
}

static void a_namespace_of_one_and_of_three_parts(void **state)
{
	static const char *const deep[] = {
		"sys/namespaces/a POST @ sys/namespaces/a",
		"sys/namespaces/b POST @a sys/namespaces/b",
		"sys/namespaces/c POST @a/b sys/namespaces/c",
	};
	struct plan plan;
	char text[3 * VAULT_PATH_MOST];

	(void)state;
	plan_open(&plan, "a/b/c", "");
	for (size_t i = 0; i < N_ELEMS(deep); i++) {
		write_step(text, sizeof(text), plan.changes, i);
		assert_string_equal(text, deep[i]);
	}
	write_step(text, sizeof(text), plan.changes, 3);
	assert_string_equal(
	    text, "sys/mounts/pharos POST @a/b/c sys/mounts/pharos");
	changes_free(plan.changes);
	plan_open(&plan, "one", "");
	write_step(text, sizeof(text), plan.changes, 0);
	assert_string_equal(
	    text, "sys/namespaces/one POST @ sys/namespaces/one");
	changes_free(plan.changes);
}

/* What step @i would POST. */
static json_t *body_of(const struct plan *plan, size_t i)
{
	struct changes_step step;

	changes_step(&step, plan->changes, i);
	return json_read_object(
	    secret_bytes(step.body), secret_size(step.body), 0);
}

static void what_may_be_signed(void **state)
{
	struct plan plan;

	(void)state;
	plan_open(&plan, "", "");

	JSON *bridge = body_of(&plan, 6), *broker = body_of(&plan, 7);
	JSON *names = json_pack("[s]", "bridge.pharos");
	JSON *uris = json_pack("[s]", "pharos://" REALM "/bridge/*");
	JSON *services = json_pack("[ss]", "pharos-broker.pharos-system.svc",
	    "pharos-broker.pharos-system.svc.cluster.local");
	static const char *const never[] = { "allow_any_name",
		"allow_subdomains", "allow_glob_domains", "allow_localhost",
		"allow_ip_sans", "use_csr_sans", "use_csr_common_name" };

	assert_true(
	    json_equal(json_object_get(bridge, "allowed_domains"), names));
	assert_true(
	    json_equal(json_object_get(bridge, "allowed_uri_sans"), uris));
	assert_true(
	    json_equal(json_object_get(broker, "allowed_domains"), services));
	for (size_t i = 0; i < N_ELEMS(never); i++)
		assert_true(json_is_false(json_object_get(broker, never[i])));
	assert_int_equal(
	    json_integer_value(json_object_get(broker, "max_ttl")), 86400);
	changes_free(plan.changes);
}

static void what_is_signed_for_a_file(void **state)
{
	struct plan plan;
	size_t at;

	(void)state;
	plan_open(&plan, "", "");
	at = changes_size(plan.changes);
	assert_int_equal(enrol_file(plan.changes, &plan.enrol, &plan.order,
			     REALM, json_pack("{ss}", "csr", "x")),
	    0);

	JSON *role = body_of(&plan, at), *other = body_of(&plan, 7);
	JSON *request = body_of(&plan, at + 1);
	struct changes_step step;

	changes_step(&step, plan.changes, at);
	assert_string_equal(step.path, "pharos-pki/roles/broker-file");
	assert_int_equal(plan.enrol.file, at + 1);
	changes_step(&step, plan.changes, at + 1);
	assert_string_equal(step.path, "pharos-pki/sign/broker-file");
	assert_null(step.look);
	assert_string_equal(
	    json_string_value(json_object_get(request, "csr")), "x");
	assert_int_equal(
	    json_integer_value(json_object_get(role, "max_ttl")), 90 * 86400);
	for (size_t i = 0; i < 2; i++) { /* but for its life, it is a broker */
		const char *const life[] = { "ttl", "max_ttl" };

		json_object_del(role, life[i]);
		json_object_del(other, life[i]);
	}
	assert_true(json_equal(role, other));
	changes_free(plan.changes);
}

static const char policy[] =
    "{\"path\":{\"a/pharos/data/registration\":"
    "{\"capabilities\":[\"read\",\"update\"]},"
    "\"a/pharos-pki/cert/ca\":{\"capabilities\":[\"read\"]},"
    "\"a/pharos-pki/sign/bridge\":{\"capabilities\":[\"update\"]},"
    "\"a/pharos-pki/sign/broker\":{\"capabilities\":[\"update\"]},"
    "\"auth/a/jwt/config\":{\"capabilities\":[\"update\"]},"
    "\"auth/token/renew-self\":{\"capabilities\":[\"update\"]}}}";

static void what_the_bridge_may_do(void **state)
{
	struct space space;
	JSON *wanted = json_loads(policy, 0, NULL), *is = NULL;

	(void)state;
	assert_int_equal(space_set(&space, "", "a/", NULL), 0);
	is = enrol_policy(&space);
	assert_true(json_equal(is, wanted));
}

/* Which step, what is there, and whether that is good. */
static const struct {
	const char *label;
	size_t step;
	const char *there;
	int found;
} compared[] = {
	{ "a mount of our kind, described otherwise", 0,
	    "{\"type\":\"kv\",\"description\":\"by hand\","
	    "\"options\":{\"version\":\"2\"},\"uuid\":\"x\"}",
	    0 },
	{ "of KV version 1", 0,
	    "{\"type\":\"kv\",\"options\":{\"version\":\"1\"}}",
	    CHANGES_E_UNFIT },
	{ "of KV version 1, which has no options", 0,
	    "{\"type\":\"kv\",\"options\":null}", CHANGES_E_UNFIT },
	{ "another engine", 0, "{\"type\":\"transit\",\"options\":{}}",
	    CHANGES_E_UNFIT },
	{ "the same policy, laid out otherwise", 8,
	    "{\"policy\":\"{ \\\"path\\\": {} }\"}", CHANGES_E_UNFIT },
	{ "a policy in HCL", 8, "{\"policy\":\"path \\\"x\\\" {}\"}",
	    CHANGES_E_UNFIT },
	{ "an AppRole as it should be", 9,
	    "{\"token_policies\":[\"pharos-bridge\"],"
	    "\"token_no_default_policy\":true,\"bind_secret_id\":true,"
	    "\"token_ttl\":3600,\"token_max_ttl\":86400,\"more\":1}",
	    0 },
	{ "one with another policy besides", 9,
	    "{\"token_policies\":[\"pharos-bridge\",\"root\"],"
	    "\"token_no_default_policy\":true,\"bind_secret_id\":true,"
	    "\"token_ttl\":3600,\"token_max_ttl\":86400}",
	    CHANGES_E_UNFIT },
};

static void what_is_there_is_known_again(void **state)
{
	struct plan plan;

	(void)state;
	plan_open(&plan, "", "");
	for (size_t i = 0; i < N_ELEMS(compared); i++) {
		CLEANUP(free_p) char *text = NULL;

		print_message("%s\n", compared[i].label);
		assert_true(
		    asprintf(&text, "{\"data\":%s}", compared[i].there) > 0);
		assert_int_equal(changes_compare(plan.changes, compared[i].step,
				     200, text, strlen(text)),
		    compared[i].found);
	}
	changes_free(plan.changes);
}

static void the_policy_that_was_written_is_known_again(void **state)
{
	struct plan plan;

	(void)state;
	plan_open(&plan, "", "");

	JSON *body = body_of(&plan, 8),
	     *answer = json_pack("{sO}", "data", body);
	CLEANUP(free_p) char *text = json_dumps(answer, 0);

	assert_int_equal(
	    changes_compare(plan.changes, 8, 200, text, strlen(text)), 0);
	changes_free(plan.changes);
}

static void the_record_is_set_on_the_version_that_was_read(void **state)
{
	struct plan plan;

	(void)state;
	plan_open(&plan, "", "");

	JSON *body = body_of(&plan, 12);
	JSON *wanted = json_pack(
	    "{s{si} s{ss}}", "options", "cas", 3, "data", "state", "pending");

	assert_true(json_equal(body, wanted));
	changes_free(plan.changes);
}

static void names_of_services(void **state)
{
	(void)state;
	assert_true(enrol_label_ok("pharos-broker"));
	assert_false(enrol_label_ok(""));
	assert_false(enrol_label_ok("a.b"));
	assert_false(enrol_label_ok("-a"));
	assert_false(enrol_label_ok("a-"));
	assert_false(enrol_label_ok("A"));
	assert_false(enrol_label_ok("*"));
	assert_false(enrol_label_ok("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
				    "aaaaaaaaaaaaaaaaaaaaaa"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_a_namespace),
		cmocka_unit_test(behind_a_prefix),
		cmocka_unit_test(a_namespace_of_one_and_of_three_parts),
		cmocka_unit_test(what_may_be_signed),
		cmocka_unit_test(what_is_signed_for_a_file),
		cmocka_unit_test(what_the_bridge_may_do),
		cmocka_unit_test(what_is_there_is_known_again),
		cmocka_unit_test(the_policy_that_was_written_is_known_again),
		cmocka_unit_test(
		    the_record_is_set_on_the_version_that_was_read),
		cmocka_unit_test(names_of_services),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
