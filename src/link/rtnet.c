/* A request is one message in a block on the stack; an answer is read until the
 * kernel says it is done. What the kernel lists is trusted as far as libmnl's
 * checks of lengths go.
 *
 * Addresses and routes are set as wire/wgplan.h sets peers: what is there is
 * listed, what is too much is removed, what is missing is added; what is right
 * is in no request. (Not the other way round: an IPv4 address that is added to
 * a network where the interface has one already goes when that one does.) A
 * list is bounded (LIST_MOST): an interface of ours has two addresses and few
 * routes; more than that is not ours to sort out.
 */
#include "link/rtnet.h"
#include "wire/nlwalk.h"
#include <linux/if.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <sys/socket.h>

enum {
	BLOCK = 1024,
	ANSWER_BLOCK = 32768,
	LIST_MOST = 1024,
	V4_SIZE = 4,
	V6_SIZE = 16
};

struct rtnet {
	struct mnl_socket *socket;
	unsigned port, sequence;
};

struct request {
	_Alignas(struct nlmsghdr) char block[BLOCK];
	struct nlmsghdr *head;
};

int rtnet_open(struct rtnet **out)
{
	struct rtnet *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	if (!n->socket || mnl_socket_bind(n->socket, 0, MNL_SOCKET_AUTOPID)) {
		int r = -errno;

		rtnet_close(n);
		return r;
	}
	n->port = mnl_socket_get_portid(n->socket);
	*out = n;
	return 0;
}

void rtnet_close(struct rtnet *n)
{
	if (n && n->socket)
		(void)mnl_socket_close(n->socket);
	free(n);
}

void rtnet_closep(struct rtnet **n)
{
	rtnet_close(*n);
}

/* ---- asking -------------------------------------------------------------- */

/* @size: of the struct that stands before the attributes. Return: that, zero.
 */
static void *begin(
    struct request *r, uint16_t type, uint16_t flags, size_t size)
{
	r->head = mnl_nlmsg_put_header(r->block);
	r->head->nlmsg_type = type;
	r->head->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	return mnl_nlmsg_put_extra_header(r->head, size);
}

static int take_answers(struct rtnet *n, mnl_cb_t each, void *ctx)
{
	_Alignas(struct nlmsghdr) char block[ANSWER_BLOCK];
	int more = MNL_CB_OK;

	while (more > MNL_CB_STOP) {
		ssize_t got =
		    mnl_socket_recvfrom(n->socket, block, sizeof(block));

		if (got < 0)
			return -errno;
		more = mnl_cb_run(
		    block, (size_t)got, n->sequence, n->port, each, ctx);
		if (more < 0)
			return -errno;
	}
	return 0;
}

static int ask(struct rtnet *n, struct request *r, mnl_cb_t each, void *ctx)
{
	r->head->nlmsg_seq = ++n->sequence;
	if (mnl_socket_sendto(n->socket, r->head, r->head->nlmsg_len) < 0)
		return -errno;
	return take_answers(n, each, ctx);
}

static int command(struct rtnet *n, struct request *r)
{
	r->head->nlmsg_flags |= NLM_F_ACK;
	return ask(n, r, NULL, NULL);
}

/* ---- interfaces ---------------------------------------------------------- */

static void read_kind(const struct nlattr *info, char kind[RTNET_KIND_MOST + 1])
{
	struct nlwalk w = nlwalk_in(info);
	const struct nlattr *a;

	while ((a = nlwalk_next(&w)))
		if (mnl_attr_get_type(a) == IFLA_INFO_KIND &&
		    !mnl_attr_validate(a, MNL_TYPE_NUL_STRING))
			(void)snprintf(kind, RTNET_KIND_MOST + 1, "%s",
			    mnl_attr_get_str(a));
}

/* A number, if the attribute has the size of one. */
static void read_u32(uint32_t *out, const struct nlattr *a)
{
	if (!mnl_attr_validate(a, MNL_TYPE_U32))
		*out = mnl_attr_get_u32(a);
}

