/* link/rtnet.h: interfaces, their addresses and the system's routes, by netlink
 * (rtnetlink(7)).
 *
 * Each call asks the kernel and waits for its answer, which comes at once.
 */
#pragma once
#include "base/fault.h"
#include "wire/prefix.h"

enum {
	RTNET_KIND_MOST = 15,
	RTNET_NAME_MOST = 15,
	RTNET_PROTOCOL = 0xa7, /* marks the routes that are ours */
};

struct rtnet; /* a netlink socket */

struct rtnet_link {
	unsigned index;
	bool up;
	uint32_t mtu;
	char kind[RTNET_KIND_MOST + 1]; /* "tun", "wireguard"; "": none */
};

struct rtnet_route {
	struct prefix to; /* 0 bits: all of the family */
	unsigned index;	  /* the interface that it goes out by; 0: several */
	uint32_t table;
	uint8_t protocol; /* who made it: RTNET_PROTOCOL, RTPROT_* */
};

/** rtnet_open() - of the network namespace that the thread is in
 * Return: 0; -errno. */
MUST_USE int rtnet_open(struct rtnet **out);
/** rtnet_close() - NULL is fine */
void rtnet_close(struct rtnet *n);
void rtnet_closep(struct rtnet **n);

/** rtnet_find() - Return: 0; -ENODEV: no interface of that name; -errno. */
MUST_USE int rtnet_find(
    struct rtnet *n, const char *name, struct rtnet_link *out);
/** rtnet_make() - an interface of a kind; it is down
 * Return: 0; -EEXIST; -EOPNOTSUPP: not a kind of this kernel; -errno. */
MUST_USE int rtnet_make(struct rtnet *n, const char *name, const char *kind);
/** rtnet_remove() - Return: 0; -ENODEV; -errno. */
MUST_USE int rtnet_remove(struct rtnet *n, unsigned index);
/** rtnet_set() - up, with that MTU. Return: 0; -errno. */
MUST_USE int rtnet_set(struct rtnet *n, unsigned index, bool up, uint32_t mtu);

/** rtnet_set_addresses() - the interface has @wanted and, but for IPv6's own
 * ones of the link (fe80::/10), nothing else; what is right is not touched
 * @wanted: addresses with the length of their network
 * Return: 0; -errno. */
MUST_USE int rtnet_set_addresses(struct rtnet *n, unsigned index,
    const struct prefix *wanted, size_t n_wanted);

/** rtnet_check_addresses() - is it so already?
 * Return: 0: yes; RTNET_E_OTHER; -errno. */
enum { RTNET_E_OTHER = 1 };
MUST_USE int rtnet_check_addresses(struct rtnet *n, unsigned index,
    const struct prefix *wanted, size_t n_wanted);

/** rtnet_addresses() - each address of the interface, those of the link left
 * out as above
 * Return: 0; what @each returned if not 0; -errno. */
typedef int (*rtnet_each_address)(void *ctx, const struct prefix *p);
MUST_USE int rtnet_addresses(
    struct rtnet *n, unsigned index, rtnet_each_address each, void *ctx);

/** rtnet_set_routes() - through the interface, of those that are marked as ours
 * in the main table, the system has @wanted and nothing else
 * Return: 0; -EEXIST: the system has one of them, another way; -errno. */
MUST_USE int rtnet_set_routes(struct rtnet *n, unsigned index,
    const struct prefix *wanted, size_t n_wanted);

/** rtnet_routes() - each route of all tables but the local one, both families
 * Return: 0; what @each returned if not 0; -errno. */
typedef int (*rtnet_each)(void *ctx, const struct rtnet_route *r);
MUST_USE int rtnet_routes(struct rtnet *n, rtnet_each each, void *ctx);
