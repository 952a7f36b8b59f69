#include "cli/verb.h"
#include "base/nearest.h"
#include <stdio.h>

const char *const verb_outputs[] = { "text", "json", NULL };

enum { PROGRAM_MOST = 80, DEPTH_MOST = 4 };

/* Where in the tree we are: the group, and how one gets there. */
struct place {
	const struct verb *group;
	const char *manual;
	char program[PROGRAM_MOST]; /* "pharos pki" */
	int depth;		    /* 1: the program itself */
};

static struct place step_into(const struct place *from, const struct verb *verb)
{
	struct place to = {
		.group = verb, .manual = from->manual, .depth = from->depth + 1
	};
	int n = snprintf(
	    to.program, sizeof(to.program), "%s %s", from->program, verb->name);

	INVARIANT(n > 0 && n < PROGRAM_MOST && to.depth <= DEPTH_MOST);
	return to;
}

static const struct verb *find(const struct verb *group, const char *name)
{
	for (size_t i = 0; i < group->n_verbs; i++) {
		if (!strcmp(group->verbs[i]->name, name))
			return group->verbs[i];
	}
	return NULL;
}

static void print_help(FILE *to, const struct place *at)
{
	fprintf(to, "usage: %s VERB [OPTION]...\n%s\n\n", at->program,
	    at->group->about);
	for (size_t i = 0; i < at->group->n_verbs; i++) {
		const struct verb *verb = at->group->verbs[i];

		fprintf(to, "  %-16s  %s\n", verb->name, verb->about);
	}
	fprintf(to,
	    "  --help, --version\n"
	    "%s VERB --help says more; see %s.\n",
	    at->program, at->manual);
}

static void print_manual(const struct verb *group)
{
	puts(".Bl -tag -width Ds");
	for (size_t i = 0; i < group->n_verbs; i++) {
		printf(".It Cm %s\n", group->verbs[i]->name);
		option_mdoc_text(group->verbs[i]->about);
		putchar('\n');
	}
	puts(".El");
}

/* ---- completion ---- */

/* A group's own function: complete a verb's name, or hand over to the verb. */
static void print_group_function(const struct place *at)
{
	char name[PROGRAM_MOST + 2];

	option_bash_name(at->program, name, sizeof(name));
	printf("%s()\n{\n\tcase ${COMP_WORDS[%d]} in\n", name, at->depth);
	for (size_t i = 0; i < at->group->n_verbs; i++) {
		const struct verb *verb = at->group->verbs[i];
		struct place below = step_into(at, verb);

		option_bash_name(below.program, name, sizeof(name));
		printf("\t%s)\n\t\t((COMP_CWORD > %d)) && { %s; return; } ;;\n",
		    verb->name, at->depth, name);
	}
	puts("\tesac");
	printf("\t((COMP_CWORD == %d)) || return\n"
	       "\tCOMPREPLY=($(compgen -W '",
	    at->depth);
	for (size_t i = 0; i < at->group->n_verbs; i++)
		printf("%s ", at->group->verbs[i]->name);
	puts("--help --version' -- \"${COMP_WORDS[COMP_CWORD]}\"))\n}");
}

/* All functions of a tree. It is walked by hand, level by level: a stack of the
 * groups whose verbs are still to come. */
static void print_completion(const struct place *top)
{
	struct place todo[DEPTH_MOST * 16];
	size_t n = 0;

	todo[n++] = *top;
	while (n) {
		const struct place at = todo[--n];

		print_group_function(&at);
		for (size_t i = 0; i < at.group->n_verbs; i++) {
			const struct verb *verb = at.group->verbs[i];

			INVARIANT(n < N_ELEMS(todo));
			if (verb->table)
				option_document_bash(verb->table);
			else
				todo[n++] = step_into(&at, verb);
		}
	}
	printf("complete -F _%s %s\n", top->program, top->program);
}

/* ---- running ---- */

static int finish(const char *program, int err, const struct fault *fault)
{
	if (err == VERB_E_CUT) {
		if (fault->code)
			fault_print(program, fault);
		return VERB_CUT;
	}
	if (err && err != OPTION_E_DONE) {
		fault_print(program, fault);
		return err == OPTION_E_BAD ? VERB_MISUSED : VERB_FAILED;
	}
	if (fflush(stdout) || ferror(stdout)) {
		fprintf(
		    stderr, "%s: cannot write to standard output\n", program);
		return VERB_FAILED;
	}
	return VERB_DONE;
}

static int run_verb(const struct verb *verb, int argc, char **argv)
{
	CLEANUP(free_p) void *config = calloc(1, verb->config_size);
	struct fault fault = FAULT_NONE;
	int rest = argc;
	int err;

	if (!config)
		return finish(verb->table->program,
		    fault_set(&fault, -ENOMEM, NULL, "out of memory"), &fault);
	err = option_load(verb->table, argc, argv, config, &rest, &fault);
	if (!err)
		err = verb->run(config, argv + rest, &fault);
	option_clear(verb->table, config);
	return finish(verb->table->program, err, &fault);
}

/* What every group answers itself. */
static bool answer(const struct place *at, const char *word)
{
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		print_help(stdout, at);
	else if (!strcmp(word, "--version"))
		printf("%s %s\n", at->program, PHAROS_VERSION);
	else if (!strcmp(word, "--print-manual"))
		print_manual(at->group);
	else if (!strcmp(word, "--print-completion"))
		print_completion(at);
	else
		return false;
	return true;
}

static int misused(const struct place *at, const char *word)
{
	struct fault fault = FAULT_NONE;
	struct nearest nearest;
	char hint[FAULT_HINT_MAX];
	bool flag = word[0] == '-';

	nearest_init(&nearest, word);
	for (size_t i = 0; i < at->group->n_verbs; i++)
		nearest_offer(&nearest, at->group->verbs[i]->name);
	if (nearest_best(&nearest))
		snprintf(hint, sizeof(hint), "Did you mean %s %s?", at->program,
		    nearest_best(&nearest));
	else
		snprintf(hint, sizeof(hint), "%s --help lists the verbs.",
		    at->program);
	fault_set(&fault, OPTION_E_BAD, hint, "unknown %s %.80s",
	    flag ? "option" : "verb", word);
	return finish(at->program, OPTION_E_BAD, &fault);
}

int verb_run(const struct verb *top, const char *manual, int argc, char **argv)
{
	struct place at = { .group = top, .manual = manual, .depth = 1 };

	snprintf(at.program, sizeof(at.program), "%s", top->name);
	for (;;) {
		const struct verb *verb;

		if (argc < 2) {
			print_help(stderr, &at);
			return VERB_MISUSED;
		}
		if (answer(&at, argv[1]))
			return finish(at.program, 0, NULL);
		verb = find(at.group, argv[1]);
		if (!verb)
			return misused(&at, argv[1]);
		argc--;
		argv++;
		if (verb->table)
			return run_verb(verb, argc, argv);
		at = step_into(&at, verb);
	}
}

void verb_print_word(FILE *to, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789/._:=,@%+-[]";

	if (*word && strspn(word, plain) == strlen(word)) {
		(void)fputs(word, to);
		return;
	}
	(void)fputc('\'', to);
	for (; *word; word++) {
		if (*word == '\'')
			(void)fputs("'\\''", to);
		else
			(void)fputc(*word, to);
	}
	(void)fputc('\'', to);
}
