/* pharos beacon list: a line for each leg and pair. The beacon gives them page
 * by page, so that even a long list does not hold it up; what comes and goes
 * meanwhile may be missing. */
#include "cli/beacon.h"
#include "wire/json.h"
#include <stdio.h>

static const struct option_table table = {
	.program = "pharos beacon list",
	.about = "List the legs and pairs of a beacon, the oldest first.",
	.manual = "pharos-beacon-ctl(1)",
	.rows = beacon_rows,
	.n_rows = BEACON_ROWS,
};

/* ---- text ---- */

enum { COLUMNS = 9 };

static void print_row(const char *const cells[COLUMNS])
{
	static const int widths[] = { 16, 9, 8, 7, 6, 4, 6, 19, 0 };

	for (size_t i = 0; i < COLUMNS; i++)
		printf("%-*s%s", widths[i], cells[i],
		    i < COLUMNS - 1 ? "  " : "\n");
}

static void print_heading(void)
{
	static const char *const names[COLUMNS] = { "ID", "STATE", "HASH",
		"ROLE", "PROVEN", "SHED", "AGE", "CONNECTOR/LISTENER",
		"SOURCE" };

	print_row(names);
}

static const char *yes_or_no(const json_t *of, const char *name)
{
	const json_t *value = json_object_get(of, name);

	if (!value)
		return "-";
	return json_is_true(value) ? "yes" : "no";
}

static void print_pair(const json_t *j, const char *age)
{
	const json_t *listener = json_object_get(j, "listener");
	const json_t *connector = json_object_get(j, "connector");
	char one[BEACON_WORDS], other[BEACON_WORDS];
	char bytes[2 * BEACON_WORDS + 2], sources[160], both[8];

	(void)snprintf(bytes, sizeof(bytes), "%s/%s",
	    beacon_bytes(one, beacon_number(j, "to_connector")),
	    beacon_bytes(other, beacon_number(j, "to_listener")));
	(void)snprintf(sources, sizeof(sources), "%s to %s",
	    beacon_text(connector, "source"), beacon_text(listener, "source"));
	(void)snprintf(
	    both, sizeof(both), "%s", yes_or_no(connector, "proven"));
	if (strcmp(both, yes_or_no(listener, "proven")) != 0)
		(void)snprintf(both, sizeof(both), "half");
	print_row((const char *[COLUMNS]){ beacon_text(j, "id"),
	    beacon_text(j, "state"), beacon_text(j, "hash"), "pair", both,
	    yes_or_no(j, "shed"), age, bytes, sources });
}

static void print_leg(const json_t *j, const char *age)
{
	print_row((const char *[COLUMNS]){ beacon_text(j, "id"),
	    beacon_text(j, "state"), beacon_text(j, "hash"),
	    beacon_text(j, "role"), yes_or_no(j, "proven"), "-", age, "-",
	    beacon_text(j, "source") });
}

static void print_text(const json_t *j)
{
	char age[BEACON_WORDS];

	beacon_age(age, beacon_number(j, "age_seconds"));
	if (!strcmp(beacon_text(j, "kind"), "pair"))
		print_pair(j, age);
	else
		print_leg(j, age);
}

/* ---- JSON: an array, an entry a line ---- */

static void print_json(const json_t *j, size_t before)
{
	fputs(before ? ",\n" : "\n", stdout);
	json_dumpf(j, stdout, JSON_COMPACT);
}

/* ---- pages ---- */

static size_t print_page(const json_t *page, int output, size_t before)
{
	const json_t *legs = json_object_get(page, "legs");

	for (size_t i = 0; i < json_array_size(legs); i++) {
		if (output == VERB_JSON)
			print_json(json_array_get(legs, i), before + i);
		else
			print_text(json_array_get(legs, i));
	}
	return before + json_array_size(legs);
}

static int print_pages(const struct beacon_config *config, struct fault *fault)
{
	uint64_t after = 0, next = 0;
	size_t n = 0;

	do {
		JSON *page = NULL;
		char target[64];
		int r;

		after = next;
		(void)snprintf(target, sizeof(target), "/v1/legs?after=%llu",
		    (unsigned long long)after);
		r = beacon_call(&page, config, "GET", target, fault);
		if (r)
			return r;
		n = print_page(page, config->output, n);
		next = beacon_number(page, "next");
	} while (next > after);
	return 0;
}

static int run(const void *from, char *const *words, struct fault *fault)
{
	const struct beacon_config *config = from;
	int r;

	(void)words;
	if (config->output == VERB_TEXT) {
		print_heading();
		return print_pages(config, fault);
	}
	putchar('[');
	r = print_pages(config, fault);
	puts("\n]");
	return r;
}

const struct verb beacon_list_verb = {
	.name = "list",
	.about = "its legs and pairs, a line each",
	.table = &table,
	.config_size = sizeof(struct beacon_config),
	.run = run,
};
