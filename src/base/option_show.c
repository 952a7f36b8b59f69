#include "base/option_show.h"
#include "base/option_value.h"
#include <ctype.h>
#include <stdio.h>

enum { SCREEN = 80, LINES = 24, FLAG_MOST = 28 };

const struct option_meta_row option_meta_rows[OPTION_META_COUNT] = {
	[OPTION_META_CONFIG] = { "config", "FILE",
	    "read options from a YAML file", false },
	[OPTION_META_PRINT_CONFIG] = { "print-config", NULL,
	    "print what is in force as YAML, and end", false },
	[OPTION_META_HELP] = { "help", NULL, "print the usual options, and end",
	    false },
	[OPTION_META_HELP_ALL] = { "help-all", NULL,
	    "print all options, and end", false },
	[OPTION_META_VERSION] = { "version", NULL, "print the version, and end",
	    false },
	[OPTION_META_PRINT_MANUAL] = { "print-manual", NULL,
	    "print the options as mdoc", true },
	[OPTION_META_PRINT_COMPLETION] = { "print-completion", NULL,
	    "print a bash completion", true },
};

/* ---- help ---- */

static bool has_letters(const struct option_table *table)
{
	for (size_t i = 0; i < table->n_rows; i++) {
		if (table->rows[i].letter)
			return true;
	}
	return false;
}

static bool on_by_default(const struct option_row *row)
{
	return row->type == OPTION_BOOL && row->initial &&
	       !strcmp(row->initial, "true");
}

/* "  -o, --output text|json"; the same indent for rows without a letter */
static void print_flag(
    char *to, size_t room, const struct option_row *row, bool letters)
{
	char letter[8] = "";

	if (row->letter)
		snprintf(letter, sizeof(letter), "-%c, ", row->letter);
	snprintf(to, room, "  %*s--%s%s%s%s", letters ? 4 : 0, letter,
	    on_by_default(row) ? "[no-]" : "", row->name,
	    row->metavar ? " " : "", row->metavar ? row->metavar : "");
}

/* The help and, if it says more than nothing, the default. */
static void print_row_help(char *to, size_t room, const struct option_row *row)
{
	const char *note = row->flags & OPTION_REQUIRED ? " (required)" : "";
	int n = snprintf(to, room, "%s%s", row->help, note);

	if (n < 0 || (size_t)n >= room || !row->initial ||
	    row->type == OPTION_BOOL || row->flags & OPTION_SECRET)
		return;
	snprintf(to + n, room - (size_t)n, " [%s]", row->initial);
}

/* @text from column @indent on, broken between words */
static void wrap(FILE *to, const char *text, size_t indent)
{
	size_t column = indent;

	while (*text) {
		size_t n = strcspn(text, " ");

		if (column > indent && column + 1 + n > SCREEN) {
			fprintf(to, "\n%*s", (int)indent, "");
			column = indent;
		} else if (column > indent) {
			putc(' ', to);
			column++;
		}
		fprintf(to, "%.*s", (int)n, text);
		column += n;
		text += n + (text[n] == ' ');
	}
	putc('\n', to);
}

static void print_line(
    FILE *to, const char *flag, const char *help, size_t indent)
{
	size_t n = strlen(flag);

	fputs(flag, to);
	if (n + 2 > indent) {
		putc('\n', to);
		n = 0;
	}
	fprintf(to, "%*s", (int)(indent - n), "");
	wrap(to, help, indent);
}

static size_t flag_width(const struct option_table *table, bool letters)
{
	size_t widest = strlen("  --help, --version");
	char flag[SCREEN];

	for (size_t i = 0; i < table->n_rows; i++) {
		size_t n;

		print_flag(flag, sizeof(flag), &table->rows[i], letters);
		n = strlen(flag);
		if (n > widest && n <= FLAG_MOST)
			widest = n;
	}
	return widest + 2;
}

static void print_metas(FILE *to, bool letters, size_t indent)
{
	char flag[SCREEN];

	for (size_t i = 1; i < OPTION_META_HELP; i++) {
		const struct option_row row = {
			.name = option_meta_rows[i].name,
			.metavar = option_meta_rows[i].metavar,
		};

		print_flag(flag, sizeof(flag), &row, letters);
		print_line(to, flag, option_meta_rows[i].help, indent);
	}
}

/* Return: how many rows were left out. */
static size_t print_rows(FILE *to, const struct option_table *table, bool all)
{
	bool letters = has_letters(table);
	size_t indent = flag_width(table, letters), left_out = 0;
	char flag[SCREEN], help[4 * SCREEN];

	for (size_t i = 0; i < table->n_rows; i++) {
		if (!all && table->rows[i].flags & OPTION_RARE) {
			left_out++;
			continue;
		}
		print_flag(flag, sizeof(flag), &table->rows[i], letters);
		print_row_help(help, sizeof(help), &table->rows[i]);
		print_line(to, flag, help, indent);
	}
	if (all)
		print_metas(to, letters, indent);
	return left_out;
}

