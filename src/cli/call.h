/* cli/call.h: one request to a daemon's control socket, and its answer.
 */
#pragma once
#include "base/fault.h"
#include <jansson.h>

enum { CALL_MS = 10000, CALL_ANSWER_MOST = 1024 * 1024 };

struct call {
	const char *path;   /* of the socket */
	const char *daemon; /* "pharos-beacon", for faults */
	const char *method, *target;
};

/** call_make() - connect, ask, and wait for the answer, CALL_MS at most
 * @out: the object that the answer is; to be counted down
 * Return: 0; -ESRCH: it was refused with 404; other -errno. All with @fault,
 * which has the daemon's own words where it has refused. */
MUST_USE int call_make(
    json_t **out, const struct call *call, struct fault *fault);
