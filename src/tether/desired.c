/* One walk over the peers. Each says what it is on the interface (one or two
 * keys, with or without its addresses) and, if it has access, which zones its
 * addresses are members of. What is left out here is what the plan takes away:
 * so revoking, disabling and running out are one thing to the data plane.
 */
#include "tether/desired.h"

struct making {
	struct desired *out;
	const struct desired_sources *from;
	struct fault *fault;
};

static int failed(const struct making *m, int code, const char *what)
{
	return fault_set(m->fault, code < 0 ? code : -ENOBUFS, NULL, "%s: %s",
	    m->from->codex->interface, code == -ENOMEM ? "no memory" : what);
}

static void note_time(struct making *m, int64_t at)
{
	if (at > m->from->now && (!m->out->until || at < m->out->until))
		m->out->until = at;
}

/* ---- the interface ------------------------------------------------------- */

static int set_private_key(const struct making *m)
{
	const struct secret *key = keyring_private(m->from->keyring);
	struct wgkey public;

	wgkey_public(&public, key);
	if (!wgkey_equal(&public, &m->from->codex->key))
		return fault_set(m->fault, -EINVAL,
		    "restore both from one backup, or begin anew with init",
		    "the private key is not that of the codex");
	memcpy(m->out->state.private_key, secret_bytes(key), WGKEY_SIZE);
	m->out->state.port = m->from->codex->port;
	return 0;
}

/* @owner: with its addresses; else without any */
static int add_key(const struct making *m, const struct wgkey *key,
    const struct codex_peer *owner)
{
	const uint8_t *shared = keyring_shared(m->from->keyring, key);
	struct wgpeer *peer;
	int r = wgstate_add_peer(&m->out->state, key, &peer);

	if (!r && shared)
		memcpy(peer->preshared, shared, WGKEY_SIZE);
	if (!r && owner)
		r = wgstate_add_prefix(&m->out->state, &owner->v4);
	if (!r && owner)
		r = wgstate_add_prefix(&m->out->state, &owner->v6);
	return r ? failed(m, r, "more peers than an interface takes") : 0;
}

/* The keys of one that has access. */
static int add_keys(struct making *m, const struct codex_peer *p)
{
	bool turning = p->next.pending;
	bool turned = turning && m->from->now >= p->next.until;
	int r = 0;

	if (!turned)
		r = add_key(m, &p->key, p);
	if (!r && turning)
		r = add_key(m, &p->next.key, turned ? p : NULL);
	if (turning)
		note_time(m, p->next.until);
	return r;
}

/* ---- the rules ----------------------------------------------------------- */

static int add_zones(const struct making *m)
{
	const struct codex *c = m->from->codex;
	int r = 0;

	for (size_t i = 0; !r && i < c->n_zones; i++) {
		r = firewall_add_zone(&m->out->firewall, c->zones[i].name);
		for (size_t k = 0; !r && k < c->zones[i].n_services; k++)
			r = firewall_add_service(
			    &m->out->firewall, &c->zones[i].services[k]);
	}
	return r ? failed(m, r, "a zone that the rules cannot have") : 0;
}

static int begin_rules(const struct making *m)
{
	const struct codex *c = m->from->codex;
	struct firewall *f = &m->out->firewall;
	int r = firewall_init(f, c->interface, c->port);

	if (r)
		return failed(m, r, "its name or port cannot be in the rules");
	f->peer_to_peer = c->peer_to_peer;
	r = firewall_add_network(f, &c->v4);
	if (!r)
		r = firewall_add_network(f, &c->v6);
	return r ? failed(m, r, "too many networks") : add_zones(m);
}

static int add_membership(const struct making *m, const struct codex_peer *p)
{
	int r = 0;

	for (uint32_t i = 0; !r && i < m->from->codex->n_zones; i++) {
		if (!(p->zones >> i & 1))
			continue;
		r = firewall_add_member(&m->out->firewall, i, &p->v4);
		if (!r)
			r = firewall_add_member(&m->out->firewall, i, &p->v6);
	}
	return r ? failed(m, r, "more members of zones than the rules take")
		 : 0;
}

/* ---- the whole ----------------------------------------------------------- */

static bool is_dead(const struct making *m, const struct codex_peer *p)
{
	const struct tombstones *t = m->from->tombstones;

	return tombstones_find(t, &p->key) ||
	       (p->next.pending && tombstones_find(t, &p->next.key));
}

static int add_peer(struct making *m, const struct codex_peer *p)
{
	int r;

	if (is_dead(m, p)) {
		m->out->n_dead++;
		return 0;
	}
	if (!codex_peer_admitted(p, m->from->now))
		return 0;
	note_time(m, p->expires);
	r = add_keys(m, p);
	return r ? r : add_membership(m, p);
}

/* As the interface has it: with the length of its network, so that the system
 * finds the peers there. */
static struct prefix own_address(const struct prefix *network)
{
	struct prefix p = codex_host(network);

	p.bits = network->bits;
	return p;
}

static int make(struct making *m)
{
	const struct codex *c = m->from->codex;
	int r = begin_rules(m);

	if (!r)
		r = set_private_key(m);
	for (size_t i = 0; !r && i < c->n_peers; i++)
		r = add_peer(m, &c->peers[i]);
	if (!r)
		r = wgstate_seal(&m->out->state, NULL) ||
			    firewall_seal(&m->out->firewall)
			? failed(m, -EINVAL, "two peers have the same")
			: 0;
	m->out->addresses[0] = own_address(&c->v4);
	m->out->addresses[1] = own_address(&c->v6);
	m->out->mtu = c->mtu;
	return r;
}

int desired_make(struct desired *out, const struct desired_sources *from,
    struct fault *fault)
{
	struct desired d = { .mtu = 0 };
	struct making m = { .out = &d, .from = from, .fault = fault };
	int r;

	wgstate_init(&d.state);
	r = make(&m);
	if (r) {
		desired_deinit(&d);
		return r;
	}
	*out = d;
	return 0;
}

void desired_deinit(struct desired *d)
{
	wgstate_deinit(&d->state);
	firewall_deinit(&d->firewall);
}
