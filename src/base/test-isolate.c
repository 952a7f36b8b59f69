#include "base/test-child.h"
#include "base/test-valgrind.h"
#include "base/isolate.h"
#include "base/landlock.h"
#include "base/log.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

/* Each case runs in a child, which enters a profile and then tries things. */

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

static int try_socket(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	strncpy(name.sun_path, path, sizeof(name.sun_path) - 1);
	r = bind(fd, (struct sockaddr *)&name, sizeof(name)) ? errno : 0;
	close(fd);
	return r;
}

static void links_and_sockets(void)
{
	static const struct isolate_path paths[] = {
		{ "w", ISOLATE_LINK },
		{ "n", ISOLATE_SOCKET },
	};

	enter(
	    &(struct isolate_profile){
		.paths = paths, .n_paths = N_ELEMS(paths), .landlock = true },
	    NULL);
	CHECK(symlink("n", "w/link") == 0 && unlink("w/link") == 0);
	CHECK(try_socket("w/socket") == EACCES);
	CHECK(try_socket("n/socket") == 0 && unlink("n/socket") == 0);
	CHECK(try_open("n/file", O_RDONLY) == EACCES);
	CHECK(try_open("n/new", O_WRONLY | O_CREAT) == EACCES);
}

/* A folder that this user cannot search now is no reason not to start. */
static void out_of_reach(void)
{
	static const struct isolate_path paths[] = { { "r/file",
	    ISOLATE_READ } };

	CHECK(chmod("r", 0) == 0);
	CHECK(setresuid(65534, 65534, 65534) == 0);
	enter(
	    &(struct isolate_profile){
		.paths = paths, .n_paths = N_ELEMS(paths), .landlock = true },
	    NULL);
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
		.paths = paths, .n_paths = N_ELEMS(paths), .landlock = true },
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
	CHECK(try_socket("w/socket") == EACCES);
	CHECK(mkfifo("w/fifo", 0600) == -1 && errno == EACCES);
	CHECK(execl("/bin/true", "true", (char *)0) == -1 && errno == EACCES);
	if (report.landlock_abi >= 3)
		CHECK(truncate("f", 0) == -1 && errno == EACCES);
}

static void no_paths_at_all(void)
{
	enter(&(struct isolate_profile){ .landlock = true }, NULL);
	CHECK(try_open("f", O_RDONLY) == EACCES);
	CHECK(try_open("/", O_RDONLY | O_DIRECTORY) == EACCES);
}

static int try_connect(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), r;

	r = connect(fd, (struct sockaddr *)&to, sizeof(to)) ? errno : 0;
	close(fd);
	return r;
}

static void ports_confined(void)
{
	static const uint16_t ports[] = { 9 };
	struct sockaddr_in any = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	enter(
	    &(struct isolate_profile){
		.landlock = true, .ports = ports, .n_ports = N_ELEMS(ports) },
	    NULL);
	CHECK(try_connect(9) != EACCES);
	CHECK(try_connect(10) == EACCES);
	CHECK(bind(fd, (struct sockaddr *)&any, sizeof(any)) == -1 &&
	      errno == EACCES);
}

static void test_ports(void **state)
{
	(void)state;
	if (landlock_version() < 4) {
		print_message("# this kernel's Landlock knows no ports\n");
		skip();
	}
	in_child(ports_confined);
}

static void signals_stay_inside(void)
{
	enter(&(struct isolate_profile){ .landlock = true }, NULL);
	CHECK(kill(getppid(), 0) == -1 && errno == EPERM);
	CHECK(kill(getpid(), 0) == 0);
}

static void signals_go_out(void)
{
	enter(&(struct isolate_profile){ .landlock = true, .signals = true },
	    NULL);
	CHECK(kill(getppid(), 0) == 0);
}

/* The name of an abstract socket is in no folder. */
static int abstract_socket(struct sockaddr_un *name, socklen_t *size)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	*size = sizeof(*name);
	*name = (struct sockaddr_un){ .sun_family = AF_UNIX };
	CHECK(!bind(fd, (struct sockaddr *)name, sizeof(sa_family_t)));
	CHECK(!getsockname(fd, (struct sockaddr *)name, size));
	return fd;
}

