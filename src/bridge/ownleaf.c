/* bridge/ownleaf.c */
#include "bridge/ownleaf.h"
#include "base/backoff.h"
#include "base/log.h"
#include "net/sign.h"
#include "net/loop.h"
#include "pki/ca.h"
#include "pki/cleanup.h"
#include "pki/verify.h"
#include <ctype.h>
#include <stdio.h>

enum { REST_LEAST_MS = 500, REST_MOST_MS = 10000 };

struct ownleaf {
	struct loop *loop;
	struct ownleaf_config config;
	char name[ROLE_NAME_MOST + 1];
	struct identity *identity;

	/* on the way to the next one */
	X509 *ca;
	EVP_PKEY *key;
	char *csr;
	struct account_ask *ask;
	struct wheel_timer timer;
	unsigned failures;
	char trouble[FAULT_TEXT_MAX];
};

static const char *const hosts[] = { PKI_BRIDGE_HOST };

static void begin(struct ownleaf *o);

static void on_timer(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	begin(CONTAINER_OF(t, struct ownleaf, timer));
}

static void drop_attempt(struct ownleaf *o)
{
	X509_free(STEAL(o->ca));
	EVP_PKEY_free(STEAL(o->key));
	free(STEAL(o->csr));
}

static void failed(struct ownleaf *o, const struct fault *fault)
{
	static const struct backoff_rule rule = { REST_LEAST_MS, REST_MOST_MS };

	drop_attempt(o);
	o->failures++;
	loop_after(o->loop, &o->timer,
	    backoff_ms(&rule, o->failures, loop_random(o->loop, UINT32_MAX)),
	    on_timer);
	if (!fault->text[0] || !strcmp(o->trouble, fault->text))
		return;
	snprintf(o->trouble, sizeof(o->trouble), "%s", fault->text);
	log_warn(o->identity ? "our certificate is not renewed"
			     : "no certificate of our own yet",
	    LOG_STR("realm", account_realm(o->config.account)),
	    LOG_STR("fault", fault->text), LOG_STR("hint", fault->hint));
}

static struct sign_order order_of(const struct ownleaf *o)
{
	return (struct sign_order){
		.space = o->config.space,
		.ca = o->ca,
		.role = ROLE_BRIDGE,
		.name = o->name,
		.hosts = hosts,
		.n_hosts = N_ELEMS(hosts),
		.csr = o->csr,
		.key = o->key,
		.seconds = OWNLEAF_S,
	};
}

/* ---- the leaf ------------------------------------------------------------ */

/* Two thirds of what is left of it. */
static void plan_renewal(struct ownleaf *o)
{
	int64_t end = verify_seconds(X509_get0_notAfter(o->identity->leaf));
	int64_t left = end - loop_wall(o->loop);

	loop_after(o->loop, &o->timer,
	    left > 0 ? (uint64_t)left * 1000 * 2 / 3 + 1 : REST_MOST_MS,
	    on_timer);
}

static int make_identity(
    struct identity **out, struct ownleaf *o, X509 *leaf, struct fault *fault)
{
	int r = identity_new(out, leaf, o->key, o->ca, fault);

	if (r)
		return r;
	if (!o->identity ||
	    !memcmp(o->identity->realm, (*out)->realm, REALM_SIZE))
		return 0;
	identity_free(STEAL(*out));
	return fault_set(fault, -EINVAL,
	    "a new CA is a new realm: start the bridge again",
	    "the store's PKI engine has another CA than the one in use");
}

static void on_signed(
    void *ctx, const struct web_answer *answer, const struct fault *fault)
{
	struct ownleaf *o = ctx;
	const struct sign_order order = order_of(o);
	CLEANUP(x509_p) X509 *leaf = NULL;
	CLEANUP(identity_freep) struct identity *fresh = NULL;
	struct fault own = FAULT_NONE;
	int r;

	o->ask = NULL;
	if (fault) {
		failed(o, fault);
		return;
	}
	r = sign_read(&leaf, &order, answer->body, answer->n, &own);
	if (!r)
		r = make_identity(&fresh, o, leaf, &own);
	if (r) {
		failed(o, &own);
		return;
	}
	identity_free(o->identity);
	o->identity = STEAL(fresh);
	o->failures = 0;
	o->trouble[0] = '\0';
	drop_attempt(o);
	plan_renewal(o);
	o->config.renewed(o->config.ctx);
}

static int request(struct ownleaf *o)
{
	CLEANUP(request_p) X509_REQ *csr = NULL;
	int r = pki_key_new(&o->key);

	if (!r)
		r = pki_csr_new(&csr, o->key, o->name);
	return r ? r : pki_csr_pem(&o->csr, csr);
}

static int ask_leaf(struct ownleaf *o)
{
	struct vault_call call = { .method = NULL };
	int r = request(o);

	if (!r) {
		const struct sign_order order = order_of(o);

		r = sign_call(&call, &order);
	}
	if (!r)
		r = account_ask(
		    &o->ask, o->config.account, &call, on_signed, o);
	vault_call_clear(&call);
	return r;
}

/* ---- the CA -------------------------------------------------------------- */

static void on_ca(
    void *ctx, const struct web_answer *answer, const struct fault *fault)
{
	struct ownleaf *o = ctx;
	struct fault own = FAULT_NONE;

	o->ask = NULL;
	if (fault) {
		failed(o, fault);
		return;
	}
	if (sign_read_ca(&o->ca, answer->body, answer->n, &own) || ask_leaf(o))
		failed(o, &own);
}

static void begin(struct ownleaf *o)
{
	struct vault_call call = { .method = NULL };
	const struct fault none = FAULT_NONE;
	char path[VAULT_PATH_MOST];
	int r;

	if (o->ask)
		return;
	space_path(path, o->config.space, SPACE_CA);
	r = vault_call_plain(&call, "GET", path, NULL);
	if (!r)
		r = account_ask(&o->ask, o->config.account, &call, on_ca, o);
	vault_call_clear(&call);
	if (r) /* no token: the account has said why */
		failed(o, &none);
}

void ownleaf_hurry(struct ownleaf *o)
{
	if (!o->identity)
		begin(o);
}

/* ---- the whole ----------------------------------------------------------- */

void ownleaf_name(char *to, const char *host)
{
	size_t n = 0;

	for (; *host && n < ROLE_NAME_MOST; host++) {
		char c = (char)tolower((unsigned char)*host);
		bool fits = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
			    c == '-' || c == '.';

		to[n++] = fits ? c : '-';
	}
	to[n] = '\0';
	if (!n)
		memcpy(to, "bridge", sizeof("bridge"));
}

int ownleaf_open(struct ownleaf **out, const struct ownleaf_config *config)
{
	struct ownleaf *o = calloc(1, sizeof(*o));

	if (!o)
		return -ENOMEM;
	o->loop = account_loop(config->account);
	o->config = *config;
	ownleaf_name(o->name, config->name);
	if (account_ready(config->account))
		loop_after(o->loop, &o->timer, 0, on_timer);
	*out = o;
	return 0;
}

void ownleaf_close(struct ownleaf *o)
{
	if (!o)
		return;
	account_ask_cancel(o->ask);
	loop_cancel(o->loop, &o->timer);
	drop_attempt(o);
	identity_free(o->identity);
	free(o);
}

const struct identity *ownleaf_identity(const struct ownleaf *o)
{
	return o->identity;
}

const char *ownleaf_trouble(const struct ownleaf *o)
{
	return o->trouble;
}
