/* base/option.h: one table makes flags, environment, YAML, --help,
 * --print-config, the completions and the options part of the manual page.
 *
 * A row named "tls-cert" is --tls-cert VALUE or --tls-cert=VALUE on the command
 * line, PHAROS_TLS_CERT in the environment and `tls-cert:` in the file given by
 * --config FILE. The command line wins over the environment, that over the
 * file, that over the row's default; a value that is overruled must still be
 * well-formed. An empty variable counts as not set. Values land in the
 * program's own struct at the row's offset; strings and lists are owned by it
 * until option_clear(). A value is UTF-8 without control characters.
 *
 * Every table has --help (-h), --help-all, --version, --config, --print-config
 * and, with OPTION_ROWS_COMMON, --log-format, --log-level, --log-addresses and
 * --no-sandbox. Not in the help, for the build: --print-manual and
 * --print-completion. --print-config prints YAML that --config takes back; a
 * value of a row marked OPTION_SECRET is shown as the comment "(hidden)".
 *
 * On the command line the last of several values wins, but a list takes them
 * all. A source that gives a list replaces the list of the source below it.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"

enum option_type {
	OPTION_BOOL,	 /* bool; --x alone or --x=true|false; --no-x */
	OPTION_TEXT,	 /* char *; NULL when not given and without default */
	OPTION_NUMBER,	 /* long; least..most */
	OPTION_DURATION, /* long, in ms; "300ms", "10s", "5m", "24h" */
	OPTION_CHOICE,	 /* int; index into choices */
	OPTION_LIST, /* struct option_list; repeatable, and comma-separated */
};

enum { OPTION_LIST_MOST = 1024 }; /* items; one more is refused */

struct option_list {
	char **items; /* NULL when empty */
	size_t n_items;
};

enum option_flag {
	OPTION_REQUIRED = 1, /* some source must give it, a list an item */
	OPTION_SECRET = 2,   /* never printed */
	OPTION_NO_SPLIT = 4, /* list: repeatable only, commas are data */
	/* not what one begins with: --help leaves it to --help-all where all
	 * would be longer than a screen */
	OPTION_RARE = 8,
};

struct option_row {
	const char *name;    /* "tls-cert" */
	const char *metavar; /* "FILE", for the help; NULL for OPTION_BOOL */
	const char *help;    /* one line; 45 characters fit beside the flag */
	const char *detail;  /* more sentences for the manual, or NULL */
	const char *initial; /* default as it would be typed, or NULL */
	const char *const *choices; /* OPTION_CHOICE: NULL-terminated */
	size_t offset;		    /* into the program's struct */
	long least, most; /* NUMBER, DURATION; both 0: nothing negative */
	enum option_type type;
	unsigned flags;
	char letter; /* 'o' for "-o VALUE" or "-oVALUE"; 0: none */
};

struct option_table {
	const char *program;  /* "pharos-beacon", "pharos pki init" */
	const char *about;    /* one line */
	const char *synopsis; /* after the program's name, or NULL */
	const char *manual;   /* "pharos-beacon(8)" */
	const struct option_row *rows;
	size_t n_rows;
	bool takes_rest;  /* the first word that is no option ends them */
	bool takes_words; /* words may stand before, between, after them */
};

/** option_load() - fill @config from all sources
 * @argv:   argv[0] is skipped, so a verb passes the part of main()'s that
 *          begins with its own name
 * @config: the program's struct, zeroed by the caller; option_clear() it, also
 *          after a failure
 * @rest:   with takes_rest or takes_words, set to the index in @argv of the
 *          first word that is not an option (after "--" if there is one), else
 *          to @argc; or NULL. With takes_words @argv is put in order: options
 *          first, words last. Without either, a word is refused.
 * @fault:  says which option, where it came from (flag, variable, file with
 *          line and column) and what is allowed; a mistyped name gets the
 *          nearest right one as its hint
 * Return: 0; OPTION_E_DONE: --help, --version, --print-config, --print-manual
 * or --print-completion was answered on standard output, exit with 0;
 * OPTION_E_BAD: see @fault, exit with 2; -ENOMEM; -errno of a write to standard
 * output. */
enum { OPTION_E_DONE = 1, OPTION_E_BAD };
MUST_USE int option_load(const struct option_table *table, int argc,
    char **argv, void *config, int *rest, struct fault *fault);
/** option_clear() - free strings and lists in @config; repeatable */
void option_clear(const struct option_table *table, void *config);

/** option_parse_duration() - "90s", "1500ms", "5m", "24h", "0"; plain numbers
 * are refused but 0
 * Return: 0; -EINVAL. */
MUST_USE int option_parse_duration(const char *text, long *ms);

/** option_document_mdoc() - the table as an mdoc(7) list
 * option_document_bash() - the table as a bash function named after the
 * program ("_pharos_pki_init"), and, for a program without verbs, the
 * `complete` line
 * `PROGRAM --print-manual` and `--print-completion` write these to standard
 * output; the build uses them, so that neither can lag behind the table. */
void option_document_mdoc(const struct option_table *table);
void option_document_bash(const struct option_table *table);
/** option_bash_name() - "_pharos_pki_init" of "pharos pki init", into @to; cut
 * to @room */
void option_bash_name(const char *program, char *to, size_t room);
/** option_mdoc_text() - @text as mdoc text, to standard output: what mdoc would
 * take for a command or an escape is made plain */
void option_mdoc_text(const char *text);

/* The options that every daemon has; put OPTION_ROWS_COMMON(struct config,
 * common) first in the rows and a struct option_common into the config. */
struct option_common {
	int log_format;	   /* enum log_format */
	int log_level;	   /* enum log_level */
	int log_addresses; /* enum option_yes_no */
	bool no_sandbox;
};
extern const char *const option_log_formats[];
extern const char *const option_log_levels[];
enum option_yes_no { OPTION_YES, OPTION_NO };
extern const char *const option_yes_no[];
/** option_log() - log_setup() as they say */
void option_log(const char *program, const struct option_common *common);
#define OPTION_ROWS_COMMON(config, member)                                     \
	{ .name = "log-format",                                                \
		.metavar = "text|json",                                        \
		.help = "how log lines look",                                  \
		.initial = "text",                                             \
		.choices = option_log_formats,                                 \
		.flags = OPTION_RARE,                                          \
		.offset = offsetof(config, member.log_format),                 \
		.type = OPTION_CHOICE },                                       \
	    { .name = "log-level",                                             \
		    .metavar = "LEVEL",                                        \
		    .help = "how much: err, warn, info or debug",              \
		    .initial = "info",                                         \
		    .choices = option_log_levels,                              \
		    .offset = offsetof(config, member.log_level),              \
		    .type = OPTION_CHOICE },                                   \
	    { .name = "log-addresses",                                         \
		    .metavar = "yes|no",                                       \
		    .help = "no: keep addresses of clients nowhere",           \
		    .initial = "yes",                                          \
		    .choices = option_yes_no,                                  \
		    .flags = OPTION_RARE,                                      \
		    .offset = offsetof(config, member.log_addresses),          \
		    .detail = "With no, log lines have (address) in place of " \
			      "any address but those to listen on or to "      \
			      "dial that these options name.",                 \
		    .type = OPTION_CHOICE },                                   \
	{                                                                      \
		.name = "no-sandbox",                                          \
		.help = "keep privileges; for debugging only",                 \
		.flags = OPTION_RARE, .initial = "false",                      \
		.offset = offsetof(config, member.no_sandbox),                 \
		.type = OPTION_BOOL                                            \
	}
