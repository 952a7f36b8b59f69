#include "devstore/test-stage.h"
#include "devstore/pkicert.h"
#include "devstore/pkimount.h"
#include "pki/ca.h"
#include "pki/cleanup.h"
#include "pki/verify.h"
#include <openssl/pem.h>

#define CA                                                                     \
	"{\"common_name\":\"CA\",\"ttl\":\"87600h\",\"key_type\":\"ec\","      \
	"\"issuer_name\":\"i\",\"exclude_cn_from_sans\":true,"                 \
	"\"max_path_length\":0}"
#define ROLE(more)                                                             \
	"{\"use_csr_common_name\":false,\"use_csr_sans\":false,"               \
	"\"require_cn\":false,\"key_type\":\"any\",\"max_ttl\":\"24h\","       \
	"\"key_usage\":[\"DigitalSignature\"]," more "}"
#define OURS                                                                   \
	"\"allowed_domains\":\"bridge.pharos,*.svc\","                         \
	"\"allow_bare_domains\":true,\"allow_glob_domains\":true,"             \
	"\"allowed_uri_sans\":\"pharos://*\",\"allow_ip_sans\":false,"         \
	"\"cn_validations\":\"disabled\""
#define MOUNT	 "{\"type\":\"pki\",\"config\":{\"max_lease_ttl\":\"87600h\"}}"
#define GENERATE "/v1/p/root/generate/internal"
#define START                                                                  \
	{ "root", "POST", "/v1/sys/mounts/p", MOUNT, 204, NULL },              \
	    { "root", "POST", GENERATE, CA, 200, "\"issuer_name\":\"i\"" },    \
	{                                                                      \
		"root", "POST", "/v1/p/roles/r", ROLE(OURS), 200,              \
		    "\"max_ttl\":86400"                                        \
	}

/* A request as JSON text; it says CN=evil and nothing of it may be taken. */
static char *csr_of(EVP_PKEY *key)
{
	CLEANUP(request_p) X509_REQ *request = NULL;
	char *pem = NULL, *json;
	json_t *j;

	assert_int_equal(pki_csr_new(&request, key, "evil"), 0);
	assert_int_equal(pki_csr_pem(&pem, request), 0);
	j = json_string(pem);
	json = json_dumps(j, JSON_ENCODE_ANY);
	json_decref(j);
	free(pem);
	return json;
}

/* $1 in a row's body stands for the request, without its quotes. */
static void with_csr(struct stage *s, const char *type, int64_t bits)
{
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	char *json;

	assert_int_equal(pkicert_key_new(&key, type, bits), 0);
	json = csr_of(key);
	free(s->slot[1]);
	s->slot[1] = strndup(json + 1, strlen(json) - 2);
	free(json);
}

