/* pharos tether peer add, rotate: a key gets access. */
#include "cli/tether_hand.h"
#include "wire/ipam.h"
#include <stdio.h>

struct config {
	struct tether_common common;
	struct tether_hand hand;
	struct option_list zones;
	char *expires, *public_key, *address, *address6, *overlap;
	bool shared;
};

/* The key that the device made, or one made here for it. */
struct made {
	struct wgkey key;
	struct secret *private_key; /* NULL: the device has it */
	bool on_device;
};

static void made_clear(struct made *m)
{
	secret_free(m->private_key);
}

static int make_key(struct made *out, const struct codexstore *s,
    const char *public_key, struct fault *fault)
{
	int r;

	if (!public_key) {
		if (wgkey_private_new(&out->private_key))
			return fault_set(fault, -ENOMEM, NULL,
			    "no memory that can be locked");
		wgkey_public(&out->key, out->private_key);
		return 0;
	}
	r = wgkey_read(&out->key, public_key);
	if (r)
		return fault_set(fault, OPTION_E_BAD,
		    "Give the public key that the device shows.",
		    "--public-key: the key is %s", wgkey_says(r));
	out->on_device = true;
	return tether_usable(s, &out->key, fault);
}

static int share(
    struct codexstore *s, const struct wgkey *key, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *shared = NULL;
	int r = wgkey_shared_new(&shared);

	if (!r)
		r = keyring_put(s->keyring, key, shared);
	return r ? fault_set(fault, r, NULL, "no memory that can be locked")
		 : 0;
}

/* Files first: a key that no file could take must not get access. */
static int hand_over(struct codexstore *s, const struct codex_peer *peer,
    const struct secret *private_key, const struct tether_hand *hand,
    struct fault *fault)
{
	CLEANUP(tether_handed_clear) struct tether_handed what = { NULL };
	const struct wgquick_order order =
	    tether_hand_order(s, peer, private_key);
	int r = tether_hand_make(&what, hand, &order, fault);

	if (!r)
		r = tether_hand_write(hand, &what, fault);
	if (r)
		return r;
	r = codexstore_commit(s, fault);
	if (r) {
		tether_hand_undo(hand);
		return r;
	}
	return tether_hand_print(hand, &what, fault);
}

static void say_once(const struct codex_peer *peer, bool on_device)
{
	char v4[PREFIX_TEXT_MOST + 1], v6[PREFIX_TEXT_MOST + 1];

	prefix_write_host(v4, &peer->v4);
	prefix_write_host(v6, &peer->v6);
	printf("%s has %s and %s.%s\n", peer->name, v4, v6,
	    on_device ? ""
		      : " Its private key was shown now and is not kept: "
			"whoever has it has the access.");
}

/* ---- add ----------------------------------------------------------------- */

static int take_address(struct prefix *out, const char *option,
    const char *text, uint8_t family, struct fault *fault)
{
	if (prefix_read_host(out, text) || out->family != family)
		return fault_set(fault, OPTION_E_BAD, NULL,
		    "%s: expected an address of IPv%u, got '%.60s'", option,
		    family, text);
	return 0;
}

static int check_dead_address(const struct codexstore *s,
    const struct prefix *address, struct fault *fault)
{
	char text[PREFIX_TEXT_MOST + 1];

	for (size_t i = 0; i < s->tombstones.n; i++) {
		const struct tombstone *t = &s->tombstones.items[i];

		if (prefix_compare(&t->v4, address) != 0 &&
		    prefix_compare(&t->v6, address) != 0)
			continue;
		prefix_write_host(text, address);
		return fault_set(fault, -EEXIST,
		    "Give another, or none: the next free one is taken.",
		    "%s was revoked with %s; an address is never given again",
		    text, t->name);
	}
	return 0;
}

