#include "base/isolate.h"
#include "base/log.h"
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Five stages, in an order in which no stage forbids what a later one needs:
 * the bounding set can be cut only while CAP_SETPCAP is there, Landlock and
 * seccomp without CAP_SYS_ADMIN want no_new_privs first, and seccomp comes last
 * because it may refuse the calls that the others make.
 *
 * Capabilities: ambient and inheritable sets are emptied; permitted and
 * effective become what the profile lists and the process has. The bounding set
 * is cut where CAP_SETPCAP allows. A process that has none to begin with passes
 * through unchanged.
 *
 * Landlock refuses what a ruleset *handles* and no rule allows. Each version of
 * the kernel's interface knows more kinds of access than the last; naming an
 * unknown one is an error, so the handled set is cut to the running kernel's.
 * Executing, making devices, and device control are handled and never allowed.
 *
 * seccomp: the filter is an allow-list; everything else fails with EPERM, so a
 * library's odd call is an error it can handle, not the process's end.
 */

/* Kinds of access by the version (ABI) that brought them. The names of the
 * newer ones are not in every kernel header that we build against. */
#define ACCESS_TRUNCATE	 (UINT64_C(1) << 14)
#define ACCESS_IOCTL_DEV (UINT64_C(1) << 15)

static const struct {
	int abi;
	uint64_t access;
} handled_since[] = {
	{ 1, (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 }, /* the first 13 */
	{ 2, LANDLOCK_ACCESS_FS_REFER },
	{ 3, ACCESS_TRUNCATE },
	{ 5, ACCESS_IOCTL_DEV },
};

static const uint64_t access_read =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
static const uint64_t access_write =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
    LANDLOCK_ACCESS_FS_WRITE_FILE | ACCESS_TRUNCATE |
    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |
    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |
    LANDLOCK_ACCESS_FS_REFER;
/* what a rule for a file, not a folder, may name */
static const uint64_t access_of_files = LANDLOCK_ACCESS_FS_READ_FILE |
					LANDLOCK_ACCESS_FS_WRITE_FILE |
					ACCESS_TRUNCATE;

static int failed(struct fault *fault, int code, const char *stage)
{
	return fault_set(fault, code,
	    "--no-sandbox starts without isolation, for debugging.",
	    "isolation: %s: %s", stage, strerror(-code));
}

/* The folder of a process's threads has two links and one for each. Without
 * /proc nothing is known, and nothing is refused. */
static bool alone(void)
{
	struct stat tasks;

	return stat("/proc/self/task", &tasks) || tasks.st_nlink <= 3;
}

static int forbid_dumps(struct isolate_report *report, struct fault *fault)
{
	const struct rlimit none = { .rlim_cur = 0, .rlim_max = 0 };

	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return failed(fault, -errno, "forbidding core dumps");
	report->undumpable = true;
	return 0;
}

static int forbid_privileges(struct isolate_report *report, struct fault *fault)
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return failed(fault, -errno, "no new privileges");
	report->no_new_privileges = true;
	return 0;
}

/* ---- capabilities ---- */

static void cap_freep(cap_t *caps)
{
	if (*caps)
		cap_free(*caps);
}

static bool keeps(const struct isolate_profile *profile, cap_value_t cap)
{
	for (size_t i = 0; i < profile->n_capabilities; i++) {
		if (profile->capabilities[i] == cap)
			return true;
	}
	return false;
}

/* Return: 0; -EPERM without CAP_SETPCAP; -errno. */
static int cut_bounding(const struct isolate_profile *profile)
{
	for (cap_value_t cap = 0; cap < cap_max_bits(); cap++) {
		if (!keeps(profile, cap) && cap_get_bound(cap) == 1 &&
		    cap_drop_bound(cap))
			return -errno;
	}
	return 0;
}

/* The listed ones that @now has, permitted and effective. */
static int copy_kept(const struct isolate_profile *profile, cap_t now, cap_t to)
{
	for (size_t i = 0; i < profile->n_capabilities; i++) {
		cap_value_t cap = profile->capabilities[i];
		cap_flag_value_t has = CAP_CLEAR;

		if (cap_get_flag(now, cap, CAP_PERMITTED, &has))
			return -errno;
		if (has == CAP_CLEAR)
			continue;
		if (cap_set_flag(to, CAP_PERMITTED, 1, &cap, CAP_SET) ||
		    cap_set_flag(to, CAP_EFFECTIVE, 1, &cap, CAP_SET))
			return -errno;
	}
	return 0;
}

static int cut_capabilities(const struct isolate_profile *profile,
    struct isolate_report *report, struct fault *fault)
{
	CLEANUP(cap_freep) cap_t now = cap_get_proc();
	CLEANUP(cap_freep) cap_t kept = cap_init();
	int err;

