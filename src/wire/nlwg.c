/* Writing: a message begins with the interface's name; then come the values of
 * the interface, then a list of peers, as many as fit. An operation is split
 * only between prefixes: the rest goes to the next message, as a change of the
 * same peer. What takes prefixes away is a peer WGPLAN_NOBODY that gets them
 * and, after that, the same peer removed, in one message where they fit.
 *
 * PEER_ROOM is what a peer without prefixes takes, and PREFIX_ROOM a prefix,
 * both rounded up, so that whether something fits is known before it is
 * written.
 *
 * Reading: attributes of the right size or the message is refused; unknown ones
 * are passed over. The kernel splits a peer whose prefixes do not fit: it
 * begins the next message with the same key.
 */
#include "wire/nlwg.h"
#include "wire/nlwalk.h"
#include <arpa/inet.h>
#include <linux/genetlink.h>
#include <linux/wireguard.h>

enum { PEER_ROOM = 192, PREFIX_ROOM = 48, VERSION = WG_GENL_VERSION };

static struct nlmsghdr *begin(
    void *block, const struct nlwg_device *d, uint16_t flags, uint8_t order)
{
	struct nlmsghdr *head = mnl_nlmsg_put_header(block);
	struct genlmsghdr *genl;

	head->nlmsg_type = d->family;
	head->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags);
	genl = mnl_nlmsg_put_extra_header(head, sizeof(*genl));
	genl->cmd = order;
	genl->version = VERSION;
	mnl_attr_put_strz(head, WGDEVICE_A_IFNAME, d->name);
	return head;
}

struct nlmsghdr *nlwg_write_get(void *block, const struct nlwg_device *d)
{
	return begin(block, d, NLM_F_DUMP, WG_CMD_GET_DEVICE);
}

/* ---- writing ------------------------------------------------------------- */

static size_t room_left(const struct nlmsghdr *head)
{
	return NLWG_BLOCK - head->nlmsg_len;
}

static void put_endpoint(struct nlmsghdr *head, const struct wgendpoint *e)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };

	if (e->family == 4) {
		v4.sin_port = htons(e->port);
		memcpy(&v4.sin_addr, e->address, sizeof(v4.sin_addr));
		mnl_attr_put(head, WGPEER_A_ENDPOINT, sizeof(v4), &v4);
	} else {
		v6.sin6_port = htons(e->port);
		memcpy(&v6.sin6_addr, e->address, sizeof(v6.sin6_addr));
		mnl_attr_put(head, WGPEER_A_ENDPOINT, sizeof(v6), &v6);
	}
}

static void put_prefix(struct nlmsghdr *head, const struct prefix *p)
{
	struct nlattr *one = mnl_attr_nest_start(head, 0);
	bool v4 = p->family == 4;

	mnl_attr_put_u16(head, WGALLOWEDIP_A_FAMILY, v4 ? AF_INET : AF_INET6);
	mnl_attr_put(head, WGALLOWEDIP_A_IPADDR,
	    v4 ? sizeof(struct in_addr) : sizeof(struct in6_addr), p->address);
	mnl_attr_put_u8(head, WGALLOWEDIP_A_CIDR_MASK, p->bits);
	mnl_attr_nest_end(head, one);
}

/* As many as fit from w->prefix on. Return: was the operation's last one
 * written? */
static bool put_prefixes(struct nlwg_writer *w, struct nlmsghdr *head)
{
	const struct wgop *op = &w->plan->ops[w->op];
	struct nlattr *list;

	if (w->prefix == op->n_prefixes)
		return true;
	list = mnl_attr_nest_start(head, WGPEER_A_ALLOWEDIPS);
	/* and room for the removal of nobody, below */
	while (w->prefix < op->n_prefixes &&
	       room_left(head) >= PREFIX_ROOM + PEER_ROOM)
		put_prefix(head, &op->prefixes[w->prefix++]);
	mnl_attr_nest_end(head, list);
	return w->prefix == op->n_prefixes;
}

static void put_values(struct nlmsghdr *head, const struct wgop *op)
{
	if (op->what & WGOP_PRESHARED)
		mnl_attr_put(head, WGPEER_A_PRESHARED_KEY, WGKEY_SIZE,
		    op->peer->preshared);
	if (op->what & WGOP_ENDPOINT)
		put_endpoint(head, &op->peer->endpoint);
	if (op->what & WGOP_KEEPALIVE)
		mnl_attr_put_u16(head, WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
		    op->peer->keepalive);
}

static struct nlattr *begin_peer(
    struct nlmsghdr *head, const struct wgkey *key, uint32_t flags)
{
	struct nlattr *one = mnl_attr_nest_start(head, 0);

	mnl_attr_put(head, WGPEER_A_PUBLIC_KEY, WGKEY_SIZE, key->bytes);
	if (flags)
		mnl_attr_put_u32(head, WGPEER_A_FLAGS, flags);
	return one;
}

