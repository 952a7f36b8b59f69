#include "base/option_value.h"
#include "base/number.h"
#include "base/yaml.h"
#include <ctype.h>
#include <limits.h>
#include <stdio.h>

struct unit {
	const char *name;
	long ms;
};

/* smallest first: a duration is printed in the largest that divides it */
static const struct unit units[] = {
	{ "ms", 1 },
	{ "s", 1000 },
	{ "m", 60L * 1000 },
	{ "h", 60L * 60 * 1000 },
};

static void *place_in(const struct option_row *row, void *config)
{
	return (char *)config + row->offset;
}

static const void *value_of(const struct option_row *row, const void *config)
{
	return (const char *)config + row->offset;
}

/* Decimal digits only: no sign but '-', no blanks, no other base. */
static int parse_number(const char *text, const char **end, long *out)
{
	bool minus = text[0] == '-';
	uint64_t number;
	int err = number_start(text + minus, LONG_MAX, &number, end);

	if (err)
		return err;
	*out = minus ? -(long)number : (long)number;
	return 0;
}

int option_parse_duration(const char *text, long *ms)
{
	const char *end;
	long number;

	if (parse_number(text, &end, &number) || number < 0)
		return -EINVAL;
	if (!*end && number == 0) {
		*ms = 0;
		return 0;
	}
	for (size_t i = 0; i < N_ELEMS(units); i++) {
		if (strcmp(end, units[i].name))
			continue;
		if (number > LONG_MAX / units[i].ms)
			return -EINVAL;
		*ms = number * units[i].ms;
		return 0;
	}
	return -EINVAL;
}

static void print_duration(char *to, size_t room, long ms)
{
	size_t i = N_ELEMS(units) - 1;

	while (ms % units[i].ms)
		i--;
	if (ms == 0)
		snprintf(to, room, "0");
	else
		snprintf(to, room, "%ld%s", ms / units[i].ms, units[i].name);
}

static void print_choices(const struct option_row *row, char *to, size_t room)
{
	size_t at = 0;

	to[0] = '\0';
	for (size_t i = 0; row->choices[i]; i++) {
		const char *before = i == 0		   ? ""
				     : row->choices[i + 1] ? ", "
							   : " or ";
		int n = snprintf(
		    to + at, room - at, "%s%s", before, row->choices[i]);

		if (n < 0 || (size_t)n >= room - at)
			return;
		at += (size_t)n;
	}
}

static bool bounded(const struct option_row *row)
{
	return row->least || row->most;
}

void option_value_allowed(const struct option_row *row, char *to, size_t room)
{
	char least[32], most[32];

	switch (row->type) {
	case OPTION_BOOL:
		snprintf(to, room, "true or false");
		return;
	case OPTION_NUMBER:
		if (!bounded(row))
			snprintf(to, room, "a number");
		else
			snprintf(to, room, "a number from %ld to %ld",
			    row->least, row->most);
		return;
	case OPTION_DURATION:
		print_duration(least, sizeof(least), row->least);
		print_duration(most, sizeof(most), row->most);
		if (!bounded(row))
			snprintf(
			    to, room, "a time with its unit (ms, s, m, h)");
		else
			snprintf(to, room,
			    "a time with its unit, from %s to %s", least, most);
		return;
	case OPTION_CHOICE:
		print_choices(row, to, room);
		return;
	case OPTION_TEXT:
	case OPTION_LIST:
		snprintf(to, room, "text without control characters");
		return;
	}
}

static int refuse(const struct option_row *row,
    const struct option_input *input, struct fault *fault)
{
	char allowed[200];

	option_value_allowed(row, allowed, sizeof(allowed));
	if (!*input->text)
		return fault_set(fault, OPTION_E_BAD, row->help,
		    "%s: empty; expected %s", input->where, allowed);
	if (row->flags & OPTION_SECRET)
		return fault_set(fault, OPTION_E_BAD, row->help,
		    "%s: expected %s", input->where, allowed);
	return fault_set(fault, OPTION_E_BAD, row->help,
	    "%s: expected %s, got '%.80s'", input->where, allowed, input->text);
}

static int no_memory(const struct option_input *input, struct fault *fault)
{
	return fault_set(
	    fault, -ENOMEM, NULL, "%s: out of memory", input->where);
}

static bool parse_bool(const char *text, bool *out)
{
	bool yes = !strcmp(text, "true");

	if (!yes && strcmp(text, "false"))
		return false;
	*out = yes;
	return true;
}

static bool parse_long(
    const struct option_row *row, const char *text, long *out)
{
	long least = bounded(row) ? row->least : 0;
	long most = bounded(row) ? row->most : LONG_MAX;
	const char *end = "";
	long number;

	if (row->type == OPTION_DURATION) {
		if (option_parse_duration(text, &number))
			return false;
	} else if (parse_number(text, &end, &number) || *end) {
		return false;
	}
	if (number < least || number > most)
		return false;
	*out = number;
	return true;
}

