/* pharos tether import: a host's configuration becomes a tether, or its peers
 * come to the one that is there. */
#include "base/file.h"
#include "cli/tether_new.h"
#include "wire/vault.h"
#include "wire/wgeasy.h"
#include <stdio.h>
#include <unistd.h>

struct config {
	struct tether_common common;
	struct tether_new fresh;
};

static const struct option_row rows[] = {
	TETHER_ROWS(struct config, common),
	TETHER_NEW_ROWS(struct config, fresh),
};

/* ---- the file ------------------------------------------------------------ */

static int read_host(
    struct wgquick_host *out, const char *path, struct fault *fault)
{
	struct wgquick_source source = { .name = path };
	CLEANUP(free_p) char *text = NULL;
	int r = file_read(&text, &source.n, path, WGQUICK_TEXT_MOST);

	if (r) {
		file_fault(fault, r, path, WGQUICK_TEXT_MOST);
		return r > 0 ? -EINVAL : r;
	}
	source.text = text;
	vault_wipe_json();
	r = wgeasy_looks(&source) ? wgeasy_read(out, &source, fault)
				  : wgquick_read(out, &source, fault);
	secret_wipe(text, source.n);
	return r;
}

/* The host's address is the first of its network, in a tether; another one is
 * what its peers know it by, so it is not changed in silence. */
static int network_of(struct prefix *out, const struct prefix *address,
    const char *path, struct fault *fault)
{
	const struct prefix network = prefix_network(address);
	const struct prefix first = codex_host(&network);
	const struct prefix host = prefix_host(address);
	char text[PREFIX_TEXT_MOST + 1], want[PREFIX_TEXT_MOST + 1];

	if (!address->family)
		return 0;
	prefix_write(text, address);
	if (address->bits + 2U > prefix_width(address))
		return fault_set(fault, -EINVAL,
		    "Write the length of the network into Address.",
		    "%s: Address = %s leaves no room for peers", path, text);
	if (prefix_compare(&first, &host) != 0) {
		prefix_write_host(want, &first);
		return fault_set(fault, -EINVAL,
		    "A tether's host has the first address of its network.",
		    "%s: Address = %s, expected %s", path, text, want);
	}
	*out = network;
	return 0;
}

static int known_of(struct tether_known *out, const struct wgquick_host *host,
    const char *path, struct fault *fault)
{
	int r;

	*out = (struct tether_known){ .port = host->port, .mtu = host->mtu };
	r = network_of(&out->v4, &host->v4, path, fault);
	return r ? r : network_of(&out->v6, &host->v6, path, fault);
}

/* ---- peers --------------------------------------------------------------- */

/* Of no name, one by its number; one that is taken is told by the check. */
static void name_of(
    struct codex_peer *out, const struct wgquick_peer *from, size_t number)
{
	if (*from->name)
		memcpy(out->name, from->name, sizeof(out->name));
	else
		(void)snprintf(
		    out->name, sizeof(out->name), "peer-%zu", number);
}

static int take_peer(
    struct codexstore *s, const struct wgquick_peer *from, struct fault *fault)
{
	struct codex_peer peer = { .key = from->key,
		.v4 = from->v4,
		.v6 = from->v6,
		.created = tether_now(),
		.expires = from->expires,
		.disabled = from->disabled,
		.on_device = true,
		.shared = from->shared != NULL };
	int r = tether_usable(s, &from->key, fault);

	name_of(&peer, from, s->codex.n_peers + 1);
	if (r)
		return fault_wrap(fault, "peer %s", peer.name);
	if (peer.shared && keyring_put(s->keyring, &peer.key, from->shared))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	if (codex_peer_add(&s->codex, &peer))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	return 0;
}

/* After all that have one, those without get an address. */
static int give_addresses(struct codexstore *s, struct fault *fault)
{
	for (size_t i = 0; i < s->codex.n_peers; i++) {
		struct codex_peer *p = &s->codex.peers[i];
		struct ipam_taken taken;
		int r = 0;

		if (p->v4.family && p->v6.family)
			continue;
		if (codexstore_taken(&taken, s))
			return fault_set(fault, -ENOMEM, NULL, "out of memory");
		if (!p->v4.family)
			r = ipam_next(&p->v4, &s->codex.v4, &taken);
		if (!r && !p->v6.family)
			r = ipam_next(&p->v6, &s->codex.v6, &taken);
		ipam_taken_deinit(&taken);
		if (r)
			return fault_set(fault, -EADDRNOTAVAIL, NULL,
			    "no address is left for peer %s", p->name);
	}
	return 0;
}

static int take_peers(
    struct codexstore *s, const struct wgquick_host *host, struct fault *fault)
{
	int r = 0;

	for (size_t i = 0; !r && i < host->n_peers; i++)
		r = take_peer(s, &host->peers[i], fault);
	return r ? r : give_addresses(s, fault);
}

/* ---- a new tether -------------------------------------------------------- */

static int make(struct codexstore *s, const struct config *c,
    const struct wgquick_host *host, const char *path, struct fault *fault)
{
	struct codex codex = { .n_peers = 0 };
	struct tether_known known;
	int r = known_of(&known, host, path, fault);

	if (!r)
		r = tether_new_codex(&codex, &c->fresh, &known, fault);
	if (!r)
		r = tether_open(s, &c->common, CODEXSTORE_MAKE, fault);
	if (!r)
		r = tether_new_begin(s, &codex, host->private_key, fault);
	if (!r)
		r = take_peers(s, host, fault);
	if (!r)
		r = codexstore_commit(s, fault);
	if (!r)
		printf("%s has %zu peers; their devices need no change.\n"
		       "None has a zone yet: `pharos tether zone add`, then "
		       "edit %s.\n",
		    s->codex_path, s->codex.n_peers, s->codex_path);
	return r;
}

