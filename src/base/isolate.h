/* base/isolate.h: the stages by which every program gives up what it does not
 * need. A program's profile is a table (base/profile.h helps to fill it in);
 * this module does the work.
 *
 * Order in main(): read configuration, bind, load keys, then isolate_enter():
 *   1. core dumps off, not dumpable        (no value in a core or by ptrace)
 *   2. no new privileges
 *   3. capabilities down to the listed ones, bounding set too
 *   4. Landlock: the listed paths and TCP ports, nothing else
 *   5. seccomp: the listed calls; others fail with EPERM
 * A stage that the kernel lacks is reported, not fatal; a stage that fails is.
 * All of it holds for the calling thread and those it starts later, so it comes
 * before the first thread: with a second one running it is refused (-EBUSY).
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include "base/metric.h"

enum isolate_access {
	ISOLATE_READ,	/* a file's bytes, a folder's list, all below it */
	ISOLATE_WRITE,	/* that; and write, make, rename and remove files and
			   folders */
	ISOLATE_LINK,	/* that; and make symbolic links */
	ISOLATE_SOCKET, /* make and remove sockets, and no more */
	ISOLATE_RUN,	/* read, and run a program; what it is made of too */
	ISOLATE_DEVICE, /* read, write and control a device */
	ISOLATE_ACCESS_COUNT
};

struct isolate_path {
	/* File or folder; one that is missing or out of reach is skipped. What
	 * stands there now is meant, not the name: for a file that is replaced
	 * by renaming, as certificates are, list its folder. */
	const char *path;
	enum isolate_access access;
};

/* Holds if argument @number (from 0), of which only the bits of @mask count, is
 * @value. The mask leaves out what the kernel leaves out: of an int, the upper
 * half of the register. */
struct isolate_test {
	unsigned number;
	uint64_t mask, value;
};
#define ISOLATE_INT UINT32_MAX
enum { ISOLATE_TESTS = 3 };

/* One system call, if all its tests hold. Of several rows of one name, one has
 * to hold. */
struct isolate_call {
	const char *name;
	unsigned n_tests;
	struct isolate_test tests[ISOLATE_TESTS];
};

/* Rows of a table: a call if ...; and what may follow the if: argument @number
 * is, of an int, exactly @wanted; has none of the @bits. */
#define ISOLATE_ONLY(call, ...)                                                \
	{                                                                      \
		.name = (call), .n_tests = 1, .tests = { __VA_ARGS__ }         \
	}
#define ISOLATE_WITH(at, bits, wanted)                                         \
	{                                                                      \
		.number = (at), .mask = (bits), .value = (wanted)              \
	}
#define ISOLATE_IS(number, wanted)  ISOLATE_WITH(number, ISOLATE_INT, (wanted))
#define ISOLATE_LACKS(number, bits) ISOLATE_WITH(number, (bits), 0)

/* Calls that serve one purpose; base/syscalls.h has what many programs need. */
struct isolate_calls {
	const struct isolate_call *rows;
	size_t n_rows;
	int answer; /* 0: allowed; else what they fail with in place of EPERM */
	bool newer; /* a name that libseccomp does not know is passed over */
};
#define ISOLATE_CALLS(table) .rows = (table), .n_rows = N_ELEMS(table)

struct isolate_profile {
	const int *capabilities; /* CAP_*; kept where the process has them */
	size_t n_capabilities;

	/* Stage 4. TCP ports: those that may be connected to; none may be
	 * bound. Needs version 4 of Landlock's interface; from version 6 on
	 * processes outside get, unless @signals, no signal from us and, unless
	 * @abstract_sockets, no connection to an abstract unix socket. */
	bool landlock;
	bool signals, abstract_sockets;
	bool all_ports; /* whatever is bound and connected to */
	const struct isolate_path *paths;
	size_t n_paths;
	const uint16_t *ports;
	size_t n_ports;

	/* Stage 5; NULL: off. What ends a process or returns from a signal is
	 * always allowed. */
	const struct isolate_calls *const *calls;
	size_t n_calls;
};

/* What is on. bounding: off where the process may not change that set; no new
 * privileges then keeps an exec from gaining any. */
struct isolate_report {
	bool undumpable, no_new_privileges, capabilities, bounding;
	bool landlock, seccomp;
	int landlock_abi; /* version of the interface; 0: the kernel has none */
	/* why a stage that was asked for is off: what the kernel said when it
	 * was asked whether it has it, as -errno; else 0 */
	int landlock_missing, seccomp_missing;
};

/** isolate_enter() - all stages of @profile; irrevocable
 * @report: what is on; may be NULL
 * Return: 0; -errno with @fault naming the stage: -EBUSY: another thread runs;
 * -EINVAL: a system call's name is unknown. After a failure the process has
 * given up part of it: end it. */
MUST_USE int isolate_enter(const struct isolate_profile *profile,
    struct isolate_report *report, struct fault *fault);
/** isolate_log() - one line: at level info when all that @profile asks for is
 * on, else a warning that names what is missing and why */
void isolate_log(
    const struct isolate_profile *profile, const struct isolate_report *report);

/* What /metrics shows of it: pharos_isolation{stage=...}, pharos_landlock_abi.
 */
struct isolate_meter {
	uint64_t values[6];
	struct metric_row rows[6];
	struct metric_table table;
};
/** isolate_meter_init() - all off; add it to @registry, which whoever owns it
 * takes it out of first: metric_drop() */
void isolate_meter_init(
    struct isolate_meter *m, struct metric_registry *registry);
void isolate_meter_set(
    struct isolate_meter *m, const struct isolate_report *report);