static const struct step empty_steps[] = {
	{ "root", "POST", "/v1/sys/mounts/kv",
	    "{\"type\":\"kv-v2\",\"config\":{\"max_lease_ttl\":\"1h\"}}", 400,
	    "takes no such setting" },
	{ "root", "POST", "/v1/sys/mounts/p",
	    "{\"type\":\"pki\",\"config\":{\"listing_visibility\":\"x\"}}", 400,
	    "listing_visibility" },
	{ "root", "POST", "/v1/sys/mounts/p", "{\"type\":\"pki\"}", 204, NULL },
	{ NULL, "GET", "/v1/p/ca/pem", NULL, 204, NULL },
	{ NULL, "GET", "/v1/p/crl/pem", NULL, 204, NULL },
	{ NULL, "GET", "/v1/p/cert/ca", NULL, 400, "no default issuer" },
	{ "root", "LIST", "/v1/p/certs", NULL, 404, NOTHING },
	{ "root", "LIST", "/v1/p/issuers", NULL, 404, NOTHING },
	{ NULL, "LIST", "/v1/p/certs", NULL, 403, NO_TOKEN },
	{ "root", "POST", "/v1/p/root/generate/exported", CA, 400,
	    "unsupported path" },
	{ "root", "GET", "/v1/p/none", NULL, 404, "unsupported path" },
	{ "root", "POST", "/v1/p/root/generate/internal", "{}", 400,
	    "common_name" },
	{ "root", "POST", "/v1/p/root/generate/internal",
	    "{\"common_name\":\"CA\"}", 400, "exclude_cn_from_sans" },
	{ "root", "POST", "/v1/p/root/generate/internal",
	    "{\"common_name\":\"CA\",\"exclude_cn_from_sans\":true,"
	    "\"key_type\":\"dsa\"}",
	    400, "unknown key type" },
	{ "root", "POST", "/v1/p/root/generate/internal",
	    "{\"common_name\":\"CA\",\"exclude_cn_from_sans\":true,"
	    "\"ou\":\"x\"}",
	    400, "\\\"ou\\\"" },
	{ "root", "POST", "/v1/p/root/generate/internal", CA, 200,
	    "so maxTTL is being used" },
	{ "root", "POST", "/v1/p/root/generate/internal", CA, 400,
	    "issuer name already in use" },
	{ "root", "POST", "/v1/p/root/generate/internal", "{}", 500,
	    "it holds no more issuers in a PKI mount" },
	{ NULL, "GET", "/v1/p/ca_chain", NULL, 200, "-----BEGIN CERT" },
	{ "root", "GET", "/v1/p/issuer/i", NULL, 200, "BEGIN CERTIFICATE" },
	{ "root", "GET", "/v1/p/issuer/x", NULL, 400, "unable to find" },
};

static void test_ca(void **state)
{
	PLAY(empty_steps);
}

static const struct step role_steps[] = {
	START,
	{ "root", "POST", "/v1/p/roles/x", "{}", 400,
	    "copies nothing from a request" },
	{ "root", "POST", "/v1/p/roles/x", ROLE("\"ttl\":\"48h\""), 400,
	    "must be less than" },
	{ "root", "POST", "/v1/p/roles/x", ROLE("\"key_bits\":1,\"ttl\":1"),
	    200, "\"key_bits\":0" },
	{ "root", "POST", "/v1/p/roles/x", "{\"key_type\":\"zz\"}", 400,
	    "unknown key type zz" },
	{ "root", "POST", "/v1/p/roles/x", "{\"key_usage\":\"CertSign\"}", 400,
	    "does not know \\\"CertSign\\\"" },
	{ "root", "POST", "/v1/p/roles/x", "{\"code_signing_flag\":true}", 400,
	    "code_signing_flag" },
	{ "root", "POST", "/v1/p/roles/x",
	    "{\"server_flag\":false,\"client_flag\":false}", 400,
	    "server_flag or client_flag" },
	{ "root", "LIST", "/v1/p/roles", NULL, 200, "[\"r\",\"x\"]" },
	{ "root", "DELETE", "/v1/p/roles/x", NULL, 204, NULL },
	{ "root", "GET", "/v1/p/roles/x", NULL, 404, NOTHING },
};

static void test_roles(void **state)
{
	PLAY(role_steps);
}

#define SIGN(more, status, want)                                               \
	{                                                                      \
		"root", "POST", "/v1/p/sign/r", "{\"csr\":\"$1\"" more "}",    \
		    status, want                                               \
	}

