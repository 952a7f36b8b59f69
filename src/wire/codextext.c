/* wire/codextext.c: a table of the file's fields, and one function each way.
 *
 * A file is
 *
 *   head     schema, generation, hash
 *   tether   interface, endpoint, port, mtu, key, networks, reserved,
 *            peer-to-peer
 *   zones    a list of blocks: name, services
 *   peers    a list of blocks: name, key, addresses, zones, and what is not
 *            usual about them
 *
 * Reading, libyaml's events arrive as entries (base/yaml.h); each is looked up
 * by its list and its name, must not come twice in its block, and goes through
 * one function of its kind, which refuses it where it stands. What has to hold
 * between peers codex_check() says when all are there; the place of each block
 * is kept until then, so that such a fault too has a line.
 *
 * Writing, a content has one form. The hash is over that form of everything but
 * the head: so another order of fields or a comment is no edit, and the hash
 * names the content whatever its generation is. A file that is just as it was
 * written has its bytes hashed and is not written once more to see that.
 */
#include "wire/codextext.h"
#include "base/hex.h"
#include "base/number.h"
#include "wire/instant.h"
#include <inttypes.h>

enum { SEEN_IS_A_FIELD = 32 };

struct reader {
	struct codex *codex;
	uint8_t hash[CODEXTEXT_HASH_SIZE];
	uint32_t seen;		   /* bit i: of this block, its field i */
	uint32_t seen_above;	   /* the same of the document */
	const struct list *list;   /* of the block; NULL before the first */
	struct yaml_place *places; /* of the peers' blocks */
	size_t n_places, room_places;
	struct yaml_place at; /* of the block that is being read */
	struct fault *fault;
};

/* ---- values, one function a kind ----------------------------------------- */

typedef int (*take)(struct reader *r, const struct yaml_entry *e);

static int refuse(
    struct reader *r, const struct yaml_item *at, const char *expected)
{
	return yaml_refuse(r->fault, &at->at, NULL, "expected %s, got '%.80s'",
	    expected, at->text);
}

static struct codex_peer *peer_of(const struct reader *r)
{
	return &r->codex->peers[r->codex->n_peers - 1];
}

static struct codex_zone *zone_of(const struct reader *r)
{
	return &r->codex->zones[r->codex->n_zones - 1];
}

static int take_number(struct reader *r, const struct yaml_entry *e,
    uint64_t least, uint64_t most, uint64_t *out)
{
	const char *text = e->values[0].text;

	if (number_parse(text, most, out) || *out < least ||
	    (text[0] == '0' && text[1]))
		return yaml_refuse(r->fault, &e->values[0].at, NULL,
		    "%s: expected a number from %" PRIu64 " to %" PRIu64
		    ", got '%.40s'",
		    e->key.text, least, most, text);
	return 0;
}

static int take_schema(struct reader *r, const struct yaml_entry *e)
{
	uint64_t schema;
	int err = take_number(r, e, 1, UINT32_MAX, &schema);

	if (!err && schema != CODEXTEXT_SCHEMA)
		return yaml_refuse(r->fault, &e->values[0].at,
		    "use the version of Pharos that wrote it, or a later one",
		    "of schema %" PRIu64 "; this version reads %d", schema,
		    CODEXTEXT_SCHEMA);
	return err;
}

static int take_generation(struct reader *r, const struct yaml_entry *e)
{
	/* so far below the end that nobody reaches it by adding one */
	return take_number(r, e, 0, INT64_MAX, &r->codex->generation);
}

static int take_hash(struct reader *r, const struct yaml_entry *e)
{
	if (hex_decode(r->hash, sizeof(r->hash), e->values[0].text))
		return refuse(r, &e->values[0], "64 hex digits");
	return 0;
}

static int take_name_of(struct reader *r, const struct yaml_item *item,
    enum wgname_kind kind, char *to)
{
	struct fault f = FAULT_NONE;

	if (wgname_check(kind, "name", item->text, &f))
		return yaml_refuse(r->fault, &item->at, NULL, "%s", f.text);
	memcpy(to, item->text, strlen(item->text) + 1);
	return 0;
}

