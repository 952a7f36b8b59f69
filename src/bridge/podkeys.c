/* bridge/podkeys.c */
#include "bridge/podkeys.h"
#include "base/backoff.h"
#include "base/base64.h"
#include "base/log.h"
#include "net/loop.h"
#include "pki/ca.h"
#include "pki/cleanup.h"
#include "wire/json.h"
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <stdio.h>

enum { REST_LEAST_MS = 500, REST_MOST_MS = 10000 };
enum { NUMBER_MOST = 512 }; /* bytes of a number in a key: RSA 4096 */

struct podkeys {
	struct loop *loop;
	struct account *account;
	const struct space *space;
	char *wanted; /* the body that the mount is to have; NULL: none yet */
	struct account_ask *ask;
	struct wheel_timer timer;
	unsigned failures;
	char trouble[FAULT_TEXT_MAX];
	uint64_t *pushed;
};

/* ---- JWK to PEM ---------------------------------------------------------- */

static void params_p(OSSL_PARAM **p)
{
	OSSL_PARAM_free(*p);
}

static void builder_p(OSSL_PARAM_BLD **b)
{
	OSSL_PARAM_BLD_free(*b);
}

static void key_ctx_p(EVP_PKEY_CTX **c)
{
	EVP_PKEY_CTX_free(*c);
}

static void number_p(BIGNUM **n)
{
	BN_free(*n);
}

/* Return: how many bytes; 0: the member is none. */
static size_t member_bytes(
    uint8_t to[NUMBER_MOST], const json_t *jwk, const char *name)
{
	const json_t *text = json_object_get(jwk, name);
	ssize_t n = -EINVAL;

	if (json_is_string(text))
		n = base64_read(BASE64_URL, to, NUMBER_MOST,
		    json_string_value(text), json_string_length(text));
	return n < 0 ? 0 : (size_t)n;
}

static EVP_PKEY *key_from(const char *kind, OSSL_PARAM_BLD *b)
{
	CLEANUP(params_p) OSSL_PARAM *params = OSSL_PARAM_BLD_to_param(b);
	CLEANUP(key_ctx_p)
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, kind, NULL);
	EVP_PKEY *key = NULL;

	if (!params || !ctx || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		return NULL;
	return key;
}

static EVP_PKEY *rsa_key(const json_t *jwk)
{
	CLEANUP(builder_p) OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	CLEANUP(number_p) BIGNUM *modulus = NULL;
	CLEANUP(number_p) BIGNUM *exponent = NULL;
	uint8_t n[NUMBER_MOST], e[NUMBER_MOST];
	size_t n_n = member_bytes(n, jwk, "n");
	size_t n_e = member_bytes(e, jwk, "e");

	if (!b || !n_n || !n_e)
		return NULL;
	modulus = BN_bin2bn(n, (int)n_n, NULL);
	exponent = BN_bin2bn(e, (int)n_e, NULL);
	if (!modulus || !exponent ||
	    !OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_N, modulus) ||
	    !OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_RSA_E, exponent))
		return NULL;
	return key_from("RSA", b);
}

static EVP_PKEY *ec_key(const json_t *jwk)
{
	static const struct {
		const char *curve, *group;
		size_t size;
	} curves[] = { { "P-256", "prime256v1", 32 },
		{ "P-384", "secp384r1", 48 } };
	CLEANUP(builder_p) OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
	const char *crv = json_string_value(json_object_get(jwk, "crv"));
	uint8_t x[NUMBER_MOST], y[NUMBER_MOST], point[1 + 2 * 48] = { 4 };
	size_t size = member_bytes(x, jwk, "x"), i = 0;

	while (i < N_ELEMS(curves) && crv && strcmp(crv, curves[i].curve) != 0)
		i++;
	if (!b || !crv || i == N_ELEMS(curves) || size != curves[i].size ||
	    member_bytes(y, jwk, "y") != size)
		return NULL;
	memcpy(point + 1, x, size);
	memcpy(point + 1 + size, y, size);
	if (!OSSL_PARAM_BLD_push_utf8_string(
		b, OSSL_PKEY_PARAM_GROUP_NAME, curves[i].group, 0) ||
	    !OSSL_PARAM_BLD_push_octet_string(
		b, OSSL_PKEY_PARAM_PUB_KEY, point, 1 + 2 * size))
		return NULL;
	return key_from("EC", b);
}

/* NULL: not one that we use. */
static json_t *pem_of(const json_t *jwk)
{
	const char *kty = json_string_value(json_object_get(jwk, "kty"));
	CLEANUP(key_p) EVP_PKEY *key = NULL;
	CLEANUP(bio_p) BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	if (kty && !strcmp(kty, "RSA"))
		key = rsa_key(jwk);
	else if (kty && !strcmp(kty, "EC"))
		key = ec_key(jwk);
	if (!key || !pki_key_allowed(key) || !bio ||
	    !PEM_write_bio_PUBKEY(bio, key)) {
		ERR_clear_error();
		return NULL;
	}
	n = BIO_get_mem_data(bio, &text);
	return json_stringn(text, (size_t)n);
}