	if (!now || !kept)
		return failed(fault, -errno, "reading capabilities");
	err = copy_kept(profile, now, kept);
	if (err)
		return failed(fault, err, "listing capabilities");
	err = cut_bounding(profile);
	if (err && err != -EPERM)
		return failed(fault, err, "cutting the bounding set");
	report->bounding = !err;
	if (cap_reset_ambient() && errno != ENOSYS)
		return failed(fault, -errno, "emptying the ambient set");
	if (cap_set_proc(kept))
		return failed(fault, -errno, "dropping capabilities");
	report->capabilities = true;
	return 0;
}

/* ---- Landlock ---- */

static int landlock_abi(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return abi < 0 ? 0 : (int)abi;
}

static uint64_t handled_by(int abi)
{
	uint64_t handled = 0;

	for (size_t i = 0; i < N_ELEMS(handled_since); i++) {
		if (abi >= handled_since[i].abi)
			handled |= handled_since[i].access;
	}
	return handled;
}

static int allow_path(
    int ruleset, const struct isolate_path *path, uint64_t handled)
{
	CLEANUP(close_p) int fd = open(path->path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .parent_fd = fd };
	struct stat status;

	if (fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : -errno;
	if (fstat(fd, &status))
		return -errno;
	rule.allowed_access =
	    path->access == ISOLATE_WRITE ? access_write : access_read;
	if (!S_ISDIR(status.st_mode))
		rule.allowed_access &= access_of_files;
	rule.allowed_access &= handled;
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH,
		&rule, 0))
		return -errno;
	return 0;
}

static int confine_paths(const struct isolate_profile *profile,
    struct isolate_report *report, struct fault *fault)
{
	struct landlock_ruleset_attr attr = {
		.handled_access_fs = handled_by(landlock_abi()),
	};
	CLEANUP(close_p) int ruleset = -1;

	report->landlock_abi = landlock_abi();
	if (!profile->use_paths || !report->landlock_abi)
		return 0;
	ruleset =
	    (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (ruleset < 0)
		return failed(fault, -errno, "Landlock rules");
	for (size_t i = 0; i < profile->n_paths; i++) {
		const struct isolate_path *path = &profile->paths[i];
		int err = allow_path(ruleset, path, attr.handled_access_fs);

		if (err)
			return failed(fault, err, path->path);
	}
	if (syscall(SYS_landlock_restrict_self, ruleset, 0))
		return failed(fault, -errno, "Landlock");
	report->landlock = true;
	return 0;
}

/* ---- seccomp ---- */

static void filter_freep(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

/* Calls without which no process ends or returns from a signal. */
static const char *const always[] = { "exit", "exit_group", "rt_sigreturn" };

static int allow_calls(scmp_filter_ctx filter, const char *const *calls,
    size_t n, struct fault *fault)
{
	for (size_t i = 0; i < n; i++) {
		int number = seccomp_syscall_resolve_name(calls[i]);
		int err;

		if (number == __NR_SCMP_ERROR)
			return fault_set(fault, -EINVAL, NULL,
			    "isolation: libseccomp knows no system call '%s'",
			    calls[i]);
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, number, 0);
		if (err)
			return failed(fault, err, calls[i]);
	}
	return 0;
}

static int filter_calls(const struct isolate_profile *profile,
    struct isolate_report *report, struct fault *fault)
{
	CLEANUP(filter_freep) scmp_filter_ctx filter = NULL;
	int err;

	if (!profile->calls || prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
		return 0;
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return failed(fault, -ENOMEM, "seccomp");
	err = allow_calls(filter, always, N_ELEMS(always), fault);
	if (!err)
		err = allow_calls(
		    filter, profile->calls, profile->n_calls, fault);
	if (err)
		return err;
	err = seccomp_load(filter);
	if (err)
		return failed(fault, err, "seccomp");
	report->seccomp = true;
	return 0;
}

int isolate_enter(const struct isolate_profile *profile,
    struct isolate_report *report, struct fault *fault)
{
	struct isolate_report on = { .landlock_abi = 0 };
	int err;

	if (!alone())
		return failed(fault, -EBUSY, "a second thread runs already");
	err = forbid_dumps(&on, fault);
	if (!err)
		err = forbid_privileges(&on, fault);
	if (!err)
		err = cut_capabilities(profile, &on, fault);
	if (!err)
		err = confine_paths(profile, &on, fault);
	if (!err)
		err = filter_calls(profile, &on, fault);
	if (err)
		return err;
	if (report)
		*report = on;
	return 0;
}

void isolate_log(
    const struct isolate_profile *profile, const struct isolate_report *report)
{
	bool all = (report->landlock || !profile->use_paths) &&
		   (report->seccomp || !profile->calls);

	log_write(all ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
	    all ? "isolated" : "isolated in part",
	    LOG_BOOL("undumpable", report->undumpable),
	    LOG_BOOL("no_new_privileges", report->no_new_privileges),
	    LOG_BOOL("capabilities", report->capabilities),
	    LOG_BOOL("bounding", report->bounding),
	    LOG_BOOL("landlock", report->landlock),
	    LOG_INT("landlock_abi", report->landlock_abi),
	    LOG_BOOL("seccomp", report->seccomp), LOG_END);
}
