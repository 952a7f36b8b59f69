/* pharos tether peer qr, export: a configuration once more, of a device that
 * made its own key. One that was made here was shown once and is gone. */
#include "cli/tether_hand.h"
#include "cli/tether_json.h"
#include <stdio.h>

enum format { WG_QUICK, AS_JSON, AS_IOS, AS_MACOS };
static const char *const formats[] = { "wg-quick", "json", "mobileconfig",
	"mobileconfig-macos", NULL };

struct config {
	struct tether_common common;
	struct tether_hand hand;
	char *private_key_file;
	int format;
};

/* What the device is to have now: while a key waits for its turn, that one, and
 * what is shared with it. */
static struct codex_peer to_come(const struct codex_peer *peer)
{
	struct codex_peer later = *peer;

	if (peer->next.pending)
		codex_turn_take(&later);
	return later;
}

/* ---- qr ------------------------------------------------------------------ */

static int check_on_device(const struct codex_peer *peer, struct fault *fault)
{
	const bool on_device =
	    peer->next.pending ? peer->next.on_device : peer->on_device;

	if (on_device)
		return 0;
	return fault_set(fault, -ENODATA,
	    "`pharos tether peer rotate NAME` makes a new key and shows it.",
	    "the private key of %s was made here, shown once and not kept; no "
	    "QR code can be drawn of it",
	    peer->name);
}

static int show(const struct codexstore *s, const struct codex_peer *peer,
    const struct tether_hand *hand, struct fault *fault)
{
	CLEANUP(tether_handed_clear) struct tether_handed what = { NULL };
	const struct codex_peer later = to_come(peer);
	const struct wgquick_order order = tether_hand_order(s, &later, NULL);
	int r = check_on_device(peer, fault);

	if (!r)
		r = tether_hand_make(&what, hand, &order, fault);
	if (!r)
		r = tether_hand_write(hand, &what, fault);
	return r ? r : tether_hand_print(hand, &what, fault);
}

static int run_qr(const void *config, char *const *words, struct fault *fault)
{
	const struct config *c = config;
	struct codexstore s;
	struct codex_peer *peer;
	int r = tether_open(&s, &c->common, CODEXSTORE_READ, fault);

	if (!r)
		r = tether_peer(&peer, &s, words, fault);
	if (!r)
		r = show(&s, peer, &c->hand, fault);
	codexstore_close(&s);
	return r;
}

static const struct option_row qr_rows[] = {
	TETHER_ROWS(struct config, common),
	TETHER_HAND_ROWS(struct config, hand),
};

static const struct option_table qr_table = {
	.program = "pharos tether peer qr",
	.about = "Draw the configuration of a device that has its own key.",
	.synopsis = "NAME [OPTION]...",
	.manual = "pharos-tether(1)",
	.rows = qr_rows,
	.n_rows = N_ELEMS(qr_rows),
	.takes_words = true,
};

const struct verb tether_qr_verb = {
	.name = "qr",
	.about = "draw a configuration without a private key",
	.table = &qr_table,
	.config_size = sizeof(struct config),
	.run = run_qr,
};

/* ---- export -------------------------------------------------------------- */

/* The device's private key, of whoever has it; it has to be the one. */
static int read_private(struct secret **out, const struct codex_peer *peer,
    const char *path, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *text = NULL;
	CLEANUP(secret_freep) struct secret *key = NULL;
	struct wgkey public_key;
	int r = secret_read_file(&text, path, WGKEY_TEXT_SIZE + 1);

	if (r) {
		file_fault(fault, r, path, WGKEY_TEXT_SIZE + 1);
		return r > 0 ? OPTION_E_BAD : r;
	}
	r = wgkey_private_read(&key, secret_bytes(text), secret_size(text));
	if (r == -ENOMEM)
		return fault_set(fault, r, NULL, "out of memory");
	if (r)
		return fault_set(fault, OPTION_E_BAD, NULL, "%s: the key is %s",
		    path, wgkey_says(r));
	wgkey_public(&public_key, key);
	if (!wgkey_equal(&public_key, &peer->key))
		return fault_set(fault, OPTION_E_BAD, NULL,
		    "%s: not the private key of %s", path, peer->name);
	*out = STEAL(key);
	return 0;
}

