/* base/test-confined.h: what no program may do once its profile is entered, and
 * what every program of one kind may, tried for real, one row each. For tests
 * of profiles: confined_enter() in a child (base/test-child.h), then
 * confined_dials() or the like, and the program's own rows.
 */
#pragma once
#include "base/profile.h"
#include "base/test-child.h"
#include "base/test-valgrind.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>

enum { CONFINED_PORT = 4999 };

/* one attempt: what it returned, with errno */
typedef long (*confined_fn)(void);

struct confined_row {
	const char *label;
	confined_fn attempt;
};

/* Each row has to fail, with EPERM or EACCES. */
static inline void confined_refuses(const struct confined_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		long r;

		errno = 0;
		r = rows[i].attempt();
		if (r == -1 && (errno == EPERM || errno == EACCES))
			continue;
		dprintf(STDERR_FILENO, "# not refused: %s (%ld, errno %d)\n",
		    rows[i].label, r, errno);
		_exit(CHILD_BAD);
	}
}

/* Each row has to work. */
static inline void confined_allows(const struct confined_row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (rows[i].attempt() >= 0)
			continue;
		dprintf(STDERR_FILENO, "# refused: %s (errno %d)\n",
		    rows[i].label, errno);
		_exit(CHILD_BAD);
	}
}

/* @made: what the program's function said that made @profile; deinits it */
static inline void confined_enter(struct profile *profile, int made)
{
	struct isolate_report report;
	struct fault fault = FAULT_NONE;

	CHECK(!made);
	if (isolate_enter(&profile->isolate, &report, &fault) ||
	    !report.seccomp || !report.landlock) {
		dprintf(STDERR_FILENO, "# not entered: %s\n", fault.text);
		_exit(CHILD_BAD);
	}
	profile_deinit(profile);
}

/* Skips the test where a profile cannot be shown. */
static inline void confined_or_skip(void)
{
	if (syscall(SYS_landlock_create_ruleset, NULL, 0, 1) >= 4 &&
	    prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0 && !test_in_valgrind())
		return;
	print_message("# needs seccomp and Landlock with ports, and no "
		      "valgrind\n");
	skip();
}

/* A folder with own/file, which options name, and other/file, which they do
 * not; the test runs in it. */
static inline int confined_folder(void **state)
{
	static char folder[] = "/tmp/pharos-confined-XXXXXX";
	static const char *const files[] = { "own/file", "other/file" };

	if (!mkdtemp(folder) || chdir(folder) || mkdir("own", 0700) ||
	    mkdir("other", 0700))
		return -1;
	for (size_t i = 0; i < N_ELEMS(files); i++) {
		int fd = open(files[i], O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

		if (fd < 0 || write(fd, "x", 1) != 1 || close(fd))
			return -1;
	}
	*state = folder;
	return 0;
}

static inline int confined_no_folder(void **state)
{
	return unlink("own/file") | unlink("other/file") | rmdir("own") |
	       rmdir("other") | rmdir(*state);
}

static inline long confined_own_file(void)
{
	return open("own/file", O_RDONLY | O_CLOEXEC);
}

static inline long confined_other_file(void)
{
	return open("other/file", O_RDONLY | O_CLOEXEC);
}

static inline long confined_write_own(void)
{
	return open("own/file", O_WRONLY | O_CLOEXEC);
}

static inline long confined_remove_own(void)
{
	return unlink("own/file");
}

static inline void *confined_in_thread(void *ctx)
{
	return ctx;
}

static inline long confined_thread(void)
{
	pthread_t thread;

	errno = pthread_create(&thread, NULL, confined_in_thread, NULL);
	return errno ? -1 : -pthread_join(thread, NULL);
}

/* whether anybody listens there does not matter */
static inline long confined_dial(int family, int type, uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (!connect(fd, (struct sockaddr *)&to, sizeof(to)))
		return 0;
	return errno == EPERM || errno == EACCES ? -1 : 0;
}

static inline long confined_connect(void)
{
	return confined_dial(AF_INET, SOCK_STREAM, CONFINED_PORT);
}

static inline long confined_connect_elsewhere(void)
{
	return confined_dial(AF_INET, SOCK_STREAM, CONFINED_PORT + 1);
}

static inline long confined_udp(void)
{
	return confined_dial(AF_INET, SOCK_DGRAM, CONFINED_PORT);
}

static inline long confined_notify(void)
{
	return socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
}

static inline long confined_inotify(void)
{
	return inotify_add_watch(inotify_init1(IN_CLOEXEC), "own", IN_MOVED_TO);
}

/* The pipe is made smaller: what a user's pipes may hold in all is bounded, and
 * other programs have pipes too. */
static inline long confined_splice(void)
{
	int from[2], to[2];

	if (pipe2(from, O_CLOEXEC) || pipe2(to, O_CLOEXEC) ||
	    fcntl(to[1], F_SETPIPE_SZ, 4096) < 0 || write(from[1], "x", 1) != 1)
		return -1;
	return splice(from[0], NULL, to[1], NULL, 1, SPLICE_F_MOVE);
}

static inline long confined_shadow(void)
{
	return open("/etc/shadow", O_RDONLY | O_CLOEXEC);
}

static inline long confined_list_root(void)
{
	return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static inline long confined_new_file(void)
{
	return open(
	    "/tmp/pharos-test-confined", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
}

static inline long confined_exec(void)
{
	return execl("/bin/true", "true", (char *)0);
}

static inline long confined_exec_fd(void)
{
	static char name[] = "true";
	char *argv[] = { name, NULL };

	return syscall(SYS_execveat, AT_FDCWD, "/bin/true", argv, environ, 0);
}

static inline long confined_fork(void)
{
	long pid = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);

	if (!pid)
		_exit(CHILD_BAD);
	return pid;
}

/* A struct clone_args cannot be looked into, so the call as such is refused,
 * with what sends the C library to the older one. */
static inline long confined_clone3(void)
{
	long r = syscall(SYS_clone3, NULL, 0);

	errno = errno == ENOSYS ? EPERM : errno;
	return r;
}

static inline long confined_name_space(void)
{
	return unshare(CLONE_NEWUSER);
}

static inline long confined_netlink(void)
{
	return socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static inline long confined_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
}

static inline long confined_raw(void)
{
	return socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_ICMP);
}

static inline long confined_unix_stream(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static inline long confined_mptcp(void)
{
	enum { MPTCP = 262 };

	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, MPTCP);
}

static inline long confined_listen(void)
{
	return listen(-1, 1);
}

static inline long confined_bind(void)
{
	struct sockaddr_in any = { .sin_family = AF_INET };

	return bind(-1, (struct sockaddr *)&any, sizeof(any));
}

static inline long confined_ptrace(void)
{
	return syscall(SYS_ptrace, 16 /* attach */, getppid(), 0, 0);
}

static inline long confined_read_memory(void)
{
	return syscall(SYS_process_vm_readv, getppid(), NULL, 0, NULL, 0, 0);
}

static inline long confined_kill(void)
{
	return kill(getppid(), 0);
}

static inline long confined_executable(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_EXEC,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return at == MAP_FAILED ? -1 : 0;
}

static inline long confined_make_executable(void)
{
	void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(at, 4096, PROT_READ | PROT_EXEC);
}

static inline long confined_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
}

