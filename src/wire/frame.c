/* One row a frame: how its fixed fields are read and written, and which TLVs
 * may follow them. frame_read() and frame_write() know the outer form only:
 *
 *     u16 length | u8 type | fixed fields | TLVs
 *
 * Reading is strict where two readers could disagree: a TLV that is known and
 * stands twice, bytes left over, a field out of its range. It is open where a
 * later version may add something: TLVs that are unknown, flags, error codes.
 * Whatever frame_write() accepts frame_read() gives back.
 */
#include "wire/frame.h"
#include "base/rd.h"
#include "base/text.h"
#include "base/wr.h"
#include <assert.h>

enum { TLV_SHED = 1, TLV_REQUIRE_PROVEN, TLV_NAME, TLV_PROOF, TLV_COUNT };
enum {
	TLV_MUST = 0x80, /* whoever does not know it must refuse */
	TLV_HEAD = 3,
	HEAD = FRAME_LENGTH_SIZE + 1,
	HELLO_FIXED = 2 + FRAME_HASH,
};

static_assert(1 + HELLO_FIXED + 4 * TLV_HEAD + FRAME_EXPORTER +
		      FRAME_NAME_MOST + 2 * (2 + FRAME_PROOF_PART_MOST) +
		      FRAME_SIGNATURE_MOST <=
		  FRAME_HELLO_MOST,
    "the largest HELLO fits");

static uint16_t length_at(const uint8_t *bytes)
{
	return (uint16_t)(bytes[0] << 8 | bytes[1]);
}

int frame_need(const void *bytes, size_t have, size_t *need)
{
	const uint8_t *at = bytes;
	size_t length, most;

	if (have < HEAD) {
		if (have >= FRAME_LENGTH_SIZE && !length_at(at))
			return FRAME_E_LENGTH;
		*need = HEAD - have; /* no frame is shorter */
		return 0;
	}
	length = length_at(at);
	if (at[2] < FRAME_TYPE_HELLO || at[2] > FRAME_TYPE_GOAWAY)
		return FRAME_E_TYPE;
	most = at[2] == FRAME_TYPE_HELLO ? FRAME_HELLO_MOST : FRAME_MOST;
	if (!length || length > most || have > FRAME_LENGTH_SIZE + length)
		return FRAME_E_LENGTH;
	*need = FRAME_LENGTH_SIZE + length - have;
	return 0;
}

/* All that is left in @r as a C string that is safe to show. */
static void take_text(struct rd *r, char *to, size_t most)
{
	size_t n = r->left;

	if (n > most) {
		rd_fail(r);
		return;
	}
	rd_copy(r, to, n);
	for (size_t i = 0; i < n; i++)
		if (!to[i])
			to[i] = '?';
	to[n] = '\0';
	text_tame(to);
}

static struct frame_span take_span(struct rd *r, size_t n, size_t most)
{
	if (!n || n > most)
		rd_fail(r);
	return (struct frame_span){ .bytes = rd_bytes(r, n), .n = n };
}

/* HELLO's TLVs */

static void take_shed(struct rd *r, struct frame_hello *h)
{
	h->has_shed = true;
	rd_copy(r, h->shed, sizeof(h->shed));
}

static void take_require_proven(struct rd *r, struct frame_hello *h)
{
	(void)r; /* empty */
	h->require_proven = true;
}

static void take_name(struct rd *r, struct frame_hello *h)
{
	take_text(r, h->name, FRAME_NAME_MOST);
}

static void take_proof(struct rd *r, struct frame_hello *h)
{
	h->has_proof = true;
	h->proof.leaf = take_span(r, rd_u16(r), FRAME_PROOF_PART_MOST);
	h->proof.ca = take_span(r, rd_u16(r), FRAME_PROOF_PART_MOST);
	h->proof.signature = take_span(r, r->left, FRAME_SIGNATURE_MOST);
}

typedef void (*take_fn)(struct rd *r, struct frame_hello *h);
static const take_fn take_tlv[] = {
	[TLV_SHED] = take_shed,
	[TLV_REQUIRE_PROVEN] = take_require_proven,
	[TLV_NAME] = take_name,
	[TLV_PROOF] = take_proof,
};
static_assert(N_ELEMS(take_tlv) == TLV_COUNT, "one reader a TLV");

