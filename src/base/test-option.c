#include "base/option.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* A program with one row of each type. */
struct config {
	struct option_common common;
	char *addr, *cert, *token;
	long pairs, wait;
	int mode;
	bool strict, quiet;
	struct option_list paths, maps;
};

static const char *const modes[] = { "beacon", "reverse", NULL };

static const struct option_row rows[] = {
	OPTION_ROWS_COMMON(struct config, common),
	{ .name = "addr",
	    .metavar = "ADDRESS",
	    .help = "where to listen",
	    .initial = ":443",
	    .offset = offsetof(struct config, addr),
	    .type = OPTION_TEXT },
	{ .name = "tls-cert",
	    .metavar = "FILE",
	    .help = "certificate (PEM)",
	    .offset = offsetof(struct config, cert),
	    .type = OPTION_TEXT,
	    .flags = OPTION_REQUIRED },
	{ .name = "token",
	    .metavar = "TOKEN",
	    .help = "what nobody may see",
	    .offset = offsetof(struct config, token),
	    .type = OPTION_TEXT,
	    .flags = OPTION_SECRET },
	{ .name = "max-pairs",
	    .metavar = "N",
	    .help = "pairs at a time",
	    .initial = "1000",
	    .least = 1,
	    .most = 65535,
	    .offset = offsetof(struct config, pairs),
	    .type = OPTION_NUMBER },
	{ .name = "wait",
	    .metavar = "TIME",
	    .help = "how long a leg may wait",
	    .initial = "24h",
	    .least = 1000,
	    .most = 48L * 3600 * 1000,
	    .offset = offsetof(struct config, wait),
	    .type = OPTION_DURATION },
	{ .name = "mode",
	    .metavar = "MODE",
	    .help = "who dials",
	    .initial = "beacon",
	    .choices = modes,
	    .letter = 'm',
	    .offset = offsetof(struct config, mode),
	    .type = OPTION_CHOICE },
	{ .name = "strict",
	    .help = "refuse what is unknown",
	    .initial = "true",
	    .offset = offsetof(struct config, strict),
	    .type = OPTION_BOOL },
	{ .name = "quiet",
	    .help = "say less",
	    .letter = 'q',
	    .offset = offsetof(struct config, quiet),
	    .type = OPTION_BOOL },
	{ .name = "allow-path",
	    .metavar = "PATH",
	    .help = "what may be read",
	    .detail = "kv/app is all below it.",
	    .initial = "secret/",
	    .offset = offsetof(struct config, paths),
	    .type = OPTION_LIST },
	{ .name = "map",
	    .metavar = "FIELD=ENV",
	    .help = "what goes where",
	    .detail = "A path may stand in front. No \\ is special",
	    .offset = offsetof(struct config, maps),
	    .type = OPTION_LIST,
	    .flags = OPTION_NO_SPLIT },
};

