/* bridge/store.h: the way to the store: libcurl on the loop.
 *
 * Connections are reused; the certificate is checked against the system's
 * roots,
 * --vault-ca, or a pin of its key. Every request carries X-Vault-Request: true
 * and the namespace of the configuration, never of a client; of a client's
 * headers only the token crosses. An answer is bounded (VAULT_ANSWER_MOST) and
 * has a deadline; buffers are wiped, since they hold secrets.
 */
#pragma once
#include "base/fault.h"
#include "base/metric.h"
#include "base/secret.h"
#include "wire/vault.h"

struct loop;
struct store;
struct store_call;

struct store_config {
	const char *url;	/* "https://127.0.0.1:8200" */
	const char *ca_file;	/* or NULL: the system's roots */
	const char *name_space; /* of the store; or NULL */
};
enum { STORE_CALL_MS = 30000, STORE_CALLS_MOST = 1024 };

struct store_answer {
	int status;
	char content_type[80], retry_after[24]; /* "" when absent */
	char *body; /* NUL-terminated, n may be 0; wiped after the call */
	size_t n;
};

/* @answer: borrowed for the call; or NULL with @fault, which names the store,
 * what happened (refused, TLS, timed out, too large) and what to do. Called
 * once, from the loop. */
typedef void (*store_fn)(
    void *ctx, const struct store_answer *answer, const struct fault *fault);

/** store_open() - check the address and the CA file
 * Return: 0; -EINVAL with @fault: not an http or https URL; -errno. */
MUST_USE int store_open(struct store **out, struct loop *loop,
    const struct store_config *config, struct fault *fault);
/** store_close() - calls that run are cancelled: no fn comes */
void store_close(struct store *s);

/** store_send() - @call is copied, @token may be NULL
 * @out: valid until @fn is called.
 * Return: 0; STORE_E_BUSY: STORE_CALLS_MOST run; -ENOMEM. */
enum { STORE_E_BUSY = 1 };
MUST_USE int store_send(struct store_call **out, struct store *s,
    const struct vault_call *call, const struct secret *token, store_fn fn,
    void *ctx);
/** store_cancel() - fn does not come; NULL is fine */
void store_cancel(struct store_call *c);
/** store_metrics() - rows of @s: calls, failures, answers by class */
struct metric_table *store_metrics(struct store *s);
