/* link/ownname.c: each family by itself, for a device takes the address of
 * either: a name whose IPv4 address is right and whose IPv6 address is another
 * machine's works for some, on some days.
 */
#include "link/ownname.h"
#include "net/cidr.h"
#include "net/loop.h"
#include "net/resolve.h"
#include "wire/wgname.h"
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>

/* ---- the judgement ------------------------------------------------------- */

static bool is_public(const struct prefix *p)
{
	char text[PREFIX_TEXT_MOST + 1];

	prefix_write_host(text, p);
	return cidr_is_public(text);
}

static bool among(const struct ownname_addresses *all, const struct prefix *one)
{
	for (size_t i = 0; i < all->n; i++)
		if (!prefix_compare(&all->items[i], one))
			return true;
	return false;
}

/* One of the internet's, of a family; NULL: none. */
static const struct prefix *public_of(
    const struct ownname_addresses *own, uint8_t family)
{
	for (size_t i = 0; i < own->n; i++)
		if (own->items[i].family == family && is_public(&own->items[i]))
			return &own->items[i];
	return NULL;
}

static struct ownname_told judge_one(
    const struct prefix *to, const struct ownname_addresses *own)
{
	struct ownname_told told = { .leads_to = *to };
	const struct prefix *other = public_of(own, to->family);

	if (among(own, to)) {
		told.verdict = is_public(to) ? OWNNAME_HERE : OWNNAME_HERE_ONLY;
	} else if (other) {
		told.verdict = OWNNAME_ELSEWHERE;
		told.own = *other;
	} else {
		told.verdict = OWNNAME_BEHIND;
	}
	return told;
}

/* The worst is told. */
void ownname_judge(struct ownname_told *out,
    const struct ownname_addresses *named, const struct ownname_addresses *own)
{
	struct ownname_told worst = { .verdict = named->n ? OWNNAME_HERE
							  : OWNNAME_UNKNOWN };

	for (size_t i = 0; i < named->n; i++) {
		const struct ownname_told one =
		    judge_one(&named->items[i], own);

		if (!i || one.verdict > worst.verdict)
			worst = one;
	}
	*out = worst;
}

bool ownname_say(
    struct fault *out, const char *endpoint, const struct ownname_told *told)
{
	char to[PREFIX_TEXT_MOST + 1] = "", own[PREFIX_TEXT_MOST + 1] = "";

	if (told->leads_to.family)
		prefix_write_host(to, &told->leads_to);
	if (told->own.family)
		prefix_write_host(own, &told->own);
	switch (told->verdict) {
	case OWNNAME_HERE:
		(void)fault_set(
		    out, 0, NULL, "%s leads here, by %s", endpoint, to);
		return false;
	case OWNNAME_HERE_ONLY:
		(void)fault_set(out, 1,
		    "From the internet nobody gets there. If that is meant to "
		    "be, all is well.",
		    "%s leads here, by %s, which is an address of a network at "
		    "home",
		    endpoint, to);
		return true;
	case OWNNAME_BEHIND:
		(void)fault_set(out, 1,
		    "If that is your router's address, it has to pass the UDP "
		    "port on to this host. Whether it is cannot be told from "
		    "here.",
		    "%s leads to %s, and this host has no address of the "
		    "internet itself",
		    endpoint, to);
		return true;
	case OWNNAME_ELSEWHERE:
		(void)fault_set(out, 1,
		    "Bring the name's record up to date. Devices that are "
		    "connected look the name up again when they start the "
		    "tunnel anew.",
		    "%s leads to %s, which is not here: this host has %s",
		    endpoint, to, own);
		return true;
	default:
		(void)fault_set(out, 1,
		    "Check the name, its record and this host's DNS.",
		    "%s: no address was found of that name", endpoint);
		return true;
	}
}

/* ---- addresses of this host ---------------------------------------------- */

/* Of an IPv4 or IPv6 address that can be compared; family 0: of none. */
static struct prefix prefix_of(const struct sockaddr *sa)
{
	struct prefix p = { .family = 0 };

