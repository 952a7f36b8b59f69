/* base/option.h: one table makes flags, environment, YAML, --help,
 * --print-config, the completions and the options part of the manual page.
 *
 * A row named "tls-cert" is --tls-cert VALUE or --tls-cert=VALUE on the command
 * line, PHAROS_TLS_CERT in the environment and `tls-cert:` in the file given by
 * --config FILE. The command line wins over the environment, that over the
 * file, that over the row's default. Values land in the program's own struct
 * at the row's offset; strings and lists are owned by it until option_clear().
 *
 * Every table has --help, --version, --config, --print-config and, with
 * OPTION_ROWS_COMMON, --log-format and --log-level. --print-config prints YAML
 * that --config takes back; values of rows marked OPTION_SECRET are shown as
 * "(hidden)".
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
	OPTION_LIST,	 /* struct option_list; repeatable, and comma-separated */
};

struct option_list {
	char **items; /* NULL when empty */
	size_t n_items;
};

enum option_flag {
	OPTION_REQUIRED = 1,
	OPTION_SECRET = 2,	/* never printed */
	OPTION_NO_SPLIT = 4,	/* list: repeatable only, commas are data */
};

struct option_row {
	const char *name;    /* "tls-cert" */
	const char *metavar; /* "FILE", for the help; NULL for OPTION_BOOL */
	const char *help;    /* one line of at most 60 characters */
	const char *initial; /* default as it would be typed, or NULL */
	const char *const *choices; /* OPTION_CHOICE: NULL-terminated */
	size_t offset;		    /* into the program's struct */
	long least, most;	    /* OPTION_NUMBER, OPTION_DURATION */
	enum option_type type;
	unsigned flags;
};

struct option_table {
	const char *program;  /* "pharos-beacon" */
	const char *about;    /* one line */
	const char *synopsis; /* after the program's name, or NULL */
	const char *manual;   /* "pharos-beacon(8)" */
	const struct option_row *rows;
	size_t n_rows;
	bool takes_rest; /* words after the options are kept (option_rest) */
};

/** option_load() - fill @config from all sources
 * @config: the program's struct, zeroed by the caller; option_clear() it, also
 *          after a failure
 * @rest:   with takes_rest, set to the index in @argv of the first word that is
 *          not an option (after "--" if there is one), else to @argc; or NULL
 * @fault:  says which option, where it came from (flag, variable, file with
 *          line and column) and what is allowed; a mistyped name gets the
 *          nearest right one as its hint
 * Return: 0; OPTION_E_DONE: --help, --version or --print-config was answered on
 * standard output, exit with 0; OPTION_E_BAD: see @fault, exit with 2; -errno. */
enum { OPTION_E_DONE = 1, OPTION_E_BAD };
MUST_USE int option_load(const struct option_table *table, int argc,
    char **argv, void *config, int *rest, struct fault *fault);
/** option_clear() - free strings and lists in @config; repeatable */
void option_clear(const struct option_table *table, void *config);

/** option_parse_duration() - "90s", "1500ms", "5m", "24h", "0"; plain numbers
 * are refused but 0
 * Return: 0; -EINVAL. */
MUST_USE int option_parse_duration(const char *text, long *ms);

/** option_document() - the table as mdoc(7) items or as a bash completion
 * Written by `PROGRAM --print-manual` and `--print-completion`, which the build
 * uses so that manual and completion cannot lag behind the table. */
void option_document_mdoc(const struct option_table *table);
void option_document_bash(const struct option_table *table);

/* The options that every daemon has; put OPTION_ROWS_COMMON(struct config,
 * common) first in the rows and a struct option_common into the config. */
struct option_common {
	int log_format; /* enum log_format */
	int log_level;	/* enum log_level */
	bool no_sandbox;
};
extern const char *const option_log_formats[];
extern const char *const option_log_levels[];
#define OPTION_ROWS_COMMON(config, member) \
	{ .name = "log-format", .metavar = "text|json", \
	  .help = "how log lines look", .initial = "text", \
	  .choices = option_log_formats, \
	  .offset = offsetof(config, member.log_format), \
	  .type = OPTION_CHOICE }, \
	{ .name = "log-level", .metavar = "LEVEL", \
	  .help = "err, warn, info or debug", .initial = "info", \
	  .choices = option_log_levels, \
	  .offset = offsetof(config, member.log_level), \
	  .type = OPTION_CHOICE }, \
	{ .name = "no-sandbox", .help = "keep privileges; for debugging only", \
	  .initial = "false", \
	  .offset = offsetof(config, member.no_sandbox), \
	  .type = OPTION_BOOL }
