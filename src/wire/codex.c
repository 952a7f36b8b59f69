/* wire/codex.c: the table of a tether's peers and zones, and what holds of it.
 *
 * Whoever changes a codex calls a function here and then codex_check(), before
 * anybody else sees it; the reader of the file does the same. So what stands in
 * a codex that was read or written is always this:
 *
 *   - a name is one peer's, capitals or not; so is a key, also one that waits
 *     to take its turn; none is the host's own;
 *   - each peer has one address in each network, which no other peer has, which
 *     is not the host's, not reserved, and not one that a network keeps for
 *     itself (its own address, IPv4's broadcast);
 *   - a zone's name is one zone's, and of its bits in a peer no other is set.
 *
 * "One peer's" is looked for by sorting pointers and comparing neighbours, so
 * it costs n log n for the thousands of peers of a full file. A zone is a bit
 * in each peer: few zones, many peers, and a set that needs no memory of its
 * own. Removing a zone moves the bits above it.
 */
#include "wire/codex.h"
#include <strings.h>

void codex_deinit(struct codex *c)
{
	for (size_t i = 0; i < c->n_zones; i++)
		free(c->zones[i].services);
	free(c->zones);
	free(c->peers);
	*c = (struct codex){ .n_peers = 0 };
}

struct prefix codex_host(const struct prefix *network)
{
	struct prefix host = prefix_network(network);

	host = prefix_host(&host);
	host.address[prefix_width(network) / 8 - 1] |= 1;
	return host;
}

/* ---- peers --------------------------------------------------------------- */

struct codex_peer *codex_peer_find(const struct codex *c, const char *name)
{
	for (size_t i = 0; i < c->n_peers; i++)
		if (wgname_same(c->peers[i].name, name))
			return &c->peers[i];
	return NULL;
}

struct codex_peer *codex_peer_of_key(
    const struct codex *c, const struct wgkey *key)
{
	for (size_t i = 0; i < c->n_peers; i++) {
		struct codex_peer *p = &c->peers[i];

		if (wgkey_equal(&p->key, key) ||
		    (p->next.pending && wgkey_equal(&p->next.key, key)))
			return p;
	}
	return NULL;
}

