/* link/netnews.h: news of the kernel by netlink multicast, from the loop.
 */
#pragma once
#include "base/err.h"

struct loop;
struct netnews;
struct nlmsghdr;

struct netnews_config {
	int bus;	 /* NETLINK_ROUTE, NETLINK_NETFILTER */
	unsigned groups; /* a bit each, the first group bit 0 */
	/* Is this message what @changed is to tell of? */
	bool (*matters)(void *ctx, const struct nlmsghdr *head);
	/* Something that matters has come, or may have: the kernel had more to
	 * tell than the socket keeps, as after a large load of our own. */
	void (*changed)(void *ctx);
	void *ctx;
};

/** netnews_new() - listen, in the network namespace that the thread is in
 * Return: 0; -errno. */
MUST_USE int netnews_new(
    struct netnews **out, struct loop *l, const struct netnews_config *config);
/** netnews_free() - NULL is fine */
void netnews_free(struct netnews *n);