	if (sa->sa_family == AF_INET) {
		p = (struct prefix){ .family = 4, .bits = 32 };
		memcpy(p.address,
		    &((const struct sockaddr_in *)(const void *)sa)->sin_addr,
		    4);
	} else if (sa->sa_family == AF_INET6) {
		p = (struct prefix){ .family = 6, .bits = 128 };
		memcpy(p.address,
		    &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr,
		    16);
	}
	return p;
}

static bool is_of_link(const struct prefix *p)
{
	return p->family == 6 && p->address[0] == 0xfe &&
	       (p->address[1] & 0xc0) == 0x80;
}

static void add(struct ownname_addresses *to, const struct sockaddr *sa)
{
	const struct prefix p = prefix_of(sa);

	if (p.family && to->n < OWNNAME_MOST && !is_of_link(&p))
		to->items[to->n++] = p;
}

int ownname_own(struct ownname_addresses *out, const char *interface)
{
	struct ownname_addresses own = { .n = 0 };
	struct ifaddrs *all;

	if (getifaddrs(&all))
		return -errno;
	for (const struct ifaddrs *i = all; i; i = i->ifa_next)
		if (i->ifa_addr && !(i->ifa_flags & IFF_LOOPBACK) &&
		    strcmp(i->ifa_name, interface) != 0)
			add(&own, i->ifa_addr);
	freeifaddrs(all);
	*out = own;
	return 0;
}

/* ---- asking -------------------------------------------------------------- */

struct ownname {
	struct loop *loop;
	struct resolve *resolve;
	struct wheel_timer patience;
	char host[WGNAME_HOST_MOST + 1];
	char interface[WGNAME_INTERFACE_MOST + 1];
	ownname_fn fn;
	void *ctx;
};

static void tell(struct ownname *o, const struct ownname_addresses *named)
{
	struct ownname_told told = { .verdict = OWNNAME_UNKNOWN };
	struct ownname_addresses own;
	ownname_fn fn = o->fn;
	void *ctx = o->ctx;

	if (!ownname_own(&own, o->interface))
		ownname_judge(&told, named, &own);
	loop_cancel(o->loop, &o->patience);
	free(o);
	fn(ctx, &told);
}

static void on_addresses(void *ctx, const struct address_place *addresses,
    size_t n, const struct fault *fault)
{
	struct ownname_addresses named = { .n = 0 };

	(void)fault;
	for (size_t i = 0; i < n; i++)
		add(&named, &addresses[i].sa.any);
	tell(ctx, &named);
}

static void on_patience(struct wheel_timer *t, uint64_t now_ms)
{
	struct ownname *o = CONTAINER_OF(t, struct ownname, patience);
	const struct ownname_addresses none = { .n = 0 };

	(void)now_ms;
	resolve_cancel(o->resolve);
	tell(o, &none);
}

/* The host of HOST:PORT, without the brackets of an IPv6 address. */
static void host_of(char *out, size_t room, const char *endpoint)
{
	const char *end = strrchr(endpoint, ':');
	size_t n = end ? (size_t)(end - endpoint) : strlen(endpoint);

	if (n > 1 && *endpoint == '[') {
		endpoint++;
		n -= 2;
	}
	INVARIANT(n < room);
	memcpy(out, endpoint, n);
	out[n] = '\0';
}

int ownname_open(
    struct ownname **out, struct loop *l, const struct ownname_order *order)
{
	struct ownname *o = calloc(1, sizeof(*o));
	int r;

	if (!o)
		return -ENOMEM;
	o->loop = l;
	o->fn = order->fn;
	o->ctx = order->ctx;
	host_of(o->host, sizeof(o->host), order->endpoint);
	memcpy(o->interface, order->interface, strlen(order->interface) + 1);
	r = resolve_open(&o->resolve, l,
	    &(struct resolve_config){ .host = o->host, .port = 1 },
	    on_addresses, o);
	if (r) {
		free(o);
		return r;
	}
	loop_after(l, &o->patience, OWNNAME_PATIENCE_MS, on_patience);
	*out = o;
	return 0;
}

void ownname_cancel(struct ownname *o)
{
	if (!o)
		return;
	resolve_cancel(o->resolve);
	loop_cancel(o->loop, &o->patience);
	free(o);
}
