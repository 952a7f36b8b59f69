#include "wire/prefix.h"
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* What each of the three readers says of a text; NULL: what is written is what
 * was read. */
static const struct {
	const char *label, *text;
	int network, address, host;
	const char *written;
} texts[] = {
	{ "a network", "10.88.0.0/16", 0, 0, PREFIX_E_FORM, NULL },
	{ "one of IPv6", "fd00:88::/64", 0, 0, PREFIX_E_FORM, NULL },
	{ "all of IPv4", "0.0.0.0/0", 0, 0, PREFIX_E_FORM, NULL },
	{ "all of IPv6", "::/0", 0, 0, PREFIX_E_FORM, NULL },
	{ "a host", "10.88.0.2", 0, 0, 0, "10.88.0.2/32" },
	{ "one of IPv6", "fd00:88::2", 0, 0, 0, "fd00:88::2/128" },
	{ "a host as a network", "10.88.0.2/32", 0, 0, PREFIX_E_FORM, NULL },
	{ "an interface's", "10.88.0.1/16", PREFIX_E_REST, 0, PREFIX_E_FORM,
	    NULL },
	{ "one of IPv6", "fd00:88::1/64", PREFIX_E_REST, 0, PREFIX_E_FORM,
	    NULL },
	{ "the last bit", "10.88.0.1/31", PREFIX_E_REST, 0, PREFIX_E_FORM,
	    NULL },
	{ "long and with capitals", "FD00:0088:0:0:0:0:0:0/64", 0, 0,
	    PREFIX_E_FORM, "fd00:88::/64" },
	{ "nothing", "", PREFIX_E_FORM, PREFIX_E_FORM, PREFIX_E_FORM, NULL },
	{ "a name", "localhost", PREFIX_E_FORM, PREFIX_E_FORM, PREFIX_E_FORM,
	    NULL },
	{ "a length alone", "/8", PREFIX_E_FORM, PREFIX_E_FORM, PREFIX_E_FORM,
	    NULL },
	{ "no length", "10.0.0.0/", PREFIX_E_FORM, PREFIX_E_FORM, PREFIX_E_FORM,
	    NULL },
	{ "too long for IPv4", "10.0.0.0/33", PREFIX_E_FORM, PREFIX_E_FORM,
	    PREFIX_E_FORM, NULL },
	{ "too long for IPv6", "::/129", PREFIX_E_FORM, PREFIX_E_FORM,
	    PREFIX_E_FORM, NULL },
	{ "a zero before the length", "10.0.0.0/08", PREFIX_E_FORM,
	    PREFIX_E_FORM, PREFIX_E_FORM, NULL },
	{ "a sign", "10.0.0.0/+8", PREFIX_E_FORM, PREFIX_E_FORM, PREFIX_E_FORM,
	    NULL },
	{ "a mask", "10.0.0.0/255.0.0.0", PREFIX_E_FORM, PREFIX_E_FORM,
	    PREFIX_E_FORM, NULL },
	{ "two lengths", "10.0.0.0/8/8", PREFIX_E_FORM, PREFIX_E_FORM,
	    PREFIX_E_FORM, NULL },
	{ "three parts", "10.0.0/24", PREFIX_E_FORM, PREFIX_E_FORM,
	    PREFIX_E_FORM, NULL },
	{ "octal", "10.0.0.010", PREFIX_E_FORM, PREFIX_E_FORM, PREFIX_E_FORM,
	    NULL },
	{ "a blank before", " 10.0.0.1", PREFIX_E_FORM, PREFIX_E_FORM,
	    PREFIX_E_FORM, NULL },
	{ "a line end", "10.0.0.1\n", PREFIX_E_FORM, PREFIX_E_FORM,
	    PREFIX_E_FORM, NULL },
	{ "a zone", "fe80::1%eth0", PREFIX_E_FORM, PREFIX_E_FORM, PREFIX_E_FORM,
	    NULL },
	{ "brackets", "[::1]", PREFIX_E_FORM, PREFIX_E_FORM, PREFIX_E_FORM,
	    NULL },
	{ "IPv4 in IPv6", "::ffff:10.0.0.1", PREFIX_E_FORM, PREFIX_E_FORM,
	    PREFIX_E_FORM, NULL },
	{ "longer than any",
	    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000",
	    PREFIX_E_FORM, PREFIX_E_FORM, PREFIX_E_FORM, NULL },
};

