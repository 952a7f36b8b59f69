/* pharos tether status: the tunnel as it is, and each peer of it. The daemon
 * knows keys, the codex knows whose they are. */
#include "cli/beacon.h"
#include "cli/tether_daemon.h"
#include "cli/tether_json.h"
#include "wire/json.h"
#include <stdio.h>

struct config {
	struct tether_common common;
	int output;
};

static const struct option_row rows[] = {
	TETHER_ROWS(struct config, common),
	VERB_OUTPUT_ROW(struct config, output),
};

/* ---- asking -------------------------------------------------------------- */

/* By their keys, into @to. */
static void add_page(json_t *to, json_t *page)
{
	json_t *list = json_object_get(page, "peers"), *peer;
	size_t i;

	json_array_foreach(list, i, peer)
	{
		const char *key =
		    json_string_value(json_object_get(peer, "key"));

		if (key)
			(void)json_object_set(to, key, peer);
	}
}

static int ask_for_peers(json_t *to, const char *control, struct fault *fault)
{
	char target[64] = "/v1/peers";

	for (json_int_t next = -1;;) {
		JSON *page = NULL;
		const json_t *more;
		int r = tether_call(&page, control, "GET", target, fault);

		if (r)
			return r;
		add_page(to, page);
		more = json_object_get(page, "next");
		/* one that does not go on would go on for ever */
		if (!json_is_integer(more) || json_integer_value(more) <= next)
			return 0;
		next = json_integer_value(more);
		(void)snprintf(target, sizeof(target),
		    "/v1/peers?after=%" JSON_INTEGER_FORMAT, next);
	}
}

/* What the codex says of a peer and what the interface does. */
static json_t *whole_peer(
    const struct codex *c, const struct codex_peer *p, const json_t *seen)
{
	static const char *const names[] = { "endpoint", "handshake",
		"received", "sent" };
	char key[WGKEY_TEXT_SIZE + 1];
	json_t *j = tether_peer_json(c, p);
	json_t *live;

	wgkey_write(key, &p->key);
	live = json_object_get(seen, key);
	for (size_t i = 0; j && i < N_ELEMS(names); i++) {
		json_t *value = json_object_get(live, names[i]);

		(void)json_object_set_new(
		    j, names[i], value ? json_incref(value) : json_null());
	}
	return j;
}

static int ask(json_t **out, const struct config *config, struct fault *fault)
{
	JSON *status = NULL, *seen = json_object();
	struct codexstore s = { .lock = -1 };
	json_t *peers = json_array();
	int r = tether_call(
	    &status, config->common.control, "GET", "/v1/status", fault);

	if (!r)
		r = ask_for_peers(seen, config->common.control, fault);
	if (!r)
		r = tether_open(&s, &config->common, CODEXSTORE_READ, fault);
	for (size_t i = 0; !r && i < s.codex.n_peers; i++)
		json_array_append_new(
		    peers, whole_peer(&s.codex, &s.codex.peers[i], seen));
	codexstore_close(&s);
	if (r) {
		json_decref(peers);
		return r;
	}
	(void)json_object_set_new(status, "peers", peers);
	*out = STEAL(status);
	return 0;
}

/* ---- saying -------------------------------------------------------------- */

static void print_tunnel(const json_t *j)
{
	const json_t *carrier = json_object_get(j, "carrier");
	const json_t *addresses = json_object_get(j, "addresses");

	tether_say_state(stdout, j);
	if (json_is_object(carrier))
		printf("  carried by   %s\n", beacon_text(carrier, "program"));
	printf("  UDP port     %llu\n",
	    (unsigned long long)beacon_number(j, "port"));
	for (size_t i = 0; i < json_array_size(addresses); i++)
		printf("  address      %s\n",
		    json_string_value(json_array_get(addresses, i)));
	printf("  generation   %llu\n\n",
	    (unsigned long long)beacon_number(j, "generation"));
}

static const char *age_of(char to[BEACON_WORDS], const json_t *handshake)
{
	int64_t age = tether_now() - (int64_t)json_integer_value(handshake);

	if (!json_is_integer(handshake))
		return "never";
	return beacon_age(to, age > 0 ? (uint64_t)age : 0);
}

static void print_peer(const json_t *peer)
{
	char age[BEACON_WORDS], in[BEACON_WORDS], out[BEACON_WORDS];
	const json_t *addresses = json_object_get(peer, "addresses");
	const char *first = json_string_value(json_array_get(addresses, 0));

	printf("%-20s %-8s %-15s %-24s %9s %11s %11s\n",
	    beacon_text(peer, "name"), beacon_text(peer, "state"),
	    first ? first : "-", beacon_text(peer, "endpoint"),
	    age_of(age, json_object_get(peer, "handshake")),
	    beacon_bytes(in, beacon_number(peer, "received")),
	    beacon_bytes(out, beacon_number(peer, "sent")));
}

static void print_text(const json_t *j)
{
	const json_t *peers = json_object_get(j, "peers");

	print_tunnel(j);
	if (!json_array_size(peers)) {
		puts("no peers; `pharos tether peer add NAME` makes one");
		return;
	}
	printf("%-20s %-8s %-15s %-24s %9s %11s %11s\n", "PEER", "STATE",
	    "ADDRESS", "ENDPOINT", "HANDSHAKE", "RECEIVED", "SENT");
	for (size_t i = 0; i < json_array_size(peers); i++)
		print_peer(json_array_get(peers, i));
}

static int run(const void *from, char *const *words, struct fault *fault)
{
	const struct config *config = from;
	JSON *j = NULL;
	int r = ask(&j, config, fault);

	(void)words;
	if (r)
		return r;
	if (config->output == VERB_JSON) {
		(void)json_dumpf(j, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print_text(j);
	}
	return 0;
}

static const struct option_table table = {
	.program = "pharos tether status",
	.about = "Say how the tunnel is, and each peer of it.",
	.manual = "pharos-tether(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

const struct verb tether_status_verb = {
	.name = "status",
	.about = "how the tunnel is, and each peer of it",
	.table = &table,
	.config_size = sizeof(struct config),
	.run = run,
};
