/* pharos beacon status: who is it, how full is it, what has it counted? */
#include "cli/beacon.h"
#include <stdio.h>

static const struct option_table table = {
	.program = "pharos beacon status",
	.about = "Say how a beacon is.",
	.manual = "pharos-beacon-ctl(1)",
	.rows = beacon_rows,
	.n_rows = BEACON_ROWS,
};

static void print_fill(const json_t *j, const char *label, const char *name)
{
	const json_t *fill =
	    json_object_get(json_object_get(j, "limits"), name);

	printf("%-13s %llu of %llu\n", label,
	    (unsigned long long)beacon_number(fill, "used"),
	    (unsigned long long)beacon_number(fill, "most"));
}

/* "rateLimit 3, noPeer 12": those that have happened. */
static void print_counts(const json_t *j, const char *label, const char *name)
{
	json_t *counts = json_object_get(j, name);
	const char *key, *between = "";
	json_t *value;

	printf("%-13s ", label);
	json_object_foreach(counts, key, value)
	{
		if (!json_integer_value(value))
			continue;
		printf("%s%s %lld", between, key, json_integer_value(value));
		between = ", ";
	}
	puts(*between ? "" : "none");
}

static void print_traffic(const json_t *j)
{
	const json_t *bytes = json_object_get(j, "bytes");
	char one[BEACON_WORDS], other[BEACON_WORDS];

	printf("%-13s %s to connectors, %s to listeners\n", "bytes",
	    beacon_bytes(one, beacon_number(bytes, "to_connector")),
	    beacon_bytes(other, beacon_number(bytes, "to_listener")));
}

static void print_text(const json_t *j)
{
	bool ready = json_is_true(json_object_get(j, "ready"));
	char age[BEACON_WORDS];

	printf("pharos-beacon %s, process %llu, up %s\n",
	    beacon_text(j, "version"),
	    (unsigned long long)beacon_number(j, "process"),
	    beacon_age(age, beacon_number(j, "uptime_seconds")));
	printf("%-13s %s\n", "ready",
	    ready ? "yes" : beacon_text(j, "not_ready_reason"));
	if (json_is_true(json_object_get(j, "draining")))
		printf("%-13s what is left is cut in %llu s\n", "draining",
		    (unsigned long long)beacon_number(j, "drain_seconds_left"));
	printf("%-13s until %s\n", "certificate",
	    beacon_text(j, "certificate_expires"));
	printf("%-13s %llu listeners, %llu connectors\n", "waiting",
	    (unsigned long long)beacon_number(j, "listeners_waiting"),
	    (unsigned long long)beacon_number(j, "connectors_waiting"));
	print_fill(j, "  legs", "waiting_legs");
	printf("%-13s %llu now, %llu queued, %llu in all\n", "pairs",
	    (unsigned long long)beacon_number(j, "pairs"),
	    (unsigned long long)beacon_number(j, "pairs_queued"),
	    (unsigned long long)beacon_number(j, "pairs_total"));
	print_fill(j, "  slots", "pairs");
	print_fill(j, "unfinished", "unfinished_legs");
	print_fill(j, "sources", "sources");
	print_fill(j, "descriptors", "descriptors");
	print_traffic(j);
	print_counts(j, "refusals", "refusals");
	print_counts(j, "TLS failures", "handshake_failures");
}

static int run(const void *from, char *const *words, struct fault *fault)
{
	const struct beacon_config *config = from;
	json_t *j;
	int r = beacon_call(&j, config, "GET", "/v1/status", fault);

	(void)words;
	if (r)
		return r;
	if (config->output == VERB_JSON) {
		json_dumpf(j, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		print_text(j);
	}
	json_decref(j);
	return 0;
}

const struct verb beacon_status_verb = {
	.name = "status",
	.about = "who it is, how full it is, what it has counted",
	.table = &table,
	.config_size = sizeof(struct beacon_config),
	.run = run,
};
