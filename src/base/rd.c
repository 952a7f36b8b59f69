#include "base/rd.h"

void rd_fail(struct rd *r)
{
	r->bad = true;
	r->left = 0;
}

const uint8_t *rd_bytes(struct rd *r, size_t n)
{
	const uint8_t *at = r->at;

	if (r->bad || n > r->left) {
		rd_fail(r);
		return NULL;
	}
	if (n) {
		r->at += n;
		r->left -= n;
	}
	return at;
}

void rd_copy(struct rd *r, void *to, size_t n)
{
	const uint8_t *at = rd_bytes(r, n);

	if (!n)
		return;
	if (at)
		memcpy(to, at, n);
	else
		memset(to, 0, n);
}

static uint64_t read_number(struct rd *r, size_t n)
{
	const uint8_t *at = rd_bytes(r, n);
	uint64_t v = 0;

	for (size_t i = 0; at && i < n; i++)
		v = v << 8 | at[i];
	return v;
}

uint8_t rd_u8(struct rd *r)
{
	return (uint8_t)read_number(r, 1);
}

uint16_t rd_u16(struct rd *r)
{
	return (uint16_t)read_number(r, 2);
}

uint32_t rd_u32(struct rd *r)
{
	return (uint32_t)read_number(r, 4);
}

uint64_t rd_u64(struct rd *r)
{
	return read_number(r, 8);
}

struct rd rd_span16(struct rd *r)
{
	size_t n = rd_u16(r);
	const uint8_t *at = rd_bytes(r, n);

	return (struct rd){
		.at = at,
		.left = r->bad ? 0 : n,
		.bad = r->bad,
	};
}