static inline long confined_mount(void)
{
	return syscall(SYS_mount, "none", "/mnt", "tmpfs", 0, NULL);
}

static inline long confined_bpf(void)
{
	return syscall(SYS_bpf, 0, NULL, 0);
}

static inline long confined_keyring(void)
{
	return syscall(SYS_keyctl, 0, 0, 0, 0, 0);
}

static inline long confined_io_uring(void)
{
	return syscall(SYS_io_uring_setup, 1, NULL);
}

static inline long confined_chmod(void)
{
	return chmod("/tmp", 01777);
}

static const struct confined_row confined_by_all[] = {
	{ "open /etc/shadow", confined_shadow },
	{ "open a file beside its own folder", confined_other_file },
	{ "write its own file", confined_write_own },
	{ "remove its own file", confined_remove_own },
	{ "list /", confined_list_root },
	{ "make a file", confined_new_file },
	{ "exec", confined_exec },
	{ "exec by execveat", confined_exec_fd },
	{ "fork", confined_fork },
	{ "clone3", confined_clone3 },
	{ "a user name space", confined_name_space },
	{ "a netlink socket", confined_netlink },
	{ "a packet socket", confined_packet },
	{ "a raw socket", confined_raw },
	{ "a unix stream socket", confined_unix_stream },
	{ "an MPTCP socket", confined_mptcp },
	{ "bind", confined_bind },
	{ "listen", confined_listen },
	{ "ptrace", confined_ptrace },
	{ "another process's memory", confined_read_memory },
	{ "a signal to another process", confined_kill },
	{ "memory that can be executed", confined_executable },
	{ "memory made executable", confined_make_executable },
	{ "dumpable again", confined_dumpable },
	{ "mount", confined_mount },
	{ "bpf", confined_bpf },
	{ "keyctl", confined_keyring },
	{ "io_uring", confined_io_uring },
	{ "chmod", confined_chmod },
};

/* Who carries bytes between sockets, and no more than that. */
static inline void confined_carries(void)
{
	static const struct confined_row allowed[] = {
		{ "read its own file", confined_own_file },
		{ "hear of its replacement", confined_inotify },
		{ "a worker thread", confined_thread },
		{ "tell the service manager", confined_notify },
		{ "move bytes in the kernel", confined_splice },
	};

	confined_allows(allowed, N_ELEMS(allowed));
	confined_refuses(confined_by_all, N_ELEMS(confined_by_all));
}

/* Who dials too: what ports, its options say; none is CONFINED_PORT + 1. */
static inline void confined_dials(void)
{
	confined_carries();
	confined_allows(
	    &(struct confined_row){ "ask for a name", confined_udp }, 1);
	confined_refuses(&(struct confined_row){ "connect to another port",
			     confined_connect_elsewhere },
	    1);
}
