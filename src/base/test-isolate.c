#include "base/test-valgrind.h"
#include "base/isolate.h"
#include "base/log.h"
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* Each case runs in a child, which enters a profile and then tries things. A
 * child that finds something wrong says so on standard error. Children leave by
 * _exit(): a leak checker would need the very calls that were given up. */

#define CHECK(condition)                                                       \
	do {                                                                   \
		if (!(condition))                                              \
			child_failed(#condition, __LINE__);                    \
	} while (0)

enum { CHILD_GOOD = 0, CHILD_BAD = 1 };

static _Noreturn void child_failed(const char *condition, int line)
{
	int error = errno;

	/* standard error was opened before anything was given up */
	dprintf(STDERR_FILENO, "# line %d: %s (errno %d)\n", line, condition,
	    error);
	_exit(CHILD_BAD);
}

static void in_child(void (*body)(void))
{
	int status;
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		body();
		_exit(CHILD_GOOD);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), CHILD_GOOD);
}

static void enter(
    const struct isolate_profile *profile, struct isolate_report *report)
{
	struct fault fault = FAULT_NONE;

	if (isolate_enter(profile, report, &fault)) {
		dprintf(STDERR_FILENO, "# %s\n", fault.text);
		_exit(CHILD_BAD);
	}
}

/* ---- stages 1 and 2 */

static void no_dumps(void)
{
	struct isolate_report report = { .landlock_abi = -1 };
	struct rlimit core;

	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	enter(&(struct isolate_profile){ .calls = NULL }, &report);
	CHECK(report.undumpable && report.no_new_privileges);
	CHECK(!report.landlock && !report.seccomp);
	CHECK(prctl(PR_GET_DUMPABLE, 0, 0, 0, 0) == 0);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHECK(getrlimit(RLIMIT_CORE, &core) == 0);
	CHECK(core.rlim_cur == 0 && core.rlim_max == 0);
}

static void test_no_dumps(void **state)
{
	(void)state;
	in_child(no_dumps);
}

/* ---- stage 3 */

static void read_caps(struct __user_cap_data_struct data[2])
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};

	CHECK(syscall(SYS_capget, &header, data) == 0);
}

static void caps_kept(void)
{
	static const int kept[] = { CAP_NET_BIND_SERVICE };
	struct __user_cap_data_struct data[2] = { { 0 } };
	struct isolate_report report;

	CHECK(prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0) == 1);
	enter(&(struct isolate_profile){ .capabilities = kept,
		  .n_capabilities = N_ELEMS(kept) },
	    &report);
	CHECK(report.capabilities && report.bounding);
	read_caps(data);
	CHECK(data[0].permitted == 1U << CAP_NET_BIND_SERVICE);
	CHECK(data[0].effective == 1U << CAP_NET_BIND_SERVICE);
	CHECK(data[0].inheritable == 0);
	CHECK(data[1].permitted == 0 && data[1].effective == 0);
	CHECK(prctl(PR_CAPBSET_READ, CAP_NET_BIND_SERVICE, 0, 0, 0) == 1);
	CHECK(prctl(PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0) == 0);
	CHECK(prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 0);
}

/* What root may do before, and nobody may after. */
static void caps_refused(void)
{
	char path[] = "/tmp/test-isolate-XXXXXX";
	int fd = mkstemp(path);

	CHECK(fd >= 0);
	unlink(path);
	CHECK(fchown(fd, 1, 1) == 0);
	enter(&(struct isolate_profile){ .calls = NULL }, NULL);
	errno = 0;
	CHECK(fchown(fd, 2, 2) == -1 && errno == EPERM);
	CHECK(chroot("/") == -1 && errno == EPERM);
	/* and not after an exec either, which for root would bring all back */
	execl("/bin/sh", "sh", "-c", "! chroot / true 2>/dev/null", (char *)0);
	CHECK(false);
}

/* An ambient capability would survive the exec of anything. */
static void caps_ambient(void)
{
	struct __user_cap_header_struct header = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2] = { { 0 } };

	read_caps(data);
	data[0].inheritable = data[0].permitted;
	CHECK(syscall(SYS_capset, &header, data) == 0);
	CHECK(
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0) == 0);
	enter(&(struct isolate_profile){ .calls = NULL }, NULL);
	CHECK(
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_CHOWN, 0, 0) == 0);
	read_caps(data);
	CHECK(data[0].inheritable == 0);
}

