/* The supervisor with real processes around it. This test's own program plays
 * the fetching process, by a script, and the command, which says what it sees
 * into a pipe. Nobody sleeps: each step waits for a line. */
#include "base/log.h"
#include "wrapper/courier.h"
#include "wrapper/supervise.h"
#include "wrapper/test-players.h"
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* ---- the stage ---- */

struct stage {
	char folder[64], script[80], asked[96];
	int lines; /* what the command says */
	int speak; /* its end */
	pid_t wrapper;
	FILE *in;
	/* what to run */
	enum plan_deliver deliver;
	const char *on_rotate, *command;
	uint64_t poll_ms, deadline_ms, grace_ms;
};

static void script(const struct stage *st, const char *text)
{
	char next[96];
	FILE *f;

	snprintf(next, sizeof(next), "%s.next", st->script);
	f = fopen(next, "we");
	fputs(text, f);
	fclose(f);
	assert_int_equal(rename(next, st->script), 0);
}

static struct stage set_up(const char *text)
{
	struct stage st = { .folder = "/dev/shm/pharos-test-XXXXXX",
		.on_rotate = "none",
		.poll_ms = 20,
		.deadline_ms = 10000,
		.grace_ms = 10000 };
	int ends[2];

	assert_non_null(mkdtemp(st.folder));
	snprintf(st.script, sizeof(st.script), "%s/script", st.folder);
	snprintf(st.asked, sizeof(st.asked), "%s.asked", st.script);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	st.lines = ends[0];
	st.speak = ends[1];
	script(&st, text);
	return st;
}

static void tear_down(struct stage *st)
{
	unlink(st->script);
	unlink(st->asked);
	fclose(st->in);
	assert_int_equal(rmdir(st->folder), 0);
}

_Noreturn static void be_the_wrapper(struct stage *st)
{
	char self[] = "/proc/self/exe", *secrets[] = { (char[]){ "s/a" } };
	char *maps[] = { (char[]){ "x=VALUE" } }, part[64];
	char *argv[] = { self, (char[]){ COMMAND_WORD }, part, NULL };
	struct plan_order plan_order = { secrets, 1, maps, 1, st->deliver,
		st->deliver == PLAN_DELIVER_FILE ? st->folder : NULL,
		st->on_rotate, (long)st->poll_ms };
	struct handoff_job job = { st->script, "", "", "", "", "", "", "", "",
		"", "" };
	struct shield shield = { .scrubbed = 0 };
	struct supervise_order order = { .argv = argv,
		.job = &job,
		.poll_ms = st->poll_ms,
		.deadline_ms = st->deadline_ms,
		.grace_ms = st->grace_ms,
		.report = true,
		.shield = &shield };
	struct plan *plan;
	int program = open(self, O_PATH | O_CLOEXEC), code;

	log_setup("test", LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	snprintf(part, sizeof(part), "%s", st->command);
	dup2(st->speak, SPEAK_FD); /* stays open over exec */
	if (plan_new(&plan, &plan_order, NULL))
		_exit(99);
	order.plan = plan;
	order.program = fcntl(program, F_DUPFD_CLOEXEC, 10);
	code = supervise(&order);
	plan_free(plan);
	exit(code);
}

static void start(struct stage *st)
{
	fflush(NULL);
	st->wrapper = fork();
	if (!st->wrapper)
		be_the_wrapper(st);
	close(st->speak);
	st->in = fdopen(st->lines, "re");
	setvbuf(st->in, NULL, _IONBF, 0); /* so that poll() tells the truth */
}

/* The next line that the command says; fails after 20 s. */
static void hear(struct stage *st, char line[128], const char *want)
{
	struct pollfd p = { .fd = st->lines, .events = POLLIN };

	line[0] = '\0';
	if (poll(&p, 1, 20000) != 1 || !fgets(line, 128, st->in))
		fail_msg("nothing was said, instead of '%s'", want);
	line[strcspn(line, "\n")] = '\0';
}

static void expect(struct stage *st, const char *want)
{
	char line[128];

	hear(st, line, want);
	if (strcmp(line, want) != 0)
		fail_msg("said '%s' instead of '%s'", line, want);
}

static int wait_code(struct stage *st)
{
	int status;

	assert_int_equal(waitpid(st->wrapper, &status, 0), st->wrapper);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* End it as a container is ended. */
static void finish(struct stage *st, const char *last_words, int code)
{
	kill(st->wrapper, SIGTERM);
	expect(st, last_words);
	assert_int_equal(wait_code(st), code);
	tear_down(st);
}

static void read_asked(const struct stage *st, char *to, size_t room)
{
	FILE *f = fopen(st->asked, "re");
	size_t n = f ? fread(to, 1, room - 1, f) : 0;

	to[n] = '\0';
	if (f)
		fclose(f);
}

static int count_fetches(const struct stage *st)
{
	static char asked[65536];
	int lines = 0;

	read_asked(st, asked, sizeof(asked));
	for (char *c = asked; (c = strchr(c, '\n')); c++)
		lines++;
	return lines;
}

/* Wait until fetches have been asked for @n times. */
static void wait_for_fetches(const struct stage *st, int n)
{
	while (count_fetches(st) < n)
		poll(NULL, 0, 1);
}

/* Wait until the wrapper has exactly @n children, dead or alive. */
static void expect_children(const struct stage *st, int n)
{
	char path[64], line[128];
	int seen;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", st->wrapper,
	    st->wrapper);
	do {
		FILE *f = fopen(path, "re");

		seen = 0;
		poll(NULL, 0, 1);
		if (fgets(line, sizeof(line), f))
			for (char *c = line; (c = strchr(c, ' ')); c++)
				seen++;
		fclose(f);
	} while (seen != n);
}

/* ---- the tests ---- */

static void test_exit_code(void **state)
{
	struct stage st = set_up("1 secret 0 0 -");

	(void)state;
	st.command = "exit 42";
	start(&st);
	expect(&st, "has secret");
	assert_int_equal(wait_code(&st), 42);
	tear_down(&st);
}

static void test_killed_by_signal(void **state)
{
	struct stage st = set_up("1 secret 0 0 -");

	(void)state;
	st.command = "die";
	start(&st);
	assert_int_equal(wait_code(&st), 128 + SIGKILL);
	tear_down(&st);
}

static const struct {
	const char *label, *script;
	uint64_t deadline_ms;
	int code;
} no_values[] = {
	{ "refused", "1 x 0 0 refuse", 10000, SUPERVISE_EXIT_REFUSED },
	{ "path refused", "1 x 0 0 missing", 10000, SUPERVISE_EXIT_REFUSED },
	{ "not reachable", "1 x 0 0 retry", 300, SUPERVISE_EXIT_TIMEOUT },
	{ "crashes", "1 x 0 0 crash", 300, SUPERVISE_EXIT_TIMEOUT },
	{ "talks nonsense", "1 x 0 0 garbage", 300, SUPERVISE_EXIT_TIMEOUT },
	{ "hangs", "1 x 0 0 hang", 100, SUPERVISE_EXIT_TIMEOUT },
};

static void test_no_values(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(no_values); i++) {
		struct stage st = set_up(no_values[i].script);
		int code;

		st.command = "exit 0";
		st.deadline_ms = no_values[i].deadline_ms;
		start(&st);
		code = wait_code(&st);
		if (code != no_values[i].code)
			fail_msg("%s: %d", no_values[i].label, code);
		tear_down(&st);
	}
}

