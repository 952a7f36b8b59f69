#include "base/wr.h"

void wr_bytes(struct wr *w, const void *bytes, size_t n)
{
	if (w->bad || n > w->room - w->used) {
		w->bad = true;
		return;
	}
	if (n)
		memcpy(w->start + w->used, bytes, n);
	w->used += n;
}

static void write_number(struct wr *w, uint64_t v, size_t n)
{
	uint8_t bytes[8];

	for (size_t i = n; i-- > 0; v >>= 8)
		bytes[i] = (uint8_t)v;
	wr_bytes(w, bytes, n);
}

void wr_u8(struct wr *w, uint8_t v)
{
	write_number(w, v, 1);
}

void wr_u16(struct wr *w, uint16_t v)
{
	write_number(w, v, 2);
}

void wr_u32(struct wr *w, uint32_t v)
{
	write_number(w, v, 4);
}

void wr_u64(struct wr *w, uint64_t v)
{
	write_number(w, v, 8);
}

void wr_text(struct wr *w, const char *text)
{
	wr_bytes(w, text, strlen(text));
}

size_t wr_mark16(struct wr *w)
{
	size_t mark = w->used;

	wr_u16(w, 0);
	return mark;
}

void wr_close16(struct wr *w, size_t mark)
{
	size_t n;

	if (w->bad)
		return;
	n = w->used - mark - 2;
	if (n > UINT16_MAX) {
		w->bad = true;
		return;
	}
	w->start[mark] = (uint8_t)(n >> 8);
	w->start[mark + 1] = (uint8_t)n;
}