static int take_interface(struct reader *r, const struct yaml_entry *e)
{
	return take_name_of(
	    r, &e->values[0], WGNAME_INTERFACE, r->codex->interface);
}

static int take_endpoint(struct reader *r, const struct yaml_entry *e)
{
	return take_name_of(
	    r, &e->values[0], WGNAME_ENDPOINT, r->codex->endpoint);
}

static int take_port(struct reader *r, const struct yaml_entry *e)
{
	uint64_t port;
	int err = take_number(r, e, 1, UINT16_MAX, &port);

	if (!err)
		r->codex->port = (uint16_t)port;
	return err;
}

static int take_mtu(struct reader *r, const struct yaml_entry *e)
{
	uint64_t mtu;
	int err = take_number(r, e, CODEX_MTU_LEAST, CODEX_MTU_MOST, &mtu);

	if (!err)
		r->codex->mtu = (uint16_t)mtu;
	return err;
}

static int take_key_of(
    struct reader *r, const struct yaml_item *item, struct wgkey *to)
{
	int err = wgkey_read(to, item->text);

	if (err)
		return yaml_refuse(r->fault, &item->at, NULL, "the key is %s",
		    wgkey_says(err));
	return 0;
}

static int take_own_key(struct reader *r, const struct yaml_entry *e)
{
	return take_key_of(r, &e->values[0], &r->codex->key);
}

static int take_networks(struct reader *r, const struct yaml_entry *e)
{
	struct prefix *to[] = { &r->codex->v4, &r->codex->v6 };
	static const unsigned most[] = { 30, 126 };

	if (e->n_values != N_ELEMS(to))
		return yaml_refuse(r->fault, &e->key.at, NULL,
		    "networks: expected one of IPv4, then one of IPv6");
	for (size_t i = 0; i < N_ELEMS(to); i++) {
		const struct yaml_item *item = &e->values[i];

		if (prefix_read(to[i], item->text) ||
		    to[i]->family != (i ? 6 : 4) || !to[i]->bits ||
		    to[i]->bits > most[i])
			return refuse(r, item,
			    i ? "a network of IPv6, as fd00:88::/64"
			      : "a network of IPv4, as 10.88.0.0/16");
	}
	return 0;
}

static int take_reserved(struct reader *r, const struct yaml_entry *e)
{
	if (e->n_values > CODEX_RESERVED_MOST)
		return yaml_refuse(r->fault, &e->key.at, NULL,
		    "more than %d reserved networks", CODEX_RESERVED_MOST);
	for (size_t i = 0; i < e->n_values; i++)
		if (prefix_read(&r->codex->reserved[i], e->values[i].text))
			return refuse(r, &e->values[i],
			    "an address or a network, as 10.88.0.0/28");
	r->codex->n_reserved = e->n_values;
	return 0;
}

static int take_bool(struct reader *r, const struct yaml_entry *e, bool *to)
{
	bool yes = !strcmp(e->values[0].text, "true");

	if (!yes && strcmp(e->values[0].text, "false") != 0)
		return refuse(r, &e->values[0], "true or false");
	*to = yes;
	return 0;
}

static int take_peer_to_peer(struct reader *r, const struct yaml_entry *e)
{
	return take_bool(r, e, &r->codex->peer_to_peer);
}

/* A list of blocks, or an empty one, begins. */
static int take_blocks(struct reader *r, const struct yaml_entry *e)
{
	if (e->n_values)
		return yaml_refuse(r->fault, &e->values[0].at, NULL,
		    "%s: expected blocks, as `- name: x`", e->key.text);
	return 0;
}

/* ---- zones --------------------------------------------------------------- */

static int take_zone_name(struct reader *r, const struct yaml_entry *e)
{
	struct codex_zone *zone = zone_of(r);

	if (codex_zone_find(r->codex, e->values[0].text))
		return yaml_refuse(r->fault, &e->values[0].at, NULL,
		    "the zone '%.40s' is there already", e->values[0].text);
	return take_name_of(r, &e->values[0], WGNAME_ZONE, zone->name);
}

