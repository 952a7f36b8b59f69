/* bridge/ownleaf.h: our own certificate, from the store's PKI, and the CA that
 * is there.
 *
 * Each start makes a new key, and so does each renewal, at two thirds of the
 * certificate's life. None of it is ever on disk. While the store does not
 * answer it is asked again, with back-off, and the certificate that there is
 * goes on being used.
 */
#pragma once
#include "bridge/account.h"
#include "pki/identity.h"
#include "wire/space.h"

struct ownleaf;

enum { OWNLEAF_S = 24 * 3600 }; /* life that is asked for */

struct ownleaf_config {
	struct account *account; /* both borrowed until ownleaf_close() */
	const struct space *space;
	const char *name; /* in the certificate; copied */
	/* there is an identity, the first or a newer one; from the loop */
	void (*renewed)(void *ctx);
	void *ctx;
};
/** ownleaf_open() - begins as soon as the account has a token
 * Return: 0; -ENOMEM. */
MUST_USE int ownleaf_open(
    struct ownleaf **out, const struct ownleaf_config *config);
void ownleaf_close(struct ownleaf *o); /* NULL is fine */
/** ownleaf_hurry() - there is a token now: do not wait for the next try */
void ownleaf_hurry(struct ownleaf *o);
/** ownleaf_identity() - borrowed until the next renewal; NULL: none yet */
const struct identity *ownleaf_identity(const struct ownleaf *o);
/** ownleaf_trouble() - why there is none, or no newer one; "" if all is well */
const char *ownleaf_trouble(const struct ownleaf *o);
/** ownleaf_name() - a name for certificates from a host's: what a subject may
 * not have is replaced
 * @to: ROLE_NAME_MOST + 1 bytes */
void ownleaf_name(char *to, const char *host);
