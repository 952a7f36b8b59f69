#include "base/log.h"
#include "base/conceal.h"
#include "base/hex.h"
#include "base/text.h"
#include "base/wr.h"
#include <limits.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* A line is built in place and leaves by one write(2). It is at most PIPE_BUF
 * long, so lines of several processes on one pipe do not mix. A value is shown
 * up to VALUE_MAX bytes; a field that does not fit any more is left out, and
 * "cut" says so. A line that cannot be written is lost; the next one that can
 * says how many were.
 *
 * Not to block by a reader that has stopped, poll() is asked before: it says
 * yes to a pipe or socket that takes PIPE_BUF bytes now. O_NONBLOCK would be
 * simpler, but standard error is an open file that others have too (the shell,
 * the command that the wrapper starts), and they would find it set. What is
 * left is another process that fills the pipe between poll() and write().
 *
 * A reader that is only slow is waited for, so that a burst is not lost to it;
 * one that did not come in that time is not waited for again before it reads.
 * All waiting is counted, lest one that is always slow sets the pace.
 */
enum { LINE_MAX_BYTES = PIPE_BUF, VALUE_MAX = 1024, TAIL = 64 };
enum {
	SECOND_US = 1000000,
	MS_US = 1000,
	PATIENCE_US = LOG_PATIENCE_MS * MS_US
};

static struct {
	const char *program;
	enum log_format format;
	enum log_level most;
	bool hide_addresses, journal;
	int fd;
	uint64_t lost; /* since the last line that was written */
	uint64_t lost_before;
	uint64_t since_us;  /* when a second began, */
	uint64_t waited_us; /* of which so much was waited */
} logger = { .most = LOG_LEVEL_INFO, .fd = STDERR_FILENO };

static const char *const level_names[] = {
	[LOG_LEVEL_ERR] = "err",
	[LOG_LEVEL_WARN] = "warn",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};

/* Is standard error a stream to the journal? sd-daemon(3), systemd.exec(5):
 * JOURNAL_STREAM. */
static bool is_journal(void)
{
	const char *text = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (!text || fstat(STDERR_FILENO, &st))
		return false;
	(void)snprintf(own, sizeof(own), "%llu:%llu",
	    (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
	return !strcmp(text, own);
}

void log_setup(const char *program, enum log_format format, enum log_level most)
{
	logger.journal = is_journal();
	logger.hide_addresses = false;
	logger.program = program;
	logger.format = format;
	logger.most = most;
}

void log_to(int fd)
{
	logger.fd = fd;
}

void log_hide_addresses(void)
{
	logger.hide_addresses = true;
}

bool log_shows_addresses(void)
{
	return !logger.hide_addresses;
}

bool log_enabled(enum log_level level)
{
	return level <= logger.most;
}

static bool is_json(void)
{
	return logger.format == LOG_FORMAT_JSON;
}

static void put_escaped_byte(struct wr *w, uint8_t byte)
{
	char text[8];

	snprintf(text, sizeof(text), is_json() ? "\\u%04x" : "\\x%02x", byte);
	wr_text(w, text);
}

/* The first @n bytes of @text, quoted, with dots if there are more; what is not
 * safe to show appears as an escaped byte. */
static void put_quoted(struct wr *w, const char *text, size_t n)
{
	wr_u8(w, '"');
	for (size_t i = 0, size; i < n; i += size) {
		size = text_printable(text + i, n - i);
		if (!size) {
			put_escaped_byte(w, (uint8_t)text[i]);
			size = 1;
			continue;
		}
		if (text[i] == '"' || text[i] == '\\')
			wr_u8(w, '\\');
		wr_bytes(w, text + i, size);
	}
	wr_text(w, text[n] ? "...\"" : "\"");
}

/* Text that needs no quotes: not empty, and only what cannot end a field. */
static bool is_word(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("\"\\=", text[i]))
			return false;
	return n > 0;
}

static void put_text(struct wr *w, const char *text)
{
	size_t n;

	if (!text)
		text = "-";
	n = strnlen(text, VALUE_MAX);
	if (!is_json() && !text[n] && is_word(text, n))
		wr_bytes(w, text, n);
	else
		put_quoted(w, text, n);
}

static void put_text_of_many(struct wr *w, const char *text)
{
	char shown[VALUE_MAX + 2]; /* so that it is seen when it is cut */

	if (!logger.hide_addresses || !text) {
		put_text(w, text);
		return;
	}
	conceal(shown, sizeof(shown), text);
	put_text(w, shown);
}

static void put_hex(struct wr *w, const uint8_t *bytes, size_t n)
{
	if (is_json())
		wr_u8(w, '"');
	for (size_t i = 0; i < n && i < VALUE_MAX / 2; i++) {
		char digits[3];

		hex_encode(digits, bytes + i, 1);
		wr_bytes(w, digits, 2);
	}
	if (is_json())
		wr_u8(w, '"');
}

static void put_value(struct wr *w, const struct log_field *f)
{
	char number[24];

	switch (f->kind) {
	case LOG_KIND_STR:
		put_text_of_many(w, f->value.text);
		break;
	case LOG_KIND_PLACE:
		put_text(w, f->value.text);
		break;
	case LOG_KIND_INT:
		snprintf(
		    number, sizeof(number), "%lld", (long long)f->value.number);
		wr_text(w, number);
		break;
	case LOG_KIND_UINT:
		snprintf(number, sizeof(number), "%llu",
		    (unsigned long long)f->value.natural);
		wr_text(w, number);
		break;
	case LOG_KIND_BOOL:
		wr_text(w, f->value.truth ? "true" : "false");
		break;
	case LOG_KIND_HEX:
		put_hex(w, f->value.hex.bytes, f->value.hex.n_bytes);
		break;
	case LOG_KIND_END:
		break;
	}
}

/* One field, or nothing of it.
 * Return: whether it fitted. */
static bool put_field(struct wr *w, const struct log_field *f)
{
	struct wr before = *w;

	if (is_json()) {
		wr_u8(w, ',');
		put_quoted(w, f->key, strlen(f->key));
		wr_u8(w, ':');
	} else {
		wr_u8(w, ' ');
		wr_text(w, f->key);
		wr_u8(w, '=');
	}
	put_value(w, f);
	if (wr_ok(w))
		return true;
	*w = before;
	return false;
}

static void put_time(struct wr *w)
{
	char text[40];
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(
	    text + n, sizeof(text) - n, ".%03dZ", (int)(now.tv_nsec / 1000000));
	wr_text(w, text);
}

/* As syslog(3) numbers them; the journal takes it off again. */
static void put_journal_level(struct wr *w, enum log_level level)
{
	static const char *const prefixes[] = {
		[LOG_LEVEL_ERR] = "<3>",
		[LOG_LEVEL_WARN] = "<4>",
		[LOG_LEVEL_INFO] = "<6>",
		[LOG_LEVEL_DEBUG] = "<7>",
	};

	wr_text(w, prefixes[level]);
}

static void put_head(struct wr *w, enum log_level level, const char *event)
{
	char padded[8];

	if (logger.journal)
		put_journal_level(w, level);
	if (is_json()) {
		wr_text(w, "{\"time\":\"");
		put_time(w);
		wr_text(w, "\"");
		put_field(w, &LOG_STR("level", level_names[level]));
		if (logger.program)
			put_field(w, &LOG_STR("program", logger.program));
		put_field(w, &LOG_STR("event", event));
		return;
	}
	if (logger.journal) {
		wr_text(w, event);
		return;
	}
	put_time(w);
	snprintf(padded, sizeof(padded), " %-5s", level_names[level]);
	wr_text(w, padded);
	if (logger.program) {
		wr_u8(w, ' ');
		wr_text(w, logger.program);
	}
	wr_u8(w, ' ');
	wr_text(w, event);
}

static uint64_t clock_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * SECOND_US + (uint64_t)now.tv_nsec / 1000;
}

