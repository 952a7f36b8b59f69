#include "cli/tether_new.h"
#include "base/number.h"
#include "link/rtnet.h"
#include <net/if.h>
#include <sodium.h>
#include <stdio.h>

enum { DEFAULT_PORT = 51820, V4_CHOICES = 8 };

/* ---- the routes of this host --------------------------------------------- */

/* What stands in the way of a network: of any table, but not a default route,
 * nor one of our own interface. */
struct held {
	struct ipam_taken routes;
	unsigned own, loopback; /* interfaces; 0: there is none */
	/* asked for again, when one is to be named */
	const struct prefix *wanted;
	char interface[IF_NAMESIZE]; /* of that one; or "" */
};

static void held_clear(struct held *h)
{
	ipam_taken_deinit(&h->routes);
}

static int take_route(void *ctx, const struct rtnet_route *r)
{
	struct held *h = ctx;

	if (!r->to.bits || (r->index && r->index == h->own) ||
	    (r->index && r->index == h->loopback))
		return 0;
	return ipam_taken_add(&h->routes, &r->to);
}

static int name_route(void *ctx, const struct rtnet_route *r)
{
	struct held *h = ctx;

	if (!prefix_compare(&r->to, h->wanted) && r->index != h->own &&
	    !*h->interface && !if_indextoname(r->index, h->interface))
		h->interface[0] = '\0';
	return 0;
}

static int each_route(struct held *h, rtnet_each each)
{
	CLEANUP(rtnet_closep) struct rtnet *net = NULL;
	int r = rtnet_open(&net);

	return r ? r : rtnet_routes(net, each, h);
}

static int host_routes(struct held *out, const char *own, struct fault *fault)
{
	int r;

	*out = (struct held){ .own = if_nametoindex(own),
		.loopback = if_nametoindex("lo") };
	r = each_route(out, take_route);
	return r ? fault_set(fault, r, NULL,
		       "the host's routes cannot be read: %s", strerror(-r))
		 : 0;
}

/* ---- networks ------------------------------------------------------------ */

static int refuse_route(struct held *held, const struct prefix *network,
    const struct prefix *route, const char *option, struct fault *fault)
{
	char text[PREFIX_TEXT_MOST + 1], to[PREFIX_TEXT_MOST + 1];

	prefix_write(text, network);
	prefix_write(to, route);
	held->wanted = route;
	held->interface[0] = '\0';
	if (each_route(held, name_route))
		held->interface[0] = '\0';
	return fault_set(fault, -EADDRINUSE,
	    "Give another network, of which no route of this host has a part.",
	    "%s: %s overlaps this host's route to %s%s%s", option, text, to,
	    *held->interface ? " through " : "", held->interface);
}

static int refuse_held(const struct prefix *network, struct held *held,
    const char *option, struct fault *fault)
{
	for (size_t i = 0; i < held->routes.n; i++)
		if (prefix_overlaps(network, &held->routes.items[i]))
			return refuse_route(held, network,
			    &held->routes.items[i], option, fault);
	return 0;
}

static int choose_v4(
    struct prefix *out, const struct held *held, struct fault *fault)
{
	struct prefix all[V4_CHOICES];
	const struct ipam_wanted wanted = { all, V4_CHOICES };

	for (size_t i = 0; i < V4_CHOICES; i++)
		all[i] = (struct prefix){ .family = 4,
			.bits = 16,
			.address = { 10, (uint8_t)(88 + i) } };
	return ipam_network(out, &wanted, &held->routes)
		   ? fault_set(fault, -EADDRINUSE, "Give --network.",
			 "routes of this host hold parts of 10.88.0.0/16 and "
			 "of all up to 10.95.0.0/16")
		   : 0;
}

static int given_network(struct prefix *out, const char *option,
    const char *text, uint8_t family, struct fault *fault)
{
	unsigned most = family == 4 ? 30 : 126;

	if (prefix_read(out, text) || out->family != family || !out->bits ||
	    out->bits > most)
		return fault_set(fault, OPTION_E_BAD, NULL,
		    "%s: expected a network as %s, got '%.60s'", option,
		    family == 4 ? "10.88.0.0/16" : "fd00:88::/64", text);
	return 0;
}

static int take_networks(struct codex *c, const struct tether_new *n,
    struct held *held, struct fault *fault)
{
	uint8_t random[5];
	int r = 0;