int codex_peer_add(struct codex *c, const struct codex_peer *peer)
{
	struct codex_peer *more;
	size_t room = c->room_for_peers ? 2 * c->room_for_peers : 16;

	if (c->n_peers == CODEX_PEERS_MOST)
		return -ENOBUFS;
	if (c->n_peers == c->room_for_peers) {
		more = reallocarray(c->peers, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		c->peers = more;
		c->room_for_peers = room;
	}
	c->peers[c->n_peers++] = *peer;
	return 0;
}

void codex_peer_remove(struct codex *c, struct codex_peer *peer)
{
	size_t at = (size_t)(peer - c->peers);

	INVARIANT(at < c->n_peers);
	c->n_peers--;
	memmove(peer, peer + 1, (c->n_peers - at) * sizeof(*peer));
}

void codex_turn_take(struct codex_peer *peer)
{
	INVARIANT(peer->next.pending);
	peer->key = peer->next.key;
	peer->on_device = peer->next.on_device;
	peer->next = (struct codex_turn){ .pending = false };
}

bool codex_peer_admitted(const struct codex_peer *peer, int64_t now)
{
	return !peer->disabled && (!peer->expires || now < peer->expires);
}

/* ---- zones --------------------------------------------------------------- */

struct codex_zone *codex_zone_find(const struct codex *c, const char *name)
{
	for (size_t i = 0; i < c->n_zones; i++)
		if (!strcmp(c->zones[i].name, name))
			return &c->zones[i];
	return NULL;
}

uint64_t codex_zone_bit(const struct codex *c, const struct codex_zone *zone)
{
	return UINT64_C(1) << (zone - c->zones);
}

int codex_zone_add(struct codex *c, struct codex_zone *zone)
{
	struct codex_zone *more;

	if (c->n_zones == CODEX_ZONES_MOST)
		return -ENOBUFS;
	more = reallocarray(c->zones, c->n_zones + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	c->zones = more;
	c->zones[c->n_zones++] = *zone;
	zone->services = NULL;
	zone->n_services = 0;
	return 0;
}

void codex_zone_remove(struct codex *c, struct codex_zone *zone)
{
	size_t at = (size_t)(zone - c->zones);
	uint64_t below = (UINT64_C(1) << at) - 1;

	INVARIANT(at < c->n_zones);
	free(zone->services);
	c->n_zones--;
	memmove(zone, zone + 1, (c->n_zones - at) * sizeof(*zone));
	for (size_t i = 0; i < c->n_peers; i++) {
		uint64_t zones = c->peers[i].zones;

		c->peers[i].zones = (zones & below) | (zones >> 1 & ~below);
	}
}

/* ---- what has to hold: of each alone ------------------------------------- */

static int wrong(struct fault *fault, const struct codex_peer *peer,
    const char *hint, const char *what, const char *seen)
{
	return fault_set(fault, -EINVAL, hint, "peer %s: %s%s%s", peer->name,
	    what, seen ? " " : "", seen ? seen : "");
}

static bool is_reserved(const struct codex *c, const struct prefix *address)
{
	for (size_t i = 0; i < c->n_reserved; i++)
		if (prefix_has(&c->reserved[i], address))
			return true;
	return false;
}

/* The network's own address, and IPv4's broadcast. */
static bool is_of_network(
    const struct prefix *network, const struct prefix *address)
{
	struct prefix first = prefix_host(network);
	uint32_t rest = 0;

	if (!prefix_compare(&first, address))
		return true;
	if (network->family != 4)
		return false;
	for (size_t i = 0; i < 4; i++)
		rest = rest << 8 |
		       (uint8_t)(network->address[i] ^ address->address[i]);
	return rest == UINT32_MAX >> network->bits;
}

static int check_address(const struct codex *c, const struct codex_peer *peer,
    const struct prefix *network, const struct prefix *address,
    struct fault *fault)
{
	struct prefix host = codex_host(network);
	char text[PREFIX_TEXT_MOST + 1];
	const char *hint = NULL, *what = NULL;

	if (!prefix_has(network, address)) {
		hint = "An address is in the network of its family; a default "
		       "route is never a peer's.";
		what = "outside of the tether's network:";
	} else if (!prefix_compare(&host, address)) {
		what = "the host itself has the address";
	} else if (is_of_network(network, address)) {
		what = "the network itself has the address";
	} else if (is_reserved(c, address)) {
		what = "reserved is the address";
	}
	if (!what)
		return 0;
	prefix_write_host(text, address);
	return wrong(fault, peer, hint, what, text);
}

static int check_peer(
    const struct codex *c, const struct codex_peer *peer, struct fault *fault)
{
	uint64_t known = c->n_zones == CODEX_ZONES_MOST
			     ? UINT64_MAX
			     : (UINT64_C(1) << c->n_zones) - 1;
	int r = check_address(c, peer, &c->v4, &peer->v4, fault);

	if (!r)
		r = check_address(c, peer, &c->v6, &peer->v6, fault);
	if (r)
		return r;
	if (wgkey_equal(&peer->key, &c->key) ||
	    (peer->next.pending && wgkey_equal(&peer->next.key, &c->key)))
		return wrong(fault, peer, "Each device has a key of its own.",
		    "the key is the host's own", NULL);
	INVARIANT(!(peer->zones & ~known));
	return 0;
}

/* ---- what has to hold: between them -------------------------------------- */

/* One thing that may be but one peer's, and whose it is. */
struct claim {
	const void *what;
	const struct codex_peer *peer;
};

static int by_name(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	return strcasecmp(x->what, y->what);
}

static int by_key(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	return memcmp(x->what, y->what, WGKEY_SIZE);
}

static int by_address(const void *a, const void *b)
{
	const struct claim *x = a, *y = b;

	return prefix_compare(x->what, y->what);
}

/* Return: the later of the first two that claim the same; NULL: none do.
 * @other: the earlier one */
static const struct codex_peer *find_twice(struct claim *claims, size_t n,
    int (*compare)(const void *, const void *), const struct codex_peer **other)
{
	const struct claim *found = NULL;

	qsort(claims, n, sizeof(*claims), compare);
	for (size_t i = 1; !found && i < n; i++)
		if (!compare(&claims[i - 1], &claims[i]))
			found = &claims[i];
	if (!found)
		return NULL;
	*other = found[-1].peer;
	if (*other > found->peer) {
		*other = found->peer;
		return found[-1].peer;
	}
	return found->peer;
}

/* Each kind of thing that is claimed, and what is said when two do. */
static const struct {
	int (*compare)(const void *, const void *);
	const char *says, *hint;
	size_t offset;
} kinds[] = {
	{ by_name, "has the same name as", NULL,
	    offsetof(struct codex_peer, name) },
	{ by_key, "has the same key as", "Each device has a key of its own.",
	    offsetof(struct codex_peer, key) },
	{ by_address, "has the same IPv4 address as", NULL,
	    offsetof(struct codex_peer, v4) },
	{ by_address, "has the same IPv6 address as", NULL,
	    offsetof(struct codex_peer, v6) },
};

static size_t gather(struct claim *to, const struct codex *c, size_t offset)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_peers; i++) {
		const struct codex_peer *p = &c->peers[i];

		to[n++] = (struct claim){ (const char *)p + offset, p };
		if (offset == offsetof(struct codex_peer, key) &&
		    p->next.pending)
			to[n++] = (struct claim){ &p->next.key, p };
	}
	return n;
}

static int check_between(
    const struct codex *c, size_t *peer, struct fault *fault)
{
	CLEANUP(free_p)
	struct claim *claims = calloc(2 * c->n_peers + 1, sizeof(*claims));

	if (!claims)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	for (size_t i = 0; i < N_ELEMS(kinds); i++) {
		const struct codex_peer *later, *earlier;
		size_t n = gather(claims, c, kinds[i].offset);

		later = find_twice(claims, n, kinds[i].compare, &earlier);
		if (!later)
			continue;
		*peer = (size_t)(later - c->peers);
		return wrong(fault, later, kinds[i].hint, kinds[i].says,
		    later == earlier ? "itself" : earlier->name);
	}
	return 0;
}

int codex_check(const struct codex *c, size_t *peer, struct fault *fault)
{
	for (size_t i = 0; i < c->n_peers; i++) {
		int r = check_peer(c, &c->peers[i], fault);

		*peer = i;
		if (r)
			return r;
	}
	*peer = c->n_peers;
	return check_between(c, peer, fault);
}
