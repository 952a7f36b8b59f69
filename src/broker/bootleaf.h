/* broker/bootleaf.h: what a bridge has signed for us, looked at before it is
 * used.
 */
#pragma once
#include "pki/identity.h"

/** bootleaf_take() - is @pem a broker's certificate of @ca's realm, for @key?
 * @out: owned by the caller; @key and @ca are counted up.
 * Return: 0; -errno with @fault. */
MUST_USE int bootleaf_take(struct identity **out, const char *pem,
    EVP_PKEY *key, X509 *ca, struct fault *fault);
