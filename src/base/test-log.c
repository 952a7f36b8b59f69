#include "base/log.h"
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

enum { TIME_SIZE = sizeof("2026-11-21T10:02:11.482Z ") - 1 };

static int ends[2];
static char line[PIPE_BUF + 1];

/* The next line, without its newline; it is in the pipe already. */
static const char *caught(void)
{
	ssize_t n = read(ends[0], line, sizeof(line) - 1);

	assert_true(n > 0);
	line[n] = '\0';
	assert_int_equal(line[n - 1], '\n');
	line[n - 1] = '\0';
	assert_null(strchr(line, '\n')); /* an event is one line */
	return line;
}

/* The same behind the time. */
static const char *caught_text(void)
{
	const char *text = caught();

	assert_true(strlen(text) > TIME_SIZE);
	return text + TIME_SIZE;
}

static bool nothing_caught(void)
{
	return read(ends[0], line, 1) < 0;
}

static int setup(void **state)
{
	(void)state;
	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	log_to(ends[1]);
	log_setup(NULL, LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	close(ends[0]);
	close(ends[1]);
	return 0;
}

/* Does @text begin like @like, where 0 stands for any digit? */
static bool looks_like(const char *text, const char *like)
{
	for (; *like; text++, like++)
		if (*like == '0' ? *text < '0' || *text > '9' : *text != *like)
			return false;
	return true;
}

static void text_has_time_level_program_event_fields(void **state)
{
	(void)state;
	log_setup("beacon", LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
	log_info("leg paired", LOG_STR("hash", "9f31c2aa"),
	    LOG_UINT("waited_ms", 3), LOG_INT("code", -5),
	    LOG_BOOL("spare", false),
	    LOG_HEX("id", (const uint8_t *)"\0\xfe", 2));
	caught();
	assert_true(looks_like(line, "0000-00-00T00:00:00.000Z "));
	assert_string_equal(line + TIME_SIZE,
	    "info  beacon leg paired hash=9f31c2aa waited_ms=3 code=-5 "
	    "spare=false id=00fe");
}

static const struct {
	const char *label, *value, *text, *json;
} rows[] = {
	{ "a word", "b1:443", "v=b1:443", "\"b1:443\"" },
	{ "no value", NULL, "v=-", "\"-\"" },
	{ "empty", "", "v=\"\"", "\"\"" },
	{ "a space", "two words", "v=\"two words\"", "\"two words\"" },
	{ "a forged field", "x level=err", "v=\"x level=err\"",
	    "\"x level=err\"" },
	{ "a forged end", "x\" evil=\"1", "v=\"x\\\" evil=\\\"1\"",
	    "\"x\\\" evil=\\\"1\"" },
	{ "a backslash", "a\\", "v=\"a\\\\\"", "\"a\\\\\"" },
	{ "a second line", "a\r\nb", "v=\"a\\x0d\\x0ab\"",
	    "\"a\\u000d\\u000ab\"" },
	{ "a terminal's escape", "\x1b[2J", "v=\"\\x1b[2J\"",
	    "\"\\u001b[2J\"" },
	{ "good UTF-8", "caf\xc3\xa9", "v=\"caf\xc3\xa9\"", "\"caf\xc3\xa9\"" },
	{ "bad UTF-8", "\xff\xc3", "v=\"\\xff\\xc3\"", "\"\\u00ff\\u00c3\"" },
};

static void text_from_peers_cannot_forge(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		char want[100];

		log_warn("said", LOG_STR("v", rows[i].value));
		snprintf(want, sizeof(want), "warn  said %s", rows[i].text);
		if (strcmp(caught_text(), want))
			fail_msg("%s: got %s", rows[i].label, line);
	}
}

static void json_is_escaped_as_well(void **state)
{
	(void)state;
	log_setup("broker", LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		char want[160];
		const char *behind;

		log_err("said", LOG_STR("v", rows[i].value));
		snprintf(want, sizeof(want),
		    "\",\"level\":\"err\",\"program\":\"broker\","
		    "\"event\":\"said\",\"v\":%s}",
		    rows[i].json);
		behind = strstr(caught(), "Z\",");
		if (!behind || strcmp(behind + 1, want))
			fail_msg("%s: got %s", rows[i].label, line);
	}
}

static void json_keeps_types(void **state)
{
	(void)state;
	log_setup(NULL, LOG_FORMAT_JSON, LOG_LEVEL_INFO);
	log_info("x", LOG_INT("i", INT64_MIN), LOG_UINT("u", UINT64_MAX),
	    LOG_BOOL("b", true), LOG_HEX("h", (const uint8_t *)"\x12", 1));
	assert_non_null(strstr(caught(),
	    ",\"level\":\"info\",\"event\":\"x\","
	    "\"i\":-9223372036854775808,\"u\":18446744073709551615,"
	    "\"b\":true,\"h\":\"12\"}"));
}

static void levels_past_the_limit_are_silent(void **state)
{
	(void)state;
	log_setup(NULL, LOG_FORMAT_TEXT, LOG_LEVEL_WARN);
	assert_true(log_enabled(LOG_LEVEL_ERR));
	assert_true(log_enabled(LOG_LEVEL_WARN));
	assert_false(log_enabled(LOG_LEVEL_INFO));
	log_info("not seen");
	log_debug("not seen");
	assert_true(nothing_caught());
	log_err("seen");
	assert_string_equal(caught_text(), "err   seen");
}

static void a_long_value_is_shown_in_part(void **state)
{
	static char value[3000];

	(void)state;
	memset(value, 'v', sizeof(value) - 1);
	log_info("x", LOG_STR("v", value), LOG_UINT("after", 1));
	assert_non_null(strstr(caught(), "vvv...\" after=1"));
	assert_true(strlen(line) < 1200);
}

static void a_full_line_drops_fields_and_says_so(void **state)
{
	static char value[1001];
	enum log_format formats[] = { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

	(void)state;
	memset(value, '\x01', sizeof(value) - 1);
	for (size_t i = 0; i < N_ELEMS(formats); i++) {
		log_setup(NULL, formats[i], LOG_LEVEL_INFO);
		log_info("x", LOG_STR("a", value), LOG_STR("b", value),
		    LOG_UINT("small", 7));
		caught();
		assert_null(strstr(line, "b=")); /* whole or not at all */
		assert_null(strstr(line, "\"b\":"));
		assert_non_null(strstr(line, i ? "\"small\":7" : "small=7"));
		assert_non_null(strstr(line, i ? "\"cut\":true}" : "cut=true"));
	}
}

static void make_blocking(int fd)
{
	assert_int_equal(
	    fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK), 0);
}

/* The pipe's other end stands still: nothing waits for it, be it shared with
 * others and so without O_NONBLOCK or not. Were each of these lines waited for,
 * or the first one without end, the alarm would end the test. */
static void a_reader_that_stalls_costs_lines_and_no_time(void **state)
{
	enum { LINES = 20000 };
	uint64_t before = log_lost(), lost;
	char want[64];
	int flags;

	(void)state;
	make_blocking(ends[1]);
	flags = fcntl(ends[1], F_GETFL);
	alarm(60);
	for (int i = 0; i < LINES; i++)
		log_info("line", LOG_INT("number", i));
	alarm(0);
	lost = log_lost() - before;
	assert_in_range(lost, 1, LINES - 1);
	assert_int_equal(fcntl(ends[1], F_GETFL), flags);
	while (read(ends[0], line, sizeof(line)) > 0)
		;
	log_info("kept");
	snprintf(want, sizeof(want), "info  kept lost=%llu",
	    (unsigned long long)lost);
	assert_string_equal(caught_text(), want);
	log_info("kept");
	assert_string_equal(caught_text(), "info  kept");
	assert_int_equal(log_lost() - before, lost);
}

static void take_a_page(int signal)
{
	char page[PIPE_BUF];

	(void)signal;
	(void)!read(ends[0], page, sizeof(page));
}

static void ignore(int signal)
{
	(void)signal;
}

/* @fn is called again and again, also while the log waits. */
static timer_t begin_to_call(void (*fn)(int), long ms)
{
	struct sigaction on_signal = { .sa_handler = fn };
	struct sigevent by_signal = { .sigev_notify = SIGEV_SIGNAL,
		.sigev_signo = SIGUSR1 };
	struct itimerspec each = { { 0, ms * 1000000 }, { 0, ms * 1000000 } };
	timer_t timer;

	assert_int_equal(sigaction(SIGUSR1, &on_signal, NULL), 0);
	assert_int_equal(timer_create(CLOCK_MONOTONIC, &by_signal, &timer), 0);
	assert_int_equal(timer_settime(timer, 0, &each, NULL), 0);
	return timer;
}

static void lose_no_more(void)
{
	while (read(ends[0], line, sizeof(line)) > 0)
		;
	log_info("kept");
	caught();
}

/* The reader takes a page before patience for one line ends. If each line were
 * waited for, none would be lost. */
static void a_reader_that_is_always_slow_does_not_set_the_pace(void **state)
{
	enum { LINES = 4000 };
	uint64_t before = log_lost();
	timer_t timer;
	char text[1000];

	(void)state;
	memset(text, 'z', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	make_blocking(ends[1]);
	timer = begin_to_call(take_a_page, LOG_PATIENCE_MS / 2);
	for (int i = 0; i < LINES && log_lost() == before; i++)
		log_info("line", LOG_STR("text", text));
	timer_delete(timer);
	assert_true(log_lost() > before);
	lose_no_more();
}

static void a_signal_while_it_waits_does_not_make_it_block(void **state)
{
	uint64_t before = log_lost();
	timer_t timer;

	(void)state;
	make_blocking(ends[1]);
	timer = begin_to_call(ignore, 1);
	alarm(60);
	while (log_lost() == before)
		log_info("line");
	alarm(0);
	timer_delete(timer);
	lose_no_more();
}

static void lost_lines_are_counted_in_the_next(void **state)
{
	(void)state;
	log_to(-1);
	log_info("lost");
	log_info("lost");
	log_to(ends[1]);
	log_info("kept");
	assert_string_equal(caught_text(), "info  kept lost=2");
	log_info("kept");
	assert_string_equal(caught_text(), "info  kept");
}

static void errno_survives_a_line(void **state)
{
	(void)state;
	log_to(-1);
	errno = EXDEV;
	log_info("x");
	assert_int_equal(errno, EXDEV);
	log_to(ends[1]);
	log_info("x"); /* so that no loss is left for the next test */
}

static void addresses_can_be_hidden(void **state)
{
	(void)state;
	log_hide_addresses();
	assert_false(log_shows_addresses());
	log_info("met", LOG_STR("source", "192.0.2.7:4711"),
	    LOG_STR("fault", "[2001:db8::1]:443: refused"),
	    LOG_PLACE("address", "127.0.0.1:443"), LOG_STR("none", NULL));
	assert_string_equal(caught_text(),
	    "info  met source=(address):4711 "
	    "fault=\"[(address)]:443: refused\" address=127.0.0.1:443 "
	    "none=-");
	log_setup(NULL, LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	log_info("met", LOG_STR("source", "192.0.2.7:4711"));
	assert_string_equal(caught_text(), "info  met source=192.0.2.7:4711");
}

static void a_long_value_is_cut_when_addresses_are_hidden(void **state)
{
	char text[2000];

	(void)state;
	memset(text, 'z', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	log_hide_addresses();
	log_info("met", LOG_STR("text", text));
	assert_non_null(strstr(caught_text(), "zzz...\""));
}

/* The time and the program are the journal's to add, the level is a prefix. */
static void set_journal(const char *more)
{
	char own[64];
	struct stat st;

	assert_int_equal(fstat(STDERR_FILENO, &st), 0);
	snprintf(own, sizeof(own), "%llu:%llu%s", (unsigned long long)st.st_dev,
	    (unsigned long long)st.st_ino, more);
	assert_int_equal(setenv("JOURNAL_STREAM", own, 1), 0);
}

static void the_journal_gets_nothing_twice(void **state)
{
	(void)state;
	set_journal("");
	log_setup("beacon", LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	log_warn("met", LOG_UINT("n", 1));
	assert_string_equal(caught(), "<4>met n=1");
	log_debug("met", LOG_UINT("n", 2));
	assert_string_equal(caught(), "<7>met n=2");
	log_setup("beacon", LOG_FORMAT_JSON, LOG_LEVEL_DEBUG);
	log_info("met", LOG_UINT("n", 3));
	assert_memory_equal(caught(), "<6>{\"time\":", 11);
	set_journal("0"); /* another stream: standard error was redirected */
	log_setup("beacon", LOG_FORMAT_TEXT, LOG_LEVEL_DEBUG);
	log_info("met", LOG_UINT("n", 4));
	assert_string_equal(caught_text(), "info  beacon met n=4");
	assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define LOG_TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
		LOG_TEST(text_has_time_level_program_event_fields),
		LOG_TEST(text_from_peers_cannot_forge),
		LOG_TEST(json_is_escaped_as_well),
		LOG_TEST(json_keeps_types),
		LOG_TEST(levels_past_the_limit_are_silent),
		LOG_TEST(a_long_value_is_shown_in_part),
		LOG_TEST(a_full_line_drops_fields_and_says_so),
		LOG_TEST(a_reader_that_stalls_costs_lines_and_no_time),
		LOG_TEST(a_reader_that_is_always_slow_does_not_set_the_pace),
		LOG_TEST(a_signal_while_it_waits_does_not_make_it_block),
		LOG_TEST(lost_lines_are_counted_in_the_next),
		LOG_TEST(errno_survives_a_line),
		LOG_TEST(addresses_can_be_hidden),
		LOG_TEST(a_long_value_is_cut_when_addresses_are_hidden),
		LOG_TEST(the_journal_gets_nothing_twice),
	};

	return cmocka_run_group_tests_name("log", tests, NULL, NULL);
}
