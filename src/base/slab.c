/* Objects stand in chunks of 64 KiB that are aligned to their size, so that an
 * object finds its chunk by its address. A chunk is a header, then places;
 * those that were given back are a list through the places themselves, the
 * others follow `fresh`: so a new chunk is touched only as far as it is used.
 *
 * Chunks with room are in `open`, those that have given most lately first; a
 * full one is in no list. Of those without any object one is kept, the next
 * goes back to the system at once.
 */
#include "base/slab.h"
#include <sys/mman.h>

enum { CHUNK = 64 * 1024, ALIGN = 16 };

struct place {
	struct place *next;
};

struct slab_chunk {
	TAILQ_ENTRY(slab_chunk) of_slab; /* while it has room */
	struct place *given;
	unsigned fresh; /* places never taken begin here */
	unsigned taken, places;
};

static bool in_use;

#if defined(__SANITIZE_ADDRESS__)
#define WATCHED true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WATCHED true
#endif
#endif
#ifndef WATCHED
#define WATCHED false
#endif

void slab_use(void)
{
	in_use = !WATCHED;
}

static size_t round_up(size_t n)
{
	return (n + ALIGN - 1) / ALIGN * ALIGN;
}

static struct slab_chunk *chunk_of(void *object)
{
	return (
	    struct slab_chunk *)((uintptr_t)object & ~(uintptr_t)(CHUNK - 1));
}

/* Twice as much, and what stands off the alignment goes back. */
static void *map_aligned(void)
{
	uint8_t *at, *chunk;

	at = mmap(NULL, 2 * (size_t)CHUNK, PROT_READ | PROT_WRITE,
	    /* cppcheck-suppress invalidFunctionArg */
	    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (at == MAP_FAILED)
		return NULL;
	chunk = at + -(uintptr_t)at % CHUNK;
	munmap(chunk + CHUNK, (size_t)(at + CHUNK - chunk));
	if (chunk != at)
		munmap(at, (size_t)(chunk - at));
	return chunk;
}

static struct slab_chunk *chunk_new(struct slab *s)
{
	struct slab_chunk *c = map_aligned();

	if (!c)
		return NULL;
	c->places =
	    (unsigned)((CHUNK - round_up(sizeof(*c))) / round_up(s->size));
	TAILQ_INSERT_HEAD(&s->open, c, of_slab);
	s->n_empty++;
	return c;
}

static struct place *chunk_take(const struct slab *s, struct slab_chunk *c)
{
	struct place *p = c->given;

	if (p) {
		c->given = p->next;
		memset(p, 0, s->size);
		return p;
	}
	return (void *)((uint8_t *)c + round_up(sizeof(*c)) +
			c->fresh++ * round_up(s->size));
}

static void slab_prepare(struct slab *s)
{
	if (s->ready)
		return;
	INVARIANT(s->size <= SLAB_OBJECT_MOST);
	TAILQ_INIT(&s->open);
	s->ready = true;
}

void *slab_take(struct slab *s)
{
	struct slab_chunk *c;

	if (!in_use)
		return calloc(1, s->size);
	slab_prepare(s);
	c = TAILQ_FIRST(&s->open);
	if (!c)
		c = chunk_new(s);
	if (!c)
		return NULL;
	if (!c->taken++)
		s->n_empty--;
	if (c->taken == c->places)
		TAILQ_REMOVE(&s->open, c, of_slab);
	s->taken++;
	return chunk_take(s, c);
}

void slab_give(struct slab *s, void *object)
{
	struct slab_chunk *c = chunk_of(object);
	struct place *p = object;

	if (!in_use || !object) {
		free(object);
		return;
	}
	if (c->taken == c->places)
		TAILQ_INSERT_HEAD(&s->open, c, of_slab);
	p->next = c->given;
	c->given = p;
	s->taken--;
	if (--c->taken)
		return;
	if (!s->n_empty++)
		return;
	s->n_empty--;
	TAILQ_REMOVE(&s->open, c, of_slab);
	munmap(c, CHUNK);
}
