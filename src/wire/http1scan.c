#include "wire/http1scan.h"
#include "base/hex.h"
#include "wire/httphead.h"

/* One byte at a time, no look-ahead: the verdict cannot depend on how the bytes
 * were cut. The bound on `total` is above what http_gather allows, so it is
 * only ever reached by what the gatherer does not count: white space, blank
 * trailers, and so on. */

enum { SCAN_MOST = HTTP_HEAD_MAX + HTTP_TARGET_MAX + 1024, SIZE_DIGITS = 15 };

void http1_scan_head(struct http1_scan *s)
{
	*s = (struct http1_scan){ .state = HTTP1_SCAN_START };
}

void http1_scan_chunks(struct http1_scan *s)
{
	*s = (struct http1_scan){ .state = HTTP1_SCAN_SIZE };
}

static const char *start_byte(struct http1_scan *s, char c)
{
	if (c == '\t')
		return "a tab in the start line";
	if (s->column < HTTP1_SCAN_FIRST)
		s->first[s->column] = c;
	memmove(s->last, s->last + 1, HTTP1_SCAN_LAST - 1);
	s->last[HTTP1_SCAN_LAST - 1] = c;
	return NULL;
}

static const char *field_byte(struct http1_scan *s, char c)
{
	char name[2] = { c, '\0' };

	if (s->colon)
		return NULL;
	if (s->column == 0 && (c == ' ' || c == '\t'))
		return "a folded line";
	if (c == ':' && s->column > 0) {
		s->colon = true;
		return NULL;
	}
	if (c == ' ' || c == '\t')
		return "white space before the colon";
	return http_is_token(name) ? NULL : "a bad character in a field name";
}

static const char *size_byte(struct http1_scan *s, char c)
{
	int digit = hex_digit(c);

	if (c == ';')
		return "a chunk extension";
	if (digit < 0)
		return "a bad chunk size";
	if (s->column >= SIZE_DIGITS)
		return "too long a chunk size";
	s->left = s->left << 4 | (unsigned)digit;
	return NULL;
}

static const char *line_byte(struct http1_scan *s, char c)
{
	const char *wrong = NULL;

	if (((unsigned char)c < ' ' && c != '\t') || c == 0x7f)
		return "a control character";
	switch (s->state) {
	case HTTP1_SCAN_START:
		wrong = start_byte(s, c);
		break;
	case HTTP1_SCAN_FIELD:
		wrong = field_byte(s, c);
		break;
	case HTTP1_SCAN_SIZE:
		wrong = size_byte(s, c);
		break;
	case HTTP1_SCAN_DATA_END:
		return "more bytes than the chunk's size";
	case HTTP1_SCAN_DATA:
	case HTTP1_SCAN_DONE:
		INVARIANT(false);
	}
	s->column++;
	return wrong;
}

static const char *start_end(struct http1_scan *s)
{
	if (s->column) {
		s->start_size = s->column;
		s->state = HTTP1_SCAN_FIELD;
	} else if (s->blank) {
		return "empty lines before the start line";
	}
	s->blank = true;
	return NULL;
}

static const char *line_end(struct http1_scan *s)
{
	const char *wrong = NULL;

	switch (s->state) {
	case HTTP1_SCAN_START:
		wrong = start_end(s);
		break;
	case HTTP1_SCAN_FIELD:
		if (!s->column)
			s->state = HTTP1_SCAN_DONE;
		else if (!s->colon)
			wrong = "a line without a colon";
		break;
	case HTTP1_SCAN_SIZE:
		if (!s->column)
			wrong = "an empty chunk size";
		s->state = s->left ? HTTP1_SCAN_DATA : HTTP1_SCAN_FIELD;
		s->total = 0;
		break;
	case HTTP1_SCAN_DATA_END:
		s->state = HTTP1_SCAN_SIZE;
		break;
	case HTTP1_SCAN_DATA:
	case HTTP1_SCAN_DONE:
		INVARIANT(false);
	}
	s->column = 0;
	s->colon = false;
	return wrong;
}

static const char *scan_byte(struct http1_scan *s, char c)
{
	if (s->cr) {
		s->cr = false;
		return c == '\n' ? line_end(s) : "a bare CR";
	}
	if (c == '\n')
		return "a bare LF";
	if (++s->total > SCAN_MOST)
		return HTTP1_SCAN_TOO_LARGE;
	if (c != '\r')
		return line_byte(s, c);
	s->cr = true;
	return NULL;
}

static size_t scan_data(struct http1_scan *s, size_t n)
{
	size_t taken = n < s->left ? n : (size_t)s->left;

	s->left -= taken;
	if (!s->left)
		s->state = HTTP1_SCAN_DATA_END;
	return taken;
}

const char *http1_scan_bytes(struct http1_scan *s, const char *bytes, size_t *n)
{
	const char *wrong = NULL;
	size_t i = 0;

	while (i < *n && s->state != HTTP1_SCAN_DONE) {
		if (s->state == HTTP1_SCAN_DATA) {
			i += scan_data(s, *n - i);
			continue;
		}
		wrong = scan_byte(s, bytes[i]);
		if (wrong)
			break;
		i++;
	}
	*n = i;
	return wrong;
}