static const struct option_table table = {
	.program = "pharos-test",
	.about = "shows one option of each kind",
	.manual = "pharos-test(8)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

enum { WORDS_MOST = 16 };

/* One attempt: its sources, and what came of it. */
struct attempt {
	const char *words[WORDS_MOST]; /* after the program's name */
	const char *variable;	       /* "PHAROS_X=y", or NULL */
	const char *file;	       /* content of --config FILE, or NULL */
	const struct option_table *table; /* NULL: the one above */
};

struct outcome {
	struct config config;
	struct fault fault;
	int code, rest, argc;
	char *argv[WORDS_MOST + 3];
	char path[40];
};

static void outcome_clear(struct outcome *o)
{
	option_clear(&table, &o->config);
	option_clear(&table, &o->config); /* repeatable */
	if (o->path[0])
		unlink(o->path);
}

static void write_file(struct outcome *o, const char *content)
{
	int fd;

	strcpy(o->path, "/tmp/test-option-XXXXXX");
	fd = mkstemp(o->path);
	assert_true(fd >= 0);
	assert_int_equal(
	    write(fd, content, strlen(content)), (ssize_t)strlen(content));
	close(fd);
}

static void word_add(struct outcome *o, const char *word)
{
	memcpy(&o->argv[o->argc++], &word, sizeof(word));
}

static struct outcome try(const struct attempt *a)
{
	struct outcome o = { .rest = -1 };
	CLEANUP(free_p) char *variable = NULL;

	word_add(&o, "pharos-test");
	if (a->file) {
		write_file(&o, a->file);
		word_add(&o, "--config");
		word_add(&o, o.path);
	}
	for (size_t i = 0; i < WORDS_MOST && a->words[i]; i++)
		word_add(&o, a->words[i]);
	if (a->variable) {
		variable = strdup(a->variable);
		assert_non_null(variable);
		*strchr(variable, '=') = '\0';
		setenv(variable, strchr(a->variable, '=') + 1, 1);
	}
	o.code = option_load(a->table ? a->table : &table, o.argc, o.argv,
	    &o.config, &o.rest, &o.fault);
	if (variable)
		unsetenv(variable);
	return o;
}

/* Standard output of an attempt; the caller frees it. */
static char *output_of(const struct attempt *a, int *code)
{
	FILE *file = tmpfile();
	int kept = dup(STDOUT_FILENO);
	struct outcome o;
	char *text = calloc(1, 16384);

	assert_non_null(file);
	assert_non_null(text);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	o = try(a);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	rewind(file);
	assert_true(fread(text, 1, 16383, file) < 16383);
	fclose(file);
	*code = o.code;
	outcome_clear(&o);
	return text;
}

static void assert_begins(const char *text, const char *beginning)
{
	if (strncmp(text, beginning, strlen(beginning)) != 0)
		assert_string_equal(text, beginning);
}

static void test_defaults(void **state)
{
	struct outcome o =
	    try(&(struct attempt){ .words = { "--tls-cert", "c.pem" } });

	(void)state;
	assert_int_equal(o.code, 0);
	assert_string_equal(o.config.addr, ":443");
	assert_string_equal(o.config.cert, "c.pem");
	assert_null(o.config.token);
	assert_int_equal(o.config.pairs, 1000);
	assert_int_equal(o.config.wait, 24 * 3600 * 1000);
	assert_int_equal(o.config.mode, 0);
	assert_true(o.config.strict);
	assert_false(o.config.quiet);
	assert_int_equal(o.config.paths.n_items, 1);
	assert_string_equal(o.config.paths.items[0], "secret/");
	assert_null(o.config.maps.items);
	assert_int_equal(o.config.common.log_level, 2);
	assert_int_equal(o.rest, o.argc);
	outcome_clear(&o);
	assert_null(o.config.addr);
	assert_null(o.config.paths.items);
}

/* How a value is spelled, and what it is then. */
static const struct {
	const char *label;
	struct attempt attempt;
	const char *addr, *paths, *maps; /* NULL: not looked at */
	long wait;			 /* 0: not looked at */
	int mode, quiet, strict;
} spelled[] = {
	{ "a blank", { .words = { "--addr", ":1" } }, .addr = ":1",
	    .strict = 1 },
	{ "an equals sign", { .words = { "--addr=:1" } }, .addr = ":1",
	    .strict = 1 },
	{ "a value with an equals sign", { .words = { "--addr=a=b" } },
	    .addr = "a=b", .strict = 1 },
	{ "a value with two dashes", { .words = { "--addr=--x" } },
	    .addr = "--x", .strict = 1 },
	{ "the last one wins", { .words = { "--addr", "a", "--addr", "b" } },
	    .addr = "b", .strict = 1 },
	{ "a letter", { .words = { "-m", "reverse" } }, .mode = 1,
	    .strict = 1 },
	{ "a letter with its value", { .words = { "-mreverse" } }, .mode = 1,
	    .strict = 1 },
	{ "a letter for a switch", { .words = { "-q" } }, .quiet = 1,
	    .strict = 1 },
	{ "a switch", { .words = { "--quiet" } }, .quiet = 1, .strict = 1 },
	{ "a switch with true", { .words = { "--quiet=true" } }, .quiet = 1,
	    .strict = 1 },
	{ "a switch off", { .words = { "--no-strict" } } },
	{ "a switch off, the other way", { .words = { "--strict=false" } } },
	{ "off and on", { .words = { "--no-strict", "--strict" } },
	    .strict = 1 },
	{ "commas", { .words = { "--allow-path", "a,b" } }, .paths = "a|b",
	    .strict = 1 },
	{ "repeated", { .words = { "--allow-path=a", "--allow-path=b,c" } },
	    .paths = "a|b|c", .strict = 1 },
	{ "commas as data", { .words = { "--map", "a,b", "--map", "c" } },
	    .maps = "a,b|c", .strict = 1 },
	{ "variable", { .variable = "PHAROS_WAIT=90s" }, .wait = 90000,
	    .strict = 1 },
	{ "variable for a switch", { .variable = "PHAROS_STRICT=false" } },
	{ "variable for a list", { .variable = "PHAROS_ALLOW_PATH=a,b" },
	    .paths = "a|b", .strict = 1 },
	{ "empty variable is no variable", { .variable = "PHAROS_ADDR=" },
	    .addr = ":443", .strict = 1 },
	{ "file", { .file = "wait: 5m\nmode: reverse\nquiet: true\n" },
	    .wait = 300000, .mode = 1, .quiet = 1, .strict = 1 },
	{ "quoted in the file", { .file = "wait: '5m'\nstrict: 'false'\n" },
	    .wait = 300000 },
	{ "list in the file", { .file = "allow-path: [a, 'b,c']\n" },
	    .paths = "a|b,c", .strict = 1 },
	{ "list as text in the file", { .file = "allow-path: a,b\n" },
	    .paths = "a|b", .strict = 1 },
	{ "empty list in the file", { .file = "allow-path: []\n" }, .paths = "",
	    .strict = 1 },
	{ "argument over variable",
	    { .words = { "--addr=a" }, .variable = "PHAROS_ADDR=v" },
	    .addr = "a", .strict = 1 },
	{ "argument over file",
	    { .words = { "--addr=a" }, .file = "addr: f\n" }, .addr = "a",
	    .strict = 1 },
	{ "variable over file",
	    { .variable = "PHAROS_ADDR=v", .file = "addr: f\n" }, .addr = "v",
	    .strict = 1 },
	{ "a list replaces the one below",
	    { .words = { "--allow-path=a" },
		.variable = "PHAROS_ALLOW_PATH=v",
		.file = "allow-path: [f, g]\n" },
	    .paths = "a", .strict = 1 },
	{ "an empty list in the file is overruled",
	    { .words = { "--allow-path=a" }, .file = "allow-path: []\n" },
	    .paths = "a", .strict = 1 },
};

static void assert_list(const struct option_list *list, const char *expected)
{
	char text[200] = "";
	int n = 0;

	if (!expected)
		return;
	for (size_t i = 0; i < list->n_items; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "%s%s",
		    i ? "|" : "", list->items[i]);
	assert_string_equal(text, expected);
}

static void test_spelled(void **state)
{
	(void)state;
	setenv("PHAROS_TLS_CERT", "c.pem", 1);
	for (size_t i = 0; i < N_ELEMS(spelled); i++) {
		struct outcome o = try(&spelled[i].attempt);

		print_message("# %s\n", spelled[i].label);
		assert_string_equal(o.fault.text, "");
		assert_int_equal(o.code, 0);
		if (spelled[i].addr)
			assert_string_equal(o.config.addr, spelled[i].addr);
		if (spelled[i].wait)
			assert_int_equal(o.config.wait, spelled[i].wait);
		assert_list(&o.config.paths, spelled[i].paths);
		assert_list(&o.config.maps, spelled[i].maps);
		assert_int_equal(o.config.mode, spelled[i].mode);
		assert_int_equal(o.config.quiet, spelled[i].quiet);
		assert_int_equal(o.config.strict, spelled[i].strict);
		outcome_clear(&o);
	}
	unsetenv("PHAROS_TLS_CERT");
}

/* What is refused. "FILE" in a message stands for the file's name. */
static const struct {
	const char *label;
	struct attempt attempt;
	const char *text, *hint; /* hint NULL: not looked at */
} refused[] = {
	{ "required", { .file = "addr: a\n" }, "missing: --tls-cert",
	    "Give --tls-cert FILE, or set PHAROS_TLS_CERT, or write "
	    "`tls-cert:` into the --config file." },
	{ "mistyped", { .words = { "--tls-crt", "x" } },
	    "unknown option --tls-crt", "Did you mean --tls-cert?" },
	{ "mistyped, with a value", { .words = { "--tls-crt=x" } },
	    "unknown option --tls-crt", "Did you mean --tls-cert?" },
	{ "mistyped common one", { .words = { "--hepl" } },
	    "unknown option --hepl", "Did you mean --help?" },
	{ "one dash", { .words = { "-addr", "x" } }, "unknown option -addr",
	    "Did you mean --addr?" },
	{ "unknown", { .words = { "--verbosity" } },
	    "unknown option --verbosity",
	    "pharos-test --help-all lists the options." },
	{ "unknown letter", { .words = { "-z" } }, "unknown option -z", NULL },
	{ "letters run together", { .words = { "-qm" } }, "unknown option -qm",
	    NULL },
	{ "off for what is no switch", { .words = { "--no-addr" } },
	    "unknown option --no-addr", NULL },
	{ "off with a value", { .words = { "--no-strict=true" } },
	    "unknown option --no-strict", NULL },
	{ "no value at the end", { .words = { "--addr" } },
	    "--addr: needs a value", "Write --addr ADDRESS." },
	{ "an option for a value", { .words = { "--addr", "--quiet" } },
	    "--addr: needs a value", NULL },
	{ "--help with a value", { .words = { "--help=x" } },
	    "--help takes no value", NULL },
	{ "a stray word", { .words = { "x" } }, "unexpected word 'x'", NULL },
	{ "a stray word after --", { .words = { "--", "x" } },
	    "unexpected word 'x'", NULL },
	{ "a switch with a word", { .words = { "--quiet", "true" } },
	    "unexpected word 'true'", NULL },
	{ "a switch with yes", { .words = { "--quiet=yes" } },
	    "--quiet: expected true or false, got 'yes'", NULL },
	{ "empty text", { .words = { "--addr=" } },
	    "--addr: empty; expected text", NULL },
	{ "a line break", { .words = { "--addr", "a\nb" } },
	    "--addr: expected text without control characters, got 'a?b'",
	    NULL },
	{ "not UTF-8", { .words = { "--addr", "\xff" } },
	    "--addr: expected text without control characters, got '?'", NULL },
	{ "too large", { .words = { "--max-pairs", "65536" } },
	    "--max-pairs: expected a number from 1 to 65535, got '65536'",
	    "pairs at a time" },
	{ "too small", { .words = { "--max-pairs", "0" } },
	    "--max-pairs: expected a number from 1", NULL },
	{ "negative", { .words = { "--max-pairs", "-1" } },
	    "--max-pairs: expected a number from 1", NULL },
	{ "beyond any number",
	    { .words = { "--max-pairs", "99999999999999999999" } },
	    "--max-pairs: expected a number from 1", NULL },
	{ "no number", { .words = { "--max-pairs", "ten" } },
	    "--max-pairs: expected a number from 1", NULL },
	{ "hexadecimal", { .words = { "--max-pairs", "0x10" } },
	    "--max-pairs: expected a number from 1", NULL },
	{ "a blank before it", { .words = { "--max-pairs", " 1" } },
	    "--max-pairs: expected a number from 1", NULL },
	{ "a time without its unit", { .words = { "--wait", "10" } },
	    "--wait: expected a time with its unit, from 1s to 48h, got '10'",
	    NULL },
	{ "a time that is too short", { .words = { "--wait", "999ms" } },
	    "--wait: expected a time with its unit, from 1s to 48h", NULL },
	{ "no such choice", { .words = { "--mode", "direct" } },
	    "--mode: expected beacon or reverse, got 'direct'", NULL },
	{ "an empty item", { .words = { "--allow-path", "a,,b" } },
	    "--allow-path: empty", NULL },
	{ "a secret is not repeated", { .words = { "--token", "s3\ncret" } },
	    "--token: expected text without control characters", NULL },
	{ "variable", { .variable = "PHAROS_WAIT=soon" },
	    "PHAROS_WAIT: expected a time", NULL },
	{ "variable that is overruled",
	    { .words = { "--wait=1m" }, .variable = "PHAROS_WAIT=soon" },
	    "PHAROS_WAIT: expected a time", NULL },
	{ "file", { .file = "addr: x\nwait:  soon\n" },
	    "FILE:2:8: wait: expected a time", NULL },
	{ "file that is overruled",
	    { .words = { "--wait=1m" }, .file = "wait: soon\n" },
	    "FILE:1:7: wait: expected a time", NULL },
	{ "unknown key", { .file = "addr: x\ntls-crt: y\n" },
	    "FILE:2:1: unknown option 'tls-crt'", "Did you mean tls-cert?" },
	{ "config in the config", { .file = "config: y\n" },
	    "FILE:1:1: unknown option 'config'",
	    "pharos-test --help-all lists the options." },
	{ "key given twice", { .file = "addr: x\n\naddr: y\n" },
	    "FILE:3:1: 'addr' is given twice, first in line 1", NULL },
	{ "overruled key given twice",
	    { .words = { "--addr=a" }, .file = "addr: x\naddr: y\n" },
	    "FILE:2:1: 'addr' is given twice, first in line 1", NULL },
	{ "list for one value", { .file = "addr: [x]\n" },
	    "FILE:1:1: 'addr' takes one value, not a list", NULL },
	{ "nesting", { .file = "tls:\n  cert: x\n" },
	    "FILE:2:3: nesting is not understood here", NULL },
	{ "empty text in the file", { .file = "addr: ''\n" },
	    "FILE:1:7: addr: empty", NULL },
	{ "file that is not there", { .words = { "--config", "/no/file" } },
	    "cannot read /no/file: No such file", NULL },
	{ "file from a variable", { .variable = "PHAROS_CONFIG=/no/file" },
	    "cannot read /no/file: No such file", NULL },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(refused); i++) {
		struct outcome o = try(&refused[i].attempt);
		const char *expected = refused[i].text, *seen = o.fault.text;

		print_message("# %s\n", refused[i].label);
		assert_int_equal(o.code, OPTION_E_BAD);
		assert_int_equal(o.fault.code, OPTION_E_BAD);
		if (!strncmp(expected, "FILE", 4)) {
			assert_begins(seen, o.path);
			seen += strlen(o.path);
			expected += 4;
		}
		assert_begins(seen, expected);
		assert_null(strstr(seen, "s3")); /* behind the random path */
		if (refused[i].hint)
			assert_string_equal(o.fault.hint, refused[i].hint);
		outcome_clear(&o);
	}
}

