/* base/syscalls.c: see the header.
 *
 * Names are those of any machine that Linux runs on: x86_64 has open, poll and
 * stat where others have openat, ppoll and statx alone, and a newer C library
 * moves from one to the other. A name that this machine lacks is passed over.
 * Structures in memory cannot be looked into: hence no clone3.
 */
#include "base/syscalls.h"
#include <fcntl.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#if defined(__has_feature)
#define HAS_FEATURE(x) __has_feature(x)
#else
#define HAS_FEATURE(x) 0
#endif

static const struct isolate_call runtime[] = {
	/* memory; never both a page's bytes and permission to run them */
	{ "brk" },
	ISOLATE_ONLY("mmap", ISOLATE_LACKS(2, PROT_EXEC)),
	ISOLATE_ONLY("mmap2", ISOLATE_LACKS(2, PROT_EXEC)),
	ISOLATE_ONLY("mprotect", ISOLATE_LACKS(2, PROT_EXEC)),
	{ "munmap" },
	{ "mremap" },
	{ "madvise" },
	{ "mlock" }, /* secrets */
	{ "mlock2" },
	{ "munlock" },
	/* locks and waits */
	{ "futex" },
	{ "futex_time64" },
	{ "sched_yield" },
	{ "nanosleep" },
	{ "clock_nanosleep" },
	{ "clock_nanosleep_time64" },
	/* clocks, where the vDSO has none */
	{ "clock_gettime" },
	{ "clock_gettime64" },
	{ "clock_getres" },
	{ "gettimeofday" },
	{ "time" },
	/* who and where am I */
	{ "getpid" },
	{ "gettid" },
	{ "getppid" },
	{ "getuid" },
	{ "geteuid" },
	{ "getgid" },
	{ "getegid" },
	{ "getcpu" },
	{ "uname" },   /* c-ares and libcurl: the host's name */
	{ "sysinfo" }, /* qsort: how much memory there is */
	{ "getrandom" },
	{ "getrusage" }, /* /metrics: processor time */
	{ "getrlimit" },
	{ "ugetrlimit" },
	/* reading limits, not setting them */
	{ .name = "prlimit64",
	    .n_tests = 2,
	    .tests = { ISOLATE_IS(0, 0), ISOLATE_WITH(2, UINT64_MAX, 0) } },
	/* signals, of this process only; abort() */
	{ "rt_sigaction" },
	{ "rt_sigprocmask" },
#if defined(__SANITIZE_ADDRESS__) || HAS_FEATURE(address_sanitizer)
	/* the runtime's own signal stack, and its report of a find: whether an
	 * address can be read is tried with a pipe */
	{ "sigaltstack" },
	{ "pipe" },
	{ "pipe2" },
	{ "sched_getaffinity" },
	{ "dup" },
	{ "dup2" },
	{ "dup3" },
#endif
};
const struct isolate_calls syscalls_runtime = { ISOLATE_CALLS(runtime) };

static const struct isolate_call probed[] = {
	{ "clone3" },  /* flags in memory; then: clone */
	{ "openat2" }, /* flags in memory; then: openat */
};
const struct isolate_calls syscalls_probed = { ISOLATE_CALLS(probed),
	.answer = ENOSYS };

static const struct isolate_call newer[] = {
	{ "futex_waitv" },
	{ "futex_wait" },
	{ "futex_wake" },
	{ "futex_requeue" },
};
const struct isolate_calls syscalls_newer = { ISOLATE_CALLS(newer),
	.newer = true };

#define THREAD_FLAGS (CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)
#define SPACE_FLAGS                                                            \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |         \
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)

static const struct isolate_call threads[] = {
	ISOLATE_ONLY(
	    "clone", ISOLATE_WITH(0, THREAD_FLAGS | SPACE_FLAGS, THREAD_FLAGS)),
	{ "set_robust_list" },
	{ "rseq" },
	{ "sched_getaffinity" },
	ISOLATE_ONLY("prctl", ISOLATE_IS(0, PR_SET_NAME)),
};
const struct isolate_calls syscalls_threads = { ISOLATE_CALLS(threads) };

