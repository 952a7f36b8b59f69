/* wire/nlwg.h: the messages that the kernel's WireGuard understands, generic
 * netlink (linux/wireguard.h): a plan as requests, and its answers as a state.
 *
 * A message holds a few dozen peers, so a plan takes several; the kernel does
 * each whole. What a later one says of a peer adds to what an earlier one said.
 */
#pragma once
#include "wire/wgplan.h"
#include <linux/netlink.h>

enum {
	NLWG_BLOCK = 8192, /* a request is never longer */
	NLWG_NAME_MOST = 15,
};

/* Which interface, and the family's number on this system. */
struct nlwg_device {
	uint16_t family;
	char name[NLWG_NAME_MOST + 1];
};

/** nlwg_write_get() - the request for the state; its answer is a dump
 * @block: NLWG_BLOCK bytes, aligned as a struct nlmsghdr */
struct nlmsghdr *nlwg_write_get(void *block, const struct nlwg_device *d);

/* Where a plan's writing stands. */
struct nlwg_writer {
	const struct wgplan *plan;
	const struct nlwg_device *device;
	size_t op;     /* the next one */
	size_t prefix; /* of its prefixes, the next one */
};

/** nlwg_write_plan() - the next request of a plan, which wants an answer
 * @w: begun as { plan, device }
 * @block: NLWG_BLOCK bytes, aligned as a struct nlmsghdr; they hold keys, to be
 *         wiped
 * Return: the message, its nlmsg_seq 0; NULL: all is written. */
struct nlmsghdr *nlwg_write_plan(struct nlwg_writer *w, void *block);

enum {
	NLWG_E_FORM = 1, /* not an answer of WireGuard's */
	NLWG_E_FULL,	 /* more peers or prefixes than WGSTATE_*_MOST */
};

/** nlwg_read() - one message of the answer; together they fill @into, which
 * was made with wgstate_init() and is sealed after the last one
 * @head: a whole message, as nlwalk_message() gives it
 * Return: 0; NLWG_E_*; -ENOMEM. */
MUST_USE int nlwg_read(struct wgstate *into, const struct nlmsghdr *head);
