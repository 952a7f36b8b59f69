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
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"

enum isolate_access { ISOLATE_READ, ISOLATE_WRITE };

struct isolate_path {
	const char *path; /* file or folder; a missing one is skipped */
	enum isolate_access access;
};

struct isolate_profile {
	const int *capabilities; /* CAP_*; kept */
	size_t n_capabilities;
	const struct isolate_path *paths; /* with use_paths */
	size_t n_paths;
	bool use_paths; /* stage 4 is on */
	const char *const *calls; /* names of system calls; NULL: stage 5 off */
	size_t n_calls;
};

struct isolate_report {
	bool undumpable, no_new_privileges, capabilities, landlock, seccomp;
	int landlock_abi; /* 0: the kernel has none */
};

/** isolate_enter() - all stages of @profile; irrevocable
 * @report: what is on; may be NULL
 * Return: 0; -errno with @fault naming the stage. */
MUST_USE int isolate_enter(const struct isolate_profile *profile,
    struct isolate_report *report, struct fault *fault);