static int take_services(struct reader *r, const struct yaml_entry *e)
{
	struct codex_zone *zone = zone_of(r);

	if (e->n_values > CODEX_SERVICES_MOST)
		return yaml_refuse(r->fault, &e->key.at, NULL,
		    "more than %d services in a zone", CODEX_SERVICES_MOST);
	zone->services = calloc(e->n_values + 1, sizeof(*zone->services));
	if (!zone->services)
		return -ENOMEM;
	for (size_t i = 0; i < e->n_values; i++)
		if (localservice_read(&zone->services[i], e->values[i].text))
			return refuse(r, &e->values[i],
			    "a service, as tcp/443@oculus or udp/5000-5100");
	zone->n_services = e->n_values;
	return 0;
}

/* ---- peers --------------------------------------------------------------- */

static int take_peer_name(struct reader *r, const struct yaml_entry *e)
{
	return take_name_of(r, &e->values[0], WGNAME_PEER, peer_of(r)->name);
}

static int take_key(struct reader *r, const struct yaml_entry *e)
{
	return take_key_of(r, &e->values[0], &peer_of(r)->key);
}

static int take_next_key(struct reader *r, const struct yaml_entry *e)
{
	peer_of(r)->next.pending = true;
	return take_key_of(r, &e->values[0], &peer_of(r)->next.key);
}

static int take_addresses(struct reader *r, const struct yaml_entry *e)
{
	struct prefix *to[] = { &peer_of(r)->v4, &peer_of(r)->v6 };

	if (e->n_values != N_ELEMS(to))
		return yaml_refuse(r->fault, &e->key.at, NULL,
		    "addresses: expected one of IPv4, then one of IPv6");
	for (size_t i = 0; i < N_ELEMS(to); i++)
		if (prefix_read_host(to[i], e->values[i].text) ||
		    to[i]->family != (i ? 6 : 4))
			return refuse(r, &e->values[i],
			    i ? "an address of IPv6" : "an address of IPv4");
	return 0;
}

static int take_zones(struct reader *r, const struct yaml_entry *e)
{
	for (size_t i = 0; i < e->n_values; i++) {
		const struct codex_zone *zone =
		    codex_zone_find(r->codex, e->values[i].text);

		if (!zone)
			return refuse(
			    r, &e->values[i], "a zone that stands above");
		peer_of(r)->zones |= codex_zone_bit(r->codex, zone);
	}
	return 0;
}

static int take_instant(
    struct reader *r, const struct yaml_entry *e, int64_t *to)
{
	if (instant_read(to, e->values[0].text) || !*to)
		return refuse(
		    r, &e->values[0], "a time, as 2026-11-21T21:00:00Z");
	return 0;
}

static int take_created(struct reader *r, const struct yaml_entry *e)
{
	return take_instant(r, e, &peer_of(r)->created);
}

static int take_expires(struct reader *r, const struct yaml_entry *e)
{
	return take_instant(r, e, &peer_of(r)->expires);
}

static int take_next_until(struct reader *r, const struct yaml_entry *e)
{
	return take_instant(r, e, &peer_of(r)->next.until);
}

static int take_disabled(struct reader *r, const struct yaml_entry *e)
{
	return take_bool(r, e, &peer_of(r)->disabled);
}

static int take_on_device(struct reader *r, const struct yaml_entry *e)
{
	return take_bool(r, e, &peer_of(r)->on_device);
}

static int take_next_on_device(struct reader *r, const struct yaml_entry *e)
{
	return take_bool(r, e, &peer_of(r)->next.on_device);
}

static int take_shared(struct reader *r, const struct yaml_entry *e)
{
	return take_bool(r, e, &peer_of(r)->shared);
}

/* ---- the lists, and their fields ----------------------------------------- */

enum form { ONE, SOME };

struct field {
	const char *name;
	take take;
	enum form form;
	bool required;
};

