#include "wire/frame.h"
#include "base/hex.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define H32 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define X32 "e0e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff"
#define I16 "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"

static void fill_hash(uint8_t hash[FRAME_HASH])
{
	for (size_t i = 0; i < FRAME_HASH; i++)
		hash[i] = (uint8_t)i;
}

/* Good frames: these bytes are the specification's, in both directions. */
static const struct {
	const char *label, *hex;
	enum frame_type type;
} good[] = {
	{ "HELLO, listen, bare", "0023 01 01 01" H32, FRAME_TYPE_HELLO },
	{ "HELLO, connect, bare", "0023 01 01 02" H32, FRAME_TYPE_HELLO },
	{ "HELLO, all TLVs",
	    "005f 01 01 02" H32 "010020" X32 "020000"
	    "030004 6b756265 04000c 0003 616263 0002 6465 666768",
	    FRAME_TYPE_HELLO },
	{ "WAIT", "0017 02" I16 "0019 00000007", FRAME_TYPE_WAIT },
	{ "PING", "0009 03 0102030405060708", FRAME_TYPE_PING },
	{ "PONG", "0009 04 0102030405060708", FRAME_TYPE_PONG },
	{ "PAIRED", "0015 05" I16 "00000001", FRAME_TYPE_PAIRED },
	{ "ERROR", "000e 06 0001 00000258 6c61746572 2e2e", FRAME_TYPE_ERROR },
	{ "ERROR without text", "0007 06 0007 00000000", FRAME_TYPE_ERROR },
	{ "GOAWAY", "0005 07 000003e8", FRAME_TYPE_GOAWAY },
};

/* Rows are written with spaces for the reader. */
static size_t from_row(uint8_t to[FRAME_BUFFER], const char *row)
{
	char packed[2 * FRAME_BUFFER + 1];
	size_t n = 0;

	for (; *row; row++)
		if (*row != ' ')
			packed[n++] = *row;
	packed[n] = '\0';
	assert_int_equal(hex_decode(to, n / 2, packed), 0);
	return n / 2;
}

static void test_round_trip(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(good); i++) {
		uint8_t in[FRAME_BUFFER], back[FRAME_BUFFER];
		size_t n = from_row(in, good[i].hex), used = 0;
		struct frame f;
		int r = frame_read(&f, in, n);

		if (r || f.type != good[i].type)
			fail_msg("%s: read gave %d", good[i].label, r);
		r = frame_write(&f, back, sizeof(back), &used);
		if (r || used != n || memcmp(in, back, n) != 0)
			fail_msg("%s: write gave %d", good[i].label, r);
	}
}

static void test_hello_fields(void **state)
{
	uint8_t in[FRAME_BUFFER], hash[FRAME_HASH], shed[FRAME_EXPORTER];
	size_t n = from_row(in, good[2].hex);
	const struct frame_hello *h;
	struct frame f;

	(void)state;
	fill_hash(hash);
	assert_int_equal(hex_decode(shed, sizeof(shed), X32), 0);
	assert_int_equal(frame_read(&f, in, n), 0);
	h = &f.u.hello;
	assert_int_equal(h->version, 1);
	assert_int_equal(h->role, FRAME_CONNECT);
	assert_memory_equal(h->hash, hash, sizeof(hash));
	assert_true(h->has_shed && h->require_proven && h->has_proof);
	assert_memory_equal(h->shed, shed, sizeof(shed));
	assert_string_equal(h->name, "kube");
	assert_int_equal(h->proof.leaf.n, 3);
	assert_memory_equal(h->proof.leaf.bytes, "abc", 3);
	assert_int_equal(h->proof.ca.n, 2);
	assert_memory_equal(h->proof.ca.bytes, "de", 2);
	assert_int_equal(h->proof.signature.n, 3);
	assert_memory_equal(h->proof.signature.bytes, "fgh", 3);
}

static void test_other_fields(void **state)
{
	uint8_t in[FRAME_BUFFER];
	struct frame f;

	(void)state;
	assert_int_equal(frame_read(&f, in, from_row(in, good[3].hex)), 0);
	assert_int_equal(f.u.wait.instance[0], 0xa0);
	assert_int_equal(f.u.wait.ping_s, 25);
	assert_int_equal(f.u.wait.position, 7);
	assert_int_equal(frame_read(&f, in, from_row(in, good[6].hex)), 0);
	assert_int_equal(f.u.paired.pair[15], 0xaf);
	assert_int_equal(f.u.paired.flags, FRAME_PAIRED_SHED);
	assert_int_equal(frame_read(&f, in, from_row(in, good[7].hex)), 0);
	assert_int_equal(f.u.error.code, FRAME_ERROR_RATE_LIMIT);
	assert_int_equal(f.u.error.retry_ms, 600);
	assert_string_equal(f.u.error.text, "later..");
	assert_int_equal(frame_read(&f, in, from_row(in, good[9].hex)), 0);
	assert_int_equal(f.u.goaway.reconnect_ms, 1000);
}

