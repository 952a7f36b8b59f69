#include "link/kube.h"
#include "link/test-fakeserver.h"
#include "pki/testpki.h"
#include "wire/introduction.h"
#include <signal.h>
#include <sys/stat.h>

static struct loop *loop;
static struct fake fake;
static struct kube *kube;
static struct kube_access access_;
static char folder[] = "/tmp/test-kube-XXXXXX";
static char token_file[64];

/* What the last call came to. */
static struct {
	int calls;
	char body[256];
	struct fault fault;
} got;

static void on_answer(
    void *ctx, const char *body, size_t n, const struct fault *fault)
{
	(void)ctx;
	got.calls++;
	snprintf(got.body, sizeof(got.body), "%.*s", (int)n, body ? body : "");
	got.fault = fault ? *fault : (struct fault)FAULT_NONE;
}

static int setup(void **state)
{
	struct fault fault = FAULT_NONE;

	(void)state;
	memset(&got, 0, sizeof(got));
	assert_int_equal(loop_new(&loop), 0);
	fake_open(&fake, loop);
	fake_say(&fake, 200, "application/json", "{}");
	access_ = (struct kube_access){ .server = fake.address };
	if (kube_open(&kube, loop, &access_, &fault))
		fail_msg("%s", fault.text);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	kube_close(kube);
	fake_close(&fake);
	loop_free(loop);
	return 0;
}

static struct kube_request *ask(const struct kube_call *call)
{
	struct fault fault = FAULT_NONE;
	struct kube_request *q;
	int r = kube_send(&q, kube, call, on_answer, NULL, &fault);

	if (r)
		fail_msg("%d %s", r, fault.text);
	return q;
}

static void test_as_nobody(void **state)
{
	struct kube_call call;

	(void)state;
	assert_int_equal(kube_call_keys(&call), 0);
	ask(&call);
	TEST_UNTIL(loop, got.calls);
	assert_string_equal(got.body, "{}");
	assert_string_equal(fake.asked, "GET /openid/v1/jwks");
	assert_string_equal(fake.login, "");
	/* keys are application/jwk-set+json, and refused to who wants other */
	assert_non_null(strstr(fake.accept, "*/*"));
}

static void test_with_a_token_and_a_body(void **state)
{
	const struct kube_token_order order = { "a", "b", "c", 600 };
	struct kube_call call;

	(void)state;
	assert_int_equal(secret_from(&access_.token, "a.b.c", 5), 0);
	assert_int_equal(kube_call_token(&call, &order), 0);
	fake_say(&fake, 201, "application/json", "{\"status\":1}");
	ask(&call);
	kube_call_clear(&call); /* it was copied */
	TEST_UNTIL(loop, got.calls);
	assert_string_equal(got.body, "{\"status\":1}");
	assert_string_equal(fake.login, "Bearer a.b.c");
	assert_string_equal(fake.type, "application/json");
	assert_non_null(strstr(fake.asked, "\"expirationSeconds\":600"));
	secret_free(access_.token);
}

static void test_a_patch(void **state)
{
	const struct introduction_change change = { "17", "a b", NULL };
	struct kube_call call;

	(void)state;
	assert_int_equal(introduction_call_change(&call, "a", &change), 0);
	ask(&call);
	kube_call_clear(&call);
	TEST_UNTIL(loop, got.calls);
	assert_string_equal(fake.type, "application/merge-patch+json");
	assert_memory_equal(fake.asked,
	    "PATCH /api/v1/namespaces/a/configmaps/pharos-bridge {", 53);
}

/* The kubelet replaces the file while we run. */
static void test_a_token_file_is_read_for_every_call(void **state)
{
	struct fault fault = FAULT_NONE;
	struct kube_request *q;
	struct kube_call call;

	(void)state;
	access_.token_file = token_file;
	assert_int_equal(kube_call_keys(&call), 0);
	testpki_write(token_file, "first\n", 0644);
	ask(&call);
	TEST_UNTIL(loop, got.calls == 1);
	assert_string_equal(fake.login, "Bearer first");
	testpki_write(token_file, "second\n", 0644);
	ask(&call);
	TEST_UNTIL(loop, got.calls == 2);
	assert_string_equal(fake.login, "Bearer second");
	unlink(token_file);
	assert_int_equal(
	    kube_send(&q, kube, &call, on_answer, NULL, &fault), -ENOENT);
	assert_non_null(strstr(fault.text, token_file));
}

