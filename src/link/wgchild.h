/* link/wgchild.h: a user space WireGuard process that is kept running: started
 * with a device and a socket that we made, started again when it ends.
 *
 *   RUNS    there is a process
 *   RESTS   it ended by itself; a new one comes after a while that grows from
 *           failure to failure (WGCHILD_REST_*)
 *   ENDS    it was told to end; killed WGCHILD_END_MS later
 *   ENDED   there is none and there will be none
 *
 * The device stays through all of it: what is sent meanwhile is lost, routes
 * and addresses are not. A new process knows no key and no peer: `again` is
 * where its owner applies them. The process ends with us, however we end.
 */
#pragma once
#include "base/fault.h"

struct loop;
struct wgchild;

enum {
	WGCHILD_REST_LEAST_MS = 100, /* ceiling after the first failure */
	WGCHILD_REST_MOST_MS = 10000,
	WGCHILD_STEADY_MS = 10000, /* ran so long: earlier failures are past */
	WGCHILD_END_MS = 2000,
};

enum wgchild_state {
	WGCHILD_RUNS,
	WGCHILD_RESTS,
	WGCHILD_ENDS,
	WGCHILD_ENDED,
	WGCHILD_STATES
};

struct wgchild_order {
	const char *program;	  /* path */
	const char *name;	  /* of the interface; all texts are copied */
	const char *socket;	  /* where the process expects its own */
	int device;		  /* borrowed, until the child has ended */
	void (*again)(void *ctx); /* a new process runs, in place of another */
	void (*failed)(void *ctx, const struct fault *why); /* it ended */
	void (*ended)(void *ctx); /* after wgchild_end(); may free it */
	void *ctx;
};

/** wgchild_new() - and start the first one; on the thread that ends last, since
 * the process ends with it
 * Return: 0; -errno with @fault: nothing runs. */
MUST_USE int wgchild_new(struct wgchild **out, struct loop *l,
    const struct wgchild_order *order, struct fault *fault);
/** wgchild_end() - tell it to end; `ended` is called from the loop, once */
void wgchild_end(struct wgchild *c);
/** wgchild_free() - INVARIANT: WGCHILD_ENDED. NULL is fine. */
void wgchild_free(struct wgchild *c);

enum wgchild_state wgchild_state(const struct wgchild *c);
/** wgchild_pid() - 0: none runs */
pid_t wgchild_pid(const struct wgchild *c);
/** wgchild_restarts() - how often it was started again */
unsigned wgchild_restarts(const struct wgchild *c);