static void one_text_each(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(texts); i++) {
		const char *text = texts[i].text;
		const char *want = texts[i].written ? texts[i].written : text;
		char written[PREFIX_TEXT_MOST + 1];
		struct prefix p;

		if (prefix_read(&p, text) != texts[i].network ||
		    prefix_read_host(&p, text) != texts[i].host ||
		    prefix_read_address(&p, text) != texts[i].address)
			fail_msg("%s: '%s'", texts[i].label, text);
		if (texts[i].address)
			continue;
		prefix_write(written, &p);
		assert_string_equal(written, want);
	}
}

static const struct {
	const char *label, *a, *b;
	bool a_has_b, b_has_a;
} pairs[] = {
	{ "the same", "10.0.0.0/8", "10.0.0.0/8", true, true },
	{ "a part", "10.0.0.0/8", "10.88.0.0/16", true, false },
	{ "a host of it", "10.88.0.0/16", "10.88.255.255", true, false },
	{ "the host behind it", "10.88.0.0/16", "10.89.0.0", false, false },
	{ "the host before it", "10.88.0.0/16", "10.87.255.255", false, false },
	{ "neighbours", "10.0.0.0/25", "10.0.0.128/25", false, false },
	{ "everything", "0.0.0.0/0", "203.0.113.7", true, false },
	{ "but not the other family", "0.0.0.0/0", "::/0", false, false },
	{ "nor its zeros", "::/0", "0.0.0.0/32", false, false },
	{ "of IPv6", "fd00:88::/64", "fd00:88::ffff:0:0:1", true, false },
	{ "not on a byte", "fd00:80::/25", "fd00:ff::/32", true, false },
	{ "one bit off", "fd00:80::/25", "fd00:7f::/32", false, false },
};

static void what_is_in_what(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(pairs); i++) {
		struct prefix a, b;
		bool over = pairs[i].a_has_b || pairs[i].b_has_a;

		assert_int_equal(prefix_read(&a, pairs[i].a), 0);
		assert_int_equal(prefix_read(&b, pairs[i].b), 0);
		if (prefix_has(&a, &b) != pairs[i].a_has_b ||
		    prefix_has(&b, &a) != pairs[i].b_has_a ||
		    prefix_overlaps(&a, &b) != over ||
		    prefix_overlaps(&b, &a) != over)
			fail_msg("%s", pairs[i].label);
	}
}

static bool bit_at(const struct prefix *p, unsigned i)
{
	return p->address[i / 8] >> (7 - i % 8) & 1;
}

/* The same as prefix_has(), bit by bit. */
static bool has_bitwise(const struct prefix *whole, const struct prefix *part)
{
	if (whole->family != part->family || part->bits < whole->bits)
		return false;
	for (unsigned i = 0; i < whole->bits; i++)
		if (bit_at(whole, i) != bit_at(part, i))
			return false;
	return true;
}

/* Few different bits, so that many of the random pairs do overlap. */
static struct prefix random_prefix(const uint8_t bytes[20])
{
	struct prefix p = { .family = bytes[0] & 1 ? 4 : 6 };
	unsigned width = p.family == 4 ? 32 : 128;

	p.bits = (uint8_t)(bytes[1] % (width + 1));
	for (size_t i = 0; i < width / 8; i++)
		p.address[i] = bytes[2 + i] & 0x81 & bytes[3 + i];
	return p;
}

static void random_ones_agree_with_a_walk_over_their_bits(void **state)
{
	static const uint8_t seed[randombytes_SEEDBYTES] = { 88 };
	static uint8_t bytes[100000][20];

	(void)state;
	randombytes_buf_deterministic(bytes, sizeof(bytes), seed);
	for (size_t i = 0; i + 1 < N_ELEMS(bytes); i++) {
		struct prefix a = random_prefix(bytes[i]), back;
		struct prefix b = random_prefix(bytes[i + 1]);
		char text[PREFIX_TEXT_MOST + 1];
		struct prefix network = prefix_network(&a);

		assert_int_equal(prefix_has(&a, &b), has_bitwise(&a, &b));
		assert_int_equal(prefix_overlaps(&a, &b),
		    has_bitwise(&a, &b) || has_bitwise(&b, &a));
		assert_int_equal(
		    prefix_compare(&a, &b) > 0, prefix_compare(&b, &a) < 0);
		for (unsigned j = 0; j < prefix_width(&a); j++)
			assert_int_equal(
			    bit_at(&network, j), j < a.bits && bit_at(&a, j));
		prefix_write(text, &network);
		assert_int_equal(prefix_read(&back, text), 0);
		assert_int_equal(prefix_compare(&network, &back), 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_text_each),
		cmocka_unit_test(what_is_in_what),
		cmocka_unit_test(random_ones_agree_with_a_walk_over_their_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
