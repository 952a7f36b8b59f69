/* cli/verb.h: `pharos GROUP VERB --options WORDS`: a tree of tables.
 *
 * A group has verbs; a verb has a table of options (base/option.h), a struct
 * that they are loaded into, and a function. What is the same for all is done
 * here: finding the verb, loading, telling what went wrong, the exit status,
 * --help and --version of groups, the completion and the manual's lists.
 */
#pragma once
#include "base/option.h"
#include <stdio.h>

struct verb {
	const char *name;  /* "init" */
	const char *about; /* for the list of verbs; one line */

	/* a group */
	const struct verb *const *verbs;
	size_t n_verbs;

	/* a verb */
	const struct option_table *table;
	size_t config_size;
	/** @config: filled as @table says; verb_run() frees it
	 * @words: those that are not options; ends with NULL
	 * Return: 0; OPTION_E_BAD with @fault: wrong use; VERB_E_CUT: it ended,
	 * and something that ran was cut (@fault may say what); -errno with
	 * @fault */
	int (*run)(const void *config, char *const *words, struct fault *fault);
};

enum { VERB_E_CUT = 1 << 16 }; /* no other module's code */
enum { VERB_DONE = 0, VERB_FAILED = 1, VERB_MISUSED = 2, VERB_CUT = 3 };

/** verb_run() - what main() does
 * @top:    the group that is the program; its name is the program's
 * @manual: "pharos(1)"
 * Return: the exit status: VERB_DONE, VERB_FAILED, VERB_MISUSED or VERB_CUT. */
MUST_USE int verb_run(
    const struct verb *top, const char *manual, int argc, char **argv);

/** verb_print_word() - for a command line that somebody pastes: quoted where a
 * shell would not take it as one word */
void verb_print_word(FILE *to, const char *word);

/* -o, of verbs that print something: a row of their table. */
enum verb_output { VERB_TEXT, VERB_JSON };
extern const char *const verb_outputs[];
#define VERB_OUTPUT_ROW(config, member)                                        \
	{                                                                      \
		.name = "output", .letter = 'o', .metavar = "text|json",       \
		.help = "form of what is printed", .initial = "text",          \
		.choices = verb_outputs, .type = OPTION_CHOICE,                \
		.offset = offsetof(config, member)                             \
	}