int podkeys_config(
    json_t **out, const struct registration *record, struct fault *fault)
{
	JSON *pems = json_array();
	const json_t *jwk;
	size_t i;

	if (!pems)
		return -ENOMEM;
	json_array_foreach(json_object_get(record->jwks, "keys"), i, jwk)(void)
	    json_array_append_new(pems, pem_of(jwk));
	if (!json_array_size(pems))
		return fault_set(fault, -EINVAL,
		    "expected is one of the kind " PKI_KEYS_ALLOWED
		    ", not Ed25519",
		    "the cluster has no key that the store can check its "
		    "tokens by");
	*out = json_pack("{sO ss s[ssss]}", "jwt_validation_pubkeys", pems,
	    "bound_issuer", record->issuer, "jwt_supported_algs", "ES256",
	    "ES384", "RS256", "PS256");
	return *out ? 0 : -ENOMEM;
}

/* ---- to the store -------------------------------------------------------- */

static void push(struct podkeys *k);

static void on_timer(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	push(CONTAINER_OF(t, struct podkeys, timer));
}

static void trouble(struct podkeys *k, const struct fault *fault)
{
	if (!strcmp(k->trouble, fault->text))
		return;
	snprintf(k->trouble, sizeof(k->trouble), "%s", fault->text);
	log_err("pods cannot log in: their cluster's keys are not at the store",
	    LOG_STR("realm", account_realm(k->account)),
	    LOG_STR("fault", fault->text), LOG_STR("hint", fault->hint));
}

static void rest(struct podkeys *k)
{
	static const struct backoff_rule rule = { REST_LEAST_MS, REST_MOST_MS };

	k->failures++;
	loop_after(k->loop, &k->timer,
	    backoff_ms(&rule, k->failures, loop_random(k->loop, UINT32_MAX)),
	    on_timer);
}

static void on_pushed(
    void *ctx, const struct web_answer *answer, const struct fault *fault)
{
	struct podkeys *k = ctx;

	(void)answer;
	k->ask = NULL;
	if (fault) {
		trouble(k, fault);
		rest(k);
		return;
	}
	k->failures = 0;
	k->trouble[0] = '\0';
	(*k->pushed)++;
	log_info("the cluster's keys are at the store's JWT mount",
	    LOG_STR("realm", account_realm(k->account)));
}

static void push(struct podkeys *k)
{
	JSON *body = json_loads(k->wanted, 0, NULL);
	char path[VAULT_PATH_MOST];
	struct vault_call call = { .method = NULL };
	int r;

	space_path(path, k->space, SPACE_JWT_CONFIG);
	r = body ? vault_call_plain(&call, "POST", path, body) : -ENOMEM;
	if (!r)
		r = account_ask(&k->ask, k->account, &call, on_pushed, k);
	vault_call_clear(&call);
	if (r)
		rest(k); /* no token now; that is the account's trouble */
}

/* The text that @record makes; NULL: none, or not now. */
static char *wanted_by(struct podkeys *k, const struct registration *record)
{
	JSON *config = NULL;
	struct fault fault = FAULT_NONE;
	int r;

	if (!record || !record->jwks)
		return NULL;
	r = podkeys_config(&config, record, &fault);
	if (r == -EINVAL)
		trouble(k, &fault);
	return r ? NULL : json_dumps(config, JSON_COMPACT | JSON_SORT_KEYS);
}

void podkeys_follow(struct podkeys *k, const struct registration *record)
{
	char *wanted = wanted_by(k, record);

	if (!wanted || (k->wanted && !strcmp(wanted, k->wanted))) {
		free(wanted);
		return;
	}
	free(k->wanted);
	k->wanted = wanted;
	k->failures = 0;
	account_ask_cancel(STEAL(k->ask));
	loop_cancel(k->loop, &k->timer);
	push(k);
}

int podkeys_open(struct podkeys **out, struct account *account,
    const struct space *space, uint64_t *pushed)
{
	struct podkeys *k = calloc(1, sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->loop = account_loop(account);
	k->account = account;
	k->space = space;
	k->pushed = pushed;
	*out = k;
	return 0;
}

void podkeys_close(struct podkeys *k)
{
	if (!k)
		return;
	account_ask_cancel(k->ask);
	loop_cancel(k->loop, &k->timer);
	free(k->wanted);
	free(k);
}

const char *podkeys_trouble(const struct podkeys *k)
{
	return k->trouble;
}
