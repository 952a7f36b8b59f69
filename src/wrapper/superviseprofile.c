/* It waits, takes values, hands them on, sends signals, and, where values are
 * delivered as files, writes in that one folder. It starts no process and has
 * no network.
 *
 * It may signal anything that its user may: the command is outside of its
 * Landlock domain, and may have changed its user. So CAP_KILL stays where it
 * was held, and the scope of signals is left open.
 */
#include "wrapper/superviseprofile.h"
#include "base/syscalls.h"
#include <fcntl.h>
#include <sys/capability.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static const struct isolate_call own_rows[] = {
	{ "poll" },
	{ "ppoll" },
	{ "ppoll_time64" },
	{ "read" },
	{ "write" },
	{ "writev" },
	{ "close" },
	{ "pipe2" },
	/* to starter and fetching process */
	ISOLATE_ONLY("socketpair", ISOLATE_IS(0, AF_UNIX)),
	{ "sendmsg" },
	{ "recvmsg" },
	/* the command */
	{ "wait4" },
	{ "waitid" },
	{ "kill" },
	{ "setpgid" },
	{ "getpgrp" },
	{ "getpgid" },
	ISOLATE_ONLY("ioctl", ISOLATE_IS(1, TIOCGPGRP)),
	ISOLATE_ONLY("ioctl", ISOLATE_IS(1, TIOCSPGRP)),
};
static const struct isolate_calls own = { ISOLATE_CALLS(own_rows) };

/* Values as files: Landlock says where. */
static const struct isolate_call file_rows[] = {
	{ "openat" },
	{ "mkdirat" },
	{ "symlinkat" },
	{ "renameat" },
	{ "renameat2" },
	{ "unlinkat" },
	/* fdopendir() */
	ISOLATE_ONLY("fcntl", ISOLATE_IS(1, F_GETFL)),
	ISOLATE_ONLY("fcntl", ISOLATE_IS(1, F_SETFD)),
	ISOLATE_ONLY("fcntl64", ISOLATE_IS(1, F_GETFL)),
	ISOLATE_ONLY("fcntl64", ISOLATE_IS(1, F_SETFD)),
};
static const struct isolate_calls files = { ISOLATE_CALLS(file_rows) };

static const struct isolate_calls *const calls[] = {
	&syscalls_runtime, &syscalls_probed, &syscalls_newer, &syscalls_files,
	&own, &files, /* last: only then */
};

static const int capabilities[] = {
	CAP_KILL, CAP_IPC_LOCK, /* values beyond RLIMIT_MEMLOCK */
	CAP_DAC_OVERRIDE, /* last: only for a folder that is another user's */
};

void supervise_profile(struct profile *p, const struct plan *plan)
{
	size_t spared = plan->deliver == PLAN_DELIVER_FILE ? 0 : 1;

	profile_init(p, calls, N_ELEMS(calls) - spared);
	p->isolate.capabilities = capabilities;
	p->isolate.n_capabilities = N_ELEMS(capabilities) - spared;
	p->isolate.signals = true;
	if (!spared)
		profile_path(p, plan->folder, ISOLATE_LINK);
	/* for --protection-report */
	profile_path(p, "/proc/sys/kernel/yama/ptrace_scope", ISOLATE_READ);
	profile_path(p, "/proc/swaps", ISOLATE_READ);
}
