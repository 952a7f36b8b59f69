/* beacon/admin.h: what `pharos beacon` asks of a beacon, on its control socket.
 *
 *   GET  /v1/status
 *   GET  /v1/legs?after=N   a page of at most REPORT_PAGE legs and pairs
 *   POST /v1/drain          as SIGTERM; the answer is a status
 *   POST /v1/kill/ID        end a leg ("leg-12") or a pair (its 16 digits)
 */
#pragma once
#include "beacon/beacon.h"

/** admin_open() - serve at @path; control_close(b->control) ends it
 * Return: 0; -errno with @fault, see control_open(). */
MUST_USE int admin_open(
    struct beacon *b, const char *path, struct fault *fault);
