#include "wire/h2memory.h"
#include "base/secret.h"

struct h2_block {
	struct h2_block *next, *prev; /* prev is NULL for the first */
	size_t size;		      /* of bytes */
	_Alignas(max_align_t) char bytes[];
};

static struct h2_block *block_of(void *bytes)
{
	return CONTAINER_OF(bytes, struct h2_block, bytes);
}

static void *take(size_t n, void *memory)
{
	struct h2_memory *m = memory;
	struct h2_block *b = NULL;

	if (!m->spent && n < SIZE_MAX - sizeof(*b))
		b = malloc(sizeof(*b) + n);
	if (!b) {
		m->spent = true;
		return NULL;
	}
	*b = (struct h2_block){ .next = m->first, .size = n };
	if (m->first)
		m->first->prev = b;
	m->first = b;
	return b->bytes;
}

static void give(void *bytes, void *memory)
{
	struct h2_memory *m = memory;
	struct h2_block *b;

	if (!bytes)
		return;
	b = block_of(bytes);
	if (b->next)
		b->next->prev = b->prev;
	if (b->prev)
		b->prev->next = b->next;
	else
		m->first = b->next;
	secret_wipe(b->bytes, b->size);
	free(b);
}

static void *take_zeroed(size_t n, size_t size, void *memory)
{
	size_t all;
	void *bytes;

	if (__builtin_mul_overflow(n, size, &all))
		all = SIZE_MAX;
	bytes = take(all, memory);
	if (bytes)
		memset(bytes, 0, all);
	return bytes;
}

/* Not realloc(): it would leave an unwiped copy behind. */
static void *resize(void *bytes, size_t n, void *memory)
{
	size_t was = bytes ? block_of(bytes)->size : 0;
	void *to = take(n, memory);

	if (!to)
		return NULL;
	if (was)
		memcpy(to, bytes, was < n ? was : n);
	give(bytes, memory);
	return to;
}

nghttp2_mem h2_memory_hooks(struct h2_memory *m)
{
	return (nghttp2_mem){ .mem_user_data = m,
		.malloc = take,
		.free = give,
		.calloc = take_zeroed,
		.realloc = resize };
}

void h2_memory_drop(struct h2_memory *m)
{
	while (m->first)
		give(m->first->bytes, m);
}
