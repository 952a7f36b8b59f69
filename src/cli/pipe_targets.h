/* cli/pipe_targets.h: what `pharos pipe expose` may dial: names and addresses,
 * and nothing else.
 */
#pragma once
#include "base/fault.h"
#include "base/option.h"

enum { PIPE_TARGETS_MOST = 64 };

struct pipe_target {
	char name[65];	     /* "" : the one without a name */
	const char *address; /* "host:port"; borrowed from the option */
};

struct pipe_targets {
	struct pipe_target target[PIPE_TARGETS_MOST];
	size_t n;
};

/** pipe_targets_read() - items "HOST:PORT" or "NAME=HOST:PORT"; at most one
 * has no name, and none two
 * @list: borrowed as long as @out is used.
 * Return: 0; OPTION_E_BAD with @fault. */
MUST_USE int pipe_targets_read(struct pipe_targets *out,
    const struct option_list *list, struct fault *fault);
/** pipe_targets_find() - what a peer means that asks for @name; "" is the one
 * without a name, or the only one
 * Return: NULL: it is not offered. */
const struct pipe_target *pipe_targets_find(
    const struct pipe_targets *targets, const char *name);