static void test_list_limit(void **state)
{
	enum { LAST = 2 * OPTION_LIST_MOST };
	char text[LAST + 2] = "";
	struct attempt a = { .words = {
				 "--tls-cert=c", "--allow-path", text } };
	struct outcome o;

	(void)state;
	for (size_t i = 0; i < LAST; i += 2)
		memcpy(text + i, "a,", 2);
	text[LAST - 1] = '\0';
	o = try(&a);
	assert_int_equal(o.code, 0);
	assert_int_equal(o.config.paths.n_items, OPTION_LIST_MOST);
	outcome_clear(&o);

	memcpy(text + LAST - 1, ",a", 2); /* one more */
	o = try(&a);
	assert_int_equal(o.code, OPTION_E_BAD);
	assert_string_equal(
	    o.fault.text, "--allow-path: more than 1024 values");
	outcome_clear(&o);
}

/* A number has a value in any case; required means that someone gave one. */
static void test_required_number(void **state)
{
	static const struct option_row row = { .name = "n",
		.metavar = "N",
		.help = "a number",
		.offset = offsetof(struct config, pairs),
		.type = OPTION_NUMBER,
		.flags = OPTION_REQUIRED };
	struct option_table one = { .program = "p", .rows = &row, .n_rows = 1 };
	struct outcome o = try(&(struct attempt){ .table = &one });

	(void)state;
	assert_int_equal(o.code, OPTION_E_BAD);
	assert_string_equal(o.fault.text, "missing: --n");
	o = try(&(struct attempt){ .table = &one, .words = { "--n=0" } });
	assert_int_equal(o.code, 0);
}