	if (n->network)
		r = given_network(&c->v4, "--network", n->network, 4, fault);
	else if (!c->v4.family)
		r = choose_v4(&c->v4, held, fault);
	if (!r)
		r = refuse_held(&c->v4, held, "--network", fault);
	if (!r && n->network6)
		r = given_network(&c->v6, "--network6", n->network6, 6, fault);
	if (!r && !c->v6.family) {
		randombytes_buf(random, sizeof(random));
		c->v6 = ipam_local_v6(random);
	}
	return r ? r : refuse_held(&c->v6, held, "--network6", fault);
}

int tether_new_check_routes(const struct codex *c, struct fault *fault)
{
	CLEANUP(held_clear) struct held held = { .own = 0 };
	int r = host_routes(&held, c->interface, fault);

	if (!r)
		r = refuse_held(&c->v4, &held, c->interface, fault);
	return r ? r : refuse_held(&c->v6, &held, c->interface, fault);
}

/* ---- the rest ------------------------------------------------------------ */

static int take_reserved(
    struct codex *c, const struct tether_new *n, struct fault *fault)
{
	if (n->reserved.n_items > CODEX_RESERVED_MOST)
		return fault_set(fault, OPTION_E_BAD, NULL,
		    "--reserve: more than %d", CODEX_RESERVED_MOST);
	for (size_t i = 0; i < n->reserved.n_items; i++)
		if (prefix_read(&c->reserved[i], n->reserved.items[i]))
			return fault_set(fault, OPTION_E_BAD, NULL,
			    "--reserve: expected an address or a network, got "
			    "'%.60s'",
			    n->reserved.items[i]);
	c->n_reserved = n->reserved.n_items;
	return 0;
}

static int take_names(
    struct codex *c, const struct tether_new *n, struct fault *fault)
{
	if (wgname_check(WGNAME_INTERFACE, "--if", n->interface, fault) ||
	    (n->endpoint && wgname_check(WGNAME_ENDPOINT, "--endpoint",
				n->endpoint, fault)))
		return OPTION_E_BAD;
	memcpy(c->interface, n->interface, strlen(n->interface) + 1);
	if (n->endpoint)
		memcpy(c->endpoint, n->endpoint, strlen(n->endpoint) + 1);
	return 0;
}

static void take_numbers(struct codex *c, const struct tether_new *n)
{
	const char *colon = strrchr(c->endpoint, ':');
	uint64_t port = 0;

	if (n->port)
		c->port = (uint16_t)n->port;
	else if (!c->port && colon && !number_parse(colon + 1, 65535, &port))
		c->port = (uint16_t)port;
	if (!c->port)
		c->port = DEFAULT_PORT;
	if (n->mtu)
		c->mtu = (uint16_t)n->mtu;
}

int tether_new_codex(struct codex *out, const struct tether_new *n,
    const struct tether_known *known, struct fault *fault)
{
	struct codex c = { .peer_to_peer = n->peer_to_peer };
	CLEANUP(held_clear) struct held held = { .own = 0 };
	int r;

	if (known) {
		c.v4 = known->v4;
		c.v6 = known->v6;
		c.port = known->port;
		c.mtu = known->mtu;
	}
	if (n->mtu && n->mtu < CODEX_MTU_LEAST)
		return fault_set(fault, OPTION_E_BAD, NULL,
		    "--mtu: expected %d or more, which IPv6 needs, got %ld",
		    CODEX_MTU_LEAST, n->mtu);
	r = take_names(&c, n, fault);
	if (r)
		return r;
	take_numbers(&c, n);
	r = take_reserved(&c, n, fault);
	if (!r)
		r = host_routes(&held, c.interface, fault);
	if (!r)
		r = take_networks(&c, n, &held, fault);
	if (!r)
		*out = c;
	return r;
}

int tether_new_begin(struct codexstore *s, struct codex *codex,
    const struct secret *private_key, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *fresh = NULL;
	int r = 0;

	s->codex = *codex;
	*codex = (struct codex){ .n_peers = 0 };
	if (private_key && s->keyring)
		return fault_set(fault, -EEXIST,
		    "Move that folder away, or give another with --state.",
		    "%s has the key of a tether whose codex is gone",
		    s->state_path);
	if (!s->keyring) {
		if (!private_key)
			r = wgkey_private_new(&fresh);
		if (!r)
			r = keyring_new(
			    &s->keyring, private_key ? private_key : fresh);
	}
	if (r)
		return fault_set(
		    fault, r, NULL, "no memory that can be locked");
	wgkey_public(&s->codex.key, keyring_private(s->keyring));
	return 0;
}
