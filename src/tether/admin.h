/* tether/admin.h: the control socket: who asks, and waits.
 *
 *   GET  /v1/status          how the tether is
 *   GET  /v1/peers[?after=N] how its peers are, as the interface tells
 *   GET  /v1/plan[?after=N]  what an apply would do (tether/rehearsal.h)
 *   POST /v1/apply           read the files; answered once they are in force
 *   POST /v1/up, /v1/down    make the interface, remove it; the same
 */
#pragma once
#include "base/fault.h"
#include "tether/keeper.h"

struct admin;

enum {
	ADMIN_WAITING_MOST = 32, /* one more is refused */
	ADMIN_PATIENCE_MS = 8000,
};

/** admin_open() - @path: of the socket
 * @out: admin_close() it
 * Return: 0; -errno with @fault. */
MUST_USE int admin_open(struct admin **out, struct loop *loop, struct keeper *k,
    const char *path, struct fault *fault);
void admin_close(struct admin *a); /* NULL is fine */
/** admin_refused() - connections of other users, and above the limit */
uint64_t admin_refused(const struct admin *a);