static bool parse_choice(
    const struct option_row *row, const char *text, int *out)
{
	for (int i = 0; row->choices[i]; i++) {
		if (!strcmp(text, row->choices[i])) {
			*out = i;
			return true;
		}
	}
	return false;
}

static int set_text(const struct option_row *row, char **place,
    const struct option_input *input, struct fault *fault)
{
	char *copy;

	if (!*input->text || !yaml_text_ok(input->text))
		return refuse(row, input, fault);
	copy = strdup(input->text);
	if (!copy)
		return no_memory(input, fault);
	free(*place);
	*place = copy;
	return 0;
}

static int add_item(const struct option_row *row, struct option_list *list,
    const struct option_input *input, struct fault *fault)
{
	char **items, *item = NULL;
	int err;

	if (list->n_items == OPTION_LIST_MOST)
		return fault_set(fault, OPTION_E_BAD, row->help,
		    "%s: more than %d values", input->where, OPTION_LIST_MOST);
	items = reallocarray(list->items, list->n_items + 1, sizeof(*items));
	if (!items)
		return no_memory(input, fault);
	list->items = items;
	err = set_text(row, &item, input, fault);
	if (!err)
		items[list->n_items++] = item;
	return err;
}

static int add_items(const struct option_row *row, struct option_list *list,
    const struct option_input *input, struct fault *fault)
{
	CLEANUP(free_p) char *copy = strdup(input->text);
	struct option_input one = *input;
	char *left = copy;
	int err = 0;

	if (!input->split || row->flags & OPTION_NO_SPLIT)
		return add_item(row, list, input, fault);
	if (!copy)
		return no_memory(input, fault);
	while (!err && left) {
		one.text = strsep(&left, ",");
		err = add_item(row, list, &one, fault);
	}
	return err;
}

int option_value_set(const struct option_row *row, void *config,
    const struct option_input *input, struct fault *fault)
{
	void *place = place_in(row, config);
	bool good = false;

	switch (row->type) {
	case OPTION_BOOL:
		good = parse_bool(input->text, place);
		break;
	case OPTION_NUMBER:
	case OPTION_DURATION:
		good = parse_long(row, input->text, place);
		break;
	case OPTION_CHOICE:
		good = parse_choice(row, input->text, place);
		break;
	case OPTION_TEXT:
		return set_text(row, place, input, fault);
	case OPTION_LIST:
		return add_items(row, place, input, fault);
	}
	return good ? 0 : refuse(row, input, fault);
}

int option_value_check(const struct option_row *row,
    const struct option_input *input, struct fault *fault)
{
	union {
		bool truth;
		char *text;
		long number;
		int choice;
		struct option_list list;
	} scratch = { .list = { .items = NULL } };
	struct option_row here = *row;
	int err;

	here.offset = 0;
	err = option_value_set(&here, &scratch, input, fault);
	option_value_clear(&here, &scratch);
	return err;
}

void option_value_clear(const struct option_row *row, void *config)
{
	if (row->type == OPTION_TEXT) {
		char **text = place_in(row, config);

		free(*text);
		*text = NULL;
	} else if (row->type == OPTION_LIST) {
		struct option_list *list = place_in(row, config);

		for (size_t i = 0; list->items && i < list->n_items; i++)
			free(list->items[i]);
		free(list->items);
		*list = (struct option_list){ .items = NULL };
	}
}

bool option_value_given(const struct option_row *row, const void *config)
{
	if (row->type == OPTION_TEXT)
		return *(char *const *)value_of(row, config);
	if (row->type == OPTION_LIST)
		return ((const struct option_list *)value_of(row, config))
		    ->n_items;
	return true;
}

static void print_list(FILE *to, const struct option_list *list)
{
	fputc('[', to);
	for (size_t i = 0; i < list->n_items; i++) {
		fputs(i ? ", " : "", to);
		yaml_print_text(to, list->items[i]);
	}
	fputc(']', to);
}

void option_value_print(
    FILE *to, const struct option_row *row, const void *config)
{
	const void *value = value_of(row, config);
	char text[32];

	switch (row->type) {
	case OPTION_BOOL:
		fputs(*(const bool *)value ? "true" : "false", to);
		return;
	case OPTION_NUMBER:
		fprintf(to, "%ld", *(const long *)value);
		return;
	case OPTION_DURATION:
		print_duration(text, sizeof(text), *(const long *)value);
		fputs(text, to);
		return;
	case OPTION_CHOICE:
		fputs(row->choices[*(const int *)value], to);
		return;
	case OPTION_TEXT:
		yaml_print_text(to, *(char *const *)value);
		return;
	case OPTION_LIST:
		print_list(to, value);
		return;
	}
}

void option_environment_name(const char *name, char *to)
{
	static const char prefix[] = "PHAROS_";

	INVARIANT(strlen(name) <= OPTION_NAME_MOST);
	memcpy(to, prefix, sizeof(prefix));
	for (to += sizeof(prefix) - 1; *name; name++)
		*to++ =
		    *name == '-' ? '_' : (char)toupper((unsigned char)*name);
	*to = '\0';
}