static void put_removal(struct nlmsghdr *head, const struct wgkey *key)
{
	mnl_attr_nest_end(head, begin_peer(head, key, WGPEER_F_REMOVE_ME));
}

/* Return: is it written to its end? */
static bool put_take(struct nlwg_writer *w, struct nlmsghdr *head)
{
	struct nlattr *one = begin_peer(head, &WGPLAN_NOBODY, 0);
	bool done = put_prefixes(w, head);

	mnl_attr_nest_end(head, one);
	if (done)
		put_removal(head, &WGPLAN_NOBODY);
	return done;
}

static bool put_setting(struct nlwg_writer *w, struct nlmsghdr *head)
{
	const struct wgop *op = &w->plan->ops[w->op];
	bool is_new = op->kind == WGOP_ADD_PEER && !w->prefix;
	struct nlattr *one =
	    begin_peer(head, &op->peer->key, is_new ? 0 : WGPEER_F_UPDATE_ONLY);
	bool done;

	if (!w->prefix)
		put_values(head, op);
	done = put_prefixes(w, head);
	mnl_attr_nest_end(head, one);
	return done;
}

static bool put_peer_op(struct nlwg_writer *w, struct nlmsghdr *head)
{
	const struct wgop *op = &w->plan->ops[w->op];

	if (op->kind == WGOP_TAKE)
		return put_take(w, head);
	if (op->kind != WGOP_REMOVE_PEER)
		return put_setting(w, head);
	put_removal(head, &op->peer->key);
	return true;
}

static bool put_device_op(
    struct nlmsghdr *head, const struct wgplan *plan, const struct wgop *op)
{
	const struct wgstate *to = plan->desired;

	if (op->kind == WGOP_PRIVATE_KEY)
		mnl_attr_put(
		    head, WGDEVICE_A_PRIVATE_KEY, WGKEY_SIZE, to->private_key);
	else if (op->kind == WGOP_PORT)
		mnl_attr_put_u16(head, WGDEVICE_A_LISTEN_PORT, to->port);
	else if (op->kind == WGOP_MARK)
		mnl_attr_put_u32(head, WGDEVICE_A_FWMARK, to->mark);
	else
		return false;
	return true;
}

static void put_peer_ops(struct nlwg_writer *w, struct nlmsghdr *head)
{
	struct nlattr *list = mnl_attr_nest_start(head, WGDEVICE_A_PEERS);

	while (w->op < w->plan->n_ops &&
	       room_left(head) >= 2 * PEER_ROOM + PREFIX_ROOM) {
		if (!put_peer_op(w, head))
			break;
		w->op++;
		w->prefix = 0;
	}
	mnl_attr_nest_end(head, list);
}

struct nlmsghdr *nlwg_write_plan(struct nlwg_writer *w, void *block)
{
	struct nlmsghdr *head;

	if (w->op == w->plan->n_ops)
		return NULL;
	head = begin(block, w->device, NLM_F_ACK, WG_CMD_SET_DEVICE);
	while (w->op < w->plan->n_ops &&
	       put_device_op(head, w->plan, &w->plan->ops[w->op]))
		w->op++;
	if (w->op < w->plan->n_ops)
		put_peer_ops(w, head);
	INVARIANT(head->nlmsg_len <= NLWG_BLOCK);
	return head;
}

/* ---- reading ------------------------------------------------------------- */

/* Copies an attribute that has exactly @n bytes. */
static int take_bytes(void *to, const struct nlattr *a, size_t n)
{
	if (mnl_attr_get_payload_len(a) != n)
		return NLWG_E_FORM;
	memcpy(to, mnl_attr_get_payload(a), n);
	return 0;
}

static int take_endpoint(struct wgendpoint *out, const struct nlattr *a)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	*out = (struct wgendpoint){ .family = 4 };
	if (!take_bytes(&v4, a, sizeof(v4)) && v4.sin_family == AF_INET) {
		out->port = ntohs(v4.sin_port);
		memcpy(out->address, &v4.sin_addr, sizeof(v4.sin_addr));
		return 0;
	}
	if (take_bytes(&v6, a, sizeof(v6)) || v6.sin6_family != AF_INET6)
		return NLWG_E_FORM;
	out->family = 6;
	out->port = ntohs(v6.sin6_port);
	memcpy(out->address, &v6.sin6_addr, sizeof(v6.sin6_addr));
	return 0;
}

static int take_handshake(struct wgseen *out, const struct nlattr *a)
{
	struct {
		int64_t s, ns;
	} t;

	if (take_bytes(&t, a, sizeof(t)) || t.s < 0 || t.ns < 0 ||
	    t.ns > 999999999)
		return NLWG_E_FORM;
	out->handshake_s = t.s;
	out->handshake_ns = (uint32_t)t.ns;
	return 0;
}

/* A prefix is written with what it says of itself in any order, so its parts
 * are found first. */
