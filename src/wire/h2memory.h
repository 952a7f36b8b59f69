/* wire/h2memory.h: the memory of one HTTP/2 session, given back as a whole.
 *
 * nghttp2 1.52 leaves pointers to freed memory behind when some of its
 * allocations fail. So once one has failed, no more is given, the connection
 * makes no further call into the session (h2_memory_spent()), and what the
 * session holds is freed from here and not by nghttp2. All of it is wiped:
 * heads carry tokens.
 */
#pragma once
#include "base/err.h"
#include <nghttp2/nghttp2.h>

struct h2_block;

struct h2_memory { /* all zero: empty */
	struct h2_block *first;
	bool spent;
};

/** h2_memory_hooks() - for nghttp2_session_*_new3(); @m is borrowed */
nghttp2_mem h2_memory_hooks(struct h2_memory *m);
/** h2_memory_drop() - wipe and free all that was given; repeatable */
void h2_memory_drop(struct h2_memory *m);
/** h2_memory_spent() - an allocation has failed */
static inline bool h2_memory_spent(const struct h2_memory *m)
{
	return m->spent;
}
