/* base/wr.h: bounded writer into a span of bytes; the counterpart of base/rd.h.
 *
 * Numbers are big-endian. An error is sticky: what does not fit is not written,
 * and wr_ok() says so at the end. The memory is borrowed.
 */
#pragma once
#include "base/err.h"

struct wr {
	uint8_t *start;
	size_t used;
	size_t room; /* of the whole span */
	bool bad;    /* something did not fit */
};

static inline struct wr wr_over(void *bytes, size_t room)
{
	return (struct wr){ .start = bytes, .room = room };
}

void wr_bytes(struct wr *w, const void *bytes, size_t n);
void wr_u8(struct wr *w, uint8_t v);
void wr_u16(struct wr *w, uint16_t v);
void wr_u32(struct wr *w, uint32_t v);
void wr_u64(struct wr *w, uint64_t v);
/** wr_text() - the bytes of a C string, without its NUL */
void wr_text(struct wr *w, const char *text);

/** wr_mark16() - leave room for a u16 length; wr_close16() fills it with the
 * number of bytes written since. Marks nest. */
size_t wr_mark16(struct wr *w);
void wr_close16(struct wr *w, size_t mark);

static inline bool wr_ok(const struct wr *w)
{
	return !w->bad;
}