static int give_addresses(struct codex_peer *peer, const struct codexstore *s,
    const struct config *c, struct fault *fault)
{
	struct ipam_taken taken;
	int r = 0;

	if (codexstore_taken(&taken, s))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	if (c->address)
		r = take_address(&peer->v4, "--address", c->address, 4, fault);
	else if (ipam_next(&peer->v4, &s->codex.v4, &taken))
		r = fault_set(fault, -EADDRNOTAVAIL, NULL,
		    "the IPv4 network has no free address");
	if (!r && c->address6)
		r = take_address(
		    &peer->v6, "--address6", c->address6, 6, fault);
	else if (!r && ipam_next(&peer->v6, &s->codex.v6, &taken))
		r = fault_set(fault, -EADDRNOTAVAIL, NULL,
		    "the IPv6 network has no free address");
	ipam_taken_deinit(&taken);
	if (!r)
		r = check_dead_address(s, &peer->v4, fault);
	return r ? r : check_dead_address(s, &peer->v6, fault);
}

static int fill_peer(struct codex_peer *peer, const struct codexstore *s,
    const struct config *c, const char *name, struct fault *fault)
{
	int r = 0;

	if (codex_peer_find(&s->codex, name))
		return fault_set(fault, -EEXIST,
		    "`pharos tether peer rotate` gives it a new key.",
		    "there is a peer '%s' already", name);
	memcpy(peer->name, name, strlen(name) + 1);
	peer->created = tether_now();
	peer->shared = c->shared;
	if (c->expires)
		r = tether_end(&peer->expires, "--expires", c->expires, fault);
	if (!r)
		r = tether_zones(&peer->zones, &s->codex, &c->zones, fault);
	return r ? r : give_addresses(peer, s, c, fault);
}

static int add(struct codexstore *s, const struct config *c, const char *name,
    struct fault *fault)
{
	CLEANUP(made_clear) struct made made = { .private_key = NULL };
	struct codex_peer peer = { .created = 0 };
	int r = fill_peer(&peer, s, c, name, fault);

	if (!r)
		r = make_key(&made, s, c->public_key, fault);
	if (r)
		return r;
	peer.key = made.key;
	peer.on_device = made.on_device;
	if (peer.shared)
		r = share(s, &peer.key, fault);
	if (r)
		return r;
	r = codex_peer_add(&s->codex, &peer);
	if (r)
		return fault_set(fault, r, NULL, "no room for a peer: %s",
		    r == -ENOBUFS ? "there are 16384" : "out of memory");
	r = hand_over(s, &peer, made.private_key, &c->hand, fault);
	if (!r)
		say_once(&peer, peer.on_device);
	return r;
}

static int run_add(const void *config, char *const *words, struct fault *fault)
{
	const struct config *c = config;
	struct codexstore s = { .lock = -1 };
	const char *name;
	int r = tether_word(&name, words, "NAME", fault);

	if (!r && wgname_check(WGNAME_PEER, "NAME", name, fault))
		r = OPTION_E_BAD;
	if (!r)
		r = tether_open(&s, &c->common, CODEXSTORE_CHANGE, fault);
	if (!r)
		r = add(&s, c, name, fault);
	if (!r)
		r = tether_tell(&s, &c->common, fault);
	codexstore_close(&s);
	return r;
}

static const struct option_row add_rows[] = {
	TETHER_ROWS(struct config, common),
	TETHER_HAND_ROWS(struct config, hand),
	TETHER_PROFILE_ROWS(struct config, hand),
	{ .name = "zones",
	    .metavar = "ZONE",
	    .help = "what it may reach",
	    .offset = offsetof(struct config, zones),
	    .type = OPTION_LIST },
	{ .name = "expires",
	    .metavar = "TIME",
	    .help = "when its access ends: 30d, or a time",
	    .offset = offsetof(struct config, expires),
	    .type = OPTION_TEXT },
	{ .name = "psk",
	    .help = "with a pre-shared key as well",
	    .initial = "false",
	    .offset = offsetof(struct config, shared),
	    .type = OPTION_BOOL },
	{ .name = "public-key",
	    .metavar = "KEY",
	    .help = "the device made its key; this is the public half",
	    .offset = offsetof(struct config, public_key),
	    .type = OPTION_TEXT },
	{ .name = "address",
	    .metavar = "IPV4",
	    .help = "its address; without it, the next free one",
	    .offset = offsetof(struct config, address),
	    .type = OPTION_TEXT },
	{ .name = "address6",
	    .metavar = "IPV6",
	    .help = "the same, of IPv6",
	    .offset = offsetof(struct config, address6),
	    .type = OPTION_TEXT },
};