static void test_no_delivery(void **state)
{
	struct stage st = set_up("1 x 0 0 -");
	char file[80];

	(void)state;
	/* a file of the value's name that is not ours */
	snprintf(file, sizeof(file), "%s/VALUE", st.folder);
	close(open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	st.deliver = PLAN_DELIVER_FILE;
	st.command = "exit 0";
	start(&st);
	assert_int_equal(wait_code(&st), SUPERVISE_EXIT_DELIVER);
	assert_int_equal(unlink(file), 0);
	tear_down(&st);
}

static void test_signals_passed_on(void **state)
{
	static const struct {
		int number;
		const char *said;
	} row[] = {
		{ SIGUSR1, "USR1 x" },
		{ SIGHUP, "HUP x" },
		{ SIGINT, "INT x" },
		{ SIGQUIT, "QUIT x" },
		{ SIGWINCH, "WINCH x" },
		{ SIGALRM, "ALRM x" },
		{ SIGTERM, "TERM x" },
	};
	struct stage st = set_up("1 x 0 0 -");

	(void)state;
	st.command = "serve 1 7";
	start(&st);
	expect(&st, "has x");
	for (size_t i = 0; i < N_ELEMS(row); i++) {
		kill(st.wrapper, row[i].number);
		expect(&st, row[i].said);
	}
	assert_int_equal(wait_code(&st), 7);
	tear_down(&st);
}

/* A second TERM while the command takes its time reaches it too, once. */
static void test_signal_twice(void **state)
{
	struct stage st = set_up("1 x 0 0 -");

	(void)state;
	st.command = "serve 2 3";
	start(&st);
	expect(&st, "has x");
	kill(st.wrapper, SIGTERM);
	expect(&st, "TERM x");
	finish(&st, "TERM x", 3);
}

static void test_signal_before_the_command(void **state)
{
	struct stage st = set_up("1 x 0 0 hang");

	(void)state;
	st.command = "exit 0";
	start(&st);
	wait_for_fetches(&st, 1);
	kill(st.wrapper, SIGUSR1); /* means nothing yet */
	kill(st.wrapper, SIGTERM);
	assert_int_equal(wait_code(&st), 128 + SIGTERM);
	tear_down(&st);
}

/* Orphans come to the wrapper and do not keep it. */
static void test_orphans(void **state)
{
	struct stage st = set_up("1 x 0 0 -");

	(void)state;
	st.command = "orphan";
	start(&st);
	expect(&st, "adopted x");
	expect(&st, "has x");
	assert_int_equal(wait_code(&st), 0);
	tear_down(&st);
}

/* Those that end are taken off at once. */
static void test_zombies(void **state)
{
	struct stage st = set_up("1 x 0 0 -");

	(void)state;
	st.command = "serve 1 0 zombies";
	start(&st);
	expect(&st, "has x");
	expect_children(&st, 1);
	finish(&st, "TERM x", 0);
}

static void test_rotation_by_signal(void **state)
{
	struct stage st = set_up("1 one 0 0 -");

	(void)state;
	st.deliver = PLAN_DELIVER_FILE;
	st.on_rotate = "signal:USR1";
	st.command = "serve 1 0";
	start(&st);
	expect(&st, "has one");
	script(&st, "2 two 0 0 -");
	expect(&st, "USR1 two");
	script(&st, "3 two 0 0 -"); /* another version, the same value */
	wait_for_fetches(&st, count_fetches(&st) + 2);
	script(&st, "4 four 0 0 -");
	expect(&st, "USR1 four");
	finish(&st, "TERM four", 0); /* and the files are gone */
}

static void test_rotation_by_command(void **state)
{
	struct stage st = set_up("1 one 0 0 -");

	(void)state;
	st.deliver = PLAN_DELIVER_FILE;
	st.on_rotate = "exec:/proc/self/exe " COMMAND_WORD " hook";
	st.command = "serve 1 0";
	start(&st);
	expect(&st, "has one");
	script(&st, "2 two 0 0 -");
	expect(&st, "hook two");
	script(&st, "3 three 0 0 -");
	expect(&st, "hook three");
	finish(&st, "TERM three", 0);
}

static void test_rotation_by_restart(void **state)
{
	static const enum plan_deliver ways[] = { PLAN_DELIVER_ENV,
		PLAN_DELIVER_FD, PLAN_DELIVER_FILE };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(ways); i++) {
		struct stage st = set_up("1 one 0 0 -");

		st.deliver = ways[i];
		st.on_rotate = "restart";
		st.command = "serve 1 1";
		start(&st);
		expect(&st, "has one");
		script(&st, "2 two 0 0 -");
		expect(&st,
		    ways[i] == PLAN_DELIVER_FILE ? "TERM two" : "TERM one");
		expect(&st, "has two");
		finish(&st, "TERM two", 1);
	}
}

