/* wire/firewall.h: who may reach which service through the tunnel, and the
 * rules that make it so, as text for nftables.
 *
 * A zone is a list of ports of this machine. A member of it is an address of
 * the tunnel, which WireGuard binds to one peer's key. Then:
 *   - a zone's ports are reached by its members, and by the machine itself;
 * from any other interface they are not, in either family, whether the tunnel
 * is up or not, and whether a container has them or not;
 *   - through the tunnel nothing else is reached but an echo (ping) and what
 * the machine itself has asked for; peers do not reach each other unless
 *     peer_to_peer says so;
 *   - nobody sends in the name of the tunnel's addresses from outside;
 *   - no ICMP message tells that the tunnel's port is closed while it is.
 * A port of a zone is blocked at the moment in which the rules are loaded, and
 * stays so until they are unloaded: they are the kernel's, not a process's.
 */
#pragma once
#include "base/err.h"
#include "wire/localservice.h"
#include "wire/prefix.h"

#define FIREWALL_TABLE "pharos_tether" /* of the family inet */

enum {
	FIREWALL_ZONES_MOST = 64,
	FIREWALL_SERVICES_MOST = 64, /* of a zone */
	FIREWALL_NETWORKS_MOST = 4,
	FIREWALL_MEMBERS_MOST = 262144,
};

struct firewall_zone {
	char name[WGNAME_ZONE_MOST + 1];
	struct localservice services[FIREWALL_SERVICES_MOST];
	size_t n_services;
};

struct firewall_member {
	uint32_t zone; /* index */
	struct prefix address;
};

struct firewall {
	char interface[WGNAME_INTERFACE_MOST + 1]; /* the tunnel's */
	uint16_t port;				   /* WireGuard's own, UDP */
	bool peer_to_peer;
	struct prefix networks[FIREWALL_NETWORKS_MOST]; /* the tunnel's */
	size_t n_networks;
	struct firewall_zone *zones;
	size_t n_zones;
	struct firewall_member *members;
	size_t n_members, room_members;
	bool sealed;
};

enum {
	FIREWALL_E_FULL = 1, /* FIREWALL_*_MOST */
	FIREWALL_E_FORM,     /* a name or a port that cannot be one */
	FIREWALL_E_TWICE,    /* a zone, or a member of a zone */
	FIREWALL_E_SHAPE,    /* they differ in more than their members */
};

/** firewall_init() - of the tunnel @interface with WireGuard's @port
 * Return: 0; FIREWALL_E_FORM; -ENOMEM. */
MUST_USE int firewall_init(
    struct firewall *f, const char *interface, uint16_t port);
/** firewall_deinit() - repeatable */
void firewall_deinit(struct firewall *f);

/** firewall_add_network() - the addresses of the tunnel
 * Return: 0; FIREWALL_E_FULL. */
MUST_USE int firewall_add_network(struct firewall *f, const struct prefix *p);
/** firewall_add_zone() - without services yet. Its index is the number of those
 * before it.
 * Return: 0; FIREWALL_E_FULL; FIREWALL_E_FORM; FIREWALL_E_TWICE. */
MUST_USE int firewall_add_zone(struct firewall *f, const char *name);
/** firewall_add_service() - to the zone that was added last
 * INVARIANT: there is one
 * Return: 0; FIREWALL_E_FULL; FIREWALL_E_FORM. */
MUST_USE int firewall_add_service(
    struct firewall *f, const struct localservice *s);
/** firewall_add_member() - INVARIANT: @zone is there
 * Return: 0; FIREWALL_E_FULL; -ENOMEM. */
MUST_USE int firewall_add_member(
    struct firewall *f, uint32_t zone, const struct prefix *address);
/** firewall_seal() - nothing is added after that
 * Return: 0; FIREWALL_E_TWICE. */
MUST_USE int firewall_seal(struct firewall *f);

/** firewall_write() - all of it, in place of what is loaded: one transaction
 * @out: on the heap; the caller frees it
 * INVARIANT: sealed
 * Return: 0; -ENOMEM. */
MUST_USE int firewall_write(const struct firewall *f, char **out);
/** firewall_write_change() - what turns the loaded @from into @to where only
 * members differ; empty when nothing does
 * Return: 0; FIREWALL_E_SHAPE: firewall_write() is needed; -ENOMEM. */
MUST_USE int firewall_write_change(
    const struct firewall *from, const struct firewall *to, char **out);
