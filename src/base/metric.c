#include "base/metric.h"
#include <inttypes.h>
#include <stdio.h>

/* The format wants all samples of one name together, under one heading, while
 * tables come from several modules and may share a name. So every row asks
 * whether it is the first of its name, and if so prints them all: quadratic in
 * the number of rows, of which there are some dozens. */

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
static bool print_sample(FILE *to, const struct metric_row *row)
{
	uint64_t value = row->value ? *row->value : row->read(row->ctx);

	if (row->labels)
		return fprintf(to, "%s{%s} %" PRIu64 "\n", row->name,
			   row->labels, value) > 0;
	return fprintf(to, "%s %" PRIu64 "\n", row->name, value) > 0;
}

static bool print_heading(FILE *to, const struct metric_row *row)
{
	const char *kind = row->kind == METRIC_COUNTER ? "counter" : "gauge";

	if (row->help &&
	    fprintf(to, "# HELP %s %s\n", row->name, row->help) < 0)
		return false;
	return fprintf(to, "# TYPE %s %s\n", row->name, kind) > 0;
}

/* The heading, and every sample from @p on that has this name. */
static bool print_family(FILE *to, struct place p)
{
	const struct metric_row *row = row_at(&p);
	bool good = print_heading(to, row);

	for (bool more = true; good && more; more = step(&p))
		if (!strcmp(row_at(&p)->name, row->name))
			good = print_sample(to, row_at(&p));
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