/* @ms: a signal cuts it short. */
static bool is_full(int ms)
{
	struct pollfd p = { .fd = logger.fd, .events = POLLOUT };
	int n = poll(&p, 1, ms);

	if (n < 0 && errno == EINTR)
		n = poll(&p, 1, 0);
	return !n;
}

static bool would_block(void)
{
	uint64_t began;
	bool full;

	if (!is_full(0))
		return false;
	began = clock_us();
	if (began - logger.since_us >= SECOND_US) {
		logger.since_us = began;
		logger.waited_us = 0;
	}
	if (logger.lost || logger.waited_us >= PATIENCE_US)
		return true;
	full = is_full(LOG_PATIENCE_MS - (int)(logger.waited_us / MS_US));
	logger.waited_us += clock_us() - began;
	return full;
}

static void emit(const struct wr *w)
{
	ssize_t n = -1;

	if (!would_block())
		do
			n = write(logger.fd, w->start, w->used);
		while (n < 0 && errno == EINTR);
	if (n < 0) {
		logger.lost++;
		return;
	}
	logger.lost_before += logger.lost;
	logger.lost = 0;
}

uint64_t log_lost(void)
{
	return logger.lost_before + logger.lost;
}

void log_write(enum log_level level, const char *event, ...)
{
	uint8_t line[LINE_MAX_BYTES];
	struct wr w = wr_over(line, sizeof(line) - TAIL);
	int saved = errno;
	bool cut = false;
	va_list args;

	if (!log_enabled(level))
		return;
	put_head(&w, level, event);
	va_start(args, event);
	for (;;) {
		struct log_field f = va_arg(args, struct log_field);

		if (f.kind == LOG_KIND_END)
			break;
		cut |= !put_field(&w, &f);
	}
	va_end(args);
	w.room = sizeof(line);
	if (logger.lost)
		put_field(&w, &LOG_UINT("lost", logger.lost));
	if (cut)
		put_field(&w, &LOG_BOOL("cut", true));
	wr_text(&w, is_json() ? "}\n" : "\n");
	emit(&w);
	errno = saved;
}
