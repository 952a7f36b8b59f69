#include "wire/joinstring.h"
#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

/* What a certificate of @n bytes looks like from outside. */
static void ca_make(struct joinstring *s, size_t n)
{
	s->n_ca = n;
	memset(s->ca, 0xa5, sizeof(s->ca));
	s->ca[0] = 0x30;
	s->ca[1] = 0x82;
	s->ca[2] = (uint8_t)((n - 4) >> 8);
	s->ca[3] = (uint8_t)(n - 4);
}

static struct joinstring usual(void)
{
	struct joinstring s = { .beacon = { "a.example:443", "[::1]:8443" },
		.n_beacons = 2 };

	ca_make(&s, 400);
	return s;
}

static void what_is_written_is_read(void **state)
{
	struct joinstring s = usual(), back;
	char text[JOINSTRING_MOST + 1];
	struct fault fault = FAULT_NONE;

	(void)state;
	assert_int_equal(joinstring_write(text, &s, &fault), 0);
	assert_memory_equal(text, "pharos-join-v1.", 15);
	assert_null(strpbrk(text, " ,{}\"'\\\n"));
	assert_int_equal(joinstring_read(&back, text, &fault), 0);
	assert_int_equal(back.n_beacons, 2);
	assert_string_equal(back.beacon[0], "a.example:443");
	assert_string_equal(back.beacon[1], "[::1]:8443");
	assert_int_equal(back.n_ca, s.n_ca);
	assert_memory_equal(back.ca, s.ca, s.n_ca);
}

static void the_longest_is_read(void **state)
{
	struct joinstring s = { .n_beacons = JOINSTRING_BEACONS_MOST }, back;
	char text[JOINSTRING_MOST + 1];

	(void)state;
	ca_make(&s, JOINSTRING_CA_MOST);
	for (size_t i = 0; i < s.n_beacons; i++) {
		memset(s.beacon[i], 'a', JOINSTRING_ADDRESS_MOST);
		memcpy(s.beacon[i] + JOINSTRING_ADDRESS_MOST - 4, ":443", 5);
	}
	assert_int_equal(joinstring_write(text, &s, NULL), 0);
	assert_true(strlen(text) <= JOINSTRING_MOST);
	assert_true(strlen(text) + 4 > JOINSTRING_MOST);
	assert_int_equal(joinstring_read(&back, text, NULL), 0);
	assert_int_equal(back.n_beacons, s.n_beacons);
	assert_string_equal(back.beacon[7], s.beacon[7]);
}

static const struct {
	const char *label, *beacon;
	size_t n_beacons, n_ca;
} refused[] = {
	{ "no beacon", "a:1", 0, 400 },
	{ "too many beacons", "a:1", JOINSTRING_BEACONS_MOST + 1, 400 },
	{ "no port", "a.example", 1, 400 },
	{ "no host", ":443", 1, 400 },
	{ "port 0", "a:0", 1, 400 },
	{ "a port beyond ports", "a:65536", 1, 400 },
	{ "a scheme", "https://a:443", 1, 400 },
	{ "two in one", "a:1,b:2", 1, 400 },
	{ "a line end", "a:1\n", 1, 400 },
	{ "no certificate", "a:1", 1, 0 },
	{ "too short for a certificate", "a:1", 1, 40 },
	{ "a certificate too large", "a:1", 1, JOINSTRING_CA_MOST + 1 },
};

static void what_none_can_use_is_not_written(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(refused); i++) {
		struct joinstring s = { .n_beacons = refused[i].n_beacons };
		char text[JOINSTRING_MOST + 1] = "x";
		struct fault fault = FAULT_NONE;

		for (size_t j = 0; j < JOINSTRING_BEACONS_MOST; j++)
			snprintf(s.beacon[j], sizeof(s.beacon[j]), "%s",
			    refused[i].beacon);
		ca_make(&s, refused[i].n_ca);
		if (joinstring_write(text, &s, &fault) != -EINVAL)
			fail_msg("written: %s", refused[i].label);
		assert_true(fault.text[0]);
		assert_string_equal(text, "x");
	}
}

/* ---- reading ---- */

