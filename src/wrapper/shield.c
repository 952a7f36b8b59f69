#include "wrapper/shield.h"
#include "base/log.h"
#include "base/number.h"
#include "base/secret.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

int shield_enter(struct shield *s, struct fault *fault)
{
	struct rlimit cores;

	*s = (struct shield){
		.no_new_privileges =
		    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1,
	};
	if (prctl(PR_SET_DUMPABLE, 0))
		return fault_set(fault, -errno, NULL,
		    "cannot switch core dumps off: %s", strerror(errno));
	s->undumpable = true;
	if (getrlimit(RLIMIT_CORE, &cores))
		return fault_set(fault, -errno, NULL,
		    "cannot read the limit of core dumps: %s", strerror(errno));
	cores.rlim_cur = 0; /* the command may raise it again, knowingly */
	s->cores_off = !setrlimit(RLIMIT_CORE, &cores);
	return 0;
}

static bool to_scrub(const char *variable)
{
	static const char *const starts[] = { "PHAROS_",
		"VAULT_TOKEN=", "BAO_TOKEN=" };

	for (size_t i = 0; i < N_ELEMS(starts); i++)
		if (!strncmp(variable, starts[i], strlen(starts[i])))
			return true;
	return false;
}

void shield_scrub(struct shield *s)
{
	char **to = environ;

	for (char **from = environ; *from; from++) {
		if (!to_scrub(*from)) {
			*to++ = *from;
			continue;
		}
		secret_wipe(*from, strlen(*from));
		s->scrubbed++;
	}
	*to = NULL;
}

/* The first number in a file of /proc; -1 if there is none. */
static int read_number(const char *path)
{
	CLEANUP(close_p) int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[16] = "";
	const char *after;
	uint64_t number;

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return -1;
	return number_start(text, INT_MAX, &number, &after) ? -1 : (int)number;
}

/* /proc/swaps has a line for each device under its heading. */
static bool has_swap(void)
{
	CLEANUP(close_p) int fd = open("/proc/swaps", O_RDONLY | O_CLOEXEC);
	char text[512] = "";
	const char *line;

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return false;
	line = strchr(text, '\n');
	return line && line[1];
}

static void row(const char *what, bool on, const char *note)
{
	log_info("protection", LOG_STR("what", what),
	    LOG_STR("state", on ? "on" : "off"), LOG_STR("note", note));
}

static void report_values(const struct plan *plan, const struct value *values)
{
	size_t hidden = 0, locked = 0;
	char note[96];

	for (size_t i = 0; i < plan->n_items; i++) {
		hidden += values[i].hidden;
		locked += value_locked(&values[i]);
	}
	snprintf(note, sizeof(note), "%zu of %zu values in memfd_secret",
	    hidden, plan->n_items);
	row("values hidden from the kernel's map", hidden == plan->n_items,
	    note);
	snprintf(
	    note, sizeof(note), "%zu of %zu values", locked, plan->n_items);
	row("values locked in memory", locked == plan->n_items, note);
}

static void report_delivery(const struct plan *plan)
{
	bool swap = has_swap();

	switch (plan->deliver) {
	case PLAN_DELIVER_ENV:
		row("delivery", false,
		    "env: visible in /proc/PID/environ of the command and in "
		    "all that it starts");
		break;
	case PLAN_DELIVER_FILE:
		row("delivery", !swap,
		    swap ? "file: mode 0400 in memory, but the machine swaps"
			 : "file: mode 0400 in memory");
		break;
	case PLAN_DELIVER_FD:
	case PLAN_DELIVER_COUNT:
	default:
		row("delivery", !swap,
		    swap ? "fd: a sealed memfd, but the machine swaps"
			 : "fd: a sealed memfd, closed to other users");
	}
}

void shield_report(const struct shield *s, const struct plan *plan,
    const struct value *values, bool token_held)
{
	int yama = read_number("/proc/sys/kernel/yama/ptrace_scope");
	char note[64];

	report_values(plan, values);
	row("core dumps of the wrapper off", s->undumpable, "PR_SET_DUMPABLE");
	row("core dumps of the command off", s->cores_off, "RLIMIT_CORE");
	row("ptrace of the wrapper refused", s->undumpable,
	    "only root may look into it");
	row("ptrace of the command refused", yama > 0,
	    yama > 0 ? "kernel.yama.ptrace_scope"
		     : "processes of the same user may look into it");
	row("no new privileges for the command", s->no_new_privileges,
	    "as the container or unit says");
	snprintf(note, sizeof(note), "%u variables taken out", s->scrubbed);
	row("environment scrubbed", true, note);
	row("TLS apart", true, "a process of its own, ended after each fetch");
	row("no token held", !token_held,
	    token_held ? "one is held for rotation or leases"
		       : "given back after the fetch");
	report_delivery(plan);
}
