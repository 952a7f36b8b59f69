#include "devstore/test-stage.h"
#include <jose/jose.h>
#include <jose/openssl.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

struct issuer {
	EVP_PKEY *key;
	json_t *jwk;
	char *pem; /* as a JSON text */
	char token[4096];
};

static void issuer_open(struct issuer *i)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *text;
	long n;
	json_t *j;

	i->key = EVP_EC_gen("P-256");
	i->jwk = jose_openssl_jwk_from_EVP_PKEY(NULL, i->key);
	assert_true(PEM_write_bio_PUBKEY(out, i->key));
	n = BIO_get_mem_data(out, &text);
	j = json_stringn(text, (size_t)n);
	i->pem = json_dumps(j, JSON_ENCODE_ANY);
	json_decref(j);
	BIO_free(out);
}

static void issuer_close(struct issuer *i)
{
	EVP_PKEY_free(i->key);
	json_decref(i->jwk);
	free(i->pem);
}

static void issuer_sign(struct issuer *i, const char *claims)
{
	json_t *jws =
	    json_pack("{so}", "payload", jose_b64_enc(claims, strlen(claims)));
	json_t *sig = json_pack("{s{ss}}", "protected", "alg", "ES256");

	assert_true(jose_jws_sig(NULL, jws, sig, i->jwk));
	snprintf(i->token, sizeof(i->token), "%s.%s.%s",
	    json_string_value(json_object_get(jws, "protected")),
	    json_string_value(json_object_get(jws, "payload")),
	    json_string_value(json_object_get(jws, "signature")));
	json_decref(jws);
	json_decref(sig);
}

/* A store whose mount ct-x trusts @i, with role "pod". */
static void jwt_stage(struct stage *s, struct issuer *i)
{
	char config[2048];
	const struct step steps[] = {
		POLICY("p", "secret/data/team-a/*", "\\\"read\\\""),
		{ "root", "POST", "/v1/sys/auth/ct-x", "{\"type\":\"jwt\"}",
		    204, NULL },
		{ NULL, "POST", "/v1/auth/ct-x/login",
		    "{\"role\":\"pod\",\"jwt\":\"a.b.c\"}", 400,
		    "{\"errors\":[\"could not load configuration\"]}" },
		{ "root", "GET", "/v1/auth/ct-x/config", NULL, 404, NOTHING },
		{ "root", "POST", "/v1/auth/ct-x/config", config, 204, NULL },
		{ "root", "POST", "/v1/auth/ct-x/role/pod",
		    "{\"role_type\":\"jwt\",\"bound_audiences\":[\"ct:fp\"],"
		    "\"user_claim\":\"sub\",\"bound_claims\":{"
		    "\"/kubernetes.io/namespace\":\"team-a\"},"
		    "\"claim_mappings\":{\"/kubernetes.io/pod/uid\":"
		    "\"pod_uid\"},\"token_policies\":[\"p\"],\"token_ttl\":"
		    "\"10m\",\"token_no_default_policy\":true}",
		    204, NULL },
	};

	stage_open(s, true);
	issuer_open(i);
	snprintf(config, sizeof(config),
	    "{\"jwt_validation_pubkeys\":[%s],\"bound_issuer\":\"https://k\","
	    "\"jwt_supported_algs\":[\"ES256\",\"RS256\"]}",
	    i->pem);
	play(s, steps, N_ELEMS(steps));
}

static void jwt_login(struct stage *s, struct issuer *i, const char *role,
    const char *claims, struct step step)
{
	char body[5000];

	issuer_sign(i, claims);
	snprintf(body, sizeof(body), "{\"role\":\"%s\",\"jwt\":\"%s\"}", role,
	    i->token);
	step.method = "POST";
	step.target = "/v1/auth/ct-x/login";
	step.body = body;
	step_run(s, &step);
}

#define CLAIMS(iss, aud, sub, times, ns)                                       \
	"{\"iss\":\"" iss "\",\"aud\":" aud ",\"sub\":" sub "," times          \
	",\"kubernetes.io\":{\"namespace\":\"" ns                              \
	"\",\"pod\":{\"uid\":\"u1\"},\"serviceaccount\":{\"name\":\"web\"}}}"
