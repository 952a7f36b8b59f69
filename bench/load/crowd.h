/* load/crowd.h: connections from many addresses of 127.0.0.0/8.
 *
 * The beacon's limits count by source and stay as shipped, so load comes from a
 * crowd: each connection is bound to the next address of a range, in turn. The
 * ranges of two runs in one minute should not overlap.
 */
#pragma once
#include "net/dial.h"
#include "net/leg.h"
#include <sys/queue.h>

struct crowd {
	struct loop *loop;
	uint32_t first, size; /* addresses: 127.0.0.0 + first, and so on */
	uint64_t dialled;
	uint16_t port; /* of 127.0.0.1 */
	struct dial_network network;
	TAILQ_HEAD(, crowd_attempt) attempts;
};

/** crowd_init() - and serve every dial_open() on @loop, whatever its target:
 * they go to @port as well */
void crowd_init(struct crowd *c, struct loop *loop, uint16_t port);
/** crowd_dial() - a TCP leg, OPENING
 * Return: 0; -errno. */
MUST_USE int crowd_dial(struct crowd *c, struct leg **out);
