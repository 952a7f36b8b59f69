/* bridge/store.h: calls to the secret store, by libcurl on the loop.
 *
 * Connections are kept and reused. The store's certificate is checked against
 * --vault-ca, the system's roots, or a pin; plain HTTP is for loopback only. No
 * redirect, no cookie is followed. Of a client only the token crosses; the
 * namespace is ours. Whether it is reached by a proxy, net/egress.h says, as
 * for every other connection.
 */
#pragma once
#include "base/fault.h"
#include "base/metric.h"
#include "wire/vault.h"

struct loop;
struct store;
struct store_call;
struct egress;

enum {
	STORE_CALLS_MOST = 256, /* at once; more are refused */
	STORE_CONNECTIONS_MOST = 16,
	STORE_CONNECT_MS = 5000,
	STORE_CALL_MS = 30000, /* for all of a call */
};

struct store_config {
	const char *address;	     /* "https://store:8200" */
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

/* @body: JSON or whatever came, borrowed for the call, wiped after it. */
struct store_answer {
	int status;
	const char *content_type; /* "" when not said */
	const char *retry_after;  /* "" when not said */
	const char *body;
	size_t n;
};
/* @answer: NULL with @fault when none came: -ETIMEDOUT, -EMSGSIZE (larger than
 * VAULT_ANSWER_MOST) or -EIO. Called once, from the loop. */
typedef void (*store_fn)(
    void *ctx, const struct store_answer *answer, const struct fault *fault);
/** store_send() - @call is copied; @token (may be NULL) only borrowed
 * @out: valid until @fn is called.
 * Return: 0; STORE_E_BUSY: STORE_CALLS_MOST are under way; -ENOMEM. */
enum { STORE_E_BUSY = 1 };
MUST_USE int store_send(struct store_call **out, struct store *s,
    const struct vault_call *call, const struct secret *token, store_fn fn,
    void *ctx);
/** store_cancel() - @fn is not called; NULL is fine */
void store_cancel(struct store_call *c);

const char *store_address(const struct store *s);
struct metric_table *store_metrics(struct store *s);
/** store_last_fault() - of the last call that got no answer; "" since one did
 */
const char *store_last_fault(const struct store *s);
