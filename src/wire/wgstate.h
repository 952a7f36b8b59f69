/* wire/wgstate.h: the state of a WireGuard interface as a value: what a driver
 * reads from the kernel or a user space process, and what we want it to be.
 *
 * Filled peer by peer, then sealed, which sorts it and makes it searchable. Two
 * sealed states are what wire/wgplan.h compares.
 *
 * Memory: one array of peers and one of prefixes, so that 10,000 peers take
 * about 2 MiB. Preshared keys lie in it, and the private key: the arrays are
 * wiped when they are left, but not locked (a locked page for each of 10,000
 * keys is more than the system allows).
 */
#pragma once
#include "base/err.h"
#include "wire/prefix.h"
#include "wire/wgkey.h"

enum {
	WGSTATE_PEERS_MOST = 65536,
	WGSTATE_PREFIXES_MOST = 262144,
};

/* Where a peer is reached. */
struct wgendpoint {
	uint8_t family; /* 4, 6; 0: not known */
	uint8_t address[16];
	uint16_t port;
};

/* What only a running interface knows of a peer. */
struct wgseen {
	uint64_t received, sent; /* bytes */
	int64_t handshake_s;	 /* the latest, seconds since 1970; 0: none */
	uint32_t handshake_ns;
};

struct wgpeer {
	struct wgkey key;
	uint8_t preshared[WGKEY_SIZE]; /* all zero: none */
	struct wgendpoint endpoint;
	struct wgseen seen;
	uint16_t keepalive;	  /* seconds; 0: off */
	uint32_t first, n_prefix; /* its allowed IPs, by wgpeer_prefixes() */
};

struct wgholding; /* which peer has a prefix */

struct wgstate {
	uint8_t private_key[WGKEY_SIZE]; /* all zero: none */
	uint16_t port;			 /* to listen on; 0: any */
	uint32_t mark;	      /* of the packets that carry it; 0: none */
	struct wgpeer *peers; /* once sealed, in the order of their keys */
	size_t n_peers, room_peers;
	struct prefix *prefixes; /* a peer's together, once sealed in order */
	size_t n_prefixes, room_prefixes;
	struct wgholding *holdings; /* NULL until sealed */
};

enum {
	WGSTATE_E_KEY_TWICE = 1, /* two peers with one key */
	WGSTATE_E_PREFIX_TWICE,	 /* a prefix that is there already */
	WGSTATE_E_FULL,		 /* WGSTATE_*_MOST */
};

void wgstate_init(struct wgstate *s);
/** wgstate_deinit() - wipes; repeatable */
void wgstate_deinit(struct wgstate *s);

/** wgstate_add_peer() - a peer without anything but its key
 * @out: for the caller to fill, until the next peer is added; may be NULL
 * INVARIANT: @s is not sealed
 * Return: 0; WGSTATE_E_FULL; -ENOMEM. */
MUST_USE int wgstate_add_peer(
    struct wgstate *s, const struct wgkey *key, struct wgpeer **out);
/** wgstate_add_prefix() - to the peer that was added last
 * INVARIANT: there is one, and @s is not sealed
 * Return: 0; WGSTATE_E_FULL; -ENOMEM. */
MUST_USE int wgstate_add_prefix(struct wgstate *s, const struct prefix *p);

/** wgstate_seal() - sort and check it; nothing is added after that
 * @whose: on WGSTATE_E_KEY_TWICE and WGSTATE_E_PREFIX_TWICE the key of a peer
 *         that it concerns; may be NULL
 * Return: 0; WGSTATE_E_KEY_TWICE; WGSTATE_E_PREFIX_TWICE; -ENOMEM. */
MUST_USE int wgstate_seal(struct wgstate *s, struct wgkey *whose);

/** wgpeer_prefixes() - the peer's n_prefix allowed IPs; borrowed from @s */
const struct prefix *wgpeer_prefixes(
    const struct wgstate *s, const struct wgpeer *p);
/** wgstate_find() - the peer with that key; NULL: none. INVARIANT: sealed */
const struct wgpeer *wgstate_find(
    const struct wgstate *s, const struct wgkey *key);
/** wgstate_holder() - the peer that has exactly that prefix; NULL: none.
 * INVARIANT: sealed */
const struct wgpeer *wgstate_holder(
    const struct wgstate *s, const struct prefix *p);

/** wgendpoint_equal() - is it the same place? */
bool wgendpoint_equal(const struct wgendpoint *a, const struct wgendpoint *b);