/* The wrapper's way: the first word ends the options. */
static const struct {
	const char *label;
	const char *words[WORDS_MOST];
	int rest;
	bool quiet;
} rests[] = {
	{ "none", { "-q" }, 2, true },
	{ "after --", { "-q", "--", "cmd", "-q" }, 3, true },
	{ "without --", { "cmd", "-q" }, 1, false },
	{ "-- at the end", { "--" }, 2, false },
	{ "a second --", { "--", "--", "x" }, 2, false },
	{ "a dash is a word", { "-" }, 1, false },
};

static void test_rest(void **state)
{
	struct option_table with_rest = table;

	(void)state;
	with_rest.takes_rest = true;
	setenv("PHAROS_TLS_CERT", "c.pem", 1);
	for (size_t i = 0; i < N_ELEMS(rests); i++) {
		struct attempt a = { .table = &with_rest };
		struct outcome o;

		print_message("# %s\n", rests[i].label);
		memcpy(a.words, rests[i].words, sizeof(a.words));
		o = try(&a);
		assert_int_equal(o.code, 0);
		assert_int_equal(o.rest, rests[i].rest);
		assert_int_equal(o.config.quiet, rests[i].quiet);
		outcome_clear(&o);
	}
	unsetenv("PHAROS_TLS_CERT");
}