static int print_config(const struct codexstore *s,
    const struct codex_peer *peer, const struct config *c, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *key = NULL;
	CLEANUP(secret_freep) struct secret *text = NULL;
	const struct codex_peer later = to_come(peer);
	struct wgquick_order order;
	int r = 0;

	if (c->private_key_file)
		r = read_private(&key, &later, c->private_key_file, fault);
	if (r)
		return r;
	order = tether_hand_order(s, &later, key);
	r = c->format == WG_QUICK
		? wgquick_write(&text, &order, fault)
		: mobileconfig_write(&text, &order,
		      c->format == AS_IOS ? MOBILECONFIG_IOS
					  : MOBILECONFIG_MACOS,
		      fault);
	if (!r)
		(void)fwrite(secret_bytes(text), 1, secret_size(text), stdout);
	return r;
}

static int print_json(const struct codexstore *s, const struct codex_peer *peer,
    struct fault *fault)
{
	char key[WGKEY_TEXT_SIZE + 1], v4[PREFIX_TEXT_MOST + 1];
	char v6[PREFIX_TEXT_MOST + 1];
	const struct prefix host4 = codex_host(&s->codex.v4);
	const struct prefix host6 = codex_host(&s->codex.v6);
	JSON *j = tether_peer_json(&s->codex, peer);

	wgkey_write(key, &s->codex.key);
	prefix_write_host(v4, &host4);
	prefix_write_host(v6, &host6);
	if (!j || json_object_set_new(j, "host",
		      json_pack("{ss ss s[ss]}", "key", key, "endpoint",
			  s->codex.endpoint, "addresses", v4, v6)))
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	(void)json_dumpf(j, stdout, JSON_INDENT(2));
	putchar('\n');
	return 0;
}

static int run_export(
    const void *config, char *const *words, struct fault *fault)
{
	const struct config *c = config;
	struct codexstore s;
	struct codex_peer *peer;
	int r = tether_open(&s, &c->common, CODEXSTORE_READ, fault);

	if (!r)
		r = tether_peer(&peer, &s, words, fault);
	if (!r)
		r = c->format == AS_JSON ? print_json(&s, peer, fault)
					 : print_config(&s, peer, c, fault);
	codexstore_close(&s);
	return r;
}

static const struct option_row export_rows[] = {
	TETHER_ROWS(struct config, common),
	{ .name = "format",
	    .metavar = "FORMAT",
	    .help = "wg-quick, json or mobileconfig",
	    .detail = "The private key is in none: it is on the device. A "
		      "pre-shared key is in all but JSON. mobileconfig is a "
		      "profile for an iPhone or iPad, mobileconfig-macos for a "
		      "Mac; both need --private-key-file.",
	    .initial = "wg-quick",
	    .choices = formats,
	    .offset = offsetof(struct config, format),
	    .type = OPTION_CHOICE },
	{ .name = "private-key-file",
	    .metavar = "FILE",
	    .help = "the device's private key, to be put in",
	    .detail = "For whoever made the key elsewhere, as with wg genkey, "
		      "and carries it to the device by himself.",
	    .offset = offsetof(struct config, private_key_file),
	    .type = OPTION_TEXT },
};

static const struct option_table export_table = {
	.program = "pharos tether peer export",
	.about = "Print a device's configuration, without its private key.",
	.synopsis = "NAME [OPTION]...",
	.manual = "pharos-tether(1)",
	.rows = export_rows,
	.n_rows = N_ELEMS(export_rows),
	.takes_words = true,
};

const struct verb tether_export_verb = {
	.name = "export",
	.about = "print a configuration without a private key",
	.table = &export_table,
	.config_size = sizeof(struct config),
	.run = run_export,
};