/* Without privileges there is nothing to drop, and that is fine. */
static void caps_of_nobody(void)
{
	static const int kept[] = { CAP_NET_BIND_SERVICE };
	struct __user_cap_data_struct data[2] = { { 0 } };
	struct isolate_report report;

	CHECK(setresuid(65534, 65534, 65534) == 0);
	enter(&(struct isolate_profile){ .capabilities = kept,
		  .n_capabilities = N_ELEMS(kept) },
	    &report);
	CHECK(report.capabilities && !report.bounding);
	read_caps(data);
	CHECK(data[0].permitted == 0);
}

static void test_capabilities(void **state)
{
	(void)state;
	if (geteuid() != 0) {
		print_message("# only root has capabilities to drop\n");
		skip();
	}
	in_child(caps_kept);
	in_child(caps_refused);
	in_child(caps_ambient);
	in_child(caps_of_nobody);
}

/* ---- stage 4 */

/* A folder with r/file, w/file, n/file, and a lone file f. */
static char folder[] = "/tmp/test-isolate-XXXXXX";

static void make_file(const char *name)
{
	int fd = open(name, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), 1);
	close(fd);
}

static int make_folder(void **state)
{
	static const char *const folders[] = { "r", "w", "n" };

	(void)state;
	if (!mkdtemp(folder) || chdir(folder))
		return -1;
	for (size_t i = 0; i < N_ELEMS(folders); i++) {
		char name[20];

		if (mkdir(folders[i], 0700))
			return -1;
		snprintf(name, sizeof(name), "%s/file", folders[i]);
		make_file(name);
	}
	make_file("f");
	return 0;
}

static int remove_folder(void **state)
{
	static const char *const files[] = { "r/file", "w/file", "n/file",
		"f" };
	static const char *const folders[] = { "r", "w", "n", folder };
	int err = 0;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(files); i++)
		err |= unlink(files[i]);
	for (size_t i = 0; i < N_ELEMS(folders); i++)
		err |= rmdir(folders[i]);
	return err;
}

static int try_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC, 0600);

	if (fd < 0)
		return errno;
	close(fd);
	return 0;
}

static void paths_confined(void)
{
	static const struct isolate_path paths[] = {
		{ "r", ISOLATE_READ },
		{ "w", ISOLATE_WRITE },
		{ "f", ISOLATE_READ },
		{ "missing", ISOLATE_READ },
		{ "f/missing", ISOLATE_READ },
		{ "/dev/null", ISOLATE_WRITE },
	};
	struct isolate_report report;

	CHECK(try_open("n/file", O_RDONLY) == 0);
	enter(
	    &(struct isolate_profile){
		.paths = paths, .n_paths = N_ELEMS(paths), .use_paths = true },
	    &report);
	CHECK(report.landlock && report.landlock_abi > 0);
	CHECK(try_open("r/file", O_RDONLY) == 0);
	CHECK(try_open("r", O_RDONLY | O_DIRECTORY) == 0);
	CHECK(try_open("f", O_RDONLY) == 0);
	CHECK(try_open("w/file", O_RDWR) == 0);
	CHECK(try_open("w/new", O_WRONLY | O_CREAT | O_EXCL) == 0);
	CHECK(rename("w/new", "w/newer") == 0);
	CHECK(mkdir("w/d", 0700) == 0 && rename("w/newer", "w/d/x") == 0);
	CHECK(unlink("w/d/x") == 0 && rmdir("w/d") == 0);
	CHECK(try_open("/dev/null", O_WRONLY) == 0);

	CHECK(try_open("n/file", O_RDONLY) == EACCES);
	CHECK(try_open("r/../n/file", O_RDONLY) == EACCES);
	CHECK(try_open("n", O_RDONLY | O_DIRECTORY) == EACCES);
	CHECK(try_open(".", O_RDONLY | O_DIRECTORY) == EACCES);
	CHECK(try_open("/etc/passwd", O_RDONLY) == EACCES);
	CHECK(try_open("r/file", O_WRONLY) == EACCES);
	CHECK(try_open("r/new", O_WRONLY | O_CREAT) == EACCES);
	CHECK(try_open("f", O_WRONLY) == EACCES);
	CHECK(unlink("r/file") == -1 && errno == EACCES);
	CHECK(symlink("n", "w/link") == -1 && errno == EACCES);
	CHECK(mkfifo("w/fifo", 0600) == -1 && errno == EACCES);
	CHECK(execl("/bin/true", "true", (char *)0) == -1 && errno == EACCES);
	if (report.landlock_abi >= 3)
		CHECK(truncate("f", 0) == -1 && errno == EACCES);
}

static void no_paths_at_all(void)
{
	enter(&(struct isolate_profile){ .use_paths = true }, NULL);
	CHECK(try_open("f", O_RDONLY) == EACCES);
	CHECK(try_open("/", O_RDONLY | O_DIRECTORY) == EACCES);
}

