/* cli/tether_doctor.h: inside of `pharos tether doctor`: what was found, check
 * by check. None needs another to have been good.
 */
#pragma once
#include "cli/tether.h"

enum finding_state {
	FINDING_GOOD,
	FINDING_NOTE, /* nothing is wrong; it should be known */
	FINDING_WARN, /* works, but */
	FINDING_BAD,  /* does not work */
	FINDING_STATES
};

/* Room for what one check says. */
struct finding {
	enum finding_state state;
	struct fault said; /* text: what was seen; hint: what to do */
};
/** finding_set() - @hint: may be NULL */
void finding_set(struct finding *f, enum finding_state state, const char *hint,
    const char *fmt, ...) PRINTF_LIKE(4, 5);

/* Of the host, against what the codex wants; each fills @out. */
typedef void (*doctor_check)(struct finding *out, const struct codex *c);
void doctor_driver(struct finding *out, const struct codex *c);
void doctor_interface(struct finding *out, const struct codex *c);
void doctor_port(struct finding *out, const struct codex *c);
void doctor_routes(struct finding *out, const struct codex *c);
void doctor_endpoint(struct finding *out, const struct codex *c);
void doctor_services(struct finding *out, const struct codex *c);
