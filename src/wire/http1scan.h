/* wire/http1scan.h: the line grammar of HTTP/1.1, read strictly (RFC 9112).
 *
 * Runs ahead of llhttp over the same bytes and finds where a head ends and how
 * a chunked body is cut; the two must agree. Here every line ends in CRLF, no
 * line is folded, no white space stands before a colon or in a chunk size, no
 * control character and no chunk extension passes.
 */
#pragma once
#include "base/err.h"

enum http1_scan_state {
	HTTP1_SCAN_START,    /* the start line */
	HTTP1_SCAN_FIELD,    /* a field's line, or the empty one */
	HTTP1_SCAN_SIZE,     /* a chunk's size */
	HTTP1_SCAN_DATA,     /* a chunk's bytes */
	HTTP1_SCAN_DATA_END, /* the CRLF after them */
	HTTP1_SCAN_DONE,     /* the empty line has come */
};

enum { HTTP1_SCAN_FIRST = 13, HTTP1_SCAN_LAST = 9 };

struct http1_scan {
	enum http1_scan_state state;
	bool cr, colon, blank; /* blank: an empty line came before the start */
	size_t column;	       /* bytes of this line */
	size_t total;	       /* bytes of lines since the beginning */
	size_t start_size;     /* of the start line, without CRLF */
	char first[HTTP1_SCAN_FIRST + 1], last[HTTP1_SCAN_LAST + 1]; /* of it */
	uint64_t left; /* of the chunk */
};

/* What http1_scan_bytes() says of a head that is too large, to be told apart.
 */
#define HTTP1_SCAN_TOO_LARGE "too large a head"

/** http1_scan_head() - begin with a start line
 * http1_scan_chunks() - begin with a chunk's size */
void http1_scan_head(struct http1_scan *s);
void http1_scan_chunks(struct http1_scan *s);

/** http1_scan_bytes() - read on, up to the empty line that ends it all
 * @n: set to how many bytes were read; at a fault, those before it
 * Return: NULL; or what is wrong, a constant text. */
const char *http1_scan_bytes(
    struct http1_scan *s, const char *bytes, size_t *n);
/** http1_scan_started() - something of a head has come */
static inline bool http1_scan_started(const struct http1_scan *s)
{
	return s->total > 0;
}