static const struct step sign_steps[] = {
	START,
	{ "root", "POST", "/v1/p/sign/none", "{}", 400, "unknown role: none" },
	{ "root", "POST", "/v1/p/sign/r", "{}", 400, "\\\"csr\\\" is empty" },
	{ "root", "POST", "/v1/p/sign/r", "{\"csr\":\"x\"}", 400,
	    "csr contains no data" },
	{ "root", "POST", "/v1/p/sign/r",
	    "{\"csr\":\"-----BEGIN NOTHING-----\"}", 400,
	    "certificate request" },
	{ NULL, "POST", "/v1/p/sign/r", "{}", 403, NO_TOKEN },
	SIGN(",\"common_name\":\"bridge.pharos\"", 200, "\"serial_number\":"),
	SIGN(",\"alt_names\":\"a.b.svc\"", 200, ""),
	SIGN(",\"alt_names\":\"evil.test\"", 400,
	    "subject alternate name evil.test not allowed"),
	SIGN(",\"common_name\":\"evil.test\"", 400,
	    "subject alternate name evil.test not allowed"),
	SIGN(",\"common_name\":\"b1\",\"exclude_cn_from_sans\":true", 200, ""),
	SIGN(",\"uri_sans\":\"pharos://r/bridge/b1\"", 200, ""),
	SIGN(",\"uri_sans\":\"https://evil.test\"", 400, "URI Subject"),
	SIGN(",\"uri_sans\":\"pharos://r/\\n\"", 400, "URI Subject"),
	SIGN(",\"ip_sans\":\"192.0.2.1\"", 400, "[192.0.2.1]"),
	SIGN(",\"other_sans\":\"x\"", 400, "other_sans"),
	SIGN(",\"format\":\"der\"", 400, "pem alone"),
	SIGN(",\"ttl\":\"48h\"", 200,
	    "TTL \\\"48h0m0s\\\" is longer than permitted maxTTL "
	    "\\\"24h0m0s\\\""),
	SIGN(",\"ttl\":\"x\"", 400, "invalid duration"),
	{ "root", "POST", "/v1/p/roles/r",
	    "{\"key_type\":\"rsa\",\"key_bits\":2048}", 200, "" },
	SIGN("", 400, "role requires keys of type rsa"),
	{ "root", "POST", "/v1/p/roles/r",
	    "{\"key_type\":\"ec\",\"key_bits\":384}", 200, "" },
	SIGN("", 400, "minimum of a 384-bit key"),
	{ "root", "POST", "/v1/p/roles/r",
	    "{\"key_type\":\"any\",\"require_cn\":true}", 200, "" },
	SIGN("", 400, "the common_name field is required"),
};

static void test_signing(void **state)
{
	struct stage s;

	(void)state;
	stage_open(&s, true);
	with_csr(&s, "ec", 256);
	play(&s, sign_steps, N_ELEMS(sign_steps));
	stage_close(&s);
}

static X509 *certificate_in(struct stage *s, const struct step *step)
{
	char *body = fill(s, step->body);
	struct engine_request q = { .method = step->method,
		.target = step->target,
		.token = step->token,
		.body = body,
		.n = strlen(body),
		.now_ms = s->now_ms };
	struct engine_answer a;
	json_t *j;
	BIO *bio;
	X509 *cert;

	assert_int_equal(engine_handle(s->engine, &q, &a), 0);
	j = json_loadb(secret_bytes(a.body), secret_size(a.body), 0, NULL);
	bio = BIO_new_mem_buf(json_string_value(json_object_get(
				  json_object_get(j, "data"), "certificate")),
	    -1);
	cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	assert_non_null(cert);
	BIO_free(bio);
	json_decref(j);
	engine_answer_clear(&a);
	free(body);
	return cert;
}

/* What is signed is what our own verification takes, and nothing of the
 * request but its key is in it. */
static void test_a_certificate(void **state)
{
	static const struct step mount = { "root", "POST", "/v1/sys/mounts/p",
		"{\"type\":\"pki\",\"config\":{\"max_lease_ttl\":\"87600h\"}}",
		204, NULL };
	static const struct step ca_step = { "root", "POST",
		"/v1/p/root/generate/internal", CA, 200, "" };
	static const struct step role = { "root", "POST", "/v1/p/roles/r",
		ROLE(OURS), 200, "" };
	static const struct step sign =
	    SIGN(",\"common_name\":\"bridge.pharos\",\"uri_sans\":"
		 "\"pharos://r/bridge/b1\",\"ttl\":\"1h\"",
		200, "");
	CLEANUP(x509_p) X509 *ca = NULL, *leaf = NULL;
	struct verify_order order = { .purpose = X509_PURPOSE_SSL_SERVER,
		.now = START_MS / 1000 };
	char name[VERIFY_NAME_MOST];
	struct stage s;

	(void)state;
	stage_open(&s, true);
	with_csr(&s, "ec", 256);
	step_run(&s, &mount);
	ca = certificate_in(&s, &ca_step);
	step_run(&s, &role);
	leaf = certificate_in(&s, &sign);
	order.ca = ca;
	order.leaf = leaf;
	assert_int_equal(verify_leaf(&order, NULL), 0);
	order.purpose = X509_PURPOSE_SSL_CLIENT;
	assert_int_equal(verify_leaf(&order, NULL), 0);
	order.now = START_MS / 1000 + 3601;
	assert_int_equal(verify_leaf(&order, NULL), -EACCES);
	verify_name_text(name, X509_get_subject_name(leaf));
	assert_null(strstr(name, "evil"));
	assert_int_equal(X509_check_host(leaf, "bridge.pharos", 0, 0, NULL), 1);
	stage_close(&s);
}

