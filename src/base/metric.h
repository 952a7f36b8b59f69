/* base/metric.h: counters, gauges and histograms, and their Prometheus text.
 *
 * A counter is a uint64_t beside the code that counts; a row in that module's
 * table names it. /metrics walks the tables that the program registered.
 * Exposition format 0.0.4.
 *
 * A histogram is of how long something took, always in the same steps, from
 * 50 microseconds to 30 seconds; its name ends in "_seconds". It is a struct
 * beside the code as well: nothing is allocated, and to count costs a walk over
 * at most METRIC_BOUNDS numbers.
 */
#pragma once
#include "base/err.h"

enum metric_kind {
	METRIC_COUNTER,
	METRIC_COUNTER_US, /* the value is in microseconds, shown in seconds */
	METRIC_GAUGE,
	METRIC_HISTOGRAM
};

enum { METRIC_BOUNDS = 18 };
struct metric_histogram {
	/* how many took as long as a bound or less, and more than the bound
	 * before it; the last: more than any bound */
	uint64_t counts[METRIC_BOUNDS + 1];
	uint64_t sum_us;
};
/** metric_observe() - something took @us microseconds */
void metric_observe(struct metric_histogram *h, uint64_t us);

struct metric_row {
	const char *name;   /* "pharos_beacon_pairs_total" */
	const char *labels; /* "code=\"rateLimit\"", or NULL */
	const char *help;   /* plain text, on the first row of a name */
	enum metric_kind kind;
	const uint64_t *value; /* read when printed; or, when NULL, */
	uint64_t (*read)(void *ctx);
	void *ctx;
	const struct metric_histogram *histogram; /* of METRIC_HISTOGRAM */
};

struct metric_table {
	struct metric_table *next; /* the registry's link */
	const struct metric_row *rows;
	size_t n_rows;
	const char *labels; /* of all its rows, before their own; or NULL */
};

struct metric_registry {
	struct metric_table *first;
};

/** metric_add() - @table is borrowed until metric_drop(), or for ever */
void metric_add(struct metric_registry *reg, struct metric_table *table);
/** metric_drop() - take it out again; one that is not in there is fine */
void metric_drop(struct metric_registry *reg, struct metric_table *table);
/** metric_print() - the whole text
 * @out: on the heap, NUL-terminated; the caller frees it
 * Return: 0; -ENOMEM. */
MUST_USE int metric_print(
    const struct metric_registry *reg, char **out, size_t *n);