/* A verb's way: words may stand anywhere; they come last in argv. */
static void test_words(void **state)
{
	struct option_table with_words = table;
	struct attempt a = { .table = &with_words,
		.words = {
		    "one", "--addr", "x", "two", "-q", "--", "-three" } };
	struct outcome o;

	(void)state;
	with_words.takes_words = true;
	setenv("PHAROS_TLS_CERT", "c.pem", 1);
	o = try(&a);
	assert_int_equal(o.code, 0);
	assert_int_equal(o.rest, 5);
	assert_string_equal(o.argv[5], "one");
	assert_string_equal(o.argv[6], "two");
	assert_string_equal(o.argv[7], "-three");
	assert_string_equal(o.config.addr, "x");
	assert_true(o.config.quiet);
	outcome_clear(&o);
	unsetenv("PHAROS_TLS_CERT");
}

/* Copies of the lines of @text that are not comments, without the comment that
 * may follow a value. */
static void strip_comments(char *text)
{
	char *to = text;

	for (char *line; (line = strsep(&text, "\n"));) {
		char *comment = strstr(line, " # ");
		size_t n = comment ? (size_t)(comment - line) : strlen(line);

		if (line[0] == '#' || !line[0])
			continue;
		memmove(to, line, n);
		to += n;
		*to++ = '\n';
	}
	*to = '\0';
}