#define IN_TIME "\"nbf\":1795247475,\"exp\":1795248075"
#define SUB	"\"system:serviceaccount:team-a:web\""
#define GOOD	CLAIMS("https://k", "[\"ct:fp\"]", SUB, IN_TIME, "team-a")

static void test_jwt_login(void **state)
{
	static const struct step after[] = {
		{ "$1", "GET", "/v1/secret/data/team-a/db", NULL, 404,
		    NOTHING },
		{ "$1", "GET", "/v1/secret/data/b", NULL, 403, DENIED },
		{ "$1", "GET", "/v1/auth/token/lookup-self", NULL, 403,
		    DENIED },
		{ "root", "POST", "/v1/auth/token/lookup", "{\"token\":\"$1\"}",
		    200,
		    "\"display_name\":\"ct-x-system:serviceaccount:team-a:web"
		    "\"" },
		{ "root", "POST", "/v1/auth/token/lookup", "{\"token\":\"$1\"}",
		    200, "\"path\":\"auth/ct-x/login\"" },
		{ "root", "DELETE", "/v1/sys/auth/ct-x", NULL, 204, NULL },
		{ "$1", "GET", "/v1/secret/data/team-a/db", NULL, 403,
		    NO_TOKEN },
		{ NULL, "POST", "/v1/auth/ct-x/login", "{}", 403, NO_TOKEN },
	};
	struct stage s;
	struct issuer i;

	(void)state;
	jwt_stage(&s, &i);
	jwt_login(&s, &i, "pod", GOOD,
	    (struct step){ .status = 200,
		.want = "\"policies\":[\"p\"],\"token_policies\":[\"p\"],"
			"\"metadata\":{\"role\":\"pod\",\"pod_uid\":\"u1\"},"
			"\"lease_duration\":600,\"renewable\":true,"
			"\"entity_id\":\"\",\"token_type\":\"service\","
			"\"orphan\":true",
		.slot = 1 });
	play(&s, after, N_ELEMS(after));
	issuer_close(&i);
	stage_close(&s);
}

static const struct {
	const char *label, *claims, *want;
} refusal_row[] = {
	{ "audience", CLAIMS("https://k", "\"x\"", SUB, IN_TIME, "team-a"),
	    "error validating token: invalid audience (aud) claim: audience "
	    "claim does not match any expected audience" },
	{ "issuer", CLAIMS("https://z", "\"ct:fp\"", SUB, IN_TIME, "team-a"),
	    "error validating token: invalid issuer (iss) claim" },
	{ "expired",
	    CLAIMS(
		"https://k", "\"ct:fp\"", SUB, "\"exp\":1795247414", "team-a"),
	    "error validating token: invalid expiration time (exp) claim: "
	    "token is expired" },
	{ "not yet",
	    CLAIMS("https://k", "\"ct:fp\"", SUB,
		"\"nbf\":1795247536,\"exp\":1795248075", "team-a"),
	    "error validating token: invalid not before (nbf) claim: token not "
	    "yet valid" },
	{ "no end",
	    CLAIMS(
		"https://k", "\"ct:fp\"", SUB, "\"nbf\":1795247475", "team-a"),
	    "error validating token: no expiration time (exp) claim" },
	{ "namespace", CLAIMS("https://k", "\"ct:fp\"", SUB, IN_TIME, "b"),
	    "error validating claims: claim \\\"/kubernetes.io/namespace\\\" "
	    "does not match any associated bound claim values" },
	{ "no namespace",
	    "{\"iss\":\"https://k\",\"aud\":\"ct:fp\",\"sub\":\"x\"," IN_TIME
	    "}",
	    "error validating claims: claim \\\"/kubernetes.io/namespace\\\" "
	    "is missing" },
	{ "no subject",
	    "{\"iss\":\"https://k\",\"aud\":\"ct:fp\",\"kubernetes.io\":{"
	    "\"namespace\":\"team-a\"}," IN_TIME "}",
	    "claim \\\"sub\\\" not found in token" },
	{ "subject a number",
	    CLAIMS("https://k", "\"ct:fp\"", "5", IN_TIME, "team-a"),
	    "claim \\\"sub\\\" could not be converted to string" },
};