/* A command that does not end is killed. */
static void test_restart_of_a_stubborn_one(void **state)
{
	struct stage st = set_up("1 one 0 0 -");

	(void)state;
	st.on_rotate = "restart";
	st.grace_ms = 50;
	st.command = "serve 9 0";
	start(&st);
	expect(&st, "has one");
	script(&st, "2 two 0 0 -");
	expect(&st, "TERM one");
	expect(&st, "has two");
	finish(&st, "TERM two", 0);
}

/* TERM that comes while it restarts: there is no second start. */
static void test_end_during_restart(void **state)
{
	struct stage st = set_up("1 one 0 0 -");

	(void)state;
	st.on_rotate = "restart";
	st.command = "serve 2 5";
	start(&st);
	expect(&st, "has one");
	script(&st, "2 three 0 0 -");
	expect(&st, "TERM one");
	finish(&st, "TERM one", 5);
}

/* What fails later changes nothing; the next good fetch does. */
static void test_last_known_good(void **state)
{
	static const char *const failures[] = { "2 x 0 0 retry",
		"2 x 0 0 refuse", "2 x 0 0 missing", "2 x 0 0 crash",
		"2 x 0 0 garbage" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(failures); i++) {
		struct stage st = set_up("1 one 0 0 -");

		st.deliver = PLAN_DELIVER_FILE;
		st.on_rotate = "signal:USR1";
		st.command = "serve 1 0";
		start(&st);
		expect(&st, "has one");
		script(&st, failures[i]);
		wait_for_fetches(&st, count_fetches(&st) + 2);
		kill(st.wrapper, SIGHUP);
		expect(&st, "HUP one");
		script(&st, "3 three 0 0 -");
		expect(&st, "USR1 three");
		finish(&st, "TERM three", 0);
	}
}

/* The session that was handed back goes along with every later fetch, and is
 * given up at the end. */