/* @h: NULL for a frame that has no TLV of this version. */
static int read_tlvs(struct rd *r, struct frame_hello *h)
{
	unsigned seen = 0;

	while (rd_ok(r) && r->left) {
		unsigned type = rd_u8(r);
		struct rd value = rd_span16(r);

		if (h && type && type < TLV_COUNT) {
			take_tlv[type](&value, h);
			if (!rd_done(&value) || seen & 1U << type)
				return FRAME_E_BODY;
			seen |= 1U << type;
		} else if (rd_ok(r) && type & TLV_MUST) {
			return FRAME_E_FEATURE;
		}
	}
	return rd_ok(r) ? 0 : FRAME_E_BODY;
}

/* Each frame: read, write. A writer answers false for a field out of range. */

static int read_hello(struct rd *r, struct frame *f)
{
	struct frame_hello *h = &f->u.hello;
	uint8_t role;

	h->version = rd_u8(r);
	if (rd_ok(r) && h->version != FRAME_VERSION)
		return FRAME_E_VERSION;
	role = rd_u8(r);
	rd_copy(r, h->hash, sizeof(h->hash));
	if (role != FRAME_LISTEN && role != FRAME_CONNECT)
		return FRAME_E_BODY;
	h->role = role;
	return read_tlvs(r, h);
}

static void write_tlv(struct wr *w, uint8_t type, const void *bytes, size_t n)
{
	wr_u8(w, type);
	wr_u16(w, (uint16_t)n);
	wr_bytes(w, bytes, n);
}

static bool span_fits(struct frame_span s, size_t most)
{
	return s.n && s.n <= most;
}

static bool write_proof(struct wr *w, const struct frame_proof *p)
{
	size_t mark;

	if (!span_fits(p->leaf, FRAME_PROOF_PART_MOST) ||
	    !span_fits(p->ca, FRAME_PROOF_PART_MOST) ||
	    !span_fits(p->signature, FRAME_SIGNATURE_MOST))
		return false;
	wr_u8(w, TLV_PROOF);
	mark = wr_mark16(w);
	wr_u16(w, (uint16_t)p->leaf.n);
	wr_bytes(w, p->leaf.bytes, p->leaf.n);
	wr_u16(w, (uint16_t)p->ca.n);
	wr_bytes(w, p->ca.bytes, p->ca.n);
	wr_bytes(w, p->signature.bytes, p->signature.n);
	wr_close16(w, mark);
	return true;
}

static bool write_hello(struct wr *w, const struct frame *f)
{
	const struct frame_hello *h = &f->u.hello;
	size_t name = strnlen(h->name, sizeof(h->name));

	if (h->version != FRAME_VERSION || name > FRAME_NAME_MOST ||
	    (h->role != FRAME_LISTEN && h->role != FRAME_CONNECT))
		return false;
	wr_u8(w, h->version);
	wr_u8(w, (uint8_t)h->role);
	wr_bytes(w, h->hash, sizeof(h->hash));
	if (h->has_shed)
		write_tlv(w, TLV_SHED, h->shed, sizeof(h->shed));
	if (h->require_proven)
		write_tlv(w, TLV_REQUIRE_PROVEN, NULL, 0);
	if (name)
		write_tlv(w, TLV_NAME, h->name, name);
	return !h->has_proof || write_proof(w, &h->proof);
}

static int read_wait(struct rd *r, struct frame *f)
{
	rd_copy(r, f->u.wait.instance, sizeof(f->u.wait.instance));
	f->u.wait.ping_s = rd_u16(r);
	f->u.wait.position = rd_u32(r);
	return read_tlvs(r, NULL);
}

static bool write_wait(struct wr *w, const struct frame *f)
{
	wr_bytes(w, f->u.wait.instance, sizeof(f->u.wait.instance));
	wr_u16(w, f->u.wait.ping_s);
	wr_u32(w, f->u.wait.position);
	return true;
}

static int read_ping(struct rd *r, struct frame *f)
{
	rd_copy(r, f->u.ping.opaque, sizeof(f->u.ping.opaque));
	return 0;
}

static bool write_ping(struct wr *w, const struct frame *f)
{
	wr_bytes(w, f->u.ping.opaque, sizeof(f->u.ping.opaque));
	return true;
}

