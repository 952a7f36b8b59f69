/* base/option_show.h: inside of option: what it prints, and the options that
 * every table has.
 */
#pragma once
#include "base/option.h"

enum option_meta {
	OPTION_META_NONE,
	OPTION_META_CONFIG,
	OPTION_META_PRINT_CONFIG,
	OPTION_META_HELP,
	OPTION_META_HELP_ALL,
	OPTION_META_VERSION,
	OPTION_META_PRINT_MANUAL,
	OPTION_META_PRINT_COMPLETION,
	OPTION_META_COUNT
};

struct option_meta_row {
	const char *name, *metavar, *help;
	bool hidden; /* for the build, not for people */
};
/* indexed by enum option_meta; the first is empty */
extern const struct option_meta_row option_meta_rows[OPTION_META_COUNT];

/* Which source gave a row its value. */
enum option_source {
	OPTION_SOURCE_NONE,
	OPTION_SOURCE_ARGUMENT,
	OPTION_SOURCE_ENVIRONMENT,
	OPTION_SOURCE_FILE,
	OPTION_SOURCE_DEFAULT,
};
struct option_origin {
	enum option_source source;
	size_t file_line; /* where the file gives it, be it overruled; 0: not */
};

/* To standard output. */
/** option_show_help() - all rows if they fit on a screen of 24 lines, else
 * without those that are OPTION_RARE; option_show_help_all() - all */
void option_show_help(const struct option_table *table);
void option_show_help_all(const struct option_table *table);
void option_show_version(const struct option_table *table);
/** option_show_config() - @origins: one a row */
void option_show_config(const struct option_table *table, const void *config,
    const struct option_origin *origins);