static void test_session(void **state)
{
	static const char last[] = "verb=0 session=1 keep=0\n";
	struct stage st = set_up("1 one 0 0 -");
	char asked[8192];

	(void)state;
	st.on_rotate = "restart";
	st.poll_ms = 200;
	st.command = "serve 1 0";
	start(&st);
	expect(&st, "has one");
	script(&st, "2 two 0 0 -");
	expect(&st, "TERM one");
	expect(&st, "has two");
	kill(st.wrapper, SIGTERM);
	expect(&st, "TERM two");
	assert_int_equal(wait_code(&st), 0);
	read_asked(&st, asked, sizeof(asked));
	assert_int_equal(strncmp(asked, "verb=1 session=0 keep=1\n", 24), 0);
	assert_non_null(strstr(asked, "verb=2 session=1 keep=1\n"));
	assert_string_equal(asked + strlen(asked) - strlen(last), last);
	tear_down(&st);
}

/* Without polls and leases nothing is fetched twice, and no token is kept. */
static void test_once(void **state)
{
	struct stage st = set_up("1 one 0 0 -");
	char asked[256];

	(void)state;
	st.command = "exit 0";
	start(&st);
	expect(&st, "has one");
	assert_int_equal(wait_code(&st), 0);
	read_asked(&st, asked, sizeof(asked));
	assert_string_equal(asked, "verb=1 session=0 keep=0\n");
	tear_down(&st);
}

/* The command does not wait for a token to be given up; the wrapper's end does,
 * and so does the next fetch. */
static void test_leaving(void **state)
{
	struct stage st = set_up("1 one 0 0 lingers");
	char asked[256], go[96];

	(void)state;
	st.command = "exit 0";
	start(&st);
	expect(&st, "has one");
	snprintf(go, sizeof(go), "%s.go", st.script);
	fclose(fopen(go, "we"));
	assert_int_equal(wait_code(&st), 0);
	read_asked(&st, asked, sizeof(asked));
	assert_string_equal(asked, "verb=1 session=0 keep=0\ngone\n");
	unlink(go);
	tear_down(&st);
}

/* One that does not leave, or says more than it may, is ended; what it brought
 * before counts. */
static void test_leaving_badly(void **state)
{
	static const char *const scripts[] = { "1 one 0 0 stays",
		"1 one 0 0 babbles" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(scripts); i++) {
		struct stage st = set_up(scripts[i]);

		st.command = "exit 3";
		start(&st);
		expect(&st, "has one");
		assert_int_equal(wait_code(&st), 3);
		tear_down(&st);
	}
}

/* A token that is being given up does not hold back a rotation for good. */
static void test_leaving_for_good(void **state)
{
	struct stage st = set_up("1 one 0 0 stays");

	(void)state;
	st.on_rotate = "restart";
	st.command = "serve 1 0";
	start(&st);
	expect(&st, "has one");
	script(&st, "2 two 0 0 -");
	expect(&st, "TERM one");
	expect(&st, "has two");
	finish(&st, "TERM two", 0);
}

static void test_lease_renewed(void **state)
{
	struct stage st = set_up("0 one 1 1 -");
	char asked[256] = "";

	(void)state;
	st.command = "serve 1 0";
	start(&st);
	expect(&st, "has one");
	while (!strstr(asked, "verb=3")) { /* a renewal */
		poll(NULL, 0, 5);
		read_asked(&st, asked, sizeof(asked));
	}
	finish(&st, "TERM one", 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exit_code),
		cmocka_unit_test(test_killed_by_signal),
		cmocka_unit_test(test_no_values),
		cmocka_unit_test(test_no_delivery),
		cmocka_unit_test(test_signals_passed_on),
		cmocka_unit_test(test_signal_twice),
		cmocka_unit_test(test_signal_before_the_command),
		cmocka_unit_test(test_orphans),
		cmocka_unit_test(test_zombies),
		cmocka_unit_test(test_rotation_by_signal),
		cmocka_unit_test(test_rotation_by_command),
		cmocka_unit_test(test_rotation_by_restart),
		cmocka_unit_test(test_restart_of_a_stubborn_one),
		cmocka_unit_test(test_end_during_restart),
		cmocka_unit_test(test_last_known_good),
		cmocka_unit_test(test_session),
		cmocka_unit_test(test_once),
		cmocka_unit_test(test_leaving),
		cmocka_unit_test(test_leaving_badly),
		cmocka_unit_test(test_leaving_for_good),
		cmocka_unit_test(test_lease_renewed),
	};

	if (argc == 2 && !strcmp(argv[1], COURIER_WORD))
		return play_fetcher();
	if (argc == 3 && !strcmp(argv[1], COMMAND_WORD))
		return play_command(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
