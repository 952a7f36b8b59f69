/* cli/pemprint.h: the RFC 7638 thumbprint of a public key that comes as PEM, so
 * that keys of a JWK set and keys in a store can be compared.
 */
#pragma once
#include "wire/fingerprint.h"

/** pemprint() - of the first key in @pem: EC on P-256 or P-384, or RSA
 * Return: 0; -EINVAL: it is none, or of another kind; -ENOMEM. */
MUST_USE int pemprint(uint8_t out[THUMBPRINT_SIZE], const char *pem);
