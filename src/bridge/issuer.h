/* bridge/issuer.h: the cluster's new keys, read by the bridge itself where the
 * issuer of its tokens is public.
 *
 * Managed clouds serve the discovery document of a cluster to everybody, at the
 * URL that its tokens name as issuer, and that URL is part of the fingerprint
 * that a person said. So what WebPKI proves to be that server may say which
 * keys are the cluster's now. No other source counts once a registration is
 * active, a broker's word least of all.
 *
 * Public is: https, port 443, a name of two labels or more, under no domain
 * that is known to be private, and at each connection only an address of the
 * internet (cidr_is_public()). So whoever registers a cluster cannot have the
 * bridge look around in its own network. Behind an egress proxy that is the
 * proxy's to decide.
 */
#pragma once
#include "base/err.h"

struct egress;
struct issuer;
struct loop;
struct registry;

enum {
	ISSUER_PORT = 443,
	ISSUER_LOOK_MS = 5000,	 /* is there anything to read? */
	ISSUER_READ_MS = 300000, /* between reads */
	ISSUER_AGAIN_MS = 60000, /* after one that failed */
	ISSUER_HURRY_MS = 30000, /* at most so often for issuer_hurry() */
	ISSUER_CALL_MS = 10000,	 /* for each of the two documents */
};

struct issuer_config {
	struct registry *registry;   /* both borrowed until issuer_free() */
	const struct egress *egress; /* or NULL */
};
/** issuer_new() - begin to read what the record says
 * Return: 0; -ENOMEM. */
MUST_USE int issuer_new(
    struct issuer **out, struct loop *loop, const struct issuer_config *config);
void issuer_free(struct issuer *i); /* NULL is fine */

/** issuer_is_read() - does the record's issuer tell us its keys? True from the
 * first read that went well, until one fails or the record has another */
bool issuer_is_read(const struct issuer *i);
/** issuer_hurry() - somebody came with a key that is not stored: read soon */
void issuer_hurry(struct issuer *i);

/** issuer_is_public() - may @url be asked? */
bool issuer_is_public(const char *url);

struct issuer_counts {
	uint64_t reads, failures;
	uint64_t changes; /* other keys were stored */
};
/** issuer_counts() - stays until issuer_free() */
const struct issuer_counts *issuer_counts(const struct issuer *i);
