/* tether/bring.h: inside of tether/tunnel.c: one pass that brings the machine
 * to what is desired. It waits for the kernel and the carrier, so it is for a
 * thread that may; while it runs nobody else touches its struct.
 *
 * It compares and does not believe: the state of the interface is read, and
 * after news the rules' print, so a pass may be one too many and changes
 * nothing then.
 */
#pragma once
#include "link/nft.h"
#include "link/wg.h"
#include "tether/desired.h"

/* of a tunnel, where the codex says none: 1500 less what IPv6, UDP and
 * WireGuard take */
enum { BRING_MTU = 1420 };

struct bring {
	struct nft *nft;
	const char *folder;	/* for tether/lastrules.h; borrowed */
	struct wg *wg;		/* NULL: there is no interface, rules alone */
	unsigned index;		/* of it; 0: not looked at yet */
	struct desired *to;	/* where to go */
	struct desired *loaded; /* whose rules are loaded; NULL: none */
	uint8_t print[NFT_PRINT_SIZE]; /* of these, as the kernel has them */
	bool look;		       /* they may be others by now */

	bool unkept; /* these are not on disk yet */

	/* what has come of it */
	bool restored;	 /* the rules were others */
	bool rules_good; /* those of `to` are loaded */
	bool lost;	 /* the interface is gone, or another one is there */
	int result;
	struct fault fault; /* why, if `result` is not 0 */
	struct fault keep;  /* why the rules could not be kept on disk */
};

/** bring_rules() - the rules alone; bring_all() - and the interface
 * Return: 0; -errno with @b->fault. */
int bring_rules(struct bring *b);
void bring_all(struct bring *b);
/** bring_keep() - (after it) the rules that were loaded, on disk; what keeps
 * them from it is in @b->keep, and nothing else fails for it */
void bring_keep(struct bring *b);
/** bring_note() - (after it) the rules that are loaded are those of `to`, if
 * they are */
void bring_note(struct bring *b);
/** bring_aim() - @to: taken over */
void bring_aim(struct bring *b, struct desired *to);
void bring_deinit(struct bring *b); /* the two states; repeatable */

/** bring_mtu() - of an interface as @to says */
uint32_t bring_mtu(const struct desired *to);
/** bring_link_right() - is the interface there, up, with its addresses? A few
 * questions to the kernel, which answers at once. */
bool bring_link_right(const struct bring *b);
