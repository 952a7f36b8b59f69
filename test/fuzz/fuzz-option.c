/* The text of an option's value, from whichever source. The first byte chooses
 * the row; what is accepted is printed as YAML, and reads back the same. */
#include "fuzz.h"
#include "base/option_value.h"
#include "base/yaml.h"

struct config {
	bool flag;
	char *text;
	long number, duration;
	int choice;
	struct option_list list, whole;
};

static const char *const choices[] = { "one", "two", NULL };

static const struct option_row rows[] = {
	{ .name = "flag",
	    .help = "-",
	    .type = OPTION_BOOL,
	    .offset = offsetof(struct config, flag) },
	{ .name = "text",
	    .help = "-",
	    .metavar = "T",
	    .type = OPTION_TEXT,
	    .offset = offsetof(struct config, text) },
	{ .name = "number",
	    .help = "-",
	    .metavar = "N",
	    .type = OPTION_NUMBER,
	    .least = -5,
	    .most = 70000,
	    .offset = offsetof(struct config, number) },
	{ .name = "duration",
	    .help = "-",
	    .metavar = "D",
	    .type = OPTION_DURATION,
	    .most = 86400000,
	    .offset = offsetof(struct config, duration) },
	{ .name = "choice",
	    .help = "-",
	    .metavar = "C",
	    .type = OPTION_CHOICE,
	    .choices = choices,
	    .offset = offsetof(struct config, choice) },
	{ .name = "list",
	    .help = "-",
	    .metavar = "L",
	    .type = OPTION_LIST,
	    .offset = offsetof(struct config, list) },
	{ .name = "whole",
	    .help = "-",
	    .metavar = "L",
	    .type = OPTION_LIST,
	    .flags = OPTION_NO_SPLIT,
	    .offset = offsetof(struct config, whole) },
};

static char *print(const struct option_row *row, const struct config *config)
{
	char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	INVARIANT(to);
	fputs("v: ", to);
	option_value_print(to, row, config);
	fputs("\n", to);
	fclose(to);
	return text;
}

struct reading {
	const struct option_row *row;
	struct config config;
};

static int on_entry(
    void *context, const struct yaml_entry *entry, struct fault *fault)
{
	struct reading *reading = context;

	for (size_t i = 0; i < entry->n_values; i++) {
		struct option_input input = { .text = entry->values[i].text,
			.where = "v" };

		INVARIANT(!option_value_set(
		    reading->row, &reading->config, &input, fault));
	}
	return 0;
}

static void check_reads_back(
    const struct option_row *row, const struct config *config)
{
	CLEANUP(free_p) char *first = print(row, config);
	CLEANUP(free_p) char *second = NULL;
	struct reading reading = { .row = row };
	struct fault fault = FAULT_NONE;
	struct yaml_source source = {
		.name = "f", .bytes = first, .n = strlen(first)
	};

	INVARIANT(!yaml_parse(&source, on_entry, &reading, &fault));
	second = print(row, &reading.config);
	INVARIANT(!strcmp(first, second));
	option_value_clear(row, &reading.config);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct option_row *row = &rows[n ? bytes[0] % N_ELEMS(rows) : 0];
	CLEANUP(free_p) char *text = fuzz_text(bytes + !!n, n - !!n);
	struct option_input input = {
		.text = text, .where = "v", .split = true
	};
	struct config config = { .flag = false };
	struct fault fault = FAULT_NONE;
	int r = option_value_set(row, &config, &input, &fault);

	INVARIANT(!r == !fault.code);
	INVARIANT(option_value_check(row, &input, NULL) == r);
	if (!r && option_value_given(row, &config))
		check_reads_back(row, &config);
	option_value_clear(row, &config);
	return 0;
}
