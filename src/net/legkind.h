/* net/legkind.h: for modules that make a kind of leg; others use net/leg.h.
 *
 * A kind embeds struct leg first and fills in the verbs. It reports readiness
 * with leg_ready(), from any place: the call to the handler is posted, so it
 * never comes from inside a call of the owner, and legs coalesce to one call a
 * turn. The kind re-reports as long as a condition holds and is wanted: after
 * the handler has run, leg.c asks `ready` again.
 */
#pragma once
#include "net/leg.h"
#include "net/loop.h"

struct leg_verbs {
	const char *name; /* "tcp", "tls" … for debug lines */
	/* the interest has changed (leg->wanted holds it) */
	void (*want)(struct leg *leg);
	/* which of the events hold now */
	unsigned (*ready)(struct leg *leg);
	ssize_t (*read)(struct leg *leg, void *to, size_t n);
	ssize_t (*write)(struct leg *leg, const void *bytes, size_t n);
	void (*finish)(struct leg *leg);
	/* the owner is gone; the kind frees itself, by leg_forget() first */
	void (*close)(struct leg *leg);
	void (*reset)(struct leg *leg);
	const char *(*source)(const struct leg *leg);
	struct leg *(*lower)(const struct leg *leg);
};

struct leg {
	const struct leg_verbs *verbs;
	struct loop *loop;
	leg_handler fn;
	void *ctx;
	unsigned wanted;
	enum leg_state state;
	bool gone_told;
	struct loop_task task;
	struct fault *fault; /* on the heap, only after a failure */
};

/** leg_init() - OPENING, no handler, nothing wanted */
void leg_init(
    struct leg *leg, const struct leg_verbs *verbs, struct loop *loop);
/** leg_opened() - OPENING to OPEN, and leg_ready() */
void leg_opened(struct leg *leg);
/** leg_failed() - to FAILED; tells LEG_GONE. @code is -errno */
void leg_failed(struct leg *leg, int code, const char *hint, const char *fmt,
    ...) PRINTF_LIKE(4, 5);
/** leg_ready() - something that is wanted may hold now */
void leg_ready(struct leg *leg);
/** leg_forget() - the owner has closed: no handler call from here on; frees
 * what leg_init() set up. The kind frees its own memory when it can. */
void leg_forget(struct leg *leg);
/** leg_error() - the code of a failed leg, as its verbs should return it */
int leg_error(const struct leg *leg);