static int take_link(const struct nlmsghdr *head, void *ctx)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(head);
	struct nlwalk w = nlwalk_over(head, sizeof(*info));
	struct rtnet_link *out = ctx;
	const struct nlattr *a;

	*out = (struct rtnet_link){
		.index = (unsigned)info->ifi_index,
		.up = info->ifi_flags & IFF_UP,
	};
	while ((a = nlwalk_next(&w))) {
		if (mnl_attr_get_type(a) == IFLA_MTU)
			read_u32(&out->mtu, a);
		if (mnl_attr_get_type(a) == IFLA_LINKINFO)
			read_kind(a, out->kind);
	}
	return MNL_CB_OK;
}

int rtnet_find(struct rtnet *n, const char *name, struct rtnet_link *out)
{
	struct rtnet_link found = { .index = 0 };
	struct request r;
	int e;

	(void)begin(&r, RTM_GETLINK, NLM_F_ACK, sizeof(struct ifinfomsg));
	mnl_attr_put_strz(r.head, IFLA_IFNAME, name);
	e = ask(n, &r, take_link, &found);
	if (!e && !found.index)
		e = -ENODEV;
	if (!e)
		*out = found;
	return e;
}

int rtnet_make(struct rtnet *n, const char *name, const char *kind)
{
	struct request r;
	struct nlattr *info;

	(void)begin(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL,
	    sizeof(struct ifinfomsg));
	mnl_attr_put_strz(r.head, IFLA_IFNAME, name);
	info = mnl_attr_nest_start(r.head, IFLA_LINKINFO);
	mnl_attr_put_strz(r.head, IFLA_INFO_KIND, kind);
	mnl_attr_nest_end(r.head, info);
	return command(n, &r);
}

int rtnet_remove(struct rtnet *n, unsigned index)
{
	struct request r;
	struct ifinfomsg *info = begin(&r, RTM_DELLINK, 0, sizeof(*info));

	info->ifi_index = (int)index;
	return command(n, &r);
}

int rtnet_set(struct rtnet *n, unsigned index, bool up, uint32_t mtu)
{
	struct request r;
	struct ifinfomsg *info = begin(&r, RTM_NEWLINK, 0, sizeof(*info));

	info->ifi_index = (int)index;
	info->ifi_change = IFF_UP;
	info->ifi_flags = up ? IFF_UP : 0;
	mnl_attr_put_u32(r.head, IFLA_MTU, mtu);
	return command(n, &r);
}

/* ---- what is listed ------------------------------------------------------ */

struct list {
	struct prefix *items;
	size_t n;
	unsigned index; /* of the interface that counts */
};

static void free_list(struct list *l)
{
	free(l->items);
}

static int list_add(struct list *l, const struct prefix *p)
{
	if (!l->items)
		l->items = calloc(LIST_MOST, sizeof(*l->items));
	if (!l->items)
		return -ENOMEM;
	if (l->n == LIST_MOST)
		return -EOVERFLOW;
	l->items[l->n++] = *p;
	return 0;
}

static bool list_has(
    const struct prefix *items, size_t n, const struct prefix *p)
{
	for (size_t i = 0; i < n; i++)
		if (!prefix_compare(&items[i], p))
			return true;
	return false;
}

static size_t address_size(const struct prefix *p)
{
	return p->family == 4 ? V4_SIZE : V6_SIZE;
}

static uint8_t family_of(const struct prefix *p)
{
	return p->family == 4 ? AF_INET : AF_INET6;
}

/* @a: NULL: all zero. Is it an address of a family that we know? */
static bool read_prefix(
    struct prefix *out, uint8_t family, uint8_t bits, const struct nlattr *a)
{
	struct prefix p = { .bits = bits };

