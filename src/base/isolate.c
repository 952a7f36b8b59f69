#include "base/isolate.h"
#include "base/filter.h"
#include "base/landlock.h"
#include "base/log.h"
#include <stdio.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
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
 * Landlock and seccomp are rooms of their own (base/landlock.c, base/filter.c).
 */
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

/* ---- all of them ---- */

static int confine(const struct isolate_profile *profile,
    struct isolate_report *report, struct fault *fault)
{
	int version = landlock_version(), r;

	report->landlock_abi = version < 0 ? 0 : version;
	if (!profile->landlock)
		return 0;
	if (version < 0) {
		report->landlock_missing = version;
		return 0;
	}
	r = landlock_enter(profile, version, fault);
	report->landlock = !r;
	return r;
}

static int filter(const struct isolate_profile *profile,
    struct isolate_report *report, struct fault *fault)
{
	int r;

	if (!profile->calls)
		return 0;
	report->seccomp_missing = filter_missing();
	if (report->seccomp_missing)
		return 0;
	r = filter_enter(profile, fault);
	report->seccomp = !r;
	return r;
}

int isolate_enter(const struct isolate_profile *profile,
    struct isolate_report *report, struct fault *fault)
{
	struct isolate_report on = { .landlock_abi = 0 };
	int r;

	if (!alone())
		return failed(fault, -EBUSY, "a second thread runs already");
	r = forbid_dumps(&on, fault);
	if (!r)
		r = forbid_privileges(&on, fault);
	if (!r)
		r = cut_capabilities(profile, &on, fault);
	if (!r)
		r = confine(profile, &on, fault);
	if (!r)
		r = filter(profile, &on, fault);
	if (!r && report)
		*report = on;
	return r;
}

/* ---- what is said of it ---- */

/* "on", "not asked for" or why it is off, into @text. */
static const char *state(char text[64], bool asked, bool on, int missing)
{
	if (on || !asked)
		return on ? "on" : "not asked for";
	snprintf(text, 64, "missing in the kernel: %s", strerror(-missing));
	return text;
}

void isolate_log(
    const struct isolate_profile *profile, const struct isolate_report *report)
{
	bool all = (report->landlock || !profile->landlock) &&
		   (report->seccomp || !profile->calls);
	char landlock[64], seccomp[64];

	log_write(all ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
	    all ? "isolated" : "isolated in part",
	    LOG_STR(
		"landlock", state(landlock, profile->landlock, report->landlock,
				report->landlock_missing)),
	    LOG_INT("landlock_abi", report->landlock_abi),
	    LOG_STR("seccomp", state(seccomp, profile->calls, report->seccomp,
				   report->seccomp_missing)),
	    LOG_BOOL("undumpable", report->undumpable),
	    LOG_BOOL("no_new_privileges", report->no_new_privileges),
	    LOG_BOOL("capabilities", report->capabilities),
	    LOG_BOOL("bounding", report->bounding), LOG_END);
}

enum meter_row { DUMPS, PRIVILEGES, CAPABILITIES, LANDLOCK, SECCOMP, ABI };

void isolate_meter_init(
    struct isolate_meter *m, struct metric_registry *registry)
{
	static const char *const stages[] = {
		[DUMPS] = "stage=\"dumps\"",
		[PRIVILEGES] = "stage=\"privileges\"",
		[CAPABILITIES] = "stage=\"capabilities\"",
		[LANDLOCK] = "stage=\"landlock\"",
		[SECCOMP] = "stage=\"seccomp\"",
	};

	_Static_assert(N_ELEMS(m->rows) == ABI + 1, "a row each");
	memset(m->values, 0, sizeof(m->values));
	for (size_t i = 0; i < N_ELEMS(stages); i++)
		m->rows[i] = (struct metric_row){ .name = "pharos_isolation",
			.labels = stages[i],
			.help = "stages of isolation that are on (1) or off",
			.kind = METRIC_GAUGE,
			.value = &m->values[i] };
	m->rows[ABI] = (struct metric_row){ .name = "pharos_landlock_abi",
		.help = "version of the kernel's Landlock; 0 is none",
		.kind = METRIC_GAUGE,
		.value = &m->values[ABI] };
	m->table = (struct metric_table){ .rows = m->rows,
		.n_rows = N_ELEMS(m->rows) };
	metric_add(registry, &m->table);
}

void isolate_meter_set(
    struct isolate_meter *m, const struct isolate_report *report)
{
	m->values[DUMPS] = report->undumpable;
	m->values[PRIVILEGES] = report->no_new_privileges;
	m->values[CAPABILITIES] = report->capabilities;
	m->values[LANDLOCK] = report->landlock;
	m->values[SECCOMP] = report->seccomp;
	m->values[ABI] = (uint64_t)report->landlock_abi;
}
