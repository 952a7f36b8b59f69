/* The file as it is written: a content has one form, and its hash is over all
 * of that but the head. The reading is in wire/codextext.c. */
#include "wire/codextext.h"
#include "base/hex.h"
#include "wire/instant.h"
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>

enum { HASH_TEXT = 2 * CODEXTEXT_HASH_SIZE };

static void put_text(FILE *to, const char *name, const char *text)
{
	fprintf(to, "%s: ", name);
	yaml_print_text(to, text);
	fputc('\n', to);
}

static void put_key(FILE *to, const char *name, const struct wgkey *key)
{
	char text[WGKEY_TEXT_SIZE + 1];

	wgkey_write(text, key);
	fprintf(to, "%s: %s\n", name, text);
}

static void put_instant(FILE *to, const char *name, int64_t at)
{
	char text[INSTANT_TEXT_SIZE + 1];

	instant_write(text, at);
	fprintf(to, "%s: %s\n", name, text);
}

/* @write: prefix_write() or prefix_write_host() */
static void put_prefixes(FILE *to, const struct prefix *p, size_t n,
    void (*write)(char *out, const struct prefix *p))
{
	char text[PREFIX_TEXT_MOST + 1];

	for (size_t i = 0; i < n; i++) {
		write(text, &p[i]);
		fprintf(to, "%s\"%s\"", i ? ", " : "[", text);
	}
	fputs("]\n", to);
}

static void put_tether(FILE *to, const struct codex *c)
{
	const struct prefix networks[] = { c->v4, c->v6 };

	put_text(to, "interface", c->interface);
	if (*c->endpoint)
		put_text(to, "endpoint", c->endpoint);
	fprintf(to, "port: %u\n", c->port);
	if (c->mtu)
		fprintf(to, "mtu: %u\n", c->mtu);
	put_key(to, "key", &c->key);
	fputs("networks: ", to);
	put_prefixes(to, networks, N_ELEMS(networks), prefix_write);
	if (c->n_reserved) {
		fputs("reserved: ", to);
		put_prefixes(to, c->reserved, c->n_reserved, prefix_write);
	}
	if (c->peer_to_peer)
		fputs("peer-to-peer: true\n", to);
}

static void put_zone(FILE *to, const struct codex_zone *zone)
{
	put_text(to, "- name", zone->name);
	fputs("  services: [", to);
	for (size_t i = 0; i < zone->n_services; i++) {
		char text[LOCALSERVICE_TEXT_MOST + 1];

		localservice_write(text, &zone->services[i]);
		fprintf(to, "%s\"%s\"", i ? ", " : "", text);
	}
	fputs("]\n", to);
}

static void put_zones_of(
    FILE *to, const struct codex *c, const struct codex_peer *p)
{
	const char *before = "  zones: [";

	for (size_t i = 0; i < c->n_zones; i++) {
		if (!(p->zones >> i & 1))
			continue;
		fputs(before, to);
		yaml_print_text(to, c->zones[i].name);
		before = ", ";
	}
	if (p->zones)
		fputs("]\n", to);
}

static void put_turn(FILE *to, const struct codex_turn *next)
{
	if (!next->pending)
		return;
	put_key(to, "  next-key", &next->key);
	put_instant(to, "  next-until", next->until);
	if (next->on_device)
		fputs("  next-on-device: true\n", to);
}

static void put_peer(
    FILE *to, const struct codex *c, const struct codex_peer *p)
{
	const struct prefix addresses[] = { p->v4, p->v6 };

	put_text(to, "- name", p->name);
	put_key(to, "  key", &p->key);
	fputs("  addresses: ", to);
	put_prefixes(to, addresses, N_ELEMS(addresses), prefix_write_host);
	put_zones_of(to, c, p);
	put_instant(to, "  created", p->created);
	if (p->expires)
		put_instant(to, "  expires", p->expires);
	if (p->disabled)
		fputs("  disabled: true\n", to);
	if (p->on_device)
		fputs("  on-device: true\n", to);
	if (p->shared)
		fputs("  pre-shared: true\n", to);
	put_turn(to, &p->next);
}

/* All but the head. */
static void put_body(FILE *to, const struct codex *c)
{
	put_tether(to, c);
	fputs(c->n_zones ? "zones:\n" : "zones: []\n", to);
	for (size_t i = 0; i < c->n_zones; i++)
		put_zone(to, &c->zones[i]);
	fputs(c->n_peers ? "peers:\n" : "peers: []\n", to);
	for (size_t i = 0; i < c->n_peers; i++)
		put_peer(to, c, &c->peers[i]);
}

/* @out: the body behind room for the head, which has one size */
static int write_body(char **out, size_t *n, const struct codex *c)
{
	CLEANUP(free_p) char *text = NULL;
	FILE *to = open_memstream(&text, n);
	bool bad;

	if (!to)
		return -ENOMEM;
	put_body(to, c);
	bad = ferror(to);
	if (fclose(to) || bad || !text) /* glibc does not tell of the last */
		return -ENOMEM;
	*out = STEAL(text);
	return 0;
}

void codextext_hash_body(
    uint8_t out[CODEXTEXT_HASH_SIZE], const char *body, size_t n)
{
	INVARIANT(!crypto_generichash(
	    out, CODEXTEXT_HASH_SIZE, (const uint8_t *)body, n, NULL, 0));
}

int codextext_hash(uint8_t out[CODEXTEXT_HASH_SIZE], const struct codex *c)
{
	CLEANUP(free_p) char *body = NULL;
	size_t n;
	int r = write_body(&body, &n, c);

	if (!r)
		codextext_hash_body(out, body, n);
	return r;
}

int codextext_write(char **out, size_t *n, const struct codex *c)
{
	CLEANUP(free_p) char *body = NULL;
	uint8_t hash[CODEXTEXT_HASH_SIZE];
	char digits[HASH_TEXT + 1];
	char *text = NULL;
	size_t of_body;
	int r = write_body(&body, &of_body, c), head;

	if (r)
		return r;
	codextext_hash_body(hash, body, of_body);
	hex_encode(digits, hash, sizeof(hash));
	head =
	    asprintf(&text, "schema: %d\ngeneration: %" PRIu64 "\nhash: %s\n%s",
		CODEXTEXT_SCHEMA, c->generation, digits, body);
	if (head < 0)
		return -ENOMEM;
	*out = text;
	*n = (size_t)head;
	return 0;
}
