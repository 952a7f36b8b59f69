/* devstore/rooms.h: all that the store holds: as it is at the first start, or
 * made again from what was kept.
 */
#pragma once
#include "devstore/keep.h"
#include "devstore/spaces.h"
#include "devstore/wraps.h"

struct rooms {
	struct token_set *tokens;
	struct spaces *spaces;
	struct wraps *wraps;
};

struct rooms_options {
	const struct secret *root_token; /* copied */
	void (*random)(void *to, size_t n);
	struct keep *keep; /* borrowed; NULL: in memory alone */
	int64_t now_ms;
};
/** rooms_make() - what is new is written before it returns
 * Return: 0; -errno with @fault: -ENOMEM, -EINVAL: a row cannot be understood,
 * and what keep_each() and keep_commit() return. Nothing is made then. */
MUST_USE int rooms_make(
    struct rooms *out, const struct rooms_options *o, struct fault *fault);
/** rooms_clear() - free all; what is kept stays there */
void rooms_clear(struct rooms *r);