static void test_print_config(void **state)
{
	struct attempt a = { .words = { "--print-config", "--addr",
				 "[\"\\ ' # x: \xc3\xa9", "--map", "a,b",
				 "--map", "c: d", "--no-strict", "--wait",
				 "1500ms", "-mreverse", "--token", "s3cret" } };
	CLEANUP(free_p) char *first = NULL, *second = NULL;
	int code;

	(void)state;
	first = output_of(&a, &code);
	assert_int_equal(code, OPTION_E_DONE);
	assert_null(strstr(first, "s3cret"));
	assert_non_null(strstr(first, "\n# token: (hidden) # --token\n"));
	assert_non_null(strstr(first, "\n# tls-cert: FILE (required)\n"));
	assert_non_null(strstr(first, "\nwait: 1500ms # --wait\n"));
	assert_non_null(strstr(first, "\nmax-pairs: 1000 # the default\n"));
	assert_non_null(strstr(first, "\nmap: [\"a,b\", \"c: d\"] # --map\n"));

	second = output_of(
	    &(struct attempt){ .words = { "--print-config" }, .file = first },
	    &code);
	assert_int_equal(code, OPTION_E_DONE);
	assert_non_null(strstr(second, "\nwait: 1500ms # the file, line "));
	strip_comments(first);
	strip_comments(second);
	assert_string_equal(first, second);
}

static void test_print_config_of_bad(void **state)
{
	struct attempt a = { .words = { "--print-config", "--wait=x" } };
	CLEANUP(free_p) char *text = NULL;
	int code;

	(void)state;
	text = output_of(&a, &code);
	assert_int_equal(code, OPTION_E_BAD);
	assert_string_equal(text, "");
}