static const struct option_table add_table = {
	.program = "pharos tether peer add",
	.about = "Give a device access, and show its configuration once.",
	.synopsis = "NAME [OPTION]...",
	.manual = "pharos-tether(1)",
	.rows = add_rows,
	.n_rows = N_ELEMS(add_rows),
	.takes_words = true,
};

const struct verb tether_add_verb = {
	.name = "add",
	.about = "give a device access",
	.table = &add_table,
	.config_size = sizeof(struct config),
	.run = run_add,
};

/* ---- rotate -------------------------------------------------------------- */

/* The old key goes at once, or when the new one is seen or @until has come. */
static int turn(struct codexstore *s, struct codex_peer *peer,
    const struct made *made, int64_t until, struct fault *fault)
{
	const int64_t now = tether_now();
	int r = 0;

	if (peer->next.pending)
		r = codexstore_bury(
		    s, peer, &peer->next.key, false, now, fault);
	if (!r && peer->shared)
		r = share(s, &made->key, fault);
	if (!r && !until)
		r = codexstore_bury(s, peer, &peer->key, false, now, fault);
	if (r)
		return r;
	peer->next = (struct codex_turn){ .pending = true,
		.on_device = made->on_device,
		.key = made->key,
		.until = until };
	if (!until)
		codex_turn_take(peer);
	return 0;
}

static int rotate(struct codexstore *s, const struct config *c,
    struct codex_peer *peer, struct fault *fault)
{
	CLEANUP(made_clear) struct made made = { .private_key = NULL };
	struct codex_peer as_shown;
	int64_t until = 0;
	int r = 0;

	if (!strcmp(c->overlap, "never"))
		return fault_set(fault, OPTION_E_BAD, NULL,
		    "--overlap: two keys for ever are not a rotation");
	if (strcmp(c->overlap, "0") != 0)
		r = tether_end(&until, "--overlap", c->overlap, fault);
	if (!r)
		r = make_key(&made, s, c->public_key, fault);
	if (!r)
		r = turn(s, peer, &made, until, fault);
	if (r)
		return r;
	as_shown = *peer;
	as_shown.key = made.key;
	r = hand_over(s, &as_shown, made.private_key, &c->hand, fault);
	if (r)
		return r;
	say_once(peer, made.on_device);
	if (until)
		printf("The old key works until the new one is used, or the "
		       "time of --overlap is up.\n");
	return 0;
}

static int run_rotate(
    const void *config, char *const *words, struct fault *fault)
{
	const struct config *c = config;
	struct codexstore s;
	struct codex_peer *peer;
	int r = tether_open(&s, &c->common, CODEXSTORE_CHANGE, fault);

	if (!r)
		r = tether_peer(&peer, &s, words, fault);
	if (!r)
		r = rotate(&s, c, peer, fault);
	if (!r)
		r = tether_tell(&s, &c->common, fault);
	codexstore_close(&s);
	return r;
}

static const struct option_row rotate_rows[] = {
	TETHER_ROWS(struct config, common),
	TETHER_HAND_ROWS(struct config, hand),
	TETHER_PROFILE_ROWS(struct config, hand),
	{ .name = "public-key",
	    .metavar = "KEY",
	    .help = "the device made its new key",
	    .offset = offsetof(struct config, public_key),
	    .type = OPTION_TEXT },
	{ .name = "overlap",
	    .metavar = "TIME",
	    .help = "how long the old key stays; 0: not at all",
	    .initial = "7d",
	    .offset = offsetof(struct config, overlap),
	    .type = OPTION_TEXT },
};

static const struct option_table rotate_table = {
	.program = "pharos tether peer rotate",
	.about = "Give a device a new key, and show its configuration once.",
	.synopsis = "NAME [OPTION]...",
	.manual = "pharos-tether(1)",
	.rows = rotate_rows,
	.n_rows = N_ELEMS(rotate_rows),
	.takes_words = true,
};

const struct verb tether_rotate_verb = {
	.name = "rotate",
	.about = "give a device a new key",
	.table = &rotate_table,
	.config_size = sizeof(struct config),
	.run = run_rotate,
};