static int try_abstract(const struct isolate_profile *profile)
{
	struct sockaddr_un name;
	socklen_t size;
	int there = abstract_socket(&name, &size);
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	CHECK(there >= 0);
	enter(profile, NULL);
	return connect(fd, (struct sockaddr *)&name, size) ? errno : 0;
}

static void abstract_refused(void)
{
	CHECK(try_abstract(&(struct isolate_profile){ .landlock = true }) ==
	      EPERM);
}

static void abstract_allowed(void)
{
	CHECK(try_abstract(&(struct isolate_profile){
		  .landlock = true, .abstract_sockets = true }) == 0);
}

static void test_scopes(void **state)
{
	(void)state;
	if (landlock_version() < 6) {
		print_message("# this kernel's Landlock knows no scopes\n");
		skip();
	}
	in_child(signals_stay_inside);
	in_child(signals_go_out);
	in_child(abstract_refused);
	in_child(abstract_allowed);
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
	in_child(links_and_sockets);
	if (geteuid() == 0) {
		in_child(out_of_reach);
		assert_int_equal(chmod("r", 0700), 0);
	}
}

/* ---- stage 5 */

/* What a case tries before it leaves; a sanitizer's runtime tries more. */
static const struct isolate_call basic_rows[] = {
	{ "write" },
	{ "getpid" },
	{ "gettid" },
	{ "rt_sigprocmask" },
	{ "mmap" },
	{ "munmap" },
	{ "madvise" },
	{ "sigaltstack" },
};
static const struct isolate_calls basic = { ISOLATE_CALLS(basic_rows) };

static void enter_calls(
    const struct isolate_calls *more, struct isolate_report *report)
{
	const struct isolate_calls *const calls[] = { &basic, more };

	enter(&(struct isolate_profile){ .calls = calls,
		  .n_calls = N_ELEMS(calls) },
	    report);
}

static void calls_filtered(void)
{
	/* recv is no system call on every machine; its name is known */
	static const struct isolate_call rows[] = { { "read" }, { "recv" } };
	static const struct isolate_calls calls = { ISOLATE_CALLS(rows) };
	struct isolate_report report;

	enter_calls(&calls, &report);
	CHECK(report.seccomp && !report.seccomp_missing);
	CHECK(syscall(SYS_getpid) > 0);
	CHECK(write(STDERR_FILENO, "", 0) == 0);
	errno = 0;
	CHECK(syscall(SYS_getppid) == -1 && errno == EPERM);
	CHECK(syscall(SYS_socket, 1, 1, 0) == -1 && errno == EPERM);
	CHECK(syscall(SYS_openat, AT_FDCWD, "f", O_RDONLY) == -1 &&
	      errno == EPERM);
}

/* getpriority(which, who): which is an int */
static void calls_by_argument(void)
{
	static const struct isolate_call rows[] = {
		{ .name = "getpriority",
		    .n_tests = 2,
		    .tests[0].mask = ISOLATE_INT,
		    .tests[1] = { .number = 1, .mask = ISOLATE_INT } },
		{ .name = "getpriority",
		    .n_tests = 1,
		    .tests[0] = { .mask = ISOLATE_INT, .value = 1 } },
		{ .name = "umask", .n_tests = 1, .tests[0].mask = 0700 },
	};
	static const struct isolate_calls calls = { ISOLATE_CALLS(rows) };

	enter_calls(&calls, NULL);
	CHECK(syscall(SYS_getpriority, 0, 0) > 0);
	CHECK(syscall(SYS_getpriority, 0, 1) == -1 && errno == EPERM);
	CHECK(syscall(SYS_getpriority, 1, 0) > 0);
	CHECK(syscall(SYS_getpriority, 2, 0) == -1 && errno == EPERM);
	CHECK(syscall(SYS_umask, 0077) >= 0);
	CHECK(syscall(SYS_umask, 0177) == -1 && errno == EPERM);
	/* what the kernel takes for 0 is 0 to the filter too */
	CHECK(syscall(SYS_getpriority, INT64_C(1) << 32, 0) > 0);
}