static void test_help(void **state)
{
	static const char *const expected[] = {
		"usage: pharos-test [OPTION]...\n",
		"\n      --addr ADDRESS          where to listen [:443]\n",
		"--tls-cert FILE         certificate (PEM) (required)\n",
		"\n  -m, --mode MODE             who dials [beacon]\n",
		"\n      --[no-]strict           refuse what is unknown\n",
		"--config FILE           read options from a YAML file\n",
		"\n  -h, --help, --version\n",
		"see pharos-test(8).\n",
	};
	CLEANUP(free_p) char *text = NULL;
	int code, lines = 0;

	(void)state;
	/* neither the environment nor the file are looked at */
	text = output_of(&(struct attempt){ .words = { "--help" },
			     .variable = "PHAROS_WAIT=soon",
			     .file = "garbage" },
	    &code);
	assert_int_equal(code, OPTION_E_DONE);
	for (size_t i = 0; i < N_ELEMS(expected); i++) {
		if (!strstr(text, expected[i]))
			assert_string_equal(text, expected[i]);
	}
	assert_null(strstr(text, "print-manual"));
	for (const char *line = text; *line; lines++) {
		size_t n = strcspn(line, "\n");

		assert_true(n <= 80);
		line += n + 1;
	}
	assert_true(lines <= 24);
}

static void test_version(void **state)
{
	CLEANUP(free_p) char *text = NULL;
	int code;

	(void)state;
	text = output_of(
	    &(struct attempt){ .words = { "--print-config", "--version" } },
	    &code);
	assert_int_equal(code, OPTION_E_DONE);
	assert_string_equal(text, "pharos-test " PHAROS_VERSION "\n");
}

static void test_manual(void **state)
{
	CLEANUP(free_p) char *text = NULL;
	int code;

	(void)state;
	text = output_of(
	    &(struct attempt){ .words = { "--print-manual" } }, &code);
	assert_int_equal(code, OPTION_E_DONE);
	assert_begins(text, ".Bl -tag -width Ds\n");
	assert_non_null(strstr(text,
	    ".It Fl m , Fl -mode Ar MODE\nWho dials.\n"
	    "Takes beacon or reverse.\nThe default is\n.Ql beacon .\n"));
	assert_non_null(strstr(text, ".It Fl -no-strict\n"));
	assert_non_null(
	    strstr(text, "A path may stand in front.\nNo \\e is special.\n"));
	assert_non_null(strstr(text, "\nkv/app is all below it.\n"));
	assert_non_null(strstr(text, ".It Fl -help\n"));
	assert_null(strstr(text, "completion"));
}

/* What `bash -c` writes to its standard output */
static void run_bash(const char *script, char *to, size_t room)
{
	int ends[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execlp("bash", "bash", "-c", script, (char *)0);
		_exit(127);
	}
	close(ends[1]);
	n = read(ends[0], to, room - 1); /* all of it is one short write */
	assert_true(n >= 0);
	to[n] = '\0';
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* The completion is run by bash itself. */
static void test_completion(void **state)
{
	static const struct {
		const char *line, *expected;
	} cases[] = {
		{ "--tls", "--tls-cert" },
		{ "--mode re", "reverse" },
		{ "-m ''", "beacon reverse" },
		{ "--no-st", "--no-strict" },
		{ "--config /dev/nul", "/dev/null" },
		{ "--tls-cert /dev/nul", "/dev/null" },
		{ "--max-pairs 1", "" },
	};
	CLEANUP(free_p) char *text = NULL;
	int code;

	(void)state;
	text = output_of(
	    &(struct attempt){ .words = { "--print-completion" } }, &code);
	assert_int_equal(code, OPTION_E_DONE);
	setenv("COMPLETION", text, 1);
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		char script[400], seen[200];

		snprintf(script, sizeof(script),
		    "eval \"$COMPLETION\"; COMP_WORDS=(pharos-test %s); "
		    "COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _pharos_test; "
		    "echo -n \"${COMPREPLY[*]}\"",
		    cases[i].line);
		run_bash(script, seen, sizeof(seen));
		assert_string_equal(seen, cases[i].expected);
	}
	unsetenv("COMPLETION");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_spelled),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_list_limit),
		cmocka_unit_test(test_required_number),
		cmocka_unit_test(test_rest),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_print_config),
		cmocka_unit_test(test_print_config_of_bad),
		cmocka_unit_test(test_help),
		cmocka_unit_test(test_version),
		cmocka_unit_test(test_manual),
		cmocka_unit_test(test_completion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