	if (family != AF_INET && family != AF_INET6)
		return false;
	p.family = family == AF_INET ? 4 : 6;
	if (bits > prefix_width(&p))
		return false;
	if (a && mnl_attr_get_payload_len(a) != address_size(&p))
		return false;
	if (a)
		memcpy(p.address, mnl_attr_get_payload(a), address_size(&p));
	*out = p;
	return true;
}

/* For mnl_cb_run(), which wants errno. */
static int for_mnl(int r)
{
	if (!r)
		return MNL_CB_OK;
	errno = -r;
	return MNL_CB_ERROR;
}

/* ---- addresses ----------------------------------------------------------- */

static int take_address(const struct nlmsghdr *head, void *ctx)
{
	const struct ifaddrmsg *m = mnl_nlmsg_get_payload(head);
	struct nlwalk w = nlwalk_over(head, sizeof(*m));
	const struct nlattr *a, *local = NULL, *address = NULL;
	struct list *l = ctx;
	struct prefix p;

	if (m->ifa_index != l->index || m->ifa_scope == RT_SCOPE_LINK)
		return MNL_CB_OK;
	while ((a = nlwalk_next(&w))) {
		if (mnl_attr_get_type(a) == IFA_LOCAL)
			local = a;
		if (mnl_attr_get_type(a) == IFA_ADDRESS)
			address = a;
	}
	if (!local)
		local = address;
	if (!local || !read_prefix(&p, m->ifa_family, m->ifa_prefixlen, local))
		return MNL_CB_OK;
	return for_mnl(list_add(l, &p));
}

static int change_address(
    struct rtnet *n, unsigned index, const struct prefix *p, bool add)
{
	struct request r;
	struct ifaddrmsg *m = begin(&r, add ? RTM_NEWADDR : RTM_DELADDR,
	    add ? NLM_F_CREATE | NLM_F_REPLACE : 0, sizeof(*m));

	m->ifa_family = family_of(p);
	m->ifa_prefixlen = p->bits;
	m->ifa_index = index;
	if (add && p->family == 6)
		m->ifa_flags = IFA_F_NODAD;
	mnl_attr_put(r.head, IFA_LOCAL, address_size(p), p->address);
	mnl_attr_put(r.head, IFA_ADDRESS, address_size(p), p->address);
	return command(n, &r);
}

/* Removing an interface's first IPv4 address takes its others with it, if the
 * system is set so; then they are gone already. */
static int drop_address(struct rtnet *n, unsigned index, const struct prefix *p)
{
	int r = change_address(n, index, p, false);

	return r == -EADDRNOTAVAIL ? 0 : r;
}

static int list_addresses(struct rtnet *n, struct list *there)
{
	struct request r;

	(void)begin(&r, RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg));
	return ask(n, &r, take_address, there);
}

int rtnet_addresses(
    struct rtnet *n, unsigned index, rtnet_each_address each, void *ctx)
{
	CLEANUP(free_list) struct list there = { .index = index };
	int r = list_addresses(n, &there);

	for (size_t i = 0; !r && i < there.n; i++)
		r = each(ctx, &there.items[i]);
	return r;
}

int rtnet_check_addresses(struct rtnet *n, unsigned index,
    const struct prefix *wanted, size_t n_wanted)
{
	CLEANUP(free_list) struct list there = { .index = index };
	int e = list_addresses(n, &there);

	if (!e && there.n != n_wanted)
		return RTNET_E_OTHER;
	for (size_t i = 0; !e && i < n_wanted; i++)
		if (!list_has(there.items, there.n, &wanted[i]))
			e = RTNET_E_OTHER;
	return e;
}

int rtnet_set_addresses(struct rtnet *n, unsigned index,
    const struct prefix *wanted, size_t n_wanted)
{
	CLEANUP(free_list) struct list there = { .index = index };
	int e = list_addresses(n, &there);

	for (size_t i = 0; !e && i < there.n; i++)
		if (!list_has(wanted, n_wanted, &there.items[i]))
			e = drop_address(n, index, &there.items[i]);
	for (size_t i = 0; !e && i < n_wanted; i++)
		if (!list_has(there.items, there.n, &wanted[i]))
			e = change_address(n, index, &wanted[i], true);
	return e;
}