/* @body behind the prefix, with the checksum that it should have. */
static void sealed(char *to, const void *body, size_t n)
{
	uint8_t all[4200] = "pharos-join-v1.", hash[32];

	memcpy(all + 15, body, n);
	crypto_hash_sha256(hash, all, 15 + n);
	memcpy(all + 15 + n, hash, 4);
	snprintf(to, 16, "pharos-join-v1.");
	sodium_bin2base64(to + 15, 5000, all + 15, n + 4,
	    sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

static const struct {
	const char *label, *text;
	int want;
	const char *says;
} kind_rows[] = {
	{ "nothing", "", JOINSTRING_E_KIND, "begin" },
	{ "an info hash", "b5d4045c3f466fa91fe2cc6abe79232a", JOINSTRING_E_KIND,
	    "begin" },
	{ "of a version to come", "pharos-join-v2.AAAA", JOINSTRING_E_VERSION,
	    "another version" },
	{ "the prefix alone", "pharos-join-v1.", JOINSTRING_E_DAMAGED,
	    "cut off" },
	{ "with padding", "pharos-join-v1.AAAAAAA=", JOINSTRING_E_DAMAGED,
	    "cut off" },
	{ "plain base64", "pharos-join-v1.++++++++", JOINSTRING_E_DAMAGED,
	    "cut off" },
};

static void what_is_none_is_told(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(kind_rows); i++) {
		struct fault fault = FAULT_NONE;
		struct joinstring s;
		int r = joinstring_read(&s, kind_rows[i].text, &fault);

		if (r != kind_rows[i].want || r != fault.code ||
		    !strstr(fault.text, kind_rows[i].says))
			fail_msg(
			    "%s: %d, %s", kind_rows[i].label, r, fault.text);
	}
}

static void any_damage_is_found(void **state)
{
	struct joinstring s = usual(), back;
	char text[JOINSTRING_MOST + 2];
	size_t n;

	(void)state;
	assert_int_equal(joinstring_write(text, &s, NULL), 0);
	n = strlen(text);
	for (size_t at = 15; at < n; at++) {
		char was = text[at];

		text[at] = was == 'A' ? 'B' : 'A';
		assert_int_equal(
		    joinstring_read(&back, text, NULL), JOINSTRING_E_DAMAGED);
		text[at] = '\0';
		assert_int_equal(
		    joinstring_read(&back, text, NULL), JOINSTRING_E_DAMAGED);
		text[at] = was;
	}
	memcpy(text + n, "A", 2);
	assert_int_equal(
	    joinstring_read(&back, text, NULL), JOINSTRING_E_DAMAGED);
	memcpy(text + n, "\n", 2);
	assert_int_equal(
	    joinstring_read(&back, text, NULL), JOINSTRING_E_DAMAGED);
}

static const struct {
	const char *label, *body;
	size_t n;
} content_rows[] = {
	{ "nothing", "", 0 },
	{ "no beacon and no certificate", "\0\0\0", 3 },
	{ "nine beacons", "\x09", 1 },
	{ "a beacon longer than the rest",
	    "\1\0\x09"
	    "a:1",
	    6 },
	{ "a beacon with a NUL", "\1\0\5a:1\0b\0\0", 10 },
	{ "no certificate", "\1\0\3a:1\0\0", 8 },
	{ "a certificate that is none", "\1\0\3a:1\0\4abcd", 12 },
	{ "a certificate longer than the rest", "\1\0\3a:1\1\0abcd", 12 },
	{ "more behind it", "\1\0\3a:1\0\0x", 9 },
};

static void whole_but_wrong_is_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(content_rows); i++) {
		struct fault fault = FAULT_NONE;
		char text[6000];
		struct joinstring s;

		sealed(text, content_rows[i].body, content_rows[i].n);
		if (joinstring_read(&s, text, &fault) != JOINSTRING_E_CONTENT)
			fail_msg("%s: %s", content_rows[i].label, fault.text);
		assert_int_equal(fault.code, JOINSTRING_E_CONTENT);
		assert_int_equal(
		    joinstring_read(&s, text, NULL), JOINSTRING_E_CONTENT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(the_longest_is_read),
		cmocka_unit_test(what_none_can_use_is_not_written),
		cmocka_unit_test(what_is_none_is_told),
		cmocka_unit_test(any_damage_is_found),
		cmocka_unit_test(whole_but_wrong_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