static const struct step revoke_steps[] = {
	START,
	SIGN("", 200, ""),
	{ NULL, "GET", "/v1/p/cert/$2", NULL, 200, "\"revocation_time\":0" },
	{ "root", "POST", "/v1/p/revoke", "{}", 400, "must be provided" },
	{ "root", "POST", "/v1/p/revoke", "{\"serial_number\":\"00:11\"}", 400,
	    "certificate with serial 00:11 not found." },
	{ "root", "POST", "/v1/p/revoke", "{\"serial_number\":\"$2\"}", 200,
	    "\"revocation_time\":1795247475" },
	{ "root", "POST", "/v1/p/revoke", "{\"serial_number\":\"$2\"}", 200,
	    "\"revocation_time\":1795247475,", .later_s = 60 },
	{ NULL, "GET", "/v1/p/cert/$2", NULL, 200,
	    "\"revocation_time\":1795247475" },
	{ NULL, "GET", "/v1/p/crl/pem", NULL, 200, "-----BEGIN X509 CRL" },
	{ "root", "POST", "/v1/p/tidy", "{}", 202, "successfully",
	    .later_s = 24 * 3600 },
	{ NULL, "GET", "/v1/p/cert/$2", NULL, 404, NOTHING },
};

static void test_revoking_and_tidying(void **state)
{
	struct step steps[N_ELEMS(revoke_steps)];
	struct stage s;

	(void)state;
	memcpy(steps, revoke_steps, sizeof(steps));
	steps[3].slot = 2;
	stage_open(&s, true);
	with_csr(&s, "ec", 256);
	play(&s, steps, N_ELEMS(steps));
	stage_close(&s);
}

static void test_limit_certificates(void **state)
{
	static const struct step start[] = { START };
	struct step sign = SIGN(",\"ttl\":\"1h\"", 200, "");
	struct stage s;

	(void)state;
	stage_open(&s, false);
	with_csr(&s, "ec", 256);
	play(&s, start, N_ELEMS(start));
	for (size_t i = 1; i < PKIMOUNT_CERTS_MOST; i++) /* the CA is one */
		step_run(&s, &sign);
	sign.status = 500;
	sign.want = "it holds no more certificates";
	step_run(&s, &sign);
	sign.status = 200;
	sign.want = "";
	sign.later_s = 3600;
	step_run(&s, &sign);
	stage_close(&s);
}

static void test_limit_roles(void **state)
{
	static const struct step start[] = { START };
	struct step make = { "root", "POST", NULL, ROLE(OURS), 200, "" };
	struct stage s;
	char target[64];

	(void)state;
	stage_open(&s, true);
	play(&s, start, N_ELEMS(start));
	make.target = target;
	for (size_t i = 1; i <= PKIMOUNT_ROLES_MOST; i++) {
		snprintf(target, sizeof(target), "/v1/p/roles/r%zu", i);
		if (i == PKIMOUNT_ROLES_MOST) {
			make.status = 500;
			make.want = "it holds no more roles";
		}
		step_run(&s, &make);
	}
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ca),
		cmocka_unit_test(test_roles),
		cmocka_unit_test(test_signing),
		cmocka_unit_test(test_a_certificate),
		cmocka_unit_test(test_revoking_and_tidying),
		cmocka_unit_test(test_limit_certificates),
		cmocka_unit_test(test_limit_roles),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
