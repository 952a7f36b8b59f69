#include "base/option_show.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include <cmocka.h>

/* What @flag prints of @table. */
static char *printed(const struct option_table *table, char *flag)
{
	char name[] = "pharos-test";
	char *argv[] = { name, flag, NULL };
	FILE *file = tmpfile();
	int kept = dup(STDOUT_FILENO);
	char *text = calloc(1, 16384);
	bool config[1] = { false };
	int r;

	assert_non_null(file);
	assert_non_null(text);
	fflush(stdout);
	dup2(fileno(file), STDOUT_FILENO);
	r = option_load(table, 2, argv, config, NULL, NULL);
	fflush(stdout);
	dup2(kept, STDOUT_FILENO);
	close(kept);
	assert_int_equal(r, OPTION_E_DONE);
	rewind(file);
	assert_true(fread(text, 1, 16383, file) < 16383);
	fclose(file);
	return text;
}

/* A table too long for a screen: --help leaves out what is rare. */
static void test_help_of_many(void **state)
{
	static struct option_row rows[40];
	static char names[40][16];
	const struct option_table table = { .program = "pharos-test",
		.about = "has many",
		.manual = "pharos-test(8)",
		.rows = rows,
		.n_rows = N_ELEMS(rows) };
	char usual[] = "--help", whole[] = "--help-all";
	static const struct {
		size_t rare; /* of the rows */
	} cases[] = { { 25 }, { 40 } };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		snprintf(names[i], sizeof(names[i]), "name-%zu", i);
		rows[i] = (struct option_row){ .name = names[i],
			.help = "a switch",
			.type = OPTION_BOOL };
	}
	for (size_t i = 0; i < N_ELEMS(cases); i++) {
		CLEANUP(free_p) char *few = NULL, *all = NULL;

		for (size_t j = 0; j < cases[i].rare; j++)
			rows[j].flags = OPTION_RARE;
		few = printed(&table, usual);
		all = printed(&table, whole);
		assert_null(strstr(few, "--name-0 "));
		assert_int_equal(
		    strstr(few, "--name-39") != NULL, cases[i].rare < 40);
		assert_non_null(strstr(few, "--help-all shows "));
		assert_non_null(strstr(all, "--name-0 "));
		assert_non_null(strstr(all, "--name-39 "));
		assert_non_null(strstr(all, "--config FILE"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_help_of_many),
	};

	return cmocka_run_group_tests_name("option_show", tests, NULL, NULL);
}
