#include "base/buf.h"

/* A block is lent from pool_take() until pool_give(). In a buf, every block but
 * the last holds unread bytes, and the last may be empty only between
 * buf_space() and buf_commit(); so a drained buf holds no block at all. Bytes
 * are copied once on the way in (not at all by buf_space) and never moved. */

struct pool {
	size_t block_size, keep, lent, kept;
	struct pool_block *free;
};

int pool_new(struct pool **out, size_t block_size, size_t keep)
{
	struct pool *p;

	INVARIANT(block_size && block_size <= UINT32_MAX);
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->block_size = block_size;
	p->keep = keep;
	*out = p;
	return 0;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	INVARIANT(!p->lent);
	pool_trim(p);
	free(p);
}

void pool_trim(struct pool *p)
{
	while (p->free) {
		struct pool_block *b = p->free;

		p->free = b->next;
		free(b);
	}
	p->kept = 0;
}

void pool_freep(struct pool **p)
{
	pool_free(*p);
	*p = NULL;
}

struct pool_block *pool_take(struct pool *p)
{
	struct pool_block *b = p->free;

	if (b) {
		p->free = b->next;
		p->kept--;
	} else {
		b = malloc(sizeof(*b) + p->block_size);
	}
	if (!b)
		return NULL;
	p->lent++;
	b->next = NULL;
	b->start = b->end = 0;
	return b;
}

void pool_give(struct pool *p, struct pool_block *b)
{
	if (!b)
		return;
	INVARIANT(p->lent);
	p->lent--;
	if (p->kept >= p->keep) {
		free(b);
		return;
	}
	b->next = p->free;
	p->free = b;
	p->kept++;
}

size_t pool_block_size(const struct pool *p)
{
	return p->block_size;
}

size_t pool_lent(const struct pool *p)
{
	return p->lent;
}

size_t pool_kept(const struct pool *p)
{
	return p->kept;
}

void buf_init(struct buf *b, struct pool *pool, size_t limit)
{
	*b = (struct buf){ .pool = pool, .limit = limit };
}

static void give_head(struct buf *b)
{
	struct pool_block *head = b->head;

	b->head = head->next;
	if (!b->head)
		b->tail = NULL;
	pool_give(b->pool, head);
}

void buf_deinit(struct buf *b)
{
	while (b->head)
		give_head(b);
	b->used = 0;
}

static size_t block_room(const struct buf *b, const struct pool_block *block)
{
	return block ? pool_block_size(b->pool) - block->end : 0;
}

static void add_block(struct buf *b, struct pool_block *block)
{
	if (b->tail)
		b->tail->next = block;
	else
		b->head = block;
	b->tail = block;
}

/* Blocks for @n bytes, as a chain; all of them or none. */
static int take_chain(struct buf *b, size_t n, struct pool_block **chain)
{
	size_t size = pool_block_size(b->pool);
	struct pool_block *first = NULL;

	for (size_t i = 0; i < n; i += size) {
		struct pool_block *block = pool_take(b->pool);

		if (block) {
			block->next = first;
			first = block;
			continue;
		}
		while (first) {
			block = first->next;
			pool_give(b->pool, first);
			first = block;
		}
		return -ENOMEM;
	}
	*chain = first;
	return 0;
}

int buf_append(struct buf *b, const void *bytes, size_t n)
{
	size_t here = block_room(b, b->tail);
	struct pool_block *chain = NULL;
	const uint8_t *from = bytes;

	if (n > buf_room(b))
		return -ENOBUFS;
	if (n > here && take_chain(b, n - here, &chain))
		return -ENOMEM;
	while (n) {
		size_t part = block_room(b, b->tail);

		if (!part) {
			struct pool_block *block = chain;

			INVARIANT(block);
			chain = block->next;
			block->next = NULL;
			add_block(b, block);
			part = block_room(b, block);
		}
		part = part < n ? part : n;
		memcpy(b->tail->data + b->tail->end, from, part);
		buf_commit(b, part);
		from += part;
		n -= part;
	}
	return 0;
}

uint8_t *buf_space(struct buf *b, size_t *n)
{
	size_t room = block_room(b, b->tail);

	if (!buf_room(b))
		return NULL;
	if (!room) {
		struct pool_block *block = pool_take(b->pool);

		if (!block)
			return NULL;
		add_block(b, block);
		room = block_room(b, block);
	}
	*n = room < buf_room(b) ? room : buf_room(b);
	return b->tail->data + b->tail->end;
}

/* The last block went unused: the one before it becomes the last again. */
static void give_empty_tail(struct buf *b)
{
	struct pool_block *block = b->head;

	if (!b->tail || b->tail->start != b->tail->end)
		return;
	if (block == b->tail) {
		give_head(b);
		return;
	}
	while (block->next != b->tail)
		block = block->next;
	pool_give(b->pool, b->tail);
	block->next = NULL;
	b->tail = block;
}

void buf_commit(struct buf *b, size_t n)
{
	if (!n) {
		give_empty_tail(b);
		return;
	}
	INVARIANT(n <= buf_room(b) && n <= block_room(b, b->tail));
	b->tail->end += (uint32_t)n;
	b->used += n;
}

const uint8_t *buf_peek(const struct buf *b, size_t *n)
{
	if (!b->used) {
		*n = 0;
		return NULL;
	}
	*n = b->head->end - b->head->start;
	return b->head->data + b->head->start;
}

void buf_drop(struct buf *b, size_t n)
{
	INVARIANT(n <= b->used);
	b->used -= n;
	while (n) {
		size_t part = b->head->end - b->head->start;

		part = part < n ? part : n;
		b->head->start += (uint32_t)part;
		n -= part;
		if (b->head->start == b->head->end)
			give_head(b);
	}
}

size_t buf_copy(const struct buf *b, void *to, size_t n)
{
	uint8_t *out = to;
	size_t done = 0;

	for (const struct pool_block *at = b->head; at && done < n;
	     at = at->next) {
		size_t part = at->end - at->start;

		part = part < n - done ? part : n - done;
		memcpy(out + done, at->data + at->start, part);
		done += part;
	}
	return done;
}

size_t buf_take(struct buf *b, void *to, size_t n)
{
	uint8_t *out = to;
	size_t taken = 0, part;

	while (taken < n && b->used) {
		const uint8_t *from = buf_peek(b, &part);

		part = part < n - taken ? part : n - taken;
		memcpy(out + taken, from, part);
		buf_drop(b, part);
		taken += part;
	}
	return taken;
}
