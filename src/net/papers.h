/* net/papers.h: what an uplink shows and whom it trusts: its identity, and the
 * TLS contexts made of it.
 *
 * They are read as a whole, checked, and only then used, so that they can be
 * renewed while tunnels live. A tunnel keeps the papers that it was made with,
 * so the old ones stay until nobody uses them.
 */
#pragma once
#include "base/fault.h"
#include "net/tunnel.h"

struct papers_order {
	const char *cert_file, *key_file, *ca_file;
	const struct identity *identity; /* instead of these, one in memory; its
					    parts are counted up */
	const char *info_hash; /* as typed; must be that of the CA; or NULL */
	enum role role;
	struct tunnel_trust trust; /* identity is filled in */
	bool beacon;		   /* an outer context too */
	const char *beacon_ca, *beacon_pin;
};

struct papers {
	struct papers *older; /* of the owner's list */
	struct identity *identity;
	struct tunnel_trust trust;
	struct tls_context *tunnel;
	struct tls_context *outer; /* NULL: without a beacon */
};

/** papers_load() - read them, unless they come from memory, and check them
 * @now: those in use, or NULL: the realm has to stay the same, since all that
 * was agreed with beacons and peers goes by it
 * Return: 0; -errno with @fault. */
MUST_USE int papers_load(struct papers **out, const struct papers_order *order,
    const struct papers *now, struct fault *fault);
void papers_free(struct papers *p);
void papers_freep(struct papers **p);
/** papers_replace() - @fresh is in use from now on; the old ones become its
 * `older`, as long as somebody uses them */
void papers_replace(struct papers **now, struct papers *fresh);
/** papers_free_all() - with those that are older */
void papers_free_all(struct papers *p);
