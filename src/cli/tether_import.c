/* pharos tether import: a host's configuration of wg-quick becomes a tether. */
#include "base/file.h"
#include "cli/tether_new.h"
#include "wire/wgquick.h"
#include <stdio.h>

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
	r = wgquick_read(out, &source, fault);
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

/* ---- the verb ------------------------------------------------------------ */

static int import(const struct config *c, const struct wgquick_host *host,
    const char *path, struct fault *fault)
{
	struct codexstore s = { .lock = -1 };
	struct codex codex = { .n_peers = 0 };
	struct tether_known known;
	int r = known_of(&known, host, path, fault);

	if (!r)
		r = tether_new_codex(&codex, &c->fresh, &known, fault);
	if (!r)
		r = tether_open(&s, &c->common, CODEXSTORE_MAKE, fault);
	if (!r)
		r = tether_new_begin(&s, &codex, host->private_key, fault);
	if (!r)
		r = take_peers(&s, host, fault);
	if (!r)
		r = codexstore_commit(&s, fault);
	if (!r)
		printf("%s has %zu peers; their devices need no change.\n"
		       "None has a zone yet: `pharos tether zone add`, then "
		       "edit %s.\n",
		    s.codex_path, s.codex.n_peers, s.codex_path);
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
	.about = "Make a tether of what stands in a file of wg-quick.",
	.synopsis = "FILE [OPTION]...",
	.manual = "pharos-tether(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
	.takes_words = true,
};

const struct verb tether_import_verb = {
	.name = "import",
	.about = "make a tether of a file of wg-quick",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
