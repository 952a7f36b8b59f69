#include "tether/rehearsal.h"
#include "link/rtnet.h"
#include "tether/bring.h"
#include "wire/json.h"
#include "wire/wgplan.h"

static void add_prefix(json_t *list, const struct prefix *p)
{
	char text[PREFIX_TEXT_MOST + 1];

	prefix_write(text, p);
	(void)json_array_append_new(list, json_string(text));
}

/* ---- the rules ----------------------------------------------------------- */

static int rules_of(
    const char **out, const struct rehearsal *r, struct fault *fault)
{
	CLEANUP(free_p) char *text = NULL;
	int e = FIREWALL_E_SHAPE;

	if (r->loaded)
		e = firewall_write_change(
		    &r->loaded->firewall, &r->to->firewall, &text);
	if (e < 0)
		return fault_set(fault, e, NULL, "no memory");
	if (e)
		*out = "all";
	else
		*out = *text ? "members" : "unchanged";
	return 0;
}

/* ---- the interface ------------------------------------------------------- */

struct link_plan {
	const struct desired *to;
	struct rtnet_link now; /* 0 as its index: there is none */
	json_t *added, *removed, *routes_added, *routes_removed;
	bool has[DESIRED_ADDRESSES]; /* of the wanted ones */
};

static void add_address(
    json_t *addresses, json_t *routes, const struct prefix *p)
{
	struct prefix to = prefix_network(p);

	add_prefix(addresses, p);
	if (p->bits < prefix_width(p))
		add_prefix(routes, &to);
}

static int on_address(void *ctx, const struct prefix *p)
{
	struct link_plan *l = ctx;

	for (size_t i = 0; i < DESIRED_ADDRESSES; i++)
		if (!prefix_compare(p, &l->to->addresses[i])) {
			l->has[i] = true;
			return 0;
		}
	add_address(l->removed, l->routes_removed, p);
	return 0;
}

static int look_at_link(struct link_plan *l)
{
	CLEANUP(rtnet_closep) struct rtnet *net = NULL;
	int r = rtnet_open(&net);

	if (!r)
		r = rtnet_find(net, l->to->firewall.interface, &l->now);
	if (!r)
		r = rtnet_addresses(net, l->now.index, on_address, l);
	return r == -ENODEV ? 0 : r;
}

static int add_link(json_t *j, struct link_plan *l, struct fault *fault)
{
	const uint32_t mtu = bring_mtu(l->to);
	int r = look_at_link(l);

	if (r)
		return fault_set(fault, r, NULL, "interface %s: %s",
		    l->to->firewall.interface, strerror(-r));
	for (size_t i = 0; i < DESIRED_ADDRESSES; i++)
		if (!l->has[i])
			add_address(
			    l->added, l->routes_added, &l->to->addresses[i]);
	(void)json_object_set_new(j, "make", json_boolean(!l->now.up));
	if (l->now.mtu != mtu)
		(void)json_object_set_new(j, "mtu", json_integer(mtu));
	return 0;
}

/* ---- the peers ----------------------------------------------------------- */

static const char *name_of(const struct codexstore *s, const struct wgkey *key)
{
	const struct codex_peer *p = codex_peer_of_key(&s->codex, key);
	const struct tombstone *dead = tombstones_find(&s->tombstones, key);

	if (p)
		return p->name;
	return dead ? dead->name : NULL;
}

static json_t *prefixes_of(const struct wgop *op, bool wanted)
{
	json_t *list = json_array();

	for (size_t i = 0; wanted && i < op->n_prefixes; i++)
		add_prefix(list, &op->prefixes[i]);
	return list;
}

static json_t *settings_of(const struct wgop *op)
{
	static const struct {
		unsigned bit;
		const char *name;
	} rows[] = {
		{ WGOP_PRESHARED, "pre-shared key" },
		{ WGOP_ENDPOINT, "endpoint" },
		{ WGOP_KEEPALIVE, "keepalive" },
	};
	json_t *list = json_array();

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		if (op->kind == WGOP_CHANGE_PEER && op->what & rows[i].bit)
			(void)json_array_append_new(
			    list, json_string(rows[i].name));
	return list;
}