static void test_jwt_refusals(void **state)
{
	static const struct step others[] = {
		{ NULL, "POST", "/v1/auth/ct-x/login",
		    "{\"role\":\"none\",\"jwt\":\"a.b.c\"}", 400,
		    "{\"errors\":[\"role \\\"none\\\" could not be found\"]}" },
		{ NULL, "POST", "/v1/auth/ct-x/login", "{\"jwt\":\"a.b.c\"}",
		    400, "{\"errors\":[\"missing role\"]}" },
		{ NULL, "POST", "/v1/auth/ct-x/login", "{\"role\":\"pod\"}",
		    400, "{\"errors\":[\"missing token\"]}" },
		{ NULL, "POST", "/v1/auth/ct-x/login",
		    "{\"role\":\"pod\",\"jwt\":\"a.b.c\"}", 400,
		    "error verifying token signature" },
		{ NULL, "GET", "/v1/auth/ct-x/login", NULL, 405,
		    "{\"errors\":[\"unsupported operation\"]}" },
		{ NULL, "POST", "/v1/auth/ct-x/role/pod", "{}", 403, NO_TOKEN },
		{ NULL, "POST", "/v1/auth/ct-x/config", "{}", 403, NO_TOKEN },
	};
	struct stage s;
	struct issuer i, stranger;

	(void)state;
	jwt_stage(&s, &i);
	for (size_t n = 0; n < N_ELEMS(refusal_row); n++)
		jwt_login(&s, &i, "pod", refusal_row[n].claims,
		    (struct step){
			.status = 400, .want = refusal_row[n].want });
	issuer_open(&stranger);
	jwt_login(&s, &stranger, "pod", GOOD,
	    (struct step){ .status = 400,
		.want = "no known key successfully validated the token "
			"signature" });
	play(&s, others, N_ELEMS(others));
	issuer_close(&stranger);
	issuer_close(&i);
	stage_close(&s);
}

#define ROLE(more) "{\"role_type\":\"jwt\",\"user_claim\":\"sub\"" more "}"

static const struct step jwt_roles_steps[] = {
	{ "root", "LIST", "/v1/auth/ct-x/role", NULL, 200,
	    "\"keys\":[\"pod\"]" },
	{ "root", "GET", "/v1/auth/ct-x/role/none", NULL, 404, NOTHING },
	{ "root", "GET", "/v1/auth/ct-x/role/pod", NULL, 200,
	    "\"bound_audiences\":[\"ct:fp\"]" },
	{ "root", "GET", "/v1/auth/ct-x/role/pod", NULL, 200,
	    "\"token_ttl\":600" },
	{ "root", "POST", "/v1/auth/ct-x/role/x", "{}", 400,
	    "a user claim must be defined on the role" },
	{ "root", "POST", "/v1/auth/ct-x/role/x", ROLE(""), 400,
	    "must have at least one bound constraint" },
	{ "root", "POST", "/v1/auth/ct-x/role/x",
	    "{\"role_type\":\"oidc\",\"user_claim\":\"sub\"}", 400,
	    "invalid 'role_type': oidc" },
	{ "root", "POST", "/v1/auth/ct-x/role/x",
	    ROLE(",\"bound_audiences\":\"x\",\"token_ttl\":\"zz\""), 400,
	    "time: invalid duration" },
	{ "root", "POST", "/v1/auth/ct-x/role/x",
	    ROLE(",\"bound_audiences\":1"), 400, "bound_audiences" },
	{ "root", "POST", "/v1/auth/ct-x/role/x",
	    ROLE(",\"bound_audiences\":\"x\",\"bound_claims_type\":"
		 "\"zz\""),
	    400, "invalid 'bound_claims_type': zz" },
	{ "root", "POST", "/v1/auth/ct-x/role/x",
	    ROLE(",\"bound_audiences\":\"x\",\"token_bound_cidrs\":"
		 "[\"10.0.0.0/8\"]"),
	    400, "token_bound_cidrs" },
	{ "root", "POST", "/v1/auth/ct-x/role/x",
	    ROLE(",\"bound_audiences\":\"x\",\"token_bound_cidrs\":[]"), 204,
	    NULL },
	{ "root", "POST", "/v1/auth/ct-x/role/x", ROLE(",\"zz\":1"), 400,
	    "\\\"zz\\\"" },
	{ "root", "POST", "/v1/auth/ct-x/role/x", "{\"token_ttl\":60}", 204,
	    NULL },
	{ "root", "GET", "/v1/auth/ct-x/role/x", NULL, 200,
	    "\"token_ttl\":60" },
	{ "root", "DELETE", "/v1/auth/ct-x/role/x", NULL, 204, NULL },
	{ "root", "GET", "/v1/auth/ct-x/role/x", NULL, 404, NOTHING },
	{ "root", "POST", "/v1/auth/ct-x/config", "{}", 400,
	    "exactly one of 'jwt_validation_pubkeys'" },
	{ "root", "POST", "/v1/auth/ct-x/config",
	    "{\"jwt_validation_pubkeys\":[\"x\"]}", 400,
	    "{\"errors\":[\"error parsing public key: data does not "
	    "contain any valid public keys\"]}" },
	{ "root", "POST", "/v1/auth/ct-x/config",
	    "{\"jwt_validation_pubkeys\":[\"x\"],\"jwt_supported_algs\":"
	    "[\"HS256\"]}",
	    400,
	    "invalid jwt_supported_algs: unsupported signing algorithm "
	    "\\\"HS256\\\"" },
	{ "root", "POST", "/v1/auth/ct-x/config",
	    "{\"jwks_url\":\"https://x\"}", 400, "jwks_url" },
	{ "root", "GET", "/v1/auth/ct-x/config", NULL, 200,
	    "\"bound_issuer\":\"https://k\"" },
};