static void print_help(FILE *to, const struct option_table *table, bool all)
{
	const char *letter = has_letters(table) ? "-h, " : "";
	size_t left_out;

	fprintf(to, "usage: %s %s\n", table->program,
	    table->synopsis ? table->synopsis : "[OPTION]...");
	wrap(to, table->about, 0);
	putc('\n', to);
	left_out = print_rows(to, table, all);
	if (left_out)
		fprintf(to,
		    "  %s--help, --version\n"
		    "--help-all shows %zu more options, and --config FILE; "
		    "see %s.\n",
		    letter, left_out, table->manual);
	else
		fprintf(to,
		    "  %s--help, --version\n"
		    "--a-name is also PHAROS_A_NAME in the environment; see "
		    "%s.\n",
		    letter, table->manual);
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* All of it where a screen has room for all of it. */
void option_show_help(const struct option_table *table)
{
	CLEANUP(free_p) char *text = NULL;
	size_t size;
	FILE *to = open_memstream(&text, &size);

	bool fits = false;

	if (to) {
		print_help(to, table, true);
		fits = !fclose(to) && text && count_lines(text) <= LINES;
	}
	print_help(stdout, table, fits);
}

void option_show_help_all(const struct option_table *table)
{
	print_help(stdout, table, true);
}

void option_show_version(const struct option_table *table)
{
	printf("%s %s\n", table->program, PHAROS_VERSION);
}

/* ---- print-config ---- */

static void print_origin(
    const struct option_row *row, const struct option_origin *origin)
{
	char name[OPTION_ENVIRONMENT_ROOM];

	switch (origin->source) {
	case OPTION_SOURCE_ARGUMENT:
		printf(" # --%s\n", row->name);
		return;
	case OPTION_SOURCE_ENVIRONMENT:
		option_environment_name(row->name, name);
		printf(" # %s\n", name);
		return;
	case OPTION_SOURCE_FILE:
		printf(" # the file, line %zu\n", origin->file_line);
		return;
	case OPTION_SOURCE_DEFAULT:
	case OPTION_SOURCE_NONE:
		printf(" # the default\n");
		return;
	}
}

static void print_setting(const struct option_row *row, const void *config,
    const struct option_origin *origin)
{
	bool given = option_value_given(row, config);
	bool emptied = !given && row->type == OPTION_LIST && origin->source;

	printf("\n# %s\n", row->help);
	if (!given && !emptied) {
		printf("# %s: %s%s\n", row->name, row->metavar,
		    row->flags & OPTION_REQUIRED ? " (required)" : "");
		return;
	}
	if (row->flags & OPTION_SECRET) {
		printf("# %s: (hidden)", row->name);
	} else {
		printf("%s: ", row->name);
		option_value_print(stdout, row, config);
	}
	print_origin(row, origin);
}

void option_show_config(const struct option_table *table, const void *config,
    const struct option_origin *origins)
{
	printf("# %s %s\n", table->program, PHAROS_VERSION);
	for (size_t i = 0; i < table->n_rows; i++)
		print_setting(&table->rows[i], config, &origins[i]);
}

/* ---- manual ---- */

/* Does a sentence end here, and another begin? mdoc wants a line for each. */
static bool sentence_ends(const char *text)
{
	return text[0] == '.' && text[1] == ' ' &&
	       isupper((unsigned char)text[2]);
}

void option_mdoc_text(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '\\') {
			fputs("\\e", stdout);
		} else if (sentence_ends(text)) {
			puts(".");
			text++;
		} else {
			putchar(*text);
		}
	}
}

/* A word, and no address or value such as "https://host:port". */
static bool begins_with_word(const char *text)
{
	size_t n = strcspn(text, " ");

	for (size_t i = 0; i < n; i++) {
		if (!isalpha((unsigned char)text[i]) &&
		    !strchr("'-,:", text[i]))
			return false;
	}
	return true;
}

/* A sentence: capital letter in front, full stop at the end. */
static void print_sentence(const char *text)
{
	size_t n = strlen(text);
	int capital =
	    begins_with_word(text) ? toupper((unsigned char)text[0]) : text[0];
	char first[2] = { (char)capital, '\0' };

	option_mdoc_text(first);
	if (n > 1)
		option_mdoc_text(text + 1);
	puts(n && text[n - 1] == '.' ? "" : ".");
}

