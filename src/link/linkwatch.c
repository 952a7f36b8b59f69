/* A message of a link has its name; one of an address has but the number of
 * its interface, which is that of the last message with our name, or, before
 * the first, what the system says. */
#include "link/linkwatch.h"
#include "link/netnews.h"
#include "link/rtnet.h"
#include "wire/nlwalk.h"
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>

struct linkwatch {
	struct netnews *news;
	char name[RTNET_NAME_MOST + 1];
	unsigned index; /* 0: not known */
	void (*changed)(void *ctx);
	void *ctx;
};

static bool has_our_name(
    const struct linkwatch *watch, const struct nlmsghdr *head)
{
	struct nlwalk w = nlwalk_over(head, sizeof(struct ifinfomsg));
	const struct nlattr *a;

	while ((a = nlwalk_next(&w)))
		if (mnl_attr_get_type(a) == IFLA_IFNAME &&
		    !mnl_attr_validate(a, MNL_TYPE_NUL_STRING))
			return !strcmp(mnl_attr_get_str(a), watch->name);
	return false;
}

/* One that is given another name is ours no more, which its number tells. */
static bool is_of_link(struct linkwatch *watch, const struct nlmsghdr *head)
{
	const struct ifinfomsg *info;
	unsigned index;

	if (mnl_nlmsg_get_payload_len(head) < sizeof(*info))
		return false;
	info = mnl_nlmsg_get_payload(head);
	index = (unsigned)info->ifi_index;
	if (!has_our_name(watch, head))
		return index == watch->index;
	watch->index = index;
	return true;
}

static bool is_of_address(
    const struct linkwatch *watch, const struct nlmsghdr *head)
{
	const struct ifaddrmsg *m;

	if (mnl_nlmsg_get_payload_len(head) < sizeof(*m))
		return false;
	m = mnl_nlmsg_get_payload(head);
	return m->ifa_index == watch->index;
}

static bool is_ours(void *ctx, const struct nlmsghdr *head)
{
	struct linkwatch *watch = ctx;

	switch (head->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return is_of_link(watch, head);
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return is_of_address(watch, head);
	default:
		return false;
	}
}

static void on_news(void *ctx)
{
	const struct linkwatch *w = ctx;

	w->changed(w->ctx);
}

int linkwatch_new(struct linkwatch **out, struct loop *l, const char *name,
    void (*changed)(void *ctx), void *ctx)
{
	struct linkwatch *w = calloc(1, sizeof(*w));
	const struct netnews_config config = {
		.bus = NETLINK_ROUTE,
		.groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR,
		.matters = is_ours,
		.changed = on_news,
		.ctx = w,
	};
	int r;

	if (!w)
		return -ENOMEM;
	INVARIANT(strlen(name) < sizeof(w->name));
	*w = (struct linkwatch){ .changed = changed, .ctx = ctx };
	(void)snprintf(w->name, sizeof(w->name), "%s", name);
	r = netnews_new(&w->news, l, &config);
	if (r) {
		linkwatch_free(w);
		return r;
	}
	w->index = if_nametoindex(w->name);
	*out = w;
	return 0;
}

void linkwatch_free(struct linkwatch *w)
{
	if (!w)
		return;
	netnews_free(w->news);
	free(w);
}
