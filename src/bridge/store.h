/* bridge/store.h: calls to the secret store, over link/web.h.
 *
 * Of a client only the token crosses; the namespace is ours.
 */
#pragma once
#include "link/web.h"
#include "wire/vault.h"

struct store;

enum {
	STORE_CALLS_MOST = 1000, /* at once; more are refused */
	STORE_CONNECTIONS_MOST = 16,
	STORE_CALL_MS = 30000, /* for all of a call */
};

struct store_config {
	const char *address;	     /* wire/storeaddress.h */
	const char *ca_file;	     /* PEM; NULL: the system's roots */
	const char *pin_hex;	     /* SHA-256 of the SPKI; NULL: none */
	const char *name_space;	     /* NULL: none */
	long call_ms;		     /* 0: STORE_CALL_MS */
	const struct egress *egress; /* borrowed until store_close(); NULL */
};
/** store_open() - strings are copied
 * Return: 0; -EINVAL with @fault (address, file, pin); -ENOMEM. */
MUST_USE int store_open(struct store **out, struct loop *loop,
    const struct store_config *config, struct fault *fault);
/** store_close() - gives all calls up; their functions are not called */
void store_close(struct store *s);

/** store_send() - @call is copied; @token (may be NULL) only borrowed
 * @out: for web_cancel(); @fn gets at most VAULT_ANSWER_MOST bytes.
 * Return: 0; WEB_E_BUSY: STORE_CALLS_MOST are under way; -ENOMEM. */
MUST_USE int store_send(struct web_call **out, struct store *s,
    const struct vault_call *call, const struct secret *token, web_fn fn,
    void *ctx);

const char *store_address(const struct store *s);
struct metric_table *store_metrics(struct store *s);
/** store_last_fault() - of the last call that got no answer; "" since one did
 */
const char *store_last_fault(const struct store *s);
