/* net/legkind.h: for modules that make a kind of leg; others use net/leg.h.
 *
 * A kind embeds struct leg first and fills in the verbs. It reports readiness
 * with leg_ready(), from any place: the call to the handler is posted, so it
 * never comes from inside a call of the owner, and legs coalesce to one call a
 * turn. After the handler has run, leg.c asks `ready` again and posts for the
 * next turn while something that is wanted holds: so `ready` must be cheap, and
 * a kind reports only when a condition begins to hold.
 */
#pragma once
#include "net/leg.h"
#include "net/loop.h"

struct leg_verbs {
	const char *name; /* "tcp", "tls" … for debug lines */
	/* the interest has changed (leg->wanted holds it) */
	void (*want)(struct leg *leg);
	/* which of LEG_READ and LEG_WRITE hold now; asked in every state but
	 * OPENING. After a failure reading holds: the error can be read. */
	unsigned (*ready)(struct leg *leg);
	ssize_t (*read)(struct leg *leg, void *to, size_t n);
	ssize_t (*write)(struct leg *leg, const void *bytes, size_t n);
	void (*finish)(struct leg *leg);
	/* the owner is gone: leg.c has called leg_forget(); the kind frees
	 * itself, at once or when it can */
	void (*close)(struct leg *leg);
	void (*reset)(struct leg *leg);
	const char *(*source)(const struct leg *leg);
	struct leg *(*lower)(const struct leg *leg);
	/* NULL for kinds that have nothing to shed; shed_out and bare are
	 * called while OPEN only */
	bool (*shed_out)(struct leg *leg);
	bool (*shed_in)(struct leg *leg);
	struct leg *(*bare)(struct leg *leg);
	/* NULL for kinds that are no descriptor of the kernel's; as read and
	 * write, but into @pipe, and out of it */
	ssize_t (*splice_in)(struct leg *leg, int pipe, size_t n);
	ssize_t (*splice_out)(struct leg *leg, int pipe, size_t n);
	/* NULL for kinds that report bytes as they come; while OPEN only */
	void (*gather)(struct leg *leg, size_t least);
};

struct leg {
	const struct leg_verbs *verbs;
	struct loop *loop;
	leg_handler fn;
	void *ctx;
	unsigned wanted;
	enum leg_state state;
	bool gone_told;
	uint64_t told_turn; /* when the handler was last called */
	bool *forgotten;    /* set by leg_forget() while the handler runs */
	struct loop_task task;
	int error;	     /* -errno once FAILED */
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
/** leg_forget() - no handler call from here on; frees what leg_init() and
 * leg_failed() set up; repeatable. leg_close() and leg_reset() begin with it; a
 * kind needs it only for a leg that never reached an owner. */
void leg_forget(struct leg *leg);
/** leg_error() - the code of a failed leg, as its verbs should return it */
int leg_error(const struct leg *leg);