/* ---- the one that is there ----------------------------------------------- */

struct told {
	size_t n_known, n_dead, n_moved;
};

static int refuse_options(const struct tether_new *n, struct fault *fault)
{
	if (n->endpoint || n->network || n->network6 || n->reserved.n_items ||
	    n->port || n->mtu || n->peer_to_peer)
		return fault_set(fault, OPTION_E_BAD,
		    "Leave them out; the codex may be edited.",
		    "there is a tether already, and options of a new one were "
		    "given");
	return 0;
}

/* Is @address in the network, and nobody's, also nobody's who is dead? */
static bool is_free(const struct prefix *network, const struct prefix *address,
    const struct ipam_taken *taken)
{
	if (!prefix_has(network, address))
		return false;
	for (size_t i = 0; i < taken->n; i++)
		if (prefix_overlaps(&taken->items[i], address))
			return false;
	return true;
}

/* An address that it cannot have here goes; it is given another. */
static void keep_free(struct wgquick_peer *p, const struct codex *c,
    const struct ipam_taken *taken, struct told *told)
{
	bool moved = false;

	if (p->v4.family && !is_free(&c->v4, &p->v4, taken)) {
		p->v4 = (struct prefix){ .family = 0 };
		moved = true;
	}
	if (p->v6.family && !is_free(&c->v6, &p->v6, taken)) {
		p->v6 = (struct prefix){ .family = 0 };
		moved = true;
	}
	told->n_moved += moved;
}

/* Whom the tether has, or has revoked, is left as it is. */
static bool passed_over(const struct codexstore *s, size_t n_before,
    const struct wgkey *key, struct told *told)
{
	const struct codex_peer *there = codex_peer_of_key(&s->codex, key);

	if (tombstones_find(&s->tombstones, key)) {
		told->n_dead++;
		return true;
	}
	if (there && (size_t)(there - s->codex.peers) < n_before) {
		told->n_known++;
		return true;
	}
	return false;
}

static int join_peers(struct codexstore *s, struct wgquick_host *host,
    struct told *told, struct fault *fault)
{
	const size_t n_before = s->codex.n_peers;
	struct ipam_taken taken;
	int r = 0;

	if (codexstore_taken(&taken, s))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	for (size_t i = 0; !r && i < host->n_peers; i++) {
		struct wgquick_peer *p = &host->peers[i];

		if (passed_over(s, n_before, &p->key, told))
			continue;
		keep_free(p, &s->codex, &taken, told);
		r = take_peer(s, p, fault);
	}
	ipam_taken_deinit(&taken);
	return r ? r : give_addresses(s, fault);
}

static void tell(const struct codexstore *s, const struct told *told,
    size_t n_before, bool same_host)
{
	printf("%zu peers came to %s.\n", s->codex.n_peers - n_before,
	    s->codex_path);
	if (told->n_known)
		printf("%zu were peers already, and are as they were.\n",
		    told->n_known);
	if (told->n_dead)
		printf("%zu are revoked here, and stay so.\n", told->n_dead);
	if (same_host && told->n_moved)
		printf("%zu could not keep the address, and need their new "
		       "configuration: `pharos tether peer export NAME`.\n",
		    told->n_moved);
	if (!same_host && s->codex.n_peers > n_before)
		printf("Each needs its new configuration, for this host has "
		       "another key: `pharos tether peer export NAME`.\n");
}

static int join(struct codexstore *s, const struct config *c,
    struct wgquick_host *host, struct fault *fault)
{
	struct told told = { .n_known = 0 };
	struct wgkey theirs;
	size_t n_before;
	int r = refuse_options(&c->fresh, fault);

	if (!r)
		r = tether_open(s, &c->common, CODEXSTORE_CHANGE, fault);
	if (r)
		return r;
	n_before = s->codex.n_peers;
	r = join_peers(s, host, &told, fault);
	if (!r)
		r = codexstore_commit(s, fault);
	if (r)
		return r;
	wgkey_public(&theirs, host->private_key);
	tell(s, &told, n_before, wgkey_equal(&theirs, &s->codex.key));
	return tether_tell(s, &c->common, fault);
}

/* ---- the verb ------------------------------------------------------------ */

static int import(const struct config *c, struct wgquick_host *host,
    const char *path, struct fault *fault)
{
	struct codexstore s = { .lock = -1 };
	int r = access(c->common.codex, F_OK) ? make(&s, c, host, path, fault)
					      : join(&s, c, host, fault);

	codexstore_close(&s);
	return r;
}

static int run(const void *config, char *const *words, struct fault *fault)
{
	struct wgquick_host host = { .n_peers = 0 };
	const char *path;
	int r = tether_word(&path, words, "FILE", fault);

	if (!r)
		r = read_host(&host, path, fault);
	if (!r)
		r = import(config, &host, path, fault);
	wgquick_host_deinit(&host);
	return r;
}

static const struct option_table table = {
	.program = "pharos tether import",
	.about = "Take over a host and its peers from a file of others.",
	.synopsis = "FILE [OPTION]...",
	.manual = "pharos-tether(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
	.takes_words = true,
};

const struct verb tether_import_verb = {
	.name = "import",
	.about = "take over peers of wg-quick, PiVPN, wg-easy",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