static void calls_answered(void)
{
	static const struct isolate_call rows[] = { { "getppid" } };
	static const struct isolate_calls calls = { ISOLATE_CALLS(rows),
		.answer = ENOSYS };

	enter_calls(&calls, NULL);
	CHECK(syscall(SYS_getppid) == -1 && errno == ENOSYS);
}

/* Two purposes may need the same call, one of them only in part. */
static void calls_twice(void)
{
	static const struct isolate_call rows[] = {
		{ .name = "getpid" },
		{ .name = "write", .n_tests = 1, .tests[0].value = 1 },
		{ .name = "write" },
	};
	static const struct isolate_calls calls = { ISOLATE_CALLS(rows) };

	enter_calls(&calls, NULL);
	CHECK(write(STDERR_FILENO, "", 0) == 0);
}

static void on_signal(int number)
{
	(void)number;
}

/* A signal to oneself, as abort() sends it; not to others. */
static void signals_return(void)
{
	pid_t parent = getppid();

	CHECK(signal(SIGUSR1, on_signal) != SIG_ERR);
	enter_calls(&basic, NULL);
	CHECK(raise(SIGUSR1) == 0);
	CHECK(syscall(SYS_tgkill, parent, parent, 0) == -1 && errno == EPERM);
}

static void unknown_call(void)
{
	static const struct isolate_call rows[] = { { "read" }, { "raed" } };
	struct isolate_calls table = { ISOLATE_CALLS(rows) };
	const struct isolate_calls *calls[] = { &basic, &table };
	const struct isolate_profile profile = { .calls = calls, .n_calls = 2 };
	struct isolate_report report = { .landlock_abi = 42 };
	struct fault fault = FAULT_NONE;

	CHECK(isolate_enter(&profile, &report, &fault) == -EINVAL);
	CHECK(fault.code == -EINVAL && strstr(fault.text, "'raed'"));
	CHECK(report.landlock_abi == 42); /* untouched */
	CHECK(syscall(SYS_getppid) > 0);  /* no filter was loaded */
	table.newer = true;
	enter(&profile, NULL);
	CHECK(syscall(SYS_getppid) == -1 && errno == EPERM);
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
	in_child(calls_by_argument);
	in_child(calls_answered);
	in_child(calls_twice);
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
	struct isolate_report on = { .landlock = true, .seccomp = true };
	struct isolate_report off = { .landlock_missing = -EOPNOTSUPP,
		.seccomp_missing = -ENOSYS };
	const struct isolate_calls *const calls[] = { &basic };
	struct isolate_profile both = { .landlock = true, .calls = calls };
	struct isolate_profile none = { .calls = NULL };

	(void)state;
	said(&both, &on, " info ");
	said(&both, &on, "landlock=on");
	said(&none, &off, " info ");
	said(&none, &off, "seccomp=\"not asked for\"");
	said(&both, &off, " isolated in part ");
	said(&both, &off,
	    "landlock=\"missing in the kernel: Operation not supported\"");
	said(&both, &off,
	    "seccomp=\"missing in the kernel: Function not implemented\"");
}

static void shown(const struct metric_registry *registry, const char *expected)
{
	CLEANUP(free_p) char *text = NULL;
	size_t n;

	assert_int_equal(metric_print(registry, &text, &n), 0);
	if (!strstr(text, expected))
		assert_string_equal(text, expected);
}

static void test_metrics(void **state)
{
	struct metric_registry registry = { .first = NULL };
	struct isolate_report report = { .landlock = true, .landlock_abi = 7 };
	struct isolate_meter meter;

	(void)state;
	isolate_meter_init(&meter, &registry);
	shown(&registry, "pharos_isolation{stage=\"landlock\"} 0\n");
	isolate_meter_set(&meter, &report);
	shown(&registry, "pharos_isolation{stage=\"landlock\"} 1\n");
	shown(&registry, "pharos_isolation{stage=\"seccomp\"} 0\n");
	shown(&registry, "pharos_landlock_abi 7\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_dumps),
		cmocka_unit_test(test_capabilities),
		cmocka_unit_test(test_paths),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_calls),
		cmocka_unit_test(test_threads),
		cmocka_unit_test(test_log),
		cmocka_unit_test(test_metrics),
	};

	return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