static void print_item_flag(const struct option_row *row)
{
	fputs(".It", stdout);
	if (row->letter)
		printf(" Fl %c ,", row->letter);
	printf(" Fl -%s%s", on_by_default(row) ? "no-" : "", row->name);
	if (row->metavar)
		printf(" Ar %s", row->metavar);
	putchar('\n');
}

static void print_item(const struct option_row *row)
{
	char allowed[200];

	print_item_flag(row);
	print_sentence(row->help);
	if (row->flags & OPTION_REQUIRED)
		puts("Required.");
	if (row->type == OPTION_LIST)
		puts(row->flags & OPTION_NO_SPLIT
			 ? "May be repeated."
			 : "May be repeated, or given values with commas.");
	if (row->type == OPTION_NUMBER || row->type == OPTION_DURATION ||
	    row->type == OPTION_CHOICE) {
		option_value_allowed(row, allowed, sizeof(allowed));
		fputs("Takes ", stdout);
		option_mdoc_text(allowed);
		puts(".");
	}
	if (row->initial && row->type != OPTION_BOOL &&
	    !(row->flags & OPTION_SECRET)) {
		fputs("The default is\n.Ql ", stdout);
		option_mdoc_text(row->initial);
		puts(" .");
	}
	if (row->detail)
		print_sentence(row->detail);
}

void option_document_mdoc(const struct option_table *table)
{
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < table->n_rows; i++)
		print_item(&table->rows[i]);
	for (size_t i = 1; i < OPTION_META_COUNT; i++) {
		const struct option_meta_row *meta = &option_meta_rows[i];

		if (meta->hidden)
			continue;
		printf(".It Fl -%s%s%s\n", meta->name,
		    meta->metavar ? " Ar " : "",
		    meta->metavar ? meta->metavar : "");
		print_sentence(meta->help);
	}
	puts(".El");
}

/* ---- completion ---- */

/* What completes a row's value, as the middle of a `case` arm. */
static void print_values(const struct option_row *row)
{
	const char *files = !strcmp(row->metavar, "FILE")  ? "-f"
			    : !strcmp(row->metavar, "DIR") ? "-d"
							   : "";

	fputs("\tCOMPREPLY=($(compgen ", stdout);
	if (row->type == OPTION_CHOICE) {
		fputs("-W '", stdout);
		for (size_t i = 0; row->choices[i]; i++)
			printf("%s%s", i ? " " : "", row->choices[i]);
		fputs("'", stdout);
	} else {
		fputs(*files ? files : "-W ''", stdout);
	}
	fputs(" -- \"$cur\"))\n\t\treturn ;;\n", stdout);
}

static void print_arm(const struct option_row *row)
{
	if (!row->metavar)
		return;
	printf("\t--%s", row->name);
	if (row->letter)
		printf("|-%c", row->letter);
	fputs(")\n\t", stdout);
	print_values(row);
}

static void print_all_flags(const struct option_table *table)
{
	fputs("\tCOMPREPLY=($(compgen -W '", stdout);
	for (size_t i = 0; i < table->n_rows; i++) {
		const struct option_row *row = &table->rows[i];

		printf("--%s%s ", on_by_default(row) ? "no-" : "", row->name);
	}
	for (size_t i = 1; i < OPTION_META_COUNT; i++) {
		if (!option_meta_rows[i].hidden)
			printf("--%s ", option_meta_rows[i].name);
	}
	fputs("' -- \"$cur\"))\n", stdout);
}

void option_bash_name(const char *program, char *to, size_t room)
{
	snprintf(to, room, "_%s", program);
	for (; *to; to++) {
		if (!isalnum((unsigned char)*to))
			*to = '_';
	}
}

void option_document_bash(const struct option_table *table)
{
	const struct option_row config = {
		.name = option_meta_rows[OPTION_META_CONFIG].name,
		.metavar = option_meta_rows[OPTION_META_CONFIG].metavar,
		.type = OPTION_TEXT,
	};
	char name[SCREEN];

	option_bash_name(table->program, name, sizeof(name));
	printf("%s()\n{\n\tlocal cur=${COMP_WORDS[COMP_CWORD]}\n", name);
	puts("\tcase ${COMP_WORDS[COMP_CWORD-1]} in");
	for (size_t i = 0; i < table->n_rows; i++)
		print_arm(&table->rows[i]);
	print_arm(&config);
	puts("\tesac\n\t[[ $cur == -* ]] || {");
	puts("\t\tCOMPREPLY=($(compgen -f -- \"$cur\"))\n\t\treturn\n\t}");
	print_all_flags(table);
	puts("}");
	if (!strchr(table->program, ' '))
		printf("complete -F %s %s\n", name, table->program);
}
