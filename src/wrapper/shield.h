/* wrapper/shield.h: what keeps values from other processes, and a report of
 * what of it is on.
 */
#pragma once
#include "wrapper/plan.h"
#include "wrapper/value.h"

struct shield {
	bool undumpable;	/* no core, no ptrace by the same user */
	bool cores_off;		/* soft limit 0, which the command inherits */
	bool no_new_privileges; /* the command's, as it was at start */
	unsigned scrubbed;
};

/** shield_enter() - core dumps off, not dumpable; first thing in main
 * Return: 0; -errno with @fault. */
MUST_USE int shield_enter(struct shield *s, struct fault *fault);
/** shield_scrub() - take PHAROS_* and the store's tokens (VAULT_TOKEN,
 * BAO_TOKEN) out of `environ`, and overwrite where they stood, so that neither
 * the command nor /proc/PID/environ has them */
void shield_scrub(struct shield *s);

/** shield_report() - log one line for each protection, on or off */
void shield_report(const struct shield *s, const struct plan *plan,
    const struct value *values, bool token_held);
