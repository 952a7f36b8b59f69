#include "base/option.h"
#include "base/log.h"
#include "base/nearest.h"
#include "base/option_show.h"
#include "base/option_value.h"
#include "base/yaml.h"
#include <assert.h>
#include <stdio.h>

/* Four sources are read from the strongest to the weakest: arguments,
 * environment, file, defaults. So the arguments can ask for help before
 * anything else is looked at, and can name the file. For each row an origin
 * remembers which source gave the value:
 *
 *   none yet          the text is parsed into the program's struct
 *   the same source   it replaces the value, or adds to the list
 *   a stronger one    it is checked, and dropped
 *
 * so nothing that was stored is ever taken back. The file's line is kept with
 * the origin, for --print-config and to name the first of two equal keys.
 *
 * The table is the programmer's: what is wrong in it ends the process
 * (table_check). Everything else here is a person's text, and a fault.
 *
 * base/option_value.c turns texts into values and back, base/option_show.c
 * prints, base/yaml.c reads the file.
 */

struct load {
	const struct option_table *table;
	void *config;
	struct option_origin *origins; /* one a row */
	const char *file;	       /* --config or PHAROS_CONFIG, or NULL */
	enum option_meta ask;	       /* what to print in place of a start */
	struct fault *fault;
};

/* The command line while it is walked. */
struct walk {
	struct load *load;
	int argc, at;
	char **argv;
	char **words; /* with takes_words: those seen so far */
	int n_words, n_kept;
};

/* One argument, taken apart: --NAME, --NAME=VALUE, -LETTER, -LETTERVALUE. */
struct argument {
	const char *whole, *name, *value;
	size_t n_name;
	char letter;
};

static void row_check(const struct option_row *row)
{
	INVARIANT(row->name && *row->name && row->help);
	INVARIANT(strlen(row->name) <= OPTION_NAME_MOST);
	INVARIANT((row->type == OPTION_BOOL) == !row->metavar);
	INVARIANT((row->type == OPTION_CHOICE) == (row->choices != NULL));
	for (size_t i = 1; i < OPTION_META_COUNT; i++)
		INVARIANT(strcmp(row->name, option_meta_rows[i].name));
}

static void table_check(const struct option_table *table)
{
	for (size_t i = 0; i < table->n_rows; i++) {
		const struct option_row *row = &table->rows[i];

		row_check(row);
		for (size_t j = 0; j < i; j++) {
			const struct option_row *other = &table->rows[j];

			INVARIANT(strcmp(row->name, other->name));
			INVARIANT(!row->letter || row->letter != other->letter);
		}
	}
}

static const struct option_row *row_named(
    const struct option_table *table, const char *name, size_t n)
{
	for (size_t i = 0; i < table->n_rows; i++) {
		const char *known = table->rows[i].name;

		if (!strncmp(known, name, n) && !known[n])
			return &table->rows[i];
	}
	return NULL;
}

static const struct option_row *row_lettered(
    const struct option_table *table, char letter)
{
	for (size_t i = 0; i < table->n_rows; i++) {
		if (table->rows[i].letter == letter)
			return &table->rows[i];
	}
	return NULL;
}

static enum option_meta meta_named(const char *name, size_t n)
{
	for (size_t i = 1; i < OPTION_META_COUNT; i++) {
		const char *known = option_meta_rows[i].name;

		if (!strncmp(known, name, n) && !known[n])
			return (enum option_meta)i;
	}
	return OPTION_META_NONE;
}

/* What a person may have meant, as a sentence; @before is "--" for a flag. */
static void hint_for(const struct load *l, const char *name, const char *before,
    char to[FAULT_HINT_MAX])
{
	const struct option_table *table = l->table;
	struct nearest nearest;

	nearest_init(&nearest, name);
	for (size_t i = 0; i < table->n_rows; i++)
		nearest_offer(&nearest, table->rows[i].name);
	for (size_t i = 1; *before && i < OPTION_META_COUNT; i++) {
		if (!option_meta_rows[i].hidden)
			nearest_offer(&nearest, option_meta_rows[i].name);
	}
	if (nearest_best(&nearest))
		snprintf(to, FAULT_HINT_MAX, "Did you mean %s%s?", before,
		    nearest_best(&nearest));
	else
		snprintf(to, FAULT_HINT_MAX, "%s --help-all lists the options.",
		    table->program);
}

/* A source offers a text for a row. */
static int offer(struct load *l, const struct option_row *row,
    enum option_source source, const struct option_input *input)
{
	struct option_origin *origin = &l->origins[row - l->table->rows];

