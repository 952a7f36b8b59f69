/* A message of a link has its name; one of an address has but the number of
 * its interface, which is that of the last message with our name, or, before
 * the first, what the system says. */
#include "link/linkwatch.h"
#include "link/rtnet.h"
#include "net/loop.h"
#include "wire/nlwalk.h"
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>

enum { NEWS_BLOCK = 16384, NEWS_MOST = 64 };

struct linkwatch {
	struct mnl_socket *socket;
	uv_poll_t *poll;
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

static bool is_ours(struct linkwatch *watch, const struct nlmsghdr *head)
{
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

/* What does not fit into one look is there for the next one. */
static bool take_news(struct linkwatch *watch)
{
	_Alignas(struct nlmsghdr) char block[NEWS_BLOCK];
	bool seen = false;

	for (unsigned i = 0; i < NEWS_MOST; i++) {
		ssize_t got = recv(mnl_socket_get_fd(watch->socket), block,
		    sizeof(block), MSG_DONTWAIT);
		struct nlwalk w = { .at = block };
		const struct nlmsghdr *head;

		if (got < 0 && errno == ENOBUFS) {
			seen = true;
			continue;
		}
		if (got <= 0)
			return seen;
		w.left = (size_t)got;
		while ((head = nlwalk_message(&w)))
			seen |= is_ours(watch, head);
	}
	return seen;
}

static void on_news(uv_poll_t *poll, int status, int events)
{
	struct linkwatch *w = poll->data;

	(void)events;
	/* an overflow is an error to libuv: it looks no more */
	if (status < 0)
		(void)uv_poll_start(poll, UV_READABLE, on_news);
	if (take_news(w) || status < 0)
		w->changed(w->ctx);
}

static void free_poll(uv_handle_t *h)
{
	free(h);
}

static int listen_for_news(struct linkwatch *w)
{
	const unsigned groups =
	    RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR;

	w->socket =
	    mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (!w->socket ||
	    mnl_socket_bind(w->socket, groups, MNL_SOCKET_AUTOPID))
		return -errno;
	w->index = if_nametoindex(w->name);
	return 0;
}

static int start_poll(struct linkwatch *w, struct loop *l)
{
	uv_poll_t *poll = calloc(1, sizeof(*poll));
	int r;

	if (!poll)
		return -ENOMEM;
	r = uv_poll_init(loop_uv(l), poll, mnl_socket_get_fd(w->socket));
	if (r) {
		free(poll);
		return r;
	}
	poll->data = w;
	w->poll = poll;
	return uv_poll_start(poll, UV_READABLE, on_news);
}

int linkwatch_new(struct linkwatch **out, struct loop *l, const char *name,
    void (*changed)(void *ctx), void *ctx)
{
	struct linkwatch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	INVARIANT(strlen(name) < sizeof(w->name));
	*w = (struct linkwatch){ .changed = changed, .ctx = ctx };
	(void)snprintf(w->name, sizeof(w->name), "%s", name);
	r = listen_for_news(w);
	if (!r)
		r = start_poll(w, l);
	if (r) {
		linkwatch_free(w);
		return r;
	}
	*out = w;
	return 0;
}

void linkwatch_free(struct linkwatch *w)
{
	if (!w)
		return;
	if (w->poll) {
		(void)uv_poll_stop(w->poll);
		uv_close((uv_handle_t *)w->poll, free_poll);
	}
	if (w->socket)
		(void)mnl_socket_close(w->socket);
	free(w);
}