/* What a later version may add, and what is refused. */
static const struct {
	const char *label, *hex;
	int want;
} row[] = {
	{ "unknown TLV in HELLO is skipped", "0028 01 01 01" H32 "7f0002 ffff",
	    0 },
	{ "unknown TLV of type 0 is skipped", "0026 01 01 01" H32 "000000", 0 },
	{ "unknown TLV twice is skipped", "0029 01 01 01" H32 "700000 700000",
	    0 },
	{ "unknown TLV in WAIT is skipped",
	    "001a 02" I16 "0019 00000000 050000", 0 },
	{ "unknown TLV in PAIRED is skipped", "0018 05" I16 "00000000 010000",
	    0 },
	{ "unknown TLV in GOAWAY is skipped", "0009 07 000003e8 600001 00", 0 },
	{ "unknown flags in PAIRED", "0015 05" I16 "80000000", 0 },
	{ "unknown code in ERROR", "0007 06 ffff 00000000", 0 },
	{ "empty name", "0026 01 01 01" H32 "030000", 0 },

	{ "nothing", "", FRAME_E_LENGTH },
	{ "half a length", "00", FRAME_E_LENGTH },
	{ "no type", "0001", FRAME_E_LENGTH },
	{ "zero length", "0000 03", FRAME_E_LENGTH },
	{ "short", "0009 03 01020304050607", FRAME_E_LENGTH },
	{ "long", "0009 03 0102030405060708 09", FRAME_E_LENGTH },
	{ "type 0", "0001 00", FRAME_E_TYPE },
	{ "type 8", "0001 08", FRAME_E_TYPE },
	{ "type 255", "0001 ff", FRAME_E_TYPE },
	{ "plain HTTP", "4745 54 202f", FRAME_E_TYPE },
	{ "HELLO without a body", "0001 01", FRAME_E_BODY },
	{ "HELLO, version 0", "0023 01 00 01" H32, FRAME_E_VERSION },
	{ "HELLO, version 2", "0023 01 02 01" H32, FRAME_E_VERSION },
	{ "HELLO, version 2, of another form", "0002 01 02", FRAME_E_VERSION },
	{ "HELLO, role 0", "0023 01 01 00" H32, FRAME_E_BODY },
	{ "HELLO, role 3", "0023 01 01 03" H32, FRAME_E_BODY },
	{ "HELLO, hash a byte short",
	    "0022 01 01 01 0102030405060708090a0b0c0d0e0f"
	    "101112131415161718191a1b1c1d1e1f",
	    FRAME_E_BODY },
	{ "TLV without a length", "0024 01 01 01" H32 "03", FRAME_E_BODY },
	{ "TLV half a length", "0025 01 01 01" H32 "0300", FRAME_E_BODY },
	{ "TLV longer than the frame", "0027 01 01 01" H32 "030002 61",
	    FRAME_E_BODY },
	{ "TLV that must be known", "0026 01 01 01" H32 "800000",
	    FRAME_E_FEATURE },
	{ "TLV that must be known, of 255", "0026 01 01 01" H32 "ff0000",
	    FRAME_E_FEATURE },
	{ "TLV that must be known, cut", "0026 01 01 01" H32 "800001",
	    FRAME_E_BODY },
	{ "TLV that must be known, in WAIT",
	    "001a 02" I16 "0019 00000000 900000", FRAME_E_FEATURE },
	{ "shed of 31 bytes",
	    "0045 01 01 01" H32 "01001f"
	    "e1e2e3e4e5e6e7e8e9eaebecedeeeff0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	    FRAME_E_BODY },
	{ "shed empty", "0026 01 01 01" H32 "010000", FRAME_E_BODY },
	{ "shed twice", "0069 01 01 01" H32 "010020" X32 "010020" X32,
	    FRAME_E_BODY },
	{ "require-proven with a value", "0027 01 01 01" H32 "020001 00",
	    FRAME_E_BODY },
	{ "require-proven twice", "0029 01 01 01" H32 "020000 020000",
	    FRAME_E_BODY },
	{ "proof without bytes", "0026 01 01 01" H32 "040000", FRAME_E_BODY },
	{ "proof with an empty leaf",
	    "002d 01 01 01" H32 "040007 0000 0002 6465 66", FRAME_E_BODY },
	{ "proof with an empty CA",
	    "002d 01 01 01" H32 "040007 0002 6465 0000 66", FRAME_E_BODY },
	{ "proof without a signature",
	    "002c 01 01 01" H32 "040006 0001 61 0001 62", FRAME_E_BODY },
	{ "proof whose leaf is longer than the TLV",
	    "002c 01 01 01" H32 "040006 0005 61 0001 62", FRAME_E_BODY },
	{ "WAIT short", "0016 02" I16 "0019 000000", FRAME_E_BODY },
	{ "WAIT with half a TLV", "0018 02" I16 "0019 00000007 01",
	    FRAME_E_BODY },
	{ "PING short", "0008 03 01020304050607", FRAME_E_BODY },
	{ "PING long", "000a 03 0102030405060708 09", FRAME_E_BODY },
	{ "PONG empty", "0001 04", FRAME_E_BODY },
	{ "PAIRED short", "0014 05" I16 "000000", FRAME_E_BODY },
	{ "ERROR short", "0006 06 0001 000002", FRAME_E_BODY },
	{ "GOAWAY short", "0004 07 0003e8", FRAME_E_BODY },
	{ "GOAWAY empty", "0001 07", FRAME_E_BODY },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(row); i++) {
		uint8_t in[FRAME_BUFFER];
		struct frame f = { .type = 99 };
		int r = frame_read(&f, in, from_row(in, row[i].hex));

		if (r != row[i].want)
			fail_msg("%s: got %d", row[i].label, r);
		if (r && f.type != 99)
			fail_msg("%s: wrote its out-parameter", row[i].label);
	}
}