static int take_prefix(struct wgstate *s, const struct nlattr *one)
{
	struct nlwalk w = nlwalk_in(one);
	const struct nlattr *a, *address = NULL;
	struct prefix p = { .family = 0 }, network;
	uint16_t family = 0;
	int e = 0;

	while ((a = nlwalk_next(&w))) {
		uint16_t type = mnl_attr_get_type(a);

		if (type == WGALLOWEDIP_A_FAMILY)
			e |= take_bytes(&family, a, sizeof(family));
		else if (type == WGALLOWEDIP_A_CIDR_MASK)
			e |= take_bytes(&p.bits, a, sizeof(p.bits));
		else if (type == WGALLOWEDIP_A_IPADDR)
			address = a;
	}
	if (e || !address || (family != AF_INET && family != AF_INET6))
		return NLWG_E_FORM;
	p.family = family == AF_INET ? 4 : 6;
	if (p.bits > prefix_width(&p) ||
	    take_bytes(p.address, address, prefix_width(&p) / 8))
		return NLWG_E_FORM;
	network = prefix_network(&p);
	if (prefix_compare(&network, &p) != 0)
		return NLWG_E_FORM;
	e = wgstate_add_prefix(s, &p);
	return e > 0 ? NLWG_E_FULL : e;
}

static int take_prefixes(struct wgstate *s, const struct nlattr *list)
{
	struct nlwalk w = nlwalk_in(list);
	const struct nlattr *a;
	int e = 0;

	while ((a = nlwalk_next(&w))) {
		e = take_prefix(s, a);
		if (e)
			break;
	}
	return e;
}

static int take_peer_value(
    struct wgstate *s, struct wgpeer *p, const struct nlattr *a)
{
	switch (mnl_attr_get_type(a)) {
	case WGPEER_A_PRESHARED_KEY:
		return take_bytes(p->preshared, a, WGKEY_SIZE);
	case WGPEER_A_ENDPOINT:
		return take_endpoint(&p->endpoint, a);
	case WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL:
		return take_bytes(&p->keepalive, a, sizeof(p->keepalive));
	case WGPEER_A_LAST_HANDSHAKE_TIME:
		return take_handshake(&p->seen, a);
	case WGPEER_A_RX_BYTES:
		return take_bytes(
		    &p->seen.received, a, sizeof(p->seen.received));
	case WGPEER_A_TX_BYTES:
		return take_bytes(&p->seen.sent, a, sizeof(p->seen.sent));
	case WGPEER_A_ALLOWEDIPS:
		return take_prefixes(s, a);
	default:
		return 0;
	}
}

/* The peer that these attributes are of: the last one again, or a new one. */
static int find_or_add(
    struct wgstate *s, const struct nlattr *one, struct wgpeer **out)
{
	struct nlwalk w = nlwalk_in(one);
	const struct nlattr *a;
	struct wgkey key = { { 0 } };
	int e = NLWG_E_FORM;

	while ((a = nlwalk_next(&w))) {
		if (mnl_attr_get_type(a) == WGPEER_A_PUBLIC_KEY)
			e = take_bytes(key.bytes, a, WGKEY_SIZE);
	}
	if (e)
		return e;
	if (s->n_peers && wgkey_equal(&s->peers[s->n_peers - 1].key, &key)) {
		*out = &s->peers[s->n_peers - 1];
		return 0;
	}
	e = wgstate_add_peer(s, &key, out);
	return e > 0 ? NLWG_E_FULL : e;
}

static int take_peers(struct wgstate *s, const struct nlattr *list)
{
	struct nlwalk peers = nlwalk_in(list), w;
	const struct nlattr *one, *a;

	while ((one = nlwalk_next(&peers))) {
		struct wgpeer *p;
		int e = find_or_add(s, one, &p);

		if (e)
			return e;
		w = nlwalk_in(one);
		while ((a = nlwalk_next(&w))) {
			e = take_peer_value(s, p, a);
			if (e)
				return e;
		}
	}
	return 0;
}

static int take_device_value(struct wgstate *s, const struct nlattr *a)
{
	switch (mnl_attr_get_type(a)) {
	case WGDEVICE_A_PRIVATE_KEY:
		return take_bytes(s->private_key, a, WGKEY_SIZE);
	case WGDEVICE_A_LISTEN_PORT:
		return take_bytes(&s->port, a, sizeof(s->port));
	case WGDEVICE_A_FWMARK:
		return take_bytes(&s->mark, a, sizeof(s->mark));
	case WGDEVICE_A_PEERS:
		return take_peers(s, a);
	default:
		return 0;
	}
}

int nlwg_read(struct wgstate *into, const struct nlmsghdr *head)
{
	struct nlwalk w = nlwalk_over(head, sizeof(struct genlmsghdr));
	const struct nlattr *a;
	int e = 0;

	if (mnl_nlmsg_get_payload_len(head) < sizeof(struct genlmsghdr))
		return NLWG_E_FORM;
	while ((a = nlwalk_next(&w))) {
		e = take_device_value(into, a);
		if (e)
			break;
	}
	return e;
}