/* ---- routes -------------------------------------------------------------- */

struct walk {
	rtnet_each each;
	void *ctx;
	int verdict; /* of `each` */
};

static int take_route(const struct nlmsghdr *head, void *ctx)
{
	const struct rtmsg *m = mnl_nlmsg_get_payload(head);
	struct nlwalk at = nlwalk_over(head, sizeof(*m));
	struct rtnet_route route = { .table = m->rtm_table,
		.protocol = m->rtm_protocol };
	const struct nlattr *a, *to = NULL;
	struct walk *w = ctx;

	while ((a = nlwalk_next(&at))) {
		if (mnl_attr_get_type(a) == RTA_DST)
			to = a;
		if (mnl_attr_get_type(a) == RTA_TABLE)
			read_u32(&route.table, a);
		if (mnl_attr_get_type(a) == RTA_OIF)
			read_u32(&route.index, a);
	}
	if (w->verdict || route.table == RT_TABLE_LOCAL ||
	    m->rtm_flags & RTM_F_CLONED ||
	    !read_prefix(&route.to, m->rtm_family, m->rtm_dst_len, to))
		return MNL_CB_OK;
	w->verdict = w->each(w->ctx, &route);
	return MNL_CB_OK;
}

int rtnet_routes(struct rtnet *n, rtnet_each each, void *ctx)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	struct walk w = { .each = each, .ctx = ctx };
	int e = 0;

	for (size_t i = 0; !e && !w.verdict && i < N_ELEMS(families); i++) {
		struct request r;
		struct rtmsg *m =
		    begin(&r, RTM_GETROUTE, NLM_F_DUMP, sizeof(*m));

		m->rtm_family = families[i];
		e = ask(n, &r, take_route, &w);
	}
	return e ? e : w.verdict;
}

static int take_own(void *ctx, const struct rtnet_route *r)
{
	struct list *l = ctx;

	if (r->index != l->index || r->protocol != RTNET_PROTOCOL ||
	    r->table != RT_TABLE_MAIN)
		return 0;
	return list_add(l, &r->to);
}

static int change_route(
    struct rtnet *n, unsigned index, const struct prefix *to, bool add)
{
	struct request r;
	struct rtmsg *m = begin(&r, add ? RTM_NEWROUTE : RTM_DELROUTE,
	    add ? NLM_F_CREATE | NLM_F_EXCL : 0, sizeof(*m));

	m->rtm_family = family_of(to);
	m->rtm_dst_len = to->bits;
	m->rtm_table = RT_TABLE_MAIN;
	m->rtm_protocol = RTNET_PROTOCOL;
	m->rtm_scope = add ? RT_SCOPE_LINK : RT_SCOPE_NOWHERE;
	m->rtm_type = add ? RTN_UNICAST : RTN_UNSPEC;
	mnl_attr_put(r.head, RTA_DST, address_size(to), to->address);
	mnl_attr_put_u32(r.head, RTA_OIF, index);
	return command(n, &r);
}

int rtnet_set_routes(struct rtnet *n, unsigned index,
    const struct prefix *wanted, size_t n_wanted)
{
	CLEANUP(free_list) struct list there = { .index = index };
	int e = rtnet_routes(n, take_own, &there);

	for (size_t i = 0; !e && i < there.n; i++)
		if (!list_has(wanted, n_wanted, &there.items[i]))
			e = change_route(n, index, &there.items[i], false);
	for (size_t i = 0; !e && i < n_wanted; i++)
		if (!list_has(there.items, there.n, &wanted[i]))
			e = change_route(n, index, &wanted[i], true);
	return e;
}