static void test_a_refusal_in_words(void **state)
{
	struct kube_call call;

	(void)state;
	assert_int_equal(kube_call_namespace(&call, "kube-system"), 0);
	fake_say(&fake, 403, "application/json",
	    "{\"kind\":\"Status\",\"message\":\"no way\"}");
	ask(&call);
	TEST_UNTIL(loop, got.calls);
	assert_string_equal(got.body, "");
	assert_int_equal(got.fault.code, -EACCES);
	assert_non_null(strstr(got.fault.text, "403 Forbidden: no way"));
	assert_non_null(strstr(got.fault.text, fake.address));
}

static void test_a_broken_connection(void **state)
{
	struct kube_call call;

	(void)state;
	assert_int_equal(kube_call_keys(&call), 0);
	fake.manner = FAKE_CUT;
	ask(&call);
	TEST_UNTIL(loop, got.calls);
	assert_int_equal(got.fault.code, -EIO);
	assert_non_null(strstr(got.fault.text, "cluster http://"));
}

static void test_limit(void **state)
{
	struct fault fault = FAULT_NONE;
	struct kube_request *q = NULL;
	struct kube_call call;

	(void)state;
	assert_int_equal(kube_call_keys(&call), 0);
	fake.manner = FAKE_HANG;
	for (int i = 0; i < KUBE_CALLS_MOST; i++)
		q = ask(&call);
	assert_int_equal(
	    kube_send(&q, kube, &call, on_answer, NULL, &fault), KUBE_E_BUSY);
	kube_cancel(q);
	kube_cancel(NULL);
	ask(&call);
	assert_int_equal(got.calls, 0);
}

/* ---- the pod that we run in --------------------------------------------- */

static const char *host, *port;

static char *pod_variable(const char *name)
{
	const char *value = !strcmp(name, "KUBERNETES_SERVICE_HOST")   ? host
			    : !strcmp(name, "KUBERNETES_SERVICE_PORT") ? port
								       : NULL;
	char *text;

	memcpy(&text, &value, sizeof(text));
	return text;
}

static void test_in_a_pod(void **state)
{
	struct testpki_ca ca = testpki_ca_new("kubernetes");
	struct kube_access a = { .from = NULL };
	struct fault fault = FAULT_NONE;
	char ca_file[64];

	(void)state;
	snprintf(ca_file, sizeof(ca_file), "%s/ca.crt", folder);
	host = "10.96.0.1";
	port = "443";
	unlink(ca_file);
	assert_int_equal(
	    kube_access_of_pod(&a, folder, pod_variable, &fault), -ENOENT);
	assert_non_null(strstr(fault.text, ca_file));
	testpki_write_cert(ca_file, ca.cert);
	assert_int_equal(
	    kube_access_of_pod(&a, folder, pod_variable, &fault), 0);
	assert_string_equal(a.server, "https://10.96.0.1:443");
	assert_string_equal(a.token_file, token_file);
	assert_non_null(a.ca_pem);
	kube_access_clear(&a);
	kube_access_clear(&a);
	host = "fd00::1";
	assert_int_equal(
	    kube_access_of_pod(&a, folder, pod_variable, &fault), 0);
	assert_string_equal(a.server, "https://[fd00::1]:443");
	kube_access_clear(&a);
	testpki_write(ca_file, "nothing", 0644);
	assert_int_equal(
	    kube_access_of_pod(&a, folder, pod_variable, &fault), -EINVAL);
	host = NULL;
	assert_int_equal(
	    kube_access_of_pod(&a, folder, pod_variable, &fault), -ENOENT);
	assert_non_null(strstr(fault.text, "not a pod"));
	unlink(ca_file);
	testpki_ca_free(&ca);
}

static int make_folder(void **state)
{
	(void)state;
	assert_non_null(mkdtemp(folder));
	snprintf(token_file, sizeof(token_file), "%s/token", folder);
	return 0;
}

static int remove_folder(void **state)
{
	(void)state;
	return rmdir(folder);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    test_as_nobody, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_with_a_token_and_a_body, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a_patch, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_token_file_is_read_for_every_call, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_refusal_in_words, setup, teardown),
		cmocka_unit_test_setup_teardown(
		    test_a_broken_connection, setup, teardown),
		cmocka_unit_test_setup_teardown(test_limit, setup, teardown),
		cmocka_unit_test(test_in_a_pod),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
