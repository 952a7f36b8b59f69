/* tether/desired.h: what a codex means for the machine at a given time: the
 * state of the interface, its addresses, the rules.
 *
 * A peer that is disabled, whose time is over, or whose key is a tombstone is
 * not there at all: neither on the interface nor in the rules. While a key
 * takes another's place (rotate), both are peers, and the old one has the
 * addresses until the turn is taken or its time comes.
 */
#pragma once
#include "wire/codex.h"
#include "wire/firewall.h"
#include "wire/keyring.h"
#include "wire/tombstone.h"
#include "wire/wgstate.h"

enum { DESIRED_ADDRESSES = 2 };

struct desired {
	struct wgstate state;			    /* sealed */
	struct firewall firewall;		    /* sealed */
	struct prefix addresses[DESIRED_ADDRESSES]; /* the host's */
	uint16_t mtu;				    /* 0: the usual one */
	size_t n_dead; /* peers left out since their key is a tombstone */
	int64_t until; /* when time alone changes it, seconds since 1970; 0:
			  never */
};

struct desired_sources {
	const struct codex *codex; /* codex_check() has passed it */
	const struct keyring *keyring;
	const struct tombstones *tombstones;
	int64_t now; /* seconds since 1970 */
};

/** desired_make() - @out borrows nothing; desired_deinit() it
 * Return: 0; -EINVAL: the keyring is not the codex's; -ENOBUFS; -ENOMEM; with
 * @fault. */
MUST_USE int desired_make(struct desired *out,
    const struct desired_sources *from, struct fault *fault);
/** desired_deinit() - wipes; repeatable */
void desired_deinit(struct desired *d);