/* A frame of @type whose length field says @length; the body is zeros. */
static int read_sized(unsigned type, size_t length)
{
	static uint8_t in[FRAME_LENGTH_SIZE + UINT16_MAX];
	struct frame f;

	memset(in, 0, sizeof(in));
	in[0] = (uint8_t)(length >> 8);
	in[1] = (uint8_t)length;
	in[2] = (uint8_t)type;
	if (type == FRAME_TYPE_HELLO) {
		in[3] = FRAME_VERSION;
		in[4] = FRAME_LISTEN;
		in[37] = 0x70; /* a TLV that fills the rest */
		in[38] = (uint8_t)((length - 38) >> 8);
		in[39] = (uint8_t)(length - 38);
	}
	if (type == FRAME_TYPE_GOAWAY) {
		in[7] = 0x70;
		in[8] = (uint8_t)((length - 8) >> 8);
		in[9] = (uint8_t)(length - 8);
	}
	return frame_read(&f, in, FRAME_LENGTH_SIZE + length);
}

static void test_limits(void **state)
{
	(void)state;
	assert_int_equal(read_sized(FRAME_TYPE_HELLO, 4096), 0);
	assert_int_equal(read_sized(FRAME_TYPE_HELLO, 4097), FRAME_E_LENGTH);
	assert_int_equal(read_sized(FRAME_TYPE_HELLO, 65535), FRAME_E_LENGTH);
	assert_int_equal(read_sized(FRAME_TYPE_GOAWAY, 1024), 0);
	assert_int_equal(read_sized(FRAME_TYPE_GOAWAY, 1025), FRAME_E_LENGTH);
	assert_int_equal(read_sized(FRAME_TYPE_ERROR, 7 + 512), 0);
	assert_int_equal(read_sized(FRAME_TYPE_ERROR, 8 + 512), FRAME_E_BODY);
}

/* Whoever reads what frame_need() asks for never takes a byte too many. */
static void test_need_never_passes_the_end(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(good); i++) {
		uint8_t in[FRAME_BUFFER];
		size_t n = from_row(in, good[i].hex);

		for (size_t have = 0; have <= n; have++) {
			size_t need = 0;

			assert_int_equal(frame_need(in, have, &need), 0);
			if (have + need > n || (need == 0) != (have == n))
				fail_msg("%s: at %zu asks for %zu",
				    good[i].label, have, need);
		}
	}
}

static void test_need_refuses_early(void **state)
{
	static const struct {
		const char *label, *hex;
		int want;
	} early[] = {
		{ "zero length", "0000", FRAME_E_LENGTH },
		{ "HELLO too long", "1001 01", FRAME_E_LENGTH },
		{ "PING too long", "0401 03", FRAME_E_LENGTH },
		{ "unknown type", "0009 09", FRAME_E_TYPE },
		{ "more than the frame", "0001 04 00", FRAME_E_LENGTH },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(early); i++) {
		uint8_t in[FRAME_BUFFER];
		size_t n = from_row(in, early[i].hex), need;
		int r = frame_need(in, n, &need);

		if (r != early[i].want)
			fail_msg("%s: got %d", early[i].label, r);
	}
}

static void test_every_cut_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(good); i++) {
		uint8_t in[FRAME_BUFFER];
		size_t n = from_row(in, good[i].hex);
		struct frame f;

		for (size_t cut = 0; cut < n; cut++) {
			if (frame_read(&f, in, cut) != FRAME_E_LENGTH)
				fail_msg("%s: at %zu", good[i].label, cut);
		}
	}
}

