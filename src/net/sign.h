/* net/sign.h: having the store's PKI engine sign a certificate request: the
 * call, and the check of what came back. Pure.
 *
 * The store's roles say what a certificate may be; the names in it are ours,
 * and of the request only the key counts. What comes back is not believed: it
 * has to be the CA's, in its realm, with the role, name and key that were asked
 * for.
 */
#pragma once
#include "base/fault.h"
#include "pki/role.h"
#include "wire/space.h"
#include "wire/vault.h"
#include <jansson.h>

struct sign_order {
	const struct space *space;
	X509 *ca; /* of sign_body() and sign_call(): NULL: not known yet; then
		     it is to be shown, not sent */
	enum role role; /* ROLE_BRIDGE or ROLE_BROKER */
	const char *name;
	const char *const *hosts; /* DNS names beside the URI */
	size_t n_hosts;
	const char *csr; /* PEM */
	EVP_PKEY *key;	 /* that is in it */
	long seconds;	 /* of life; the role may give less */
};
/** sign_check_key() - of a request, before the store is asked: what its PKI
 * roles (wire/enrol.h) take is P-256 alone
 * Return: 0; -EINVAL with @fault. */
MUST_USE int sign_check_key(EVP_PKEY *key, struct fault *fault);
/** sign_call() - @out: vault_call_clear() it
 * Return: 0; -ENOMEM. */
MUST_USE int sign_call(struct vault_call *out, const struct sign_order *order);
/** sign_body() - what is POSTed, without the call
 * Return: to be counted down; NULL: no memory. */
json_t *sign_body(const struct sign_order *order);
/** sign_take() - @data: of what was answered; as sign_read() */
MUST_USE int sign_take(X509 **out, const struct sign_order *order,
    const json_t *data, struct fault *fault);
/** sign_read() - @body: what the store answered with 2xx
 * @out: the leaf; the caller frees it.
 * Return: 0; -EBADMSG or -EACCES with @fault; -ENOMEM. */
MUST_USE int sign_read(X509 **out, const struct sign_order *order,
    const void *body, size_t n, struct fault *fault);

/** sign_cert() - the first certificate of a PEM text; NULL: there is none */
X509 *sign_cert(const char *pem);
/** sign_read_ca() - of reading SPACE_CA
 * Return: 0; -EBADMSG with @fault. */
MUST_USE int sign_read_ca(
    X509 **out, const void *body, size_t n, struct fault *fault);