static json_t *peer_of(const struct wgop *op, const struct codexstore *names)
{
	static const char *const verbs[WGOP_KINDS] = {
		[WGOP_REMOVE_PEER] = "remove",
		[WGOP_TAKE] = "change",
		[WGOP_ADD_PEER] = "add",
		[WGOP_CHANGE_PEER] = "change",
	};
	const bool gets =
	    op->kind == WGOP_ADD_PEER || op->kind == WGOP_CHANGE_PEER;
	char key[WGKEY_TEXT_SIZE + 1];

	wgkey_write(key, &op->peer->key);
	return json_pack("{s:s, s:s?, s:s, s:o, s:o, s:o}", "operation",
	    verbs[op->kind], "name", name_of(names, &op->peer->key), "key", key,
	    "gets", prefixes_of(op, gets), "loses",
	    prefixes_of(op, op->kind == WGOP_TAKE), "sets", settings_of(op));
}

static void add_setting(
    json_t *j, const struct wgop *op, const struct desired *to)
{
	if (op->kind == WGOP_PRIVATE_KEY)
		(void)json_object_set(j, "private_key", json_true());
	if (op->kind == WGOP_PORT)
		(void)json_object_set_new(
		    j, "port", json_integer(to->state.port));
}

static void add_ops(
    json_t *j, const struct wgplan *plan, const struct rehearsal *r)
{
	const size_t end = r->after + REHEARSAL_PEERS_MOST;
	json_t *peers = json_array();
	size_t n = 0;

	for (size_t i = 0; i < plan->n_ops; i++) {
		if (!plan->ops[i].peer) {
			add_setting(j, &plan->ops[i], r->to);
			continue;
		}
		if (n >= r->after && n < end)
			(void)json_array_append_new(
			    peers, peer_of(&plan->ops[i], r->names));
		n++;
	}
	if (n > end)
		(void)json_object_set_new(
		    j, "next", json_integer((json_int_t)end));
	(void)json_object_set_new(j, "peers", peers);
}

static int add_peers(json_t *j, const struct rehearsal *r, struct fault *fault)
{
	struct wgstate none;
	struct wgplan plan;
	int e;

	wgstate_init(&none);
	e = wgstate_seal(&none, NULL);
	if (!e)
		e = wgplan_make(
		    &plan, &r->to->state, r->actual ? r->actual : &none);
	if (!e) {
		add_ops(j, &plan, r);
		wgplan_deinit(&plan);
	}
	wgstate_deinit(&none);
	return e ? fault_set(fault, -ENOMEM, NULL, "no memory") : 0;
}

/* ---- the whole ----------------------------------------------------------- */

int rehearsal_make(
    json_t **out, const struct rehearsal *from, struct fault *fault)
{
	struct link_plan link = { .to = from->to,
		.added = json_array(),
		.removed = json_array(),
		.routes_added = json_array(),
		.routes_removed = json_array() };
	const char *rules = "";
	JSON *j = json_pack(
	    "{s:s, s:s, s:b, s:b, s:n, s:n, s:{s:o, s:o}, s:{s:o, s:o}, "
	    "s:[], s:n}",
	    "interface", from->to->firewall.interface, "state",
	    from->up ? "up" : "down", "make", 0, "private_key", 0, "port",
	    "mtu", "addresses", "added", link.added, "removed", link.removed,
	    "routes", "added", link.routes_added, "removed",
	    link.routes_removed, "peers", "next");
	int r = j ? rules_of(&rules, from, fault)
		  : fault_set(fault, -ENOMEM, NULL, "no memory");

	if (!r)
		(void)json_object_set_new(j, "rules", json_string(rules));
	if (!r && from->up)
		r = add_link(j, &link, fault);
	if (!r && from->up)
		r = add_peers(j, from, fault);
	if (!r)
		*out = STEAL(j);
	return r;
}
