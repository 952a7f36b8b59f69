/* tether/rehearsal.h: what bringing a codex into force would do to the machine,
 * as JSON: the same comparisons that tether/bring.h makes, and no deed.
 *
 *   "interface"    its name
 *   "state"        "up"; "down": told to be, then only the rules are looked at
 *   "make"         would the interface be made, or set up?
 *   "rules"        "unchanged"; "members": of zones, in the sets; "all": the
 *                  table is replaced
 *   "private_key"  is it another one?
 *   "port", "mtu"  the new one; null: it stays
 *   "addresses"    "added" and "removed", of the interface
 *   "routes"       the same; the system makes and removes them with these
 *   "peers"        "operation" (add, remove, change), "name" (null: the codex
 *                  and the tombstones know none), "key", "gets" and "loses"
 *                  (addresses), "sets" (its pre-shared key, ...)
 *   "next"         where more peers begin; null: nowhere
 */
#pragma once
#include "link/codexstore.h"
#include "tether/desired.h"
#include <jansson.h>

enum { REHEARSAL_PEERS_MOST = 1024 }; /* operations in one answer */

struct rehearsal {
	const struct desired *to;
	const struct desired *loaded; /* whose rules are loaded; NULL: none */
	const struct wgstate *actual; /* NULL: there is no interface */
	bool up;		      /* is there to be one? */
	const struct codexstore *names;
	size_t after; /* operations on peers that are left out */
};

/** rehearsal_make() - asks the system for the interface's addresses
 * Return: 0; -errno with @fault. */
MUST_USE int rehearsal_make(
    json_t **out, const struct rehearsal *from, struct fault *fault);