/* Text from a peer cannot drive a terminal or forge a line. */
static void test_texts_are_tamed(void **state)
{
	static const char ugly[] = "0010 06 0001 00000000 610a62001b5b63c3a9";
	uint8_t in[FRAME_BUFFER];
	struct frame f;

	(void)state;
	assert_int_equal(frame_read(&f, in, from_row(in, ugly)), 0);
	assert_string_equal(f.u.error.text, "a?b??[c\xc3\xa9");
}

static void test_name_limit(void **state)
{
	struct frame f = { .type = FRAME_TYPE_HELLO }, back;
	uint8_t out[FRAME_BUFFER];
	size_t used = 0;

	(void)state;
	f.u.hello.version = FRAME_VERSION;
	f.u.hello.role = FRAME_LISTEN;
	memset(f.u.hello.name, 'n', FRAME_NAME_MOST);
	assert_int_equal(frame_write(&f, out, sizeof(out), &used), 0);
	assert_int_equal(frame_read(&back, out, used), 0);
	assert_string_equal(back.u.hello.name, f.u.hello.name);
	out[1]++;	      /* a frame and a name */
	out[3 + 34 + 2] = 65; /* that are a byte longer */
	assert_int_equal(frame_read(&back, out, used + 1), FRAME_E_BODY);
}

/* The largest HELLO that the rules allow fits into FRAME_BUFFER. */
static void largest_hello(struct frame *f, const uint8_t *bytes)
{
	struct frame_hello *h = &f->u.hello;

	*f = (struct frame){ .type = FRAME_TYPE_HELLO };
	h->version = FRAME_VERSION;
	h->role = FRAME_CONNECT;
	h->has_shed = h->require_proven = h->has_proof = true;
	memset(h->name, 'n', FRAME_NAME_MOST);
	h->proof.leaf = (struct frame_span){ bytes, FRAME_PROOF_PART_MOST };
	h->proof.ca = (struct frame_span){ bytes, FRAME_PROOF_PART_MOST };
	h->proof.signature = (struct frame_span){ bytes, FRAME_SIGNATURE_MOST };
}

static void test_largest_hello(void **state)
{
	static uint8_t bytes[FRAME_PROOF_PART_MOST + 1];
	uint8_t out[FRAME_BUFFER];
	struct frame f, back;
	size_t used = 0;

	(void)state;
	largest_hello(&f, bytes);
	assert_int_equal(frame_write(&f, out, sizeof(out), &used), 0);
	assert_int_equal(frame_read(&back, out, used), 0);
	assert_int_equal(frame_write(&f, out, used - 1, &used), -ENOBUFS);
}

static void test_write_refuses(void **state)
{
	static uint8_t bytes[FRAME_PROOF_PART_MOST + 1];
	uint8_t out[FRAME_BUFFER];
	struct frame f;
	size_t used = 77;

	(void)state;
#define REFUSED(change)                                                        \
	largest_hello(&f, bytes);                                              \
	change;                                                                \
	assert_int_equal(frame_write(&f, out, sizeof(out), &used), -EINVAL)

	REFUSED(f.u.hello.version = 2);
	REFUSED(f.u.hello.role = 3);
	REFUSED(f.u.hello.proof.leaf.n++);
	REFUSED(f.u.hello.proof.leaf.n = 0);
	REFUSED(f.u.hello.proof.ca.n++);
	REFUSED(f.u.hello.proof.signature.n++);
	REFUSED(memset(f.u.hello.name, 'n', FRAME_NAME_MOST + 1));
	REFUSED(f.type = 0);
	REFUSED(f.type = FRAME_TYPE_GOAWAY + 1);
#undef REFUSED
	f = (struct frame){ .type = FRAME_TYPE_ERROR };
	memset(f.u.error.text, 't', sizeof(f.u.error.text));
	assert_int_equal(frame_write(&f, out, sizeof(out), &used), -EINVAL);
	assert_int_equal(used, 77);
}

static void test_error_names(void **state)
{
	(void)state;
	assert_string_equal(frame_error_name(1), "rateLimit");
	assert_string_equal(frame_error_name(7), "noPeer");
	assert_string_equal(frame_error_name(10), "timeout");
	assert_string_equal(frame_error_name(0), "unknown");
	assert_string_equal(frame_error_name(FRAME_ERROR_COUNT), "unknown");
	assert_string_equal(frame_error_name(65535), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_hello_fields),
		cmocka_unit_test(test_other_fields),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_need_never_passes_the_end),
		cmocka_unit_test(test_need_refuses_early),
		cmocka_unit_test(test_every_cut_is_refused),
		cmocka_unit_test(test_texts_are_tamed),
		cmocka_unit_test(test_name_limit),
		cmocka_unit_test(test_largest_hello),
		cmocka_unit_test(test_write_refuses),
		cmocka_unit_test(test_error_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
