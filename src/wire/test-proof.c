#include "wire/proof.h"
#include "base/hex.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

/* The bytes of the specification, written out. */
static void test_bytes(void **state)
{
	static const char want[] =
	    "706861726f732d70726f6f662d763100" /* pharos-proof-v1, NUL */
	    "1111111111111111111111111111111111111111111111111111111111111111"
	    "2222222222222222222222222222222222222222222222222222222222222222"
	    "02";
	uint8_t exporter[FRAME_EXPORTER], hash[FRAME_HASH];
	uint8_t out[PROOF_SIGNED_SIZE];
	char text[2 * PROOF_SIGNED_SIZE + 1];

	(void)state;
	memset(exporter, 0x11, sizeof(exporter));
	memset(hash, 0x22, sizeof(hash));
	proof_signed_bytes(out, exporter, hash, FRAME_CONNECT);
	hex_encode(text, out, sizeof(out));
	assert_string_equal(text, want);
}

/* A proof for one session, hash or role is none for another. */
static void test_everything_counts(void **state)
{
	uint8_t exporter[FRAME_EXPORTER] = { 0 }, hash[FRAME_HASH] = { 0 };
	uint8_t first[PROOF_SIGNED_SIZE], other[PROOF_SIGNED_SIZE];

	(void)state;
	proof_signed_bytes(first, exporter, hash, FRAME_LISTEN);
	proof_signed_bytes(other, exporter, hash, FRAME_CONNECT);
	assert_memory_not_equal(first, other, sizeof(first));
	exporter[31] = 1;
	proof_signed_bytes(other, exporter, hash, FRAME_LISTEN);
	assert_memory_not_equal(first, other, sizeof(first));
	exporter[31] = 0;
	hash[31] = 1;
	proof_signed_bytes(other, exporter, hash, FRAME_LISTEN);
	assert_memory_not_equal(first, other, sizeof(first));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_everything_counts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