static const struct isolate_call loop[] = {
	{ "epoll_wait" },
	{ "epoll_pwait" },
	{ "epoll_pwait2" },
	{ "epoll_ctl" },
	{ "poll" },
	{ "ppoll" },
	{ "ppoll_time64" },
	{ "read" },
	{ "readv" },
	{ "write" },
	{ "writev" },
	{ "close" },
	{ "eventfd2" },
	ISOLATE_ONLY("ioctl", ISOLATE_IS(1, FIONBIO)),
	ISOLATE_ONLY("ioctl", ISOLATE_IS(1, FIOCLEX)),
	/* not F_SETOWN or F_NOTIFY, which have signals sent */
	ISOLATE_ONLY("fcntl", ISOLATE_IS(1, F_GETFL)),
	ISOLATE_ONLY("fcntl", ISOLATE_IS(1, F_SETFL)),
	ISOLATE_ONLY("fcntl", ISOLATE_IS(1, F_GETFD)),
	ISOLATE_ONLY("fcntl", ISOLATE_IS(1, F_SETFD)),
	ISOLATE_ONLY("fcntl", ISOLATE_IS(1, F_DUPFD_CLOEXEC)),
	ISOLATE_ONLY("fcntl64", ISOLATE_IS(1, F_GETFL)),
	ISOLATE_ONLY("fcntl64", ISOLATE_IS(1, F_SETFL)),
	ISOLATE_ONLY("fcntl64", ISOLATE_IS(1, F_GETFD)),
	ISOLATE_ONLY("fcntl64", ISOLATE_IS(1, F_SETFD)),
	ISOLATE_ONLY("fcntl64", ISOLATE_IS(1, F_DUPFD_CLOEXEC)),
};
const struct isolate_calls syscalls_loop = { ISOLATE_CALLS(loop) };

/* what a file's opening may not ask for */
#define OPEN_TO_WRITE                                                          \
	(O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))

static const struct isolate_call files[] = {
	ISOLATE_ONLY("open", ISOLATE_LACKS(1, OPEN_TO_WRITE)),
	ISOLATE_ONLY("openat", ISOLATE_LACKS(2, OPEN_TO_WRITE)),
	{ "stat" },
	{ "stat64" },
	{ "lstat" },
	{ "lstat64" },
	{ "fstat" },
	{ "fstat64" },
	{ "fstatat64" },
	{ "newfstatat" },
	{ "statx" },
	{ "access" },
	{ "faccessat" },
	{ "faccessat2" },
	{ "readlink" },
	{ "readlinkat" },
	{ "getdents64" },
	{ "getcwd" },
	{ "lseek" },
	{ "_llseek" },
	{ "pread64" },
	{ "fadvise64" },
	{ "fadvise64_64" },
};
const struct isolate_calls syscalls_files = { ISOLATE_CALLS(files) };

static const struct isolate_call watch[] = {
	{ "inotify_init1" },
	{ "inotify_add_watch" },
	{ "inotify_rm_watch" },
};
const struct isolate_calls syscalls_watch = { ISOLATE_CALLS(watch) };

static const struct isolate_call splicing[] = {
	{ "splice" },
	{ "pipe2" },
	ISOLATE_ONLY("fcntl", ISOLATE_IS(1, F_SETPIPE_SZ)),
	ISOLATE_ONLY("fcntl", ISOLATE_IS(1, F_GETPIPE_SZ)),
	ISOLATE_ONLY("fcntl64", ISOLATE_IS(1, F_SETPIPE_SZ)),
	ISOLATE_ONLY("fcntl64", ISOLATE_IS(1, F_GETPIPE_SZ)),
};
const struct isolate_calls syscalls_splice = { ISOLATE_CALLS(splicing) };
