/* wire/codex.h: what a tether is meant to be: its network, its zones and its
 * peers, as a value.
 *
 * It has public keys and no secret; those are in the keyring (wire/keyring.h).
 * What has died is not here but among the tombstones (wire/tombstone.h), so
 * that no edit brings it back. wire/codextext.h is its file.
 */
#pragma once
#include "base/fault.h"
#include "wire/localservice.h"
#include "wire/prefix.h"
#include "wire/wgkey.h"
#include "wire/wgname.h"

enum {
	CODEX_PEERS_MOST = 16384,
	CODEX_ZONES_MOST = 64, /* a bit each */
	CODEX_SERVICES_MOST = 64,
	CODEX_RESERVED_MOST = 64,
	CODEX_MTU_LEAST = 1280, /* IPv6's least */
	CODEX_MTU_MOST = 65535 - 80,
};

struct codex_zone {
	char name[WGNAME_ZONE_MOST + 1];
	struct localservice *services; /* owned */
	size_t n_services;
};

/* A key that waits to take the place of a peer's: it has no address until its
 * first handshake, or until the old one's time is up. */
struct codex_turn {
	bool pending;
	bool on_device;
	struct wgkey key;
	int64_t until; /* seconds since 1970 */
};

struct codex_peer {
	char name[WGNAME_PEER_MOST + 1];
	struct wgkey key;
	struct prefix v4, v6; /* one host each */
	uint64_t zones;	      /* bit i: codex->zones[i] */
	int64_t created;      /* seconds since 1970 */
	int64_t expires;      /* the same; 0: never */
	struct codex_turn next;
	bool disabled;
	bool on_device; /* the device made its key; else it was made here,
			 * shown once and not kept */
	bool shared;	/* it has a pre-shared key, kept beside the private */
};

struct codex {
	uint64_t generation; /* counts the writes */
	char interface[WGNAME_INTERFACE_MOST + 1];
	char endpoint[WGNAME_ENDPOINT_MOST + 1]; /* for peers; may be empty */
	uint16_t port;
	uint16_t mtu;	      /* 0: the usual one */
	struct wgkey key;     /* of this host */
	struct prefix v4, v6; /* networks; the host is the first in each */
	struct prefix reserved[CODEX_RESERVED_MOST]; /* never given to a peer */
	size_t n_reserved;
	bool peer_to_peer;	  /* may peers reach each other? */
	struct codex_zone *zones; /* owned, as the peers */
	size_t n_zones;
	struct codex_peer *peers;
	size_t n_peers, room_for_peers;
};
void codex_deinit(struct codex *c); /* repeatable */

/** codex_host() - the address that the host has in its network @n: the first */
struct prefix codex_host(const struct prefix *network);

/** codex_check() - what a table of peers has to hold: names, keys and addresses
 * are each other's, addresses are in the networks and none is reserved or the
 * host's, no key is the host's, zones are there
 * @peer: set to the one that is at fault, or to n_peers
 * Return: 0; -EINVAL with @fault; -ENOMEM. */
MUST_USE int codex_check(
    const struct codex *c, size_t *peer, struct fault *fault);

/** codex_peer_find() - by name; NULL: none
 * codex_peer_of_key() - whose key, or key to come, it is */
struct codex_peer *codex_peer_find(const struct codex *c, const char *name);
struct codex_peer *codex_peer_of_key(
    const struct codex *c, const struct wgkey *key);
/** codex_peer_add() - at the end; codex_check() is the caller's to ask
 * Return: 0; -ENOBUFS: there are CODEX_PEERS_MOST; -ENOMEM. */
MUST_USE int codex_peer_add(struct codex *c, const struct codex_peer *peer);
void codex_peer_remove(struct codex *c, struct codex_peer *peer);
/** codex_turn_take() - the key that waits becomes the peer's */
void codex_turn_take(struct codex_peer *peer);
/** codex_peer_admitted() - has it access at @now: neither disabled nor over? */
bool codex_peer_admitted(const struct codex_peer *peer, int64_t now);

/** codex_zone_find() - NULL: none */
struct codex_zone *codex_zone_find(const struct codex *c, const char *name);
uint64_t codex_zone_bit(const struct codex *c, const struct codex_zone *zone);
/** codex_zone_add() - at the end; takes over @zone's services, which were
 * allocated
 * Return: 0; -ENOBUFS: there are CODEX_ZONES_MOST; -ENOMEM. */
MUST_USE int codex_zone_add(struct codex *c, struct codex_zone *zone);
/** codex_zone_remove() - also from its peers */
void codex_zone_remove(struct codex *c, struct codex_zone *zone);