static void test_jwt_roles(void **state)
{
	struct stage s;
	struct issuer i;

	(void)state;
	jwt_stage(&s, &i);
	play(&s, jwt_roles_steps, N_ELEMS(jwt_roles_steps));
	issuer_close(&i);
	stage_close(&s);
}

/* What a role binds, beside what the tables above have. */
static void test_jwt_bindings(void **state)
{
	static const struct {
		const char *label, *role;
		int status;
	} row[] = {
		{ "subject",
		    ROLE(",\"bound_audiences\":\"ct:fp\","
			 "\"bound_subject\":" SUB),
		    200 },
		{ "another subject",
		    ROLE(",\"bound_audiences\":\"ct:fp\",\"bound_subject\":"
			 "\"x\""),
		    400 },
		{ "no audience bound, one in the token",
		    ROLE(",\"bound_subject\":" SUB), 400 },
		{ "one of several values",
		    ROLE(",\"bound_audiences\":\"ct:fp\",\"bound_claims\":{"
			 "\"/kubernetes.io/namespace\":[\"x\",\"team-a\"]}"),
		    200 },
		{ "glob",
		    ROLE(",\"bound_audiences\":\"ct:fp\",\"bound_claims_type\":"
			 "\"glob\",\"bound_claims\":{"
			 "\"/kubernetes.io/namespace\":\"t*m-*\"}"),
		    200 },
		{ "glob that does not match",
		    ROLE(",\"bound_audiences\":\"ct:fp\",\"bound_claims_type\":"
			 "\"glob\",\"bound_claims\":{"
			 "\"/kubernetes.io/namespace\":\"t*m\"}"),
		    400 },
		{ "a star without glob",
		    ROLE(",\"bound_audiences\":\"ct:fp\",\"bound_claims\":{"
			 "\"/kubernetes.io/namespace\":\"*\"}"),
		    400 },
		{ "audience among several",
		    ROLE(",\"bound_audiences\":[\"x\",\"ct:fp\"]"), 200 },
	};
	struct stage s;
	struct issuer i;

	(void)state;
	jwt_stage(&s, &i);
	for (size_t n = 0; n < N_ELEMS(row); n++) {
		struct step clear = { "root", "DELETE", "/v1/auth/ct-x/role/b",
			NULL, 204, NULL };
		struct step make = { "root", "POST", "/v1/auth/ct-x/role/b",
			row[n].role, 204, NULL };

		step_run(&s, &clear);
		step_run(&s, &make);
		jwt_login(&s, &i, "b", GOOD,
		    (struct step){ .status = row[n].status, .want = "" });
	}
	issuer_close(&i);
	stage_close(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_jwt_login),
		cmocka_unit_test(test_jwt_refusals),
		cmocka_unit_test(test_jwt_roles),
		cmocka_unit_test(test_jwt_bindings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
