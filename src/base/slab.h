/* base/slab.h: objects of one size, apart from the heap.
 *
 * Small objects that live long pin the heap: one between the pages of a
 * thousand TLS sessions keeps those pages from the system when the sessions
 * have gone. What a connection keeps for all its life comes from slabs, so that
 * what it needed for a handshake can go back.
 *
 * A slab is a static object of the module that owns the type. Until a program
 * says slab_use(), and wherever a sanitizer watches, objects come from the
 * heap, so tests see leaks and late uses as ever.
 *
 *   static struct slab slab = SLAB_OF(struct session);
 *
 * Threads: the loop's only.
 */
#pragma once
#include "base/err.h"
#include <sys/queue.h>

struct slab_chunk;
struct slab {
	size_t size;				  /* of an object */
	TAILQ_HEAD(slab_chunks, slab_chunk) open; /* with room */
	size_t taken;				  /* objects that are out */
	size_t n_empty; /* chunks without an object; at most one is kept */
	bool ready;
};
#define SLAB_OF(type)                                                          \
	{                                                                      \
		.size = sizeof(type)                                           \
	}
enum { SLAB_OBJECT_MOST = 4096 };

/** slab_use() - from now on slabs are slabs. Before the first object. */
void slab_use(void);
/** slab_take() - an object, zeroed; NULL without memory
 * slab_give() - give it back; NULL is fine */
void *slab_take(struct slab *s);
void slab_give(struct slab *s, void *object);
