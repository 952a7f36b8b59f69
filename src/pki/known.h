/* pki/known.h: leaves that have proved themselves before, so that they need not
 * be decoded and verified again.
 *
 * Decoding two certificates and verifying one costs several times what the
 * signature of a proof does, and a beacon meets the same few leaves again and
 * again: a bridge's legs all show one. What is kept of a leaf is its key, its
 * role and when it is valid; it is found by the SHA-256 of realm and leaf, so
 * by every byte of it. At the limit the one that was used longest ago goes.
 */
#pragma once
#include "base/err.h"
#include "pki/role.h"

struct known;
struct known_leaf {
	EVP_PKEY *key;
	enum role role;
	int64_t from, until; /* seconds since 1970; of leaf and CA together */
};

/** known_new() - for at most @limit leaves, some 3 KiB each. @out:
 * known_free() it. Return: 0; -ENOMEM. */
MUST_USE int known_new(struct known **out, size_t limit);
void known_free(struct known *k);

/* Which leaf: its DER, and the realm that it was, or is to be, good in. */
struct known_name {
	const uint8_t *realm; /* REALM_SIZE */
	const uint8_t *leaf;
	size_t n_leaf;
};
/** known_find() - NULL if it is not known, or not valid at @now
 * The answer is borrowed until the next call. */
const struct known_leaf *known_find(
    struct known *k, const struct known_name *name, int64_t now);
/** known_add() - one that is good; @leaf's key is counted up. Without memory
 * nothing is kept. */
void known_add(struct known *k, const struct known_name *name,
    const struct known_leaf *leaf);
struct known_counts {
	uint64_t leaves;   /* that are kept */
	uint64_t found;	   /* answers of known_find() */
	uint64_t replaced; /* gone at the limit */
};
/** known_counts() - borrowed; it follows what happens */
const struct known_counts *known_counts(const struct known *k);