	if (origin->source && origin->source != source)
		return option_value_check(row, input, l->fault);
	origin->source = source;
	return option_value_set(row, l->config, input, l->fault);
}

/* ---- arguments ---- */

static void argument_split(struct argument *a, const char *whole)
{
	const char *equals = strchr(whole, '=');

	*a = (struct argument){ .whole = whole };
	if (whole[1] == '-') {
		a->name = whole + 2;
		a->n_name =
		    equals ? (size_t)(equals - a->name) : strlen(a->name);
		a->value = equals ? equals + 1 : NULL;
	} else {
		a->letter = whole[1];
		a->value = whole[2] ? whole + 2 : NULL;
	}
}

static int unknown_argument(const struct load *l, const struct argument *a)
{
	char hint[FAULT_HINT_MAX], name[OPTION_NAME_MOST + 1];

	/* "-addr" for "--addr": the dashes are not what was mistyped */
	snprintf(name, sizeof(name), "%.*s",
	    (int)strcspn(a->whole + strspn(a->whole, "-"), "="),
	    a->whole + strspn(a->whole, "-"));
	hint_for(l, name, "--", hint);
	return fault_set(l->fault, OPTION_E_BAD, hint, "unknown option %.*s",
	    (int)strcspn(a->whole, "="), a->whole);
}

/* The value that an argument needs: after its '=', or the next argument. */
static int argument_value(struct walk *w, const struct argument *a,
    const char *metavar, const char **value)
{
	const char *next = w->at < w->argc ? w->argv[w->at] : NULL;
	char hint[FAULT_HINT_MAX];

	if (a->value) {
		*value = a->value;
		return 0;
	}
	if (next && strncmp(next, "--", 2) != 0) {
		w->at++;
		*value = next;
		return 0;
	}
	snprintf(hint, sizeof(hint), "Write %s %s%s%s", a->whole, metavar,
	    next ? "; a value that begins with -- is given as " : ".",
	    next ? "--NAME=VALUE." : "");
	return fault_set(
	    w->load->fault, OPTION_E_BAD, hint, "%s: needs a value", a->whole);
}

static int take_meta(
    struct walk *w, const struct argument *a, enum option_meta meta)
{
	struct load *l = w->load;

	if (meta == OPTION_META_CONFIG)
		return argument_value(w, a, "FILE", &l->file);
	if (a->value)
		return fault_set(l->fault, OPTION_E_BAD, NULL,
		    "--%s takes no value", option_meta_rows[meta].name);
	if (!l->ask || l->ask == OPTION_META_PRINT_CONFIG)
		l->ask = meta;
	return 0;
}

static int take_row(struct walk *w, const struct argument *a,
    const struct option_row *row, const char *implied)
{
	char where[OPTION_NAME_MOST + 3];
	struct option_input input = { .where = where, .split = true };
	int err;

	snprintf(where, sizeof(where), "--%s", row->name);
	if (row->type == OPTION_BOOL && !a->value) {
		input.text = implied;
	} else {
		err = argument_value(w, a, row->metavar, &input.text);
		if (err)
			return err;
	}
	return offer(w->load, row, OPTION_SOURCE_ARGUMENT, &input);
}

static int take_letter(struct walk *w, const struct argument *a)
{
	const struct option_row *row = row_lettered(w->load->table, a->letter);

	if (a->letter == 'h' && !a->value)
		return take_meta(w, a, OPTION_META_HELP);
	if (!row || (row->type == OPTION_BOOL && a->value))
		return unknown_argument(w->load, a);
	return take_row(w, a, row, "true");
}

static int take_argument(struct walk *w, const char *whole)
{
	const struct option_table *table = w->load->table;
	const struct option_row *row;
	struct argument a;

	argument_split(&a, whole);
	if (a.letter)
		return take_letter(w, &a);
	if (meta_named(a.name, a.n_name))
		return take_meta(w, &a, meta_named(a.name, a.n_name));
	row = row_named(table, a.name, a.n_name);
	if (row)
		return take_row(w, &a, row, "true");
	if (a.n_name > 3 && !strncmp(a.name, "no-", 3) && !a.value) {
		row = row_named(table, a.name + 3, a.n_name - 3);
		if (row && row->type == OPTION_BOOL)
			return take_row(w, &a, row, "false");
	}
	return unknown_argument(w->load, &a);
}

/* Walk to the end of the options. With takes_words argv is compacted on the
 * way: what is kept in front are the options, the words wait in w->words. */
