/* base/isolate.h: the stages by which every program gives up what it does not
 * need. A program's profile is a table; this module does the work.
 *
 * Order in main(): read configuration, bind, load keys, then isolate_enter():
 *   1. core dumps off, not dumpable        (no value in a core or by ptrace)
 *   2. no new privileges
 *   3. capabilities down to the listed ones, bounding set too
 *   4. Landlock: the listed paths, nothing else (where the kernel has it)
 *   5. seccomp: the listed calls; others fail with EPERM
 * A stage that the kernel lacks is reported, not fatal; a stage that fails is.
 * All of it holds for the calling thread and those it starts later, so it comes
 * before the first thread: with a second one running it is refused (-EBUSY).
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"

/* READ: a file's bytes, a folder's list, all below it. WRITE: that, and to
 * write, make, rename and remove files and folders. */
enum isolate_access { ISOLATE_READ, ISOLATE_WRITE };

struct isolate_path {
	/* File or folder; a missing one is skipped. What stands there now is
	 * meant, not the name: for a file that is replaced by renaming, as
	 * certificates are, list its folder. */
	const char *path;
	enum isolate_access access;
};

struct isolate_profile {
	const int *capabilities; /* CAP_*; kept where the process has them */
	size_t n_capabilities;
	const struct isolate_path *paths; /* with use_paths */
	size_t n_paths;
	bool use_paths; /* stage 4 is on */
	/* names of system calls; NULL: stage 5 off. exit, exit_group and
	 * rt_sigreturn are always allowed. */
	const char *const *calls;
	size_t n_calls;
};

/* What is on. bounding: off where the process may not change that set; no new
 * privileges then keeps an exec from gaining any. */
struct isolate_report {
	bool undumpable, no_new_privileges, capabilities, bounding;
	bool landlock, seccomp;
	int landlock_abi; /* 0: the kernel has none */
};

/** isolate_enter() - all stages of @profile; irrevocable
 * @report: what is on; may be NULL
 * Return: 0; -errno with @fault naming the stage: -EBUSY: another thread runs;
 * -EINVAL: a system call's name is unknown. After a failure the process has
 * given up part of it: end it. */
MUST_USE int isolate_enter(const struct isolate_profile *profile,
    struct isolate_report *report, struct fault *fault);
/** isolate_log() - one line: at level info when all that @profile asks for is
 * on, else a warning */
void isolate_log(
    const struct isolate_profile *profile, const struct isolate_report *report);