static void test_paths(void **state)
{
	(void)state;
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) < 1) {
		print_message("# this kernel has no Landlock\n");
		skip();
	}
	in_child(paths_confined);
	in_child(no_paths_at_all);
}

/* ---- stage 5 */

/* what a sanitizer's runtime calls on its own */
#define RUNTIME_CALLS "mmap", "munmap", "madvise", "sigaltstack"

static void calls_filtered(void)
{
	/* recv is no system call on every machine; its name is known */
	static const char *const calls[] = { "read", "write", "getpid",
		"rt_sigprocmask", "kill", "recv", RUNTIME_CALLS };
	struct isolate_report report;

	enter(&(struct isolate_profile){ .calls = calls,
		  .n_calls = N_ELEMS(calls) },
	    &report);
	CHECK(report.seccomp);
	CHECK(syscall(SYS_getpid) > 0);
	CHECK(write(STDERR_FILENO, "", 0) == 0);
	errno = 0;
	CHECK(syscall(SYS_getppid) == -1 && errno == EPERM);
	CHECK(syscall(SYS_socket, 1, 1, 0) == -1 && errno == EPERM);
	CHECK(syscall(SYS_openat, AT_FDCWD, "f", O_RDONLY) == -1 &&
	      errno == EPERM);
}

static void on_signal(int number)
{
	(void)number;
}

static void signals_return(void)
{
	static const char *const calls[] = { "getpid", "gettid", "tgkill",
		"kill", "write", "rt_sigprocmask", RUNTIME_CALLS };

	CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
	enter(&(struct isolate_profile){ .calls = calls,
		  .n_calls = N_ELEMS(calls) },
	    NULL);
	CHECK(kill((pid_t)syscall(SYS_getpid), SIGUSR1) == 0);
}

static void unknown_call(void)
{
	static const char *const calls[] = { "read", "raed" };
	struct isolate_report report = { .landlock_abi = 42 };
	struct fault fault = FAULT_NONE;

	CHECK(isolate_enter(&(struct isolate_profile){ .calls = calls,
				.n_calls = N_ELEMS(calls) },
		  &report, &fault) == -EINVAL);
	CHECK(fault.code == -EINVAL && strstr(fault.text, "'raed'"));
	CHECK(report.landlock_abi == 42); /* untouched */
	CHECK(syscall(SYS_getppid) > 0);  /* no filter was loaded */
}

static void test_calls(void **state)
{
	(void)state;
	if (prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0) {
		print_message("# this kernel has no seccomp\n");
		skip();
	}
	if (test_in_valgrind()) {
		print_message("# the filter would refuse valgrind's calls\n");
		skip();
	}
	in_child(calls_filtered);
	in_child(signals_return);
	in_child(unknown_call);
}

/* ---- all of them */

static void *wait_for_lock(void *lock)
{
	pthread_mutex_lock(lock);
	pthread_mutex_unlock(lock);
	return NULL;
}

static void second_thread(void)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	struct fault fault = FAULT_NONE;
	pthread_t thread;

	pthread_mutex_lock(&lock);
	CHECK(pthread_create(&thread, NULL, wait_for_lock, &lock) == 0);
	CHECK(isolate_enter(&(struct isolate_profile){ .calls = NULL }, NULL,
		  &fault) == -EBUSY);
	CHECK(strstr(fault.text, "second thread"));
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0);
	pthread_mutex_unlock(&lock);
	pthread_join(thread, NULL);
}

static void test_threads(void **state)
{
	(void)state;
	if (access("/proc/self/task", R_OK)) {
		print_message("# /proc is not mounted\n");
		skip();
	}
	in_child(second_thread);
}

static void said(const struct isolate_profile *profile,
    const struct isolate_report *report, const char *expected)
{
	int ends[2];
	char line[400] = "";

	assert_int_equal(pipe(ends), 0);
	log_to(ends[1]);
	isolate_log(profile, report);
	log_to(STDERR_FILENO);
	assert_true(read(ends[0], line, sizeof(line) - 1) > 0);
	close(ends[0]);
	close(ends[1]);
	if (!strstr(line, expected))
		assert_string_equal(line, expected);
}

static void test_log(void **state)
{
	static const char *const calls[] = { "read" };
	struct isolate_report on = { .landlock = true, .seccomp = true };
	struct isolate_report off = { .landlock_abi = 0 };
	struct isolate_profile both = { .use_paths = true, .calls = calls };
	struct isolate_profile none = { .calls = NULL };

	(void)state;
	said(&both, &on, " info ");
	said(&none, &off, " info ");
	said(&both, &off, " isolated in part ");
	said(&both, &off, "landlock=false");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_dumps),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_log),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
