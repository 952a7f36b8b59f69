/* net/drain.h: a daemon's way out: it takes no new work, what runs may end, and
 * what is left at a deadline is cut.
 *
 *   SERVING -> DRAINING -> OVER
 *
 * The owner embeds it and drives it from its signals.
 */
#pragma once
#include "net/loop.h"

enum drain_state { DRAIN_SERVING, DRAIN_DRAINING, DRAIN_OVER };

struct drain_config {
	void (*begin)(void *ctx); /* take no new work from now on; once */
	/* does something run that is worth waiting for? Asked many times */
	bool (*busy)(void *ctx);
	void *ctx;
	uint64_t ms; /* so long after the beginning the rest is cut */
	/* it is over: with or without something left. Called once */
	void (*over)(void *owner, bool cut);
	void *owner;
};

struct drain {
	struct loop *loop;
	struct drain_config config;
	enum drain_state state;
	uint64_t until_ms;
	struct wheel_timer look;
};

/** drain_init() - SERVING; @config is copied
 * drain_deinit() - `over` does not come any more; repeatable */
void drain_init(
    struct drain *d, struct loop *loop, const struct drain_config *config);
void drain_deinit(struct drain *d);
/** drain_begin() - from SERVING on; later calls change nothing
 * drain_cut() - it is over now, at once */
void drain_begin(struct drain *d);
void drain_cut(struct drain *d);