static int walk_options(struct walk *w)
{
	const struct option_table *table = w->load->table;

	while (w->at < w->argc) {
		char *whole = w->argv[w->at];
		bool word = whole[0] != '-' || !whole[1];
		int begin = w->at, err;

		if (word && table->takes_rest)
			return 0;
		if (word && !table->takes_words)
			return fault_set(w->load->fault, OPTION_E_BAD,
			    "A value follows its option; list values are "
			    "separated by commas without blanks.",
			    "unexpected word '%.80s'", whole);
		w->at++;
		if (word) {
			w->words[w->n_words++] = whole;
			continue;
		}
		err = strcmp(whole, "--") ? take_argument(w, whole) : 0;
		if (err)
			return err;
		while (begin < w->at)
			w->argv[w->n_kept++] = w->argv[begin++];
		if (!strcmp(whole, "--"))
			return 0;
	}
	return 0;
}

static int read_arguments(struct load *l, int argc, char **argv, int *rest)
{
	CLEANUP(free_p) char **words = calloc((size_t)argc + 1, sizeof(*words));
	struct walk w = { .load = l,
		.argc = argc,
		.argv = argv,
		.at = argc > 0,
		.n_kept = argc > 0,
		.words = words };
	int err;

	if (!words)
		return fault_set(l->fault, -ENOMEM, NULL, "out of memory");
	err = walk_options(&w);
	if (err)
		return err;
	memcpy(argv + w.n_kept, words, (size_t)w.n_words * sizeof(*words));
	if (w.at < argc && !l->table->takes_rest && !l->table->takes_words)
		return fault_set(l->fault, OPTION_E_BAD, NULL,
		    "unexpected word '%.80s'", argv[w.at]);
	if (rest)
		*rest = l->table->takes_words ? w.n_kept : w.at;
	return 0;
}

/* ---- environment ---- */

static int read_environment(struct load *l)
{
	char name[OPTION_ENVIRONMENT_ROOM];
	int err = 0;

	for (size_t i = 0; !err && i < l->table->n_rows; i++) {
		struct option_input input = { .where = name, .split = true };

		option_environment_name(l->table->rows[i].name, name);
		input.text = getenv(name);
		if (input.text && *input.text)
			err = offer(l, &l->table->rows[i],
			    OPTION_SOURCE_ENVIRONMENT, &input);
	}
	if (!l->file)
		l->file = getenv("PHAROS_CONFIG");
	if (l->file && !*l->file)
		l->file = NULL;
	return err;
}

/* ---- file ---- */

static int refuse_key(struct load *l, const struct yaml_item *key)
{
	char hint[FAULT_HINT_MAX];

	hint_for(l, key->text, "", hint);
	yaml_refuse(
	    l->fault, &key->at, hint, "unknown option '%.80s'", key->text);
	return -EINVAL;
}

static int offer_item(struct load *l, const struct option_row *row,
    const struct yaml_item *item, bool split)
{
	char where[FAULT_TEXT_MAX / 2];
	struct option_input input = {
		.text = item->text, .where = where, .split = split
	};

	snprintf(where, sizeof(where), "%s:%zu:%zu: %s", item->at.file,
	    item->at.line, item->at.column, row->name);
	return offer(l, row, OPTION_SOURCE_FILE, &input);
}

static int on_entry(
    void *context, const struct yaml_entry *entry, struct fault *fault)
{
	struct load *l = context;
	const struct option_row *row =
	    row_named(l->table, entry->key.text, strlen(entry->key.text));
	struct option_origin *origin;
	int err = 0;

	if (!row)
		return refuse_key(l, &entry->key);
	origin = &l->origins[row - l->table->rows];
	if (origin->file_line)
		return yaml_refuse(fault, &entry->key.at, "Keep one of them.",
		    "'%s' is given twice, first in line %zu", row->name,
		    origin->file_line);
	origin->file_line = entry->key.at.line;
	if (entry->is_list && row->type != OPTION_LIST)
		return yaml_refuse(fault, &entry->key.at, row->help,
		    "'%s' takes one value, not a list", row->name);
	if (!origin->source)
		origin->source = OPTION_SOURCE_FILE; /* be it an empty list */
	for (size_t i = 0; !err && i < entry->n_values; i++)
		err = offer_item(l, row, &entry->values[i], !entry->is_list);
	return err;
}

