/* base/buf.h: a queue of bytes with a stated limit, made of pooled blocks.
 *
 * A pool hands out blocks of one size and keeps a bounded number of free ones;
 * a buf chains blocks and gives each back as soon as it is drained, so an idle
 * connection holds none. Nothing grows past its limit: an append that does not
 * fit is refused whole (buf_append) or taken in part (buf_space).
 */
#pragma once
#include "base/err.h"

struct pool;
struct pool_block {
	struct pool_block *next;
	uint32_t start, end; /* of the unread bytes in data */
	uint8_t data[];
};

/** pool_new() - a pool of blocks of @block_size bytes
 * @keep: at most this many free blocks are kept; the rest go back to libc
 * @out:  owned by the caller; pool_free() when every block has come back
 * Return: 0; -ENOMEM. */
MUST_USE int pool_new(struct pool **out, size_t block_size, size_t keep);
void pool_free(struct pool *p);
void pool_freep(struct pool **p);
/** pool_take() - an empty block, or NULL when there is no memory
 * pool_give() - give it back (NULL is fine); its bytes are not wiped
 * pool_trim() - the free blocks that are kept go back to libc */
struct pool_block *pool_take(struct pool *p);
void pool_give(struct pool *p, struct pool_block *b);
void pool_trim(struct pool *p);
size_t pool_block_size(const struct pool *p);
/** pool_lent(), pool_kept() - counters: blocks out, free blocks held */
size_t pool_lent(const struct pool *p);
size_t pool_kept(const struct pool *p);

struct buf {
	struct pool *pool;
	struct pool_block *head, *tail;
	size_t used, limit;
};

/** buf_init() - empty; blocks come from @pool (borrowed), at most @limit bytes
 * buf_deinit() - gives the blocks back; repeatable */
void buf_init(struct buf *b, struct pool *pool, size_t limit);
void buf_deinit(struct buf *b);

/** buf_append() - all @n bytes or nothing
 * Return: 0; -ENOBUFS at the limit; -ENOMEM. */
MUST_USE int buf_append(struct buf *b, const void *bytes, size_t n);

/** buf_space() - room to write into, then buf_commit() what was written
 * @n: set to the room at the returned place, at least 1
 * Return: the place; NULL at the limit or without memory. */
uint8_t *buf_space(struct buf *b, size_t *n);
void buf_commit(struct buf *b, size_t n);

/** buf_peek() - the first unread bytes that stand together
 * @n: set to how many; 0 when the buffer is empty
 * Return: borrowed until the next call on @b. */
const uint8_t *buf_peek(const struct buf *b, size_t *n);
/** buf_drop() - the first @n bytes are done with; @n at most buf_used() */
void buf_drop(struct buf *b, size_t n);
/** buf_copy() - up to @n of the unread bytes; they stay
 * Return: how many. */
size_t buf_copy(const struct buf *b, void *to, size_t n);
/** buf_take() - copy and drop up to @n bytes
 * Return: how many. */
size_t buf_take(struct buf *b, void *to, size_t n);

static inline size_t buf_used(const struct buf *b)
{
	return b->used;
}
static inline size_t buf_room(const struct buf *b)
{
	return b->limit - b->used;
}
