#include "base/metric.h"
#include <inttypes.h>
#include <stdio.h>

/* The format wants all samples of one name together, under one heading, while
 * tables come from several modules and may share a name. So every row asks
 * whether it is the first of its name, and if so prints them all: quadratic in
 * the number of rows, of which there are some dozens. */

enum { SECOND_US = 1000000 };

/* Three steps a decade where it can be, as a person would choose them. */
static const struct bound {
	uint64_t us;
	const char *seconds;
} bounds[METRIC_BOUNDS] = {
	{ 50, "0.00005" },
	{ 100, "0.0001" },
	{ 250, "0.00025" },
	{ 500, "0.0005" },
	{ 1000, "0.001" },
	{ 2500, "0.0025" },
	{ 5000, "0.005" },
	{ 10000, "0.01" },
	{ 25000, "0.025" },
	{ 50000, "0.05" },
	{ 100000, "0.1" },
	{ 250000, "0.25" },
	{ 500000, "0.5" },
	{ 1000000, "1" },
	{ 2500000, "2.5" },
	{ 5000000, "5" },
	{ 10000000, "10" },
	{ 30000000, "30" },
};

void metric_observe(struct metric_histogram *h, uint64_t us)
{
	size_t i = 0;

	while (i < METRIC_BOUNDS && us > bounds[i].us)
		i++;
	h->counts[i]++;
	h->sum_us += us;
}

struct place { /* of a row: which table, which index */
	const struct metric_table *table;
	size_t i;
};

static const struct metric_row *row_at(const struct place *p)
{
	return &p->table->rows[p->i];
}

/* Step to the next row, over empty tables; false at the end. */
static bool settle(struct place *p)
{
	while (p->table && p->i >= p->table->n_rows)
		*p = (struct place){ .table = p->table->next };
	return p->table != NULL;
}

static bool step(struct place *p)
{
	p->i++;
	return settle(p);
}

static bool is_first(
    const struct metric_registry *reg, const struct metric_row *row)
{
	struct place p = { .table = reg->first };

	for (bool more = settle(&p); more; more = step(&p))
		if (!strcmp(row_at(&p)->name, row->name))
			return row_at(&p) == row;
	return true;
}

/* Each of these says whether all was written. The stream's own error flag does
 * not: glibc leaves it unset when a memory stream cannot grow. (And when it
 * cannot be trimmed at the end, fclose() succeeds and there is no text.) */
static bool print_bucket(
    FILE *to, const struct place *p, const char *bound, uint64_t count)
{
	const struct metric_row *row = row_at(p);
	const char *common = p->table->labels ? p->table->labels : "";
	const char *labels = row->labels ? row->labels : "";

	return fprintf(to, "%s_bucket{%s%s%s%sle=\"%s\"} %" PRIu64 "\n",
		   row->name, common, *common ? "," : "", labels,
		   *labels ? "," : "", bound, count) > 0;
}

/* "name" or "name{labels}", with @suffix behind the name */
static bool print_name(FILE *to, const struct place *p, const char *suffix)
{
	const struct metric_row *row = row_at(p);
	const char *common = p->table->labels ? p->table->labels : "";
	const char *labels = row->labels ? row->labels : "";

	if (*common || *labels)
		return fprintf(to, "%s%s{%s%s%s} ", row->name, suffix, common,
			   *common && *labels ? "," : "", labels) > 0;
	return fprintf(to, "%s%s ", row->name, suffix) > 0;
}

static bool print_us(FILE *to, uint64_t us)
{
	return fprintf(to, "%" PRIu64 ".%06" PRIu64 "\n", us / SECOND_US,
		   us % SECOND_US) > 0;
}

/* Each bucket counts those before it too. */
static bool print_histogram(FILE *to, const struct place *p)
{
	const struct metric_histogram *h = row_at(p)->histogram;
	uint64_t count = 0;
	bool good = true;

	for (size_t i = 0; good && i < METRIC_BOUNDS; i++) {
		count += h->counts[i];
		good = print_bucket(to, p, bounds[i].seconds, count);
	}
	count += h->counts[METRIC_BOUNDS];
	return good && print_bucket(to, p, "+Inf", count) &&
	       print_name(to, p, "_sum") && print_us(to, h->sum_us) &&
	       print_name(to, p, "_count") &&
	       fprintf(to, "%" PRIu64 "\n", count) > 0;
}

static bool print_sample(FILE *to, const struct place *p)
{
	const struct metric_row *row = row_at(p);
	uint64_t value;

	if (row->kind == METRIC_HISTOGRAM)
		return print_histogram(to, p);
	value = row->value ? *row->value : row->read(row->ctx);
	if (!print_name(to, p, ""))
		return false;
	if (row->kind == METRIC_COUNTER_US)
		return print_us(to, value);
	return fprintf(to, "%" PRIu64 "\n", value) > 0;
}

static bool print_heading(FILE *to, const struct metric_row *row)
{
	static const char *const kinds[] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_COUNTER_US] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
	};

	if (row->help &&
	    fprintf(to, "# HELP %s %s\n", row->name, row->help) < 0)
		return false;
	return fprintf(to, "# TYPE %s %s\n", row->name, kinds[row->kind]) > 0;
}

/* The heading, and every sample from @p on that has this name. */
static bool print_family(FILE *to, struct place p)
{
	const struct metric_row *row = row_at(&p);
	bool good = print_heading(to, row);

	for (bool more = true; good && more; more = step(&p))
		if (!strcmp(row_at(&p)->name, row->name))
			good = print_sample(to, &p);
	return good;
}

void metric_add(struct metric_registry *reg, struct metric_table *table)
{
	struct metric_table **end = &reg->first;

	while (*end)
		end = &(*end)->next;
	table->next = NULL;
	*end = table;
}

void metric_drop(struct metric_registry *reg, struct metric_table *table)
{
	struct metric_table **at = &reg->first;

	while (*at && *at != table)
		at = &(*at)->next;
	if (*at)
		*at = table->next;
}

int metric_print(const struct metric_registry *reg, char **out, size_t *n)
{
	struct place p = { .table = reg->first };
	char *text = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&text, &size);
	bool good = true;

	if (!to)
		return -ENOMEM;
	for (bool more = settle(&p); good && more; more = step(&p))
		if (is_first(reg, row_at(&p)))
			good = print_family(to, p);
	if (fclose(to) || !good || !text) {
		free(text);
		return -ENOMEM;
	}
	*out = text;
	*n = size;
	return 0;
}
