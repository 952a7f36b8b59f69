/* base/rd.h: bounded reader over a span of bytes; every wire format uses it.
 *
 * Numbers are big-endian. An error is sticky: after the first short read all
 * later reads give zeros, so a parser reads its fields like a schema and asks
 * once, at the end, rd_done() or rd_ok(). The bytes are borrowed.
 */
#pragma once
#include "base/err.h"

struct rd {
	const uint8_t *at;
	size_t left;
	bool bad; /* something was asked for that was not there */
};

static inline struct rd rd_over(const void *bytes, size_t n)
{
	return (struct rd){ .at = bytes, .left = n };
}

/** rd_bytes() - borrow the next @n bytes; NULL and sticky error if fewer */
const uint8_t *rd_bytes(struct rd *r, size_t n);
/** rd_copy() - copy the next @n bytes to @to; zeros there if fewer are left */
void rd_copy(struct rd *r, void *to, size_t n);
uint8_t rd_u8(struct rd *r);
uint16_t rd_u16(struct rd *r);
uint32_t rd_u32(struct rd *r);
uint64_t rd_u64(struct rd *r);

/** rd_span16() - a u16 length, then that many bytes as a reader of its own */
struct rd rd_span16(struct rd *r);

/** rd_fail() - mark as bad: what was read is not acceptable */
void rd_fail(struct rd *r);
static inline bool rd_ok(const struct rd *r)
{
	return !r->bad;
}
/** rd_done() - nothing was short and nothing is left over */
static inline bool rd_done(const struct rd *r)
{
	return !r->bad && !r->left;
}
