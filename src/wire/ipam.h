/* wire/ipam.h: which address comes next, and which network is free.
 */
#pragma once
#include "wire/prefix.h"

enum {
	IPAM_E_FULL = 1, /* no address, or no network, is left */
};

/* What is not to be given: hosts and networks, of any family. */
struct ipam_taken {
	struct prefix *items; /* owned */
	size_t n, room;
};
void ipam_taken_deinit(struct ipam_taken *t); /* repeatable */
/** ipam_taken_add() - Return: 0; -ENOMEM. */
MUST_USE int ipam_taken_add(struct ipam_taken *t, const struct prefix *p);

/** ipam_next() - the first address of @network that is not taken, nor the
 * network's own, nor its broadcast
 * @taken: is put in order
 * Return: 0; IPAM_E_FULL. */
MUST_USE int ipam_next(
    struct prefix *out, const struct prefix *network, struct ipam_taken *taken);

/** ipam_network() - the first of @wanted that overlaps none of @held
 * Return: 0; IPAM_E_FULL: each does. */
struct ipam_wanted {
	const struct prefix *items;
	size_t n;
};
MUST_USE int ipam_network(struct prefix *out, const struct ipam_wanted *wanted,
    const struct ipam_taken *held);
/** ipam_local_v6() - a /64 of fd00::/8 (RFC 4193) out of 40 random bits */
struct prefix ipam_local_v6(const uint8_t random[5]);
