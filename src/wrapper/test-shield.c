/* What is taken out of the environment, and what the report says. */
#include "base/log.h"
#include "wrapper/shield.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <cmocka.h>

static const struct {
	const char *variable;
	bool stays;
} variables[] = {
	{ "PATH=/bin", true },
	{ "PHAROS_JWT_FILE=/run/token", false },
	{ "PHAROS_=x", false },
	{ "PHAROS=stays", true },
	{ "VAULT_TOKEN=hvs.x", false },
	{ "VAULT_TOKEN_FILE=/x", true },
	{ "VAULT_ADDR=https://x", true },
	{ "BAO_TOKEN=s.x", false },
	{ "MY_PHAROS_X=1", true },
	{ "LAST=1", true },
};

static bool in_environment(const char *variable)
{
	for (char **v = environ; *v; v++)
		if (!strcmp(*v, variable))
			return true;
	return false;
}

static void test_scrub(void **state)
{
	char texts[N_ELEMS(variables)][64], *list[N_ELEMS(variables) + 1];
	char **before = environ;
	struct shield s = { .scrubbed = 0 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(variables); i++) {
		snprintf(
		    texts[i], sizeof(texts[i]), "%s", variables[i].variable);
		list[i] = texts[i];
	}
	list[N_ELEMS(variables)] = NULL;
	environ = list;
	shield_scrub(&s);
	for (size_t i = 0; i < N_ELEMS(variables); i++)
		if (in_environment(variables[i].variable) !=
			variables[i].stays ||
		    (texts[i][0] != '\0') != variables[i].stays)
			fail_msg("%s", variables[i].variable);
	environ = before;
	assert_int_equal(s.scrubbed, 4);
}

static void test_enter(void **state)
{
	struct shield s;
	struct rlimit cores;

	(void)state;
	assert_int_equal(shield_enter(&s, NULL), 0);
	assert_true(s.undumpable && s.cores_off);
	assert_int_equal(prctl(PR_GET_DUMPABLE), 0);
	assert_int_equal(getrlimit(RLIMIT_CORE, &cores), 0);
	assert_int_equal(cores.rlim_cur, 0);
	assert_int_equal(prctl(PR_SET_DUMPABLE, 1), 0);
}

static struct plan *make_plan(enum plan_deliver deliver)
{
	char *secrets[] = { (char[]){ "s/a" } };
	char *maps[] = { (char[]){ "x=X" } };
	struct plan *p = NULL;

	assert_int_equal(
	    plan_new(&p,
		&(struct plan_order){ secrets, 1, maps, 1, deliver,
		    deliver == PLAN_DELIVER_FILE ? "/run/x" : NULL, "none", 0 },
		NULL),
	    0);
	return p;
}

/* Values in each kind of memory; the token held or not. */
static const struct {
	const char *label;
	enum plan_deliver deliver;
	struct value value;
	bool token_held;
	const char *lines[3];
} reports[] = {
	{ "hidden", PLAN_DELIVER_ENV, { .fd = 9, .size = 3, .hidden = true },
	    false,
	    { "\"values locked in memory\" state=on",
		"\"no token held\" state=on",
		"what=delivery state=off note=\"env: visible in "
		"/proc/PID/environ" } },
	{ "neither hidden nor locked", PLAN_DELIVER_FD, { .fd = 9, .size = 3 },
	    true,
	    { "\"values locked in memory\" state=off note=\"0 of 1",
		"\"no token held\" state=off", "what=delivery state=" } },
	{ "locked", PLAN_DELIVER_FILE,
	    { .fd = 9, .size = 3, .pinned = (void *)1 }, false,
	    { "kernel's map\" state=off note=\"0 of 1 values in memfd_secret",
		"\"values locked in memory\" state=on",
		"note=\"file: mode 0400 in memory" } },
};

static void test_report(void **state)
{
	struct shield s = { .scrubbed = 2 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(reports); i++) {
		struct plan *p = make_plan(reports[i].deliver);
		int fd = memfd_create("log", MFD_CLOEXEC);
		char said[8192] = "";

		log_to(fd);
		shield_report(&s, p, &reports[i].value, reports[i].token_held);
		assert_true(pread(fd, said, sizeof(said) - 1, 0) > 0);
		for (size_t k = 0; k < N_ELEMS(reports[i].lines); k++)
			if (!strstr(said, reports[i].lines[k]))
				fail_msg("%s: no %s in\n%s", reports[i].label,
				    reports[i].lines[k], said);
		assert_non_null(strstr(said, "2 variables taken out"));
		close(fd);
		log_to(STDERR_FILENO);
		plan_free(p);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_scrub),
		cmocka_unit_test(test_enter),
		cmocka_unit_test(test_report),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
