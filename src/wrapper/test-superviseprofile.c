#include "wrapper/superviseprofile.h"
#include "base/test-callnames.h"
#include "base/test-confined.h"
#include <sys/capability.h>

static long files_in_the_folder(void)
{
	int dir = open("own", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int fd = openat(dir, "new", O_WRONLY | O_CREAT | O_CLOEXEC, 0400);

	if (fd < 0 || close(fd) || symlinkat("new", dir, "link") ||
	    renameat(dir, "link", dir, "other") || unlinkat(dir, "other", 0))
		return -1;
	return unlinkat(dir, "new", 0) || close(dir) ? -1 : 0;
}

static long a_file_elsewhere(void)
{
	return openat(
	    AT_FDCWD, "other/new", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static long signal_anybody(void)
{
	return kill(getppid(), 0);
}

static long a_pipe(void)
{
	int ends[2];

	return pipe2(ends, O_CLOEXEC);
}

static const struct confined_row allowed[] = {
	{ "signal a process", signal_anybody },
	{ "a pipe", a_pipe },
};

static const struct confined_row refused[] = {
	{ "a TCP connection", confined_connect },
	{ "a UDP socket", confined_udp },
	{ "a unix datagram socket", confined_notify },
	{ "a thread", confined_thread },
	{ "a file elsewhere", a_file_elsewhere },
};

/* What all are refused, less what a supervisor is for. */
static void refuses(void)
{
	for (size_t i = 0; i < N_ELEMS(confined_by_all); i++) {
		const struct confined_row *row = &confined_by_all[i];

		if (row->attempt != confined_kill &&
		    row->attempt != confined_write_own &&
		    row->attempt != confined_remove_own)
			confined_refuses(row, 1);
	}
	confined_refuses(refused, N_ELEMS(refused));
}

static void enter(enum plan_deliver deliver)
{
	static char own[] = "own";
	const struct plan plan = { .deliver = deliver, .folder = own };
	struct profile profile;

	supervise_profile(&profile, &plan);
	confined_enter(&profile, 0);
	confined_allows(allowed, N_ELEMS(allowed));
	refuses();
}

static void with_variables(void)
{
	enter(PLAN_DELIVER_ENV);
	CHECK(files_in_the_folder() == -1);
	CHECK(confined_write_own() == -1);
}

static void with_files(void)
{
	enter(PLAN_DELIVER_FILE);
	CHECK(files_in_the_folder() == 0);
}

static void only_what_a_supervisor_does(void **state)
{
	(void)state;
	confined_or_skip();
	in_child(with_variables);
	in_child(with_files);
}

static void calls_of_every_machine(void **state)
{
	static char folder[] = "own";
	const struct plan plan = { .deliver = PLAN_DELIVER_FILE,
		.folder = folder };
	struct profile profile;

	(void)state;
	supervise_profile(&profile, &plan);
	callnames_check(&profile, 0);
}

/* The command may have another user, and a folder another owner. */
static void capabilities_that_stay(void **state)
{
	static char folder[] = "own";
	struct plan plan = { .deliver = PLAN_DELIVER_ENV, .folder = folder };
	struct profile profile;

	(void)state;
	supervise_profile(&profile, &plan);
	assert_int_equal(profile.isolate.n_capabilities, 2);
	assert_int_equal(profile.isolate.capabilities[0], CAP_KILL);
	profile_deinit(&profile);
	plan.deliver = PLAN_DELIVER_FILE;
	supervise_profile(&profile, &plan);
	assert_int_equal(profile.isolate.n_capabilities, 3);
	assert_int_equal(profile.isolate.capabilities[2], CAP_DAC_OVERRIDE);
	profile_deinit(&profile);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_what_a_supervisor_does),
		cmocka_unit_test(calls_of_every_machine),
		cmocka_unit_test(capabilities_that_stay),
	};

	return cmocka_run_group_tests(
	    tests, confined_folder, confined_no_folder);
}