static const struct field top_fields[] = {
	{ "schema", take_schema, ONE, true },
	{ "generation", take_generation, ONE, true },
	{ "hash", take_hash, ONE, true },
	{ "interface", take_interface, ONE, true },
	{ "endpoint", take_endpoint, ONE, false },
	{ "port", take_port, ONE, true },
	{ "mtu", take_mtu, ONE, false },
	{ "key", take_own_key, ONE, true },
	{ "networks", take_networks, SOME, true },
	{ "reserved", take_reserved, SOME, false },
	{ "peer-to-peer", take_peer_to_peer, ONE, false },
	{ "zones", take_blocks, SOME, false },
	{ "peers", take_blocks, SOME, false },
};

static const struct field zone_fields[] = {
	{ "name", take_zone_name, ONE, true },
	{ "services", take_services, SOME, true },
};

static const struct field peer_fields[] = {
	{ "name", take_peer_name, ONE, true },
	{ "key", take_key, ONE, true },
	{ "addresses", take_addresses, SOME, true },
	{ "zones", take_zones, SOME, false },
	{ "created", take_created, ONE, true },
	{ "expires", take_expires, ONE, false },
	{ "disabled", take_disabled, ONE, false },
	{ "on-device", take_on_device, ONE, false },
	{ "pre-shared", take_shared, ONE, false },
	{ "next-key", take_next_key, ONE, false },
	{ "next-until", take_next_until, ONE, false },
	{ "next-on-device", take_next_on_device, ONE, false },
};
_Static_assert(N_ELEMS(peer_fields) <= SEEN_IS_A_FIELD, "a bit each");

/* Room for a block, at its end. */
static int begin_zone(struct reader *r)
{
	struct codex_zone zone = { .n_services = 0 };
	int err = codex_zone_add(r->codex, &zone);

	return err == -ENOBUFS ? yaml_refuse(r->fault, &r->at, NULL,
				     "more than %d zones", CODEX_ZONES_MOST)
			       : err;
}

