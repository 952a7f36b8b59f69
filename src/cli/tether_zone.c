/* pharos tether zone: which services of this host peers may have. */
#include "cli/tether.h"
#include "wire/json.h"
#include <stdio.h>

struct config {
	struct tether_common common;
	int output;
};

static const struct option_row rows[] = {
	TETHER_ROWS(struct config, common),
};
static const struct option_row list_rows[] = {
	TETHER_ROWS(struct config, common),
	VERB_OUTPUT_ROW(struct config, output),
};

/* ---- add ----------------------------------------------------------------- */

static int read_services(
    struct codex_zone *zone, char *const *words, struct fault *fault)
{
	size_t n = 0;

	while (words[n])
		n++;
	if (!n || n > CODEX_SERVICES_MOST)
		return fault_set(fault, OPTION_E_BAD,
		    "As in: pharos tether zone add admin tcp/443@oculus",
		    "a zone has 1 to %d services, got %zu", CODEX_SERVICES_MOST,
		    n);
	zone->services = calloc(n, sizeof(*zone->services));
	if (!zone->services)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	for (zone->n_services = 0; zone->n_services < n; zone->n_services++)
		if (localservice_read(&zone->services[zone->n_services],
			words[zone->n_services]))
			return fault_set(fault, OPTION_E_BAD, NULL,
			    "expected a service, as tcp/443@oculus or "
			    "udp/5000-5100, got '%.80s'",
			    words[zone->n_services]);
	return 0;
}

static int put_zone(struct codexstore *s, struct codex_zone *zone,
    const char *name, struct fault *fault)
{
	int r;

	if (codex_zone_find(&s->codex, name))
		return fault_set(
		    fault, -EEXIST, NULL, "there is a zone '%s' already", name);
	memcpy(zone->name, name, strlen(name) + 1);
	r = codex_zone_add(&s->codex, zone);
	return r ? fault_set(fault, r, NULL,
		       r == -ENOBUFS ? "there are 64 zones, the most"
				     : "out of memory")
		 : 0;
}

static int run_add(const void *config, char *const *words, struct fault *fault)
{
	const struct config *c = config;
	struct codexstore s;
	struct codex_zone zone = { .n_services = 0 };
	int r;

	if (!words[0])
		return fault_set(fault, OPTION_E_BAD, NULL, "NAME is missing");
	if (wgname_check(WGNAME_ZONE, "NAME", words[0], fault))
		return OPTION_E_BAD;
	r = read_services(&zone, words + 1, fault);
	if (!r) {
		r = tether_open(&s, &c->common, CODEXSTORE_CHANGE, fault);
		if (!r)
			r = put_zone(&s, &zone, words[0], fault);
		if (!r)
			r = codexstore_commit(&s, fault);
		if (!r)
			r = tether_tell(&s, &c->common, fault);
		codexstore_close(&s);
	}
	free(zone.services);
	return r;
}

static const struct option_table add_table = {
	.program = "pharos tether zone add",
	.about = "Name services that peers may have.",
	.synopsis = "NAME SERVICE... [OPTION]...",
	.manual = "pharos-tether(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
	.takes_words = true,
};

const struct verb tether_zone_add_verb = {
	.name = "add",
	.about = "name services that peers may have",
	.table = &add_table,
	.config_size = sizeof(struct config),
	.run = run_add,
};

/* ---- remove -------------------------------------------------------------- */

static int run_remove(
    const void *config, char *const *words, struct fault *fault)
{
	const struct config *c = config;
	struct codexstore s;
	struct codex_zone *zone;
	const char *name;
	int r = tether_word(&name, words, "NAME", fault);

	if (r)
		return r;
	r = tether_open(&s, &c->common, CODEXSTORE_CHANGE, fault);
	zone = r ? NULL : codex_zone_find(&s.codex, name);
	if (!r && !zone)
		r = fault_set(fault, -ENOENT,
		    "`pharos tether zone list` lists them.",
		    "there is no zone '%.80s'", name);
	if (zone) {
		codex_zone_remove(&s.codex, zone);
		r = codexstore_commit(&s, fault);
	}
	if (!r)
		r = tether_tell(&s, &c->common, fault);
	codexstore_close(&s);
	return r;
}

static const struct option_table remove_table = {
	.program = "pharos tether zone remove",
	.about = "Take a zone away, also from its peers.",
	.synopsis = "NAME [OPTION]...",
	.manual = "pharos-tether(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
	.takes_words = true,
};

const struct verb tether_zone_remove_verb = {
	.name = "remove",
	.about = "take a zone away, also from its peers",
	.table = &remove_table,
	.config_size = sizeof(struct config),
	.run = run_remove,
};

/* ---- list ---------------------------------------------------------------- */

static size_t count_peers(const struct codex *c, const struct codex_zone *zone)
{
	size_t n = 0;

	for (size_t i = 0; i < c->n_peers; i++)
		n += (c->peers[i].zones & codex_zone_bit(c, zone)) != 0;
	return n;
}

static void print_text(const struct codex *c)
{
	char text[LOCALSERVICE_TEXT_MOST + 1];

	for (size_t i = 0; i < c->n_zones; i++) {
		const struct codex_zone *zone = &c->zones[i];

		printf("%-16s %zu peers ", zone->name, count_peers(c, zone));
		for (size_t j = 0; j < zone->n_services; j++) {
			localservice_write(text, &zone->services[j]);
			printf(" %s", text);
		}
		putchar('\n');
	}
}

static void print_json(const struct codex *c)
{
	JSON *list = json_array();
	char text[LOCALSERVICE_TEXT_MOST + 1];

	for (size_t i = 0; i < c->n_zones; i++) {
		const struct codex_zone *zone = &c->zones[i];
		json_t *services = json_array();

		for (size_t j = 0; j < zone->n_services; j++) {
			localservice_write(text, &zone->services[j]);
			json_array_append_new(services, json_string(text));
		}
		json_array_append_new(list,
		    json_pack("{ss so si}", "name", zone->name, "services",
			services, "peers", (int)count_peers(c, zone)));
	}
	(void)json_dumpf(list, stdout, JSON_INDENT(2));
	putchar('\n');
}

static int run_list(const void *config, char *const *words, struct fault *fault)
{
	const struct config *c = config;
	struct codexstore s;
	int r = tether_open(&s, &c->common, CODEXSTORE_READ, fault);

	(void)words;
	if (!r)
		(c->output == VERB_JSON ? print_json : print_text)(&s.codex);
	codexstore_close(&s);
	return r;
}

static const struct option_table list_table = {
	.program = "pharos tether zone list",
	.about = "List the zones.",
	.manual = "pharos-tether(1)",
	.rows = list_rows,
	.n_rows = N_ELEMS(list_rows),
};

const struct verb tether_zone_list_verb = {
	.name = "list",
	.about = "list the zones",
	.table = &list_table,
	.config_size = sizeof(struct config),
	.run = run_list,
};
