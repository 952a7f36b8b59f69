#include "cli/verb.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

/* A tree: prog say [--loud] WORD..., prog group fail. */
struct config {
	bool loud;
};

static struct {
	bool loud;
	char words[100];
} said;

static int say(const void *data, char *const *words, struct fault *fault)
{
	const struct config *config = data;
	size_t n = 0;

	(void)fault;
	said.loud = config->loud;
	said.words[0] = '\0';
	for (; *words; words++)
		n += (size_t)snprintf(
		    said.words + n, sizeof(said.words) - n, "%s;", *words);
	return 0;
}

static int give_up(const void *data, char *const *words, struct fault *fault)
{
	(void)data;
	(void)words;
	return fault_set(fault, -EIO, "do better", "did not work");
}

static int misuse(const void *data, char *const *words, struct fault *fault)
{
	(void)data;
	(void)words;
	return fault_set(fault, OPTION_E_BAD, NULL, "these do not go together");
}

static const struct option_row rows[] = {
	{ .name = "loud",
	    .help = "say it loudly",
	    .offset = offsetof(struct config, loud),
	    .type = OPTION_BOOL },
};
static const struct option_table say_table = { .program = "prog say",
	.about = "Say words.",
	.manual = "prog(1)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
	.takes_words = true };
static const struct option_table fail_table = {
	.program = "prog group fail", .about = "Fail.", .manual = "prog(1)"
};

static const struct verb say_verb = { .name = "say",
	.about = "say words",
	.table = &say_table,
	.config_size = sizeof(struct config),
	.run = say };
static const struct verb fail_verb = { .name = "fail",
	.about = "fail",
	.table = &fail_table,
	.config_size = 1,
	.run = give_up };
static const struct verb misuse_verb = { .name = "misuse",
	.about = "be misused",
	.table = &fail_table,
	.config_size = 1,
	.run = misuse };
static const struct verb *const group_verbs[] = { &fail_verb, &misuse_verb };
static const struct verb group = { .name = "group",
	.about = "more of them",
	.verbs = group_verbs,
	.n_verbs = N_ELEMS(group_verbs) };
static const struct verb *const top_verbs[] = { &say_verb, &group };
static const struct verb top = { .name = "prog",
	.about = "does things",
	.verbs = top_verbs,
	.n_verbs = N_ELEMS(top_verbs) };

enum { WORDS_MOST = 8 };

static const struct {
	const char *label, *words[WORDS_MOST];
	int status;
	const char *out, *err; /* parts of what is printed; NULL: nothing is */
} cases[] = {
	{ "no verb", { 0 }, VERB_MISUSED, NULL, "usage: prog VERB" },
	{ "a group without verb", { "group" }, VERB_MISUSED, NULL,
	    "usage: prog group VERB" },
	{ "help", { "--help" }, VERB_DONE,
	    "\n  say               say words\n"
	    "  group             more of them\n",
	    NULL },
	{ "help by letter", { "group", "-h" }, VERB_DONE,
	    "\n  fail              fail\n", NULL },
	{ "help of a verb", { "say", "--help" }, VERB_DONE,
	    "usage: prog say [OPTION]...\n", NULL },
	{ "version", { "--version" }, VERB_DONE, "prog " PHAROS_VERSION "\n",
	    NULL },
	{ "version of a group", { "group", "--version" }, VERB_DONE,
	    "prog group " PHAROS_VERSION "\n", NULL },
	{ "unknown verb", { "syy" }, VERB_MISUSED, NULL,
	    "prog: unknown verb syy\n    Did you mean prog say?\n" },
	{ "unknown verb of a group", { "group", "x" }, VERB_MISUSED, NULL,
	    "prog group: unknown verb x\n"
	    "    prog group --help lists the verbs.\n" },
	{ "unknown option", { "--loud" }, VERB_MISUSED, NULL,
	    "prog: unknown option --loud\n" },
	{ "unknown option of a verb", { "say", "--lout" }, VERB_MISUSED, NULL,
	    "prog say: unknown option --lout\n    Did you mean --loud?\n" },
	{ "a word that a verb does not take", { "group", "fail", "x" },
	    VERB_MISUSED, NULL, "prog group fail: unexpected word 'x'\n" },
	{ "a verb that fails", { "group", "fail" }, VERB_FAILED, NULL,
	    "prog group fail: did not work\n    do better\n" },
	{ "a verb that finds itself misused", { "group", "misuse" },
	    VERB_MISUSED, NULL, "these do not go together\n" },
	{ "the manual's list", { "--print-manual" }, VERB_DONE,
	    ".Bl -tag -width Ds\n.It Cm say\nsay words\n", NULL },
};

static char *contents(FILE *file)
{
	char *text = calloc(1, 8192);

	assert_non_null(text);
	rewind(file);
	assert_true(fread(text, 1, 8191, file) < 8191);
	fclose(file);
	return text;
}

/* Run with both outputs caught; the caller frees them. */
static int run(const char *const *words, char **out, char **err)
{
	char *argv[WORDS_MOST + 2] = { 0 };
	FILE *files[2] = { tmpfile(), tmpfile() };
	int kept[2] = { dup(STDOUT_FILENO), dup(STDERR_FILENO) };
	int argc = 1, status;

	memcpy(&argv[0], &top.name, sizeof(argv[0]));
	for (; words[argc - 1]; argc++)
		memcpy(&argv[argc], &words[argc - 1], sizeof(argv[0]));
	fflush(stdout);
	dup2(fileno(files[0]), STDOUT_FILENO);
	dup2(fileno(files[1]), STDERR_FILENO);
	status = verb_run(&top, "prog(1)", argc, argv);
	fflush(stdout);
	dup2(kept[0], STDOUT_FILENO);
	dup2(kept[1], STDERR_FILENO);
	close(kept[0]);
	close(kept[1]);
	*out = contents(files[0]);
	*err = contents(files[1]);
	return status;
}

static void assert_says(const char *text, const char *part)
{
	if (!part || !strstr(text, part))
		assert_string_equal(text, part ? part : "");
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		CLEANUP(free_p) char *out = NULL, *err = NULL;

		print_message("# %s\n", cases[i].label);
		assert_int_equal(
		    run(cases[i].words, &out, &err), cases[i].status);
		assert_says(out, cases[i].out);
		assert_says(err, cases[i].err);
	}
}

static void test_words(void **state)
{
	static const char *const words[] = { "say", "a", "--loud", "b", "--",
		"--c", NULL };
	CLEANUP(free_p) char *out = NULL, *err = NULL;

	(void)state;
	assert_int_equal(run(words, &out, &err), VERB_DONE);
	assert_string_equal(said.words, "a;b;--c;");
	assert_true(said.loud);
}

static void test_full_output(void **state)
{
	char name[] = "prog", word[] = "--help";
	char *argv[] = { name, word, NULL };
	int kept = dup(STDOUT_FILENO), status;
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	assert_non_null(full);
	fflush(stdout);
	dup2(fileno(full), STDOUT_FILENO);
	status = verb_run(&top, "prog(1)", 2, argv);
	dup2(kept, STDOUT_FILENO);
	clearerr(stdout);
	close(kept);
	fclose(full);
	assert_int_equal(status, VERB_FAILED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cases),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_full_output),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