static int begin_peer(struct reader *r)
{
	const struct codex_peer peer = { .created = 0 };
	int err = codex_peer_add(r->codex, &peer);

	if (err == -ENOBUFS)
		return yaml_refuse(r->fault, &r->at, NULL, "more than %d peers",
		    CODEX_PEERS_MOST);
	if (!err && r->n_places == r->room_places) {
		size_t room = 2 * r->room_places + 16;
		struct yaml_place *more =
		    reallocarray(r->places, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		r->places = more;
		r->room_places = room;
	}
	if (!err)
		r->places[r->n_places++] = r->at;
	return err;
}

/* Both halves of a turn, or none. */
static int end_peer(struct reader *r)
{
	const struct codex_turn *next = &peer_of(r)->next;

	if (next->pending != !!next->until ||
	    (next->on_device && !next->pending))
		return yaml_refuse(r->fault, &r->at, NULL,
		    "next-key and next-until go together");
	return 0;
}

struct list {
	const char *name; /* NULL: the document itself */
	const struct field *fields;
	size_t n_fields;
	int (*begin)(struct reader *r);
	int (*end)(struct reader *r); /* NULL: nothing more has to hold */
};

static const struct list document = {
	NULL,
	top_fields,
	N_ELEMS(top_fields),
	NULL,
	NULL,
};
static const struct list lists[] = {
	{ "zones", zone_fields, N_ELEMS(zone_fields), begin_zone, NULL },
	{ "peers", peer_fields, N_ELEMS(peer_fields), begin_peer, end_peer },
};

/* ---- reading ------------------------------------------------------------- */

/* Is all there that has to be? */
static int check_seen(struct reader *r, const struct list *list, uint32_t seen)
{
	for (size_t i = 0; i < list->n_fields; i++)
		if (list->fields[i].required && !(seen >> i & 1))
			return yaml_refuse(r->fault, &r->at, NULL,
			    "'%s' is missing", list->fields[i].name);
	return 0;
}

static int end_block(struct reader *r)
{
	int err = r->list ? check_seen(r, r->list, r->seen) : 0;

	return !err && r->list && r->list->end ? r->list->end(r) : err;
}

static int begin_block(struct reader *r, const struct yaml_entry *e)
{
	int err = end_block(r);

	if (err)
		return err;
	r->list = NULL;
	for (size_t i = 0; i < N_ELEMS(lists); i++)
		if (!strcmp(e->block, lists[i].name))
			r->list = &lists[i];
	if (!r->list)
		return yaml_refuse(r->fault, &e->key.at, NULL,
		    "'%.40s' holds no blocks", e->block);
	r->seen = 0;
	r->at = e->key.at;
	return r->list->begin(r);
}

static int take_field(struct reader *r, const struct list *list,
    const struct yaml_entry *e, uint32_t *seen)
{
	for (size_t i = 0; i < list->n_fields; i++) {
		const struct field *f = &list->fields[i];

		if (strcmp(e->key.text, f->name) != 0)
			continue;
		if (*seen >> i & 1)
			return yaml_refuse(r->fault, &e->key.at, NULL,
			    "'%s' comes twice", f->name);
		if (e->is_list != (f->form == SOME))
			return yaml_refuse(r->fault, &e->key.at, NULL,
			    f->form == SOME ? "%s: expected a list"
					    : "%s: expected one value",
			    f->name);
		*seen |= UINT32_C(1) << i;
		return f->take(r, e);
	}
	return yaml_refuse(r->fault, &e->key.at, NULL,
	    "'%.40s' is not known here", e->key.text);
}

static int on_entry(
    void *context, const struct yaml_entry *e, struct fault *fault)
{
	struct reader *r = context;
	int err;

	if (!e->block)
		err = take_field(r, &document, e, &r->seen_above);
	else if (!e->key.text)
		err = begin_block(r, e);
	else
		err = take_field(r, r->list, e, &r->seen);
	return err == -ENOMEM ? fault_set(fault, err, NULL, "out of memory")
			      : err;
}

/* ---- the hash ------------------------------------------------------------ */

/* Behind the three lines of the head, which begin as we write them; NULL: they
 * do not. */
static const char *find_body(const struct yaml_source *source)
{
	static const char *const lines[] = {
		"schema: ", "generation: ", "hash: "
	};
	const char *at = source->bytes, *end = at + source->n;

	for (size_t i = 0; at && i < N_ELEMS(lines); i++) {
		size_t n = strlen(lines[i]);

		if ((size_t)(end - at) < n || memcmp(at, lines[i], n) != 0)
			return NULL;
		at = memchr(at, '\n', (size_t)(end - at));
		at = at ? at + 1 : NULL;
	}
	return at;
}

/* Nothing was edited if the bytes are the written ones; if they are not, the
 * content still may be the same.
 * Return: 0; -ENOMEM. */
static int is_edited(
    bool *edited, const struct reader *r, const struct yaml_source *source)
{
	const char *body = find_body(source);
	uint8_t hash[CODEXTEXT_HASH_SIZE];
	int err = 0;

	if (body)
		codextext_hash_body(hash, body,
		    source->n - (size_t)(body - (const char *)source->bytes));
	if (!body || memcmp(hash, r->hash, sizeof(hash)) != 0)
		err = codextext_hash(hash, r->codex);
	*edited = !err && memcmp(hash, r->hash, sizeof(hash)) != 0;
	return err;
}

/* The document has ended: what can only be said now. */
static int read_rest(struct reader *r, const char *file)
{
	const struct yaml_place start = { file, 1, 1 };
	struct fault f = FAULT_NONE;
	size_t peer;
	int err = end_block(r);

	r->at = start;
	if (!err)
		err = check_seen(r, &document, r->seen_above);
	if (err)
		return err;
	err = codex_check(r->codex, &peer, &f);
	if (err == -EINVAL)
		return yaml_refuse(r->fault,
		    peer < r->n_places ? &r->places[peer] : &start, f.hint,
		    "%s", f.text);
	return err;
}

int codextext_read(struct codex *out, const struct yaml_source *source,
    bool *edited, struct fault *fault)
{
	struct codex codex = { .n_peers = 0 };
	struct reader r = { .codex = &codex, .fault = fault };
	int err = yaml_parse_blocks(source, on_entry, &r, fault);

	if (!err)
		err = read_rest(&r, source->name);
	if (!err && edited)
		err = is_edited(edited, &r, source);
	free(r.places);
	if (err) {
		codex_deinit(&codex);
		return err;
	}
	*out = codex;
	return 0;
}