static int read_file(struct load *l)
{
	int err;

	if (!l->file)
		return 0;
	err = yaml_read(l->file, on_entry, l, l->fault);
	if (err == 0 || err == -ENOMEM)
		return err;
	if (l->fault)
		l->fault->code = OPTION_E_BAD;
	return OPTION_E_BAD;
}

/* ---- defaults, and what must be given ---- */

static int apply_defaults(struct load *l)
{
	for (size_t i = 0; i < l->table->n_rows; i++) {
		const struct option_row *row = &l->table->rows[i];
		struct option_input input = {
			.text = row->initial, .where = row->name, .split = true
		};
		int err;

		if (l->origins[i].source || !row->initial)
			continue;
		err = offer(l, row, OPTION_SOURCE_DEFAULT, &input);
		INVARIANT(err != OPTION_E_BAD);
		if (err)
			return err;
	}
	return 0;
}

static int check_required(struct load *l)
{
	char missing[FAULT_TEXT_MAX - 40], name[OPTION_ENVIRONMENT_ROOM];
	const struct option_row *first = NULL;
	char hint[FAULT_HINT_MAX];
	size_t at = 0;

	for (size_t i = 0; i < l->table->n_rows; i++) {
		const struct option_row *row = &l->table->rows[i];

		if (!(row->flags & OPTION_REQUIRED) ||
		    (l->origins[i].source &&
			option_value_given(row, l->config)))
			continue;
		if (at < sizeof(missing))
			at +=
			    (size_t)snprintf(missing + at, sizeof(missing) - at,
				"%s--%s", first ? ", " : "", row->name);
		first = first ? first : row;
	}
	if (!first)
		return 0;
	option_environment_name(first->name, name);
	snprintf(hint, sizeof(hint),
	    "Give --%s %s, or set %s, or write `%s:` into the --config file.",
	    first->name, first->metavar, name, first->name);
	return fault_set(l->fault, OPTION_E_BAD, hint, "missing: %s", missing);
}

static int answer(const struct load *l)
{
	switch (l->ask) {
	case OPTION_META_HELP:
		option_show_help(l->table);
		break;
	case OPTION_META_HELP_ALL:
		option_show_help_all(l->table);
		break;
	case OPTION_META_VERSION:
		option_show_version(l->table);
		break;
	case OPTION_META_PRINT_MANUAL:
		option_document_mdoc(l->table);
		break;
	case OPTION_META_PRINT_COMPLETION:
		option_document_bash(l->table);
		break;
	case OPTION_META_PRINT_CONFIG:
		option_show_config(l->table, l->config, l->origins);
		break;
	case OPTION_META_NONE:
	case OPTION_META_CONFIG:
	case OPTION_META_COUNT:
		break;
	}
	if (fflush(stdout) || ferror(stdout))
		return fault_set(
		    l->fault, -EIO, NULL, "cannot write to standard output");
	return OPTION_E_DONE;
}

static int load_sources(struct load *l)
{
	int err = read_environment(l);

	if (!err)
		err = read_file(l);
	if (!err)
		err = apply_defaults(l);
	if (err)
		return err;
	return l->ask ? answer(l) : check_required(l);
}

int option_load(const struct option_table *table, int argc, char **argv,
    void *config, int *rest, struct fault *fault)
{
	CLEANUP(free_p)
	struct option_origin *origins =
	    calloc(table->n_rows + 1, sizeof(*origins));
	struct load load = { .table = table,
		.config = config,
		.origins = origins,
		.fault = fault };
	int err;

	table_check(table);
	if (!origins)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	err = read_arguments(&load, argc, argv, rest);
	if (err)
		return err;
	if (load.ask && load.ask != OPTION_META_PRINT_CONFIG)
		return answer(&load);
	return load_sources(&load);
}

void option_clear(const struct option_table *table, void *config)
{
	for (size_t i = 0; i < table->n_rows; i++)
		option_value_clear(&table->rows[i], config);
}

const char *const option_log_formats[] = { "text", "json", NULL };
static_assert(N_ELEMS(option_log_formats) == LOG_FORMAT_JSON + 2,
    "a name for each log format");
const char *const option_yes_no[] = { "yes", "no", NULL };
const char *const option_log_levels[] = { "err", "warn", "info", "debug",
	NULL };
static_assert(N_ELEMS(option_log_levels) == LOG_LEVEL_DEBUG + 2,
    "a name for each log level");

void option_log(const char *program, const struct option_common *common)
{
	log_setup(program, (enum log_format)common->log_format,
	    (enum log_level)common->log_level);
	if (common->log_addresses == OPTION_NO)
		log_hide_addresses();
}
