/* pharos tether peer list, show: what the codex says of peers. */
#include "cli/tether_json.h"
#include "wire/instant.h"
#include <stdio.h>

struct config {
	struct tether_common common;
	int output;
};

static const struct option_row rows[] = {
	TETHER_ROWS(struct config, common),
	VERB_OUTPUT_ROW(struct config, output),
};

const char *tether_peer_state(const struct codex_peer *peer)
{
	if (peer->disabled)
		return "disabled";
	return codex_peer_admitted(peer, tether_now()) ? "active" : "expired";
}

/* ---- JSON ---------------------------------------------------------------- */

static json_t *instant_json(int64_t at)
{
	char text[INSTANT_TEXT_SIZE + 1];

	if (!at)
		return json_null();
	instant_write(text, at);
	return json_string(text);
}

static json_t *key_json(const struct wgkey *key)
{
	char text[WGKEY_TEXT_SIZE + 1];

	wgkey_write(text, key);
	return json_string(text);
}

static json_t *host_json(const struct prefix *address)
{
	char text[PREFIX_TEXT_MOST + 1];

	prefix_write_host(text, address);
	return json_string(text);
}

static json_t *zones_json(const struct codex *c, uint64_t zones)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_zones; i++)
		if (zones >> i & 1)
			json_array_append_new(
			    list, json_string(c->zones[i].name));
	return list;
}

static json_t *next_json(const struct codex_turn *next)
{
	return next->pending ? json_pack("{so so}", "key", key_json(&next->key),
				   "until", instant_json(next->until))
			     : json_null();
}

json_t *tether_peer_json(const struct codex *c, const struct codex_peer *peer)
{
	return json_pack("{ss so s[oo] so ss so so sb sb so}", "name",
	    peer->name, "key", key_json(&peer->key), "addresses",
	    host_json(&peer->v4), host_json(&peer->v6), "zones",
	    zones_json(c, peer->zones), "state", tether_peer_state(peer),
	    "created", instant_json(peer->created), "expires",
	    instant_json(peer->expires), "on_device", peer->on_device,
	    "pre_shared", peer->shared, "next", next_json(&peer->next));
}

static int dump(json_t *j, struct fault *fault)
{
	JSON *whole = j;

	if (!whole)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	(void)json_dumpf(whole, stdout, JSON_INDENT(2));
	putchar('\n');
	return 0;
}

static int dump_all(const struct codex *c, struct fault *fault)
{
	json_t *list = json_array();

	for (size_t i = 0; i < c->n_peers; i++)
		json_array_append_new(list, tether_peer_json(c, &c->peers[i]));
	return dump(list, fault);
}

/* ---- text ---------------------------------------------------------------- */

static void print_zones(const struct codex *c, uint64_t zones)
{
	const char *before = "";

	for (size_t i = 0; i < c->n_zones; i++)
		if (zones >> i & 1) {
			printf("%s%s", before, c->zones[i].name);
			before = ",";
		}
	if (!zones)
		putchar('-');
}

static int print_all(const struct codex *c, struct fault *fault)
{
	char v4[PREFIX_TEXT_MOST + 1], until[INSTANT_TEXT_SIZE + 1];

	(void)fault;
	if (!c->n_peers)
		puts("no peers; `pharos tether peer add NAME` makes one");
	for (size_t i = 0; i < c->n_peers; i++) {
		const struct codex_peer *p = &c->peers[i];

		prefix_write_host(v4, &p->v4);
		memcpy(until, "never", 6);
		if (p->expires)
			instant_write(until, p->expires);
		printf("%-20s %-15s %-8s %-20s  ", p->name, v4,
		    tether_peer_state(p), until);
		print_zones(c, p->zones);
		puts(p->next.pending ? "  (a new key waits)" : "");
	}
	return 0;
}

static void print_line(const char *name, const char *text)
{
	printf("%-12s %s\n", name, text);
}

static void print_instant(const char *name, int64_t at)
{
	char text[INSTANT_TEXT_SIZE + 1] = "never";

	if (at)
		instant_write(text, at);
	print_line(name, text);
}

static void print_key(const char *name, const struct wgkey *key)
{
	char text[WGKEY_TEXT_SIZE + 1];

	wgkey_write(text, key);
	print_line(name, text);
}

static void print_one(const struct codex *c, const struct codex_peer *p)
{
	char v4[PREFIX_TEXT_MOST + 1], v6[PREFIX_TEXT_MOST + 1];

	prefix_write_host(v4, &p->v4);
	prefix_write_host(v6, &p->v6);
	print_line("name", p->name);
	print_line("state", tether_peer_state(p));
	print_key("key", &p->key);
	print_line("key made", p->on_device ? "on the device" : "here");
	print_line("pre-shared", p->shared ? "yes" : "no");
	printf("%-12s %s, %s\n", "addresses", v4, v6);
	printf("%-12s ", "zones");
	print_zones(c, p->zones);
	putchar('\n');
	print_instant("created", p->created);
	print_instant("expires", p->expires);
	if (p->next.pending) {
		print_key("next key", &p->next.key);
		print_instant("at the latest", p->next.until);
	}
}

/* ---- list, show ---------------------------------------------------------- */

static int run_list(const void *config, char *const *words, struct fault *fault)
{
	const struct config *c = config;
	struct codexstore s;
	int r = tether_open(&s, &c->common, CODEXSTORE_READ, fault);

	(void)words;
	if (!r)
		r = c->output == VERB_JSON ? dump_all(&s.codex, fault)
					   : print_all(&s.codex, fault);
	codexstore_close(&s);
	return r;
}

static const struct option_table list_table = {
	.program = "pharos tether peer list",
	.about = "List the devices.",
	.manual = "pharos-tether(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

const struct verb tether_list_verb = {
	.name = "list",
	.about = "list the devices",
	.table = &list_table,
	.config_size = sizeof(struct config),
	.run = run_list,
};

static int run_show(const void *config, char *const *words, struct fault *fault)
{
	const struct config *c = config;
	struct codexstore s;
	struct codex_peer *peer;
	int r = tether_open(&s, &c->common, CODEXSTORE_READ, fault);

	if (!r)
		r = tether_peer(&peer, &s, words, fault);
	if (!r && c->output == VERB_JSON)
		r = dump(tether_peer_json(&s.codex, peer), fault);
	else if (!r)
		print_one(&s.codex, peer);
	codexstore_close(&s);
	return r;
}

static const struct option_table show_table = {
	.program = "pharos tether peer show",
	.about = "Show all that is known of a device.",
	.synopsis = "NAME [OPTION]...",
	.manual = "pharos-tether(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
	.takes_words = true,
};

const struct verb tether_show_verb = {
	.name = "show",
	.about = "show all that is known of a device",
	.table = &show_table,
	.config_size = sizeof(struct config),
	.run = run_show,
};