static int read_paired(struct rd *r, struct frame *f)
{
	rd_copy(r, f->u.paired.pair, sizeof(f->u.paired.pair));
	f->u.paired.flags = rd_u32(r);
	return read_tlvs(r, NULL);
}

static bool write_paired(struct wr *w, const struct frame *f)
{
	wr_bytes(w, f->u.paired.pair, sizeof(f->u.paired.pair));
	wr_u32(w, f->u.paired.flags);
	return true;
}

static int read_error(struct rd *r, struct frame *f)
{
	f->u.error.code = rd_u16(r);
	f->u.error.retry_ms = rd_u32(r);
	take_text(r, f->u.error.text, FRAME_TEXT_MOST);
	return 0;
}

static bool write_error(struct wr *w, const struct frame *f)
{
	const struct frame_err *e = &f->u.error;

	if (strnlen(e->text, sizeof(e->text)) > FRAME_TEXT_MOST)
		return false;
	wr_u16(w, e->code);
	wr_u32(w, e->retry_ms);
	wr_text(w, e->text);
	return true;
}

static int read_goaway(struct rd *r, struct frame *f)
{
	f->u.goaway.reconnect_ms = rd_u32(r);
	return read_tlvs(r, NULL);
}

static bool write_goaway(struct wr *w, const struct frame *f)
{
	wr_u32(w, f->u.goaway.reconnect_ms);
	return true;
}

static const struct kind {
	int (*read)(struct rd *r, struct frame *f);
	bool (*write)(struct wr *w, const struct frame *f);
} kinds[] = {
	[FRAME_TYPE_HELLO] = { read_hello, write_hello },
	[FRAME_TYPE_WAIT] = { read_wait, write_wait },
	[FRAME_TYPE_PING] = { read_ping, write_ping },
	[FRAME_TYPE_PONG] = { read_ping, write_ping },
	[FRAME_TYPE_PAIRED] = { read_paired, write_paired },
	[FRAME_TYPE_ERROR] = { read_error, write_error },
	[FRAME_TYPE_GOAWAY] = { read_goaway, write_goaway },
};
static_assert(N_ELEMS(kinds) == FRAME_TYPE_GOAWAY + 1, "one row a frame");

int frame_read(struct frame *out, const void *bytes, size_t n)
{
	struct rd r = rd_over(bytes, n);
	struct frame f = { 0 };
	size_t need = 0;
	int code = frame_need(bytes, n, &need);

	if (code)
		return code;
	if (need)
		return FRAME_E_LENGTH;
	(void)rd_u16(&r);
	f.type = rd_u8(&r);
	code = kinds[f.type].read(&r, &f);
	if (code)
		return code;
	if (!rd_done(&r))
		return FRAME_E_BODY;
	*out = f;
	return 0;
}

int frame_write(const struct frame *f, void *to, size_t room, size_t *used)
{
	struct wr w = wr_over(to, room);
	size_t mark = wr_mark16(&w);

	if (f->type < FRAME_TYPE_HELLO || f->type > FRAME_TYPE_GOAWAY)
		return -EINVAL;
	wr_u8(&w, (uint8_t)f->type);
	if (!kinds[f->type].write(&w, f))
		return -EINVAL;
	wr_close16(&w, mark);
	if (!wr_ok(&w))
		return -ENOBUFS;
	*used = w.used;
	return 0;
}

static const char *const error_names[] = {
	[0] = "unknown",
	[FRAME_ERROR_RATE_LIMIT] = "rateLimit",
	[FRAME_ERROR_BAD_HELLO] = "badHello",
	[FRAME_ERROR_VERSION] = "version",
	[FRAME_ERROR_FEATURE] = "feature",
	[FRAME_ERROR_SOURCE_BUSY] = "sourceBusy",
	[FRAME_ERROR_HASH_BUSY] = "hashBusy",
	[FRAME_ERROR_NO_PEER] = "noPeer",
	[FRAME_ERROR_DRAINING] = "draining",
	[FRAME_ERROR_UNPROVEN] = "unproven",
	[FRAME_ERROR_TIMEOUT] = "timeout",
};
static_assert(N_ELEMS(error_names) == FRAME_ERROR_COUNT, "one name a code");

const char *frame_error_name(unsigned code)
{
	return error_names[code < FRAME_ERROR_COUNT ? code : 0];
}
