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

static void print_sample(FILE *to, const struct metric_row *row)
{
	uint64_t value = row->value ? *row->value : row->read(row->ctx);

	if (row->labels)
		fprintf(
		    to, "%s{%s} %" PRIu64 "\n", row->name, row->labels, value);
	else
		fprintf(to, "%s %" PRIu64 "\n", row->name, value);
}

/* The heading, and every sample from @p on that has this name. */
static void print_family(FILE *to, struct place p)
{
	const struct metric_row *row = row_at(&p);
	bool more = true;

	if (row->help)
		fprintf(to, "# HELP %s %s\n", row->name, row->help);
	fprintf(to, "# TYPE %s %s\n", row->name,
	    row->kind == METRIC_COUNTER ? "counter" : "gauge");
	for (; more; more = step(&p))
		if (!strcmp(row_at(&p)->name, row->name))
			print_sample(to, row_at(&p));
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
	bool bad;

	if (!to)
		return -ENOMEM;
	for (bool more = settle(&p); more; more = step(&p))
		if (is_first(reg, row_at(&p)))
			print_family(to, p);
	bad = ferror(to);
	if (fclose(to) || bad) {
		free(text);
		return -ENOMEM;
	}
	*out = text;
	*n = size;
	return 0;
}
