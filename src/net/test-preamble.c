#include "net/memleg.h"
#include "net/preamble.h"
#include "net/test-support.h"

#include <stdio.h>

enum { PATIENCE = 10000, CAPACITY = 65536 };

static struct loop *loop;
static struct leg *proxy; /* its end */
static struct preamble *preamble;

static struct {
	int calls;
	struct leg *leg;
	char source[64];
	struct fault fault;
} got;

static void on_preamble(
    void *ctx, struct leg *leg, const char *source, const struct fault *fault)
{
	(void)ctx;
	preamble = NULL;
	got.calls++;
	got.leg = leg;
	(void)snprintf(
	    got.source, sizeof(got.source), "%s", source ? source : "none");
	if (fault)
		got.fault = *fault;
}

static void begin(size_t chop, uint32_t seed)
{
	struct leg *near;

	memset(&got, 0, sizeof(got));
	assert_int_equal(memleg_pair(&proxy, &near, loop, CAPACITY), 0);
	memleg_chop(near, chop, seed);
	assert_int_equal(
	    preamble_open(&preamble, near, PATIENCE, on_preamble, NULL), 0);
}

static void turns(void)
{
	for (int i = 0; i < 200; i++)
		loop_turn(loop);
}

static void say(const char *bytes, size_t n)
{
	while (n) {
		ssize_t put = leg_write(proxy, bytes, n);

		assert_true(put > 0);
		bytes += put;
		n -= (size_t)put;
	}
	turns();
}

static void end(void)
{
	leg_reset(STEAL(got.leg));
	leg_reset(STEAL(proxy));
	preamble_cancel(STEAL(preamble));
	turns();
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, 1000);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	end();
	loop_free(loop);
	return 0;
}

static const struct {
	const char *bytes;
	size_t n;
	const char *source;
} good[] = {
#define ROW(text, source)                                                      \
	{                                                                      \
		text, sizeof(text) - 1, source                                 \
	}
	ROW("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n", "192.0.2.7:4711"),
	ROW("PROXY TCP6 2001:db8::7 2001:db8::1 4711 443\r\n",
	    "[2001:db8::7]:4711"),
	ROW("PROXY TCP6 ::ffff:192.0.2.7 ::1 4711 443\r\n", "192.0.2.7:4711"),
	ROW("PROXY UNKNOWN\r\n", "none"),
	ROW("\r\n\r\n\0\r\nQUIT\n\x20\0\0\0", "none"),
	ROW("\r\n\r\n\0\r\nQUIT\n\x21\x11\0\14"
	    "\xc0\0\2\7\xc6\x33\x64\1\x12\x67\1\xbb",
	    "192.0.2.7:4711"),
};

/* However it comes in pieces, and whatever comes right behind it. */
static void the_leg_is_at_the_clients_first_byte(void **state)
{
	(void)state;
	for (size_t chop = 0; chop < 20; chop++)
		for (size_t i = 0; i < N_ELEMS(good); i++) {
			char rest[16] = "";

			begin(chop, (uint32_t)(chop + i));
			say(good[i].bytes, good[i].n);
			say("\r\nhello", 7);
			assert_int_equal(got.calls, 1);
			assert_string_equal(got.source, good[i].source);
			memleg_chop(got.leg, 0, 0);
			assert_int_equal(
			    leg_read(got.leg, rest, sizeof(rest)), 7);
			assert_string_equal(rest, "\r\nhello");
			end();
		}
}

static void what_is_no_preamble_is_told(void **state)
{
	static const struct {
		const char *bytes, *text;
	} rows[] = {
		{ "\x16\x03\x01\x02", "missing" },
		{ "PROXY TCP4 a b c d and more of it\r\n", "malformed" },
		{ "\r\n\r\n", "closed" },
		{ "", "closed" },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		begin(0, 0);
		say(rows[i].bytes, strlen(rows[i].bytes));
		leg_finish(proxy);
		turns();
		assert_int_equal(got.calls, 1);
		assert_null(got.leg);
		assert_non_null(strstr(got.fault.text, rows[i].text));
		end();
	}
}

static void a_long_line_is_not_read_to_its_end(void **state)
{
	static const char words[] = "PROXY UNKNOWN ";
	char line[200];

	(void)state;
	memset(line, 'x', sizeof(line));
	memcpy(line, words, sizeof(words) - 1);
	begin(0, 0);
	say(line, sizeof(line));
	assert_non_null(strstr(got.fault.text, "too long"));
}

static void silence_has_an_end(void **state)
{
	(void)state;
	begin(0, 0);
	say("PROXY TCP4 ", 11);
	loop_set_now(loop, 1000 + PATIENCE - 1);
	turns();
	assert_int_equal(got.calls, 0);
	loop_set_now(loop, 1000 + PATIENCE + 1);
	turns();
	assert_int_equal(got.calls, 1);
	assert_non_null(strstr(got.fault.text, "not come in time"));
}

static void cancelled_it_says_nothing(void **state)
{
	(void)state;
	begin(0, 0);
	preamble_cancel(STEAL(preamble));
	turns();
	assert_int_equal(got.calls, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_leg_is_at_the_clients_first_byte),
		TEST(what_is_no_preamble_is_told),
		TEST(a_long_line_is_not_read_to_its_end),
		TEST(silence_has_an_end),
		TEST(cancelled_it_says_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
