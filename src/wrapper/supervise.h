/* wrapper/supervise.h: the process that stays: it has the values fetched, gives
 * them to the command, passes signals on, reaps, and acts when a value changes.
 */
#pragma once
#include "wrapper/handoff.h"
#include "wrapper/shield.h"
#include <signal.h>

/* What the wrapper ends with when it is not the command's own code (0..255),
 * 128 + signal, 126 or 127. */
enum {
	SUPERVISE_EXIT_TIMEOUT = 121, /* no values within the deadline */
	SUPERVISE_EXIT_REFUSED = 122, /* no values, and waiting will not help */
	SUPERVISE_EXIT_DELIVER = 123, /* values, but no way to deliver them */
	SUPERVISE_EXIT_ITSELF = 125,  /* no memory, no process … */
};

enum {
	SUPERVISE_HOOK_MS = 60 * 1000, /* then the rotation command is ended */
	SUPERVISE_REVOKE_MS = 2000,    /* for giving the token up: after a fetch
					  that is over, and at the end */
};

struct supervise_order {
	const struct plan *plan;
	const struct handoff_job
	    *job;	   /* addresses and files; the rest unused */
	char *const *argv; /* the command */
	int program;	   /* descriptor of this executable */
	uint64_t poll_ms, deadline_ms, grace_ms;
	bool sandbox; /* confine this process too; the command stays free */
	bool report;
	struct shield *shield;
};

/** supervise() - to the end of the command
 * Return: what to exit with. */
MUST_USE int supervise(const struct supervise_order *order);
