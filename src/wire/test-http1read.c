/* What is read, by tables: requests and responses, good and bad, and limits. */
#include "wire/http1.h"
#include "wire/test-http.h"

#define H	     "Host: h\r\n"
#define GET	     "GET / HTTP/1.1\r\n" H
#define POST	     "POST / HTTP/1.1\r\n" H
#define CHUNKED	     POST "Transfer-Encoding: chunked\r\n\r\n"
#define CHUNKED_HEAD "head 1 POST h /\n"

static struct pool *pool;

static int set_up(void **state)
{
	(void)state;
	return pool_new(&pool, 4096, 16);
}

static int tear_down(void **state)
{
	(void)state;
	assert_int_equal(pool_lent(pool), 0);
	pool_free(pool);
	return 0;
}

/* Every row is fed whole, byte by byte and in pieces of 7; the trace must be
 * the same. `status`: what a refused peer is answered, 0 when it is not
 * refused. */
struct row {
	const char *label, *in, *trace;
	int status;
};

static unsigned failures; /* of the rows of a table: all of them are shown */

static void play(const struct row *row, enum http_end end, size_t step)
{
	struct recorder *r = recorder_new(pool, end, http1_new);
	const struct http_head get = {
		.method = "GET", .authority = "h", .target = "/", .length = -1
	};
	char answer[4096];
	size_t n;
	uint32_t stream;

	if (end == HTTP_CLIENT) {
		assert_int_equal(
		    http_request(r->machine, &get, true, &stream), 0);
		recorder_pull(r, answer, sizeof(answer), 0);
	}
	for (size_t at = 0; row->in[at] && http_hungry(r->machine);) {
		size_t left = strlen(row->in + at);
		size_t most = step && step < left ? step : left;

		assert_int_equal(http_feed(r->machine, row->in + at, most), 0);
		at += most;
	}
	n = recorder_pull(r, answer, sizeof(answer) - 1, 0);
	answer[n] = '\0';
	if (strcmp(trace_of(r), row->trace) != 0)
		failures++,
		    print_error("%s (by %zu): got <%s>, reason '%s'\n",
			row->label, step, r->text, http_reason(r->machine));
	if ((row->status != 0) != (*http_reason(r->machine) != 0))
		failures++, print_error("%s (by %zu): refused: '%s'\n",
				row->label, step, http_reason(r->machine));
	if (end == HTTP_SERVER && row->status &&
	    (strncmp(answer, "HTTP/1.1 ", 9) != 0 ||
		strtol(answer + 9, NULL, 10) != row->status))
		failures++, print_error("%s (by %zu): answered <%s>\n",
				row->label, step, answer);
	if (row->status)
		assert_true(http_over(r->machine));
	recorder_free(r);
}

static void play_all(const struct row *rows, size_t n, enum http_end end)
{
	static const size_t steps[] = { 0, 1, 7 };

	failures = 0;
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < N_ELEMS(steps); k++)
			play(&rows[i], end, steps[k]);
	assert_int_equal(failures, 0);
}

static const struct row good_requests[] = {
	{ "the least", GET "\r\n", "head 1 GET h / ended\n", 0 },
	{ "host with port", "GET / HTTP/1.1\r\nHost: h:81\r\n\r\n",
	    "head 1 GET h:81 / ended\n", 0 },
	{ "an IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:81\r\n\r\n",
	    "head 1 GET [::1]:81 / ended\n", 0 },
	{ "names in lower case, values trimmed",
	    GET "X-A:  b c \t\r\nx-b:\r\nX-A:d\r\n\r\n",
	    "head 1 GET h / {x-a: b c} {x-b: } {x-a: d} ended\n", 0 },
	{ "an empty line before", "\r\n" GET "\r\n", "head 1 GET h / ended\n",
	    0 },
	{ "query and percent", "GET /a%20b?c=d&e HTTP/1.1\r\n" H "\r\n",
	    "head 1 GET h /a%20b?c=d&e ended\n", 0 },
	{ "absolute form", "GET https://H/a HTTP/1.1\r\n" H "\r\n",
	    "head 1 GET h /a ended\n", 0 },
	{ "asterisk form", "OPTIONS * HTTP/1.1\r\n" H "\r\n",
	    "head 1 OPTIONS h * ended\n", 0 },
	{ "LIST, which the stores have", "LIST /v1/a HTTP/1.1\r\n" H "\r\n",
	    "head 1 LIST h /v1/a ended\n", 0 },
	{ "LIST after an empty line", "\r\nLIST /a HTTP/1.1\r\n" H "\r\n",
	    "head 1 LIST h /a ended\n", 0 },
	{ "LINK is still itself", "LINK /a HTTP/1.1\r\n" H "\r\n",
	    "head 1 LINK h /a ended\n", 0 },
	{ "a sized body",
	    "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\nhello",
	    "head 1 POST h / length=5\nbody 1 hello\nend 1\n", 0 },
	{ "a body of nothing",
	    "POST / HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n",
	    "head 1 POST h / length=0 ended\n", 0 },
	{ "a chunked body",
	    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n"
	    "3\r\nhel\r\n02\r\nlo\r\n0\r\n\r\n",
	    "head 1 POST h /\nbody 1 hello\nend 1\n", 0 },
	{ "a chunk of sixteen and more",
	    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	    "1A\r\nabcdefghijklmnopqrstuvwxyz\r\n"
	    "0\r\n\r\n",
	    "head 1 POST h /\nbody 1 abcdefghijklmnopqrstuvwxyz\nend 1\n", 0 },
	{ "trailers are dropped",
	    "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
	    "1\r\nx\r\n0\r\nB: c\r\nA: b\r\n\r\n",
	    "head 1 POST h /\nbody 1 x\nend 1\n", 0 },
	{ "what Connection names goes",
	    GET "A: b\r\nX-B: c\r\nConnection: keep-alive, x-b\r\n"
		"Keep-Alive: 5\r\n\r\n",
	    "head 1 GET h / {a: b} ended\n", 0 },
	{ "an upgrade is not taken up",
	    GET "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
	    "head 1 GET h / ended\n", 0 },
	{ "an upgrade with a body",
	    "POST / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: x\r\n"
	    "Content-Length: 2\r\n\r\nab",
	    "head 1 POST h / length=2\nbody 1 ab\nend 1\n", 0 },
	{ "connect", "CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\n",
	    "head 1 CONNECT a.b:443 -\n", 0 },
	{ "connect, Host without port",
	    "CONNECT a.b:443 HTTP/1.1\r\nHost: a.b\r\n\r\n",
	    "head 1 CONNECT a.b:443 -\n", 0 },
	{ "connect, bytes too early wait",
	    "CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\nearly",
	    "head 1 CONNECT a.b:443 -\n", 0 },
	{ "1.0 without Host", "GET /x HTTP/1.0\r\n\r\n",
	    "head 1 GET  /x ended\n", 0 },
	{ "1.0 with Host", "GET /x HTTP/1.0\r\n" H "\r\n",
	    "head 1 GET h /x ended\n", 0 },
	{ "a pipelined request waits", GET "\r\n" GET "\r\n",
	    "head 1 GET h / ended\n", 0 },
	{ "bytes above ASCII in a value", GET "A: \xc3\xa4\r\n\r\n",
	    "head 1 GET h / {a: \xc3\xa4} ended\n", 0 },
	{ "half a head", GET "A: b\r\n", "", 0 },
};

static void test_good_requests(void **state)
{
	(void)state;
	play_all(good_requests, N_ELEMS(good_requests), HTTP_SERVER);
}

static const struct row bad_requests[] = {
	{ "no Host", "GET / HTTP/1.1\r\n\r\n", "", 400 },
	{ "two Hosts", GET H "\r\n", "", 400 },
	{ "an empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", "", 400 },
	{ "Host with a path", "GET / HTTP/1.1\r\nHost: h/x\r\n\r\n", "", 400 },
	{ "Host with user", "GET / HTTP/1.1\r\nHost: u@h\r\n\r\n", "", 400 },
	{ "Host of two", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", "", 400 },
	{ "Host with bad port", "GET / HTTP/1.1\r\nHost: h:x\r\n\r\n", "",
	    400 },
	{ "Host with port too large", "GET / HTTP/1.1\r\nHost: h:65536\r\n\r\n",
	    "", 400 },
	{ "length and coding",
	    POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", "",
	    400 },
	{ "coding and length",
	    POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n", "",
	    400 },
	{ "two lengths", POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n",
	    "", 400 },
	{ "two equal lengths",
	    POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n", "", 400 },
	{ "a list of lengths", POST "Content-Length: 5, 5\r\n\r\n", "", 400 },
	{ "a length with sign", POST "Content-Length: +5\r\n\r\n", "", 400 },
	{ "a negative length", POST "Content-Length: -5\r\n\r\n", "", 400 },
	{ "a length in hex", POST "Content-Length: 0x5\r\n\r\n", "", 400 },
	{ "an empty length", POST "Content-Length:\r\n\r\n", "", 400 },
	{ "a length past 64 bits",
	    POST "Content-Length: 18446744073709551616\r\n\r\n", "", 400 },
	{ "a length past 18 digits",
	    POST "Content-Length: 1000000000000000000\r\n\r\n", "", 400 },
	{ "an unknown coding", POST "Transfer-Encoding: gzip\r\n\r\n", "",
	    501 },
	{ "two codings", POST "Transfer-Encoding: gzip, chunked\r\n\r\n", "",
	    501 },
	{ "chunked twice", POST "Transfer-Encoding: chunked, chunked\r\n\r\n",
	    "", 400 },
	{ "two coding fields",
	    POST "Transfer-Encoding: chunked\r\n"
		 "Transfer-Encoding: chunked\r\n\r\n",
	    "", 400 },
	{ "chunked with a vertical tab",
	    POST "Transfer-Encoding: \vchunked\r\n\r\n", "", 400 },
	{ "identity", POST "Transfer-Encoding: identity\r\n\r\n", "", 501 },
	{ "an empty coding", POST "Transfer-Encoding:\r\n\r\n", "", 501 },
	{ "coding in 1.0",
	    "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", "",
	    400 },
	{ "a folded line", GET "A: b\r\n c\r\n\r\n", "", 400 },
	{ "a folded first line", "GET / HTTP/1.1\r\n " H "\r\n", "", 400 },
	{ "LF alone in a head", "GET / HTTP/1.1\n" H "\r\n", "", 400 },
	{ "LF alone after a field", "GET / HTTP/1.1\r\nHost: h\n\r\n", "",
	    400 },
	{ "LF alone at the end", GET "\n", "", 400 },
	{ "CR alone", GET "A: b\rC: d\r\n\r\n", "", 400 },
	{ "CR alone at the end", GET "\rX", "", 400 },
	{ "NUL is spelt with the table below", GET "A: \x01\r\n\r\n", "", 400 },
	{ "DEL in a value", GET "A: \x7f\r\n\r\n", "", 400 },
	{ "a space before the colon", GET "A : b\r\n\r\n", "", 400 },
	{ "a tab before the colon", GET "A\t: b\r\n\r\n", "", 400 },
	{ "a space in a name", GET "A b: c\r\n\r\n", "", 400 },
	{ "no name", GET ": b\r\n\r\n", "", 400 },
	{ "a bad name", GET "A(b): c\r\n\r\n", "", 400 },
	{ "a name above ASCII", GET "\xc3\xa4: c\r\n\r\n", "", 400 },
	{ "no colon", GET "A\r\n\r\n", "", 400 },
	{ "two spaces in the line", "GET  / HTTP/1.1\r\n" H "\r\n", "", 400 },
	{ "two spaces before the version", "GET /  HTTP/1.1\r\n" H "\r\n", "",
	    400 },
	{ "a space at the end", "GET / HTTP/1.1 \r\n" H "\r\n", "", 400 },
	{ "a space at the beginning", " GET / HTTP/1.1\r\n" H "\r\n", "", 400 },
	{ "a tab in the line", "GET\t/ HTTP/1.1\r\n" H "\r\n", "", 400 },
	{ "two empty lines before", "\r\n\r\n" GET "\r\n", "", 400 },
	{ "a method in lower case", "get / HTTP/1.1\r\n" H "\r\n", "", 400 },
	{ "an unknown method", "FROB / HTTP/1.1\r\n" H "\r\n", "", 400 },
	{ "a method longer than LIST", "LISTS / HTTP/1.1\r\n" H "\r\n", "",
	    400 },
	{ "a method like LIST", "LISK / HTTP/1.1\r\n" H "\r\n", "", 400 },
	{ "half of LIST", "LIS / HTTP/1.1\r\n" H "\r\n", "", 400 },
	{ "list in lower case", "list / HTTP/1.1\r\n" H "\r\n", "", 400 },
	{ "a method of RTSP", "PLAY / RTSP/1.0\r\n" H "\r\n", "", 400 },
	{ "the protocol RTSP", "GET / RTSP/1.0\r\n" H "\r\n", "", 400 },
	{ "no version", "GET /\r\n" H "\r\n", "", 505 },
	{ "version 1.2", "GET / HTTP/1.2\r\n" H "\r\n", "", 400 },
	{ "version 2.0", "GET / HTTP/2.0\r\n" H "\r\n", "", 505 },
	{ "version 0.9", "GET / HTTP/0.9\r\n" H "\r\n", "", 505 },
	{ "version in lower case", "GET / http/1.1\r\n" H "\r\n", "", 400 },
	{ "the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "",
	    400 },
	{ "TLS", "\x16\x03\x01\x02", "", 400 },
	{ "a fragment", "GET /a#b HTTP/1.1\r\n" H "\r\n", "", 400 },
	{ "a target without a slash", "GET a HTTP/1.1\r\n" H "\r\n", "", 400 },
	{ "a target above ASCII", "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", "",
	    400 },
	{ "asterisk for another method", "GET * HTTP/1.1\r\n" H "\r\n", "",
	    400 },
	{ "absolute form, another host", "GET https://x/ HTTP/1.1\r\n" H "\r\n",
	    "", 400 },
	{ "absolute form, another scheme",
	    "GET http://h/ HTTP/1.1\r\n" H "\r\n", "", 400 },
	{ "absolute form, user", "GET https://u@h/ HTTP/1.1\r\n" H "\r\n", "",
	    400 },
	{ "absolute form, no path", "GET https://h HTTP/1.1\r\n" H "\r\n", "",
	    400 },
	{ "authority form for GET", "GET h:1 HTTP/1.1\r\n" H "\r\n", "", 400 },
	{ "connect without port", "CONNECT h HTTP/1.1\r\n" H "\r\n", "", 400 },
	{ "connect to a path", "CONNECT / HTTP/1.1\r\n" H "\r\n", "", 400 },
	{ "connect, another Host", "CONNECT x:1 HTTP/1.1\r\n" H "\r\n", "",
	    400 },
	{ "connect with a length",
	    "CONNECT h:1 HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\n", "", 400 },
	{ "another expectation", POST "Expect: 200-ok\r\n\r\n", "", 417 },
	{ "a chunk extension", CHUNKED "1;a=b\r\nx\r\n0\r\n\r\n",
	    CHUNKED_HEAD "reset 1 protocol\n", 400 },
	{ "a chunk size with a space", CHUNKED "1 \r\nx\r\n0\r\n\r\n",
	    CHUNKED_HEAD "reset 1 protocol\n", 400 },
	{ "a chunk size of nothing", CHUNKED "\r\nx\r\n0\r\n\r\n",
	    CHUNKED_HEAD "reset 1 protocol\n", 400 },
	{ "a chunk size with a sign", CHUNKED "-1\r\nx\r\n0\r\n\r\n",
	    CHUNKED_HEAD "reset 1 protocol\n", 400 },
	{ "a chunk size with a prefix", CHUNKED "0x1\r\nx\r\n0\r\n\r\n",
	    CHUNKED_HEAD "reset 1 protocol\n", 400 },
	{ "a chunk size past 64 bits", CHUNKED "10000000000000001\r\nx",
	    CHUNKED_HEAD "reset 1 protocol\n", 400 },
	{ "a chunk longer than it says", CHUNKED "1\r\nxy\r\n0\r\n\r\n",
	    CHUNKED_HEAD "body 1 x\nreset 1 protocol\n", 400 },
	{ "a chunk shorter than it says", CHUNKED "3\r\nx\r\n0\r\n\r\n",
	    CHUNKED_HEAD "body 1 x\r\n\nreset 1 protocol\n", 400 },
	{ "LF alone after a size", CHUNKED "1\nx\r\n0\r\n\r\n",
	    CHUNKED_HEAD "reset 1 protocol\n", 400 },
	{ "LF alone after a chunk", CHUNKED "1\r\nx\n0\r\n\r\n",
	    CHUNKED_HEAD "body 1 x\nreset 1 protocol\n", 400 },
	{ "a folded trailer", CHUNKED "0\r\nA: b\r\n c\r\n\r\n",
	    CHUNKED_HEAD "reset 1 protocol\n", 400 },
	{ "a length in a trailer", CHUNKED "0\r\nContent-Length: 5\r\n\r\n",
	    CHUNKED_HEAD "reset 1 protocol\n", 400 },
	{ "a host in a trailer", CHUNKED "0\r\nA: b\r\nHost: x\r\n\r\n",
	    CHUNKED_HEAD "reset 1 protocol\n", 400 },
	{ "a bad trailer", CHUNKED "0\r\nA b: c\r\n\r\n",
	    CHUNKED_HEAD "reset 1 protocol\n", 400 },
};

static void test_bad_requests(void **state)
{
	(void)state;
	play_all(bad_requests, N_ELEMS(bad_requests), HTTP_SERVER);
}

static const struct row responses[] = {
	{ "a sized body", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab",
	    "head 1 200 length=2\nbody 1 ab\nend 1\n", 0 },
	{ "no reason, no space", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
	    "head 1 200 length=0 ended\n", 0 },
	{ "an empty reason", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n",
	    "head 1 200 length=0 ended\n", 0 },
	{ "a chunked body",
	    "HTTP/1.1 200 OK\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n"
	    "2\r\nab\r\n0\r\n\r\n",
	    "head 1 200\nbody 1 ab\nend 1\n", 0 },
	{ "until the end, not yet there", "HTTP/1.1 200 OK\r\n\r\nab",
	    "head 1 200\nbody 1 ab\n", 0 },
	{ "1.0, until the end", "HTTP/1.0 200 OK\r\n\r\nab",
	    "head 1 200\nbody 1 ab\n", 0 },
	{ "204", "HTTP/1.1 204 No Content\r\n\r\n", "head 1 204 ended\n", 0 },
	{ "304 with a length", "HTTP/1.1 304 X\r\nContent-Length: 9\r\n\r\n",
	    "head 1 304 length=9 ended\n", 0 },
	{ "100, then 200",
	    "HTTP/1.1 100 Continue\r\n\r\n"
	    "HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n"
	    "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
	    "head 1 200 length=0 ended\n", 0 },
	{ "an interim with a body",
	    "HTTP/1.1 100 X\r\n"
	    "Content-Length: 1\r\n\r\n",
	    "reset 1 protocol\n", 1 },
	{ "101", "HTTP/1.1 101 X\r\n\r\n", "reset 1 protocol\n", 1 },
	{ "204 with a body", "HTTP/1.1 204 X\r\nContent-Length: 1\r\n\r\n",
	    "reset 1 protocol\n", 1 },
	{ "204 chunked", "HTTP/1.1 204 X\r\nTransfer-Encoding: chunked\r\n\r\n",
	    "reset 1 protocol\n", 1 },
	{ "length and coding",
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n",
	    "reset 1 protocol\n", 1 },
	{ "two lengths",
	    "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
	    "Content-Length: 1\r\n\r\n",
	    "reset 1 protocol\n", 1 },
	{ "an unknown coding",
	    "HTTP/1.1 200 OK\r\n"
	    "Transfer-Encoding: gzip\r\n\r\n",
	    "reset 1 protocol\n", 1 },
	{ "coding in 1.0",
	    "HTTP/1.0 200 OK\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n",
	    "reset 1 protocol\n", 1 },
	{ "a status of two digits", "HTTP/1.1 20 OK\r\n\r\n",
	    "reset 1 protocol\n", 1 },
	{ "a status of four digits", "HTTP/1.1 2000 OK\r\n\r\n",
	    "reset 1 protocol\n", 1 },
	{ "a status past the last", "HTTP/1.1 600 OK\r\n\r\n",
	    "reset 1 protocol\n", 1 },
	{ "another protocol", "RTSP/1.0 200 OK\r\n\r\n", "reset 1 protocol\n",
	    1 },
	{ "version 2", "HTTP/2.0 200 OK\r\n\r\n", "reset 1 protocol\n", 1 },
	{ "two spaces", "HTTP/1.1  200 OK\r\n\r\n", "reset 1 protocol\n", 1 },
	{ "HTML", "<html>", "reset 1 protocol\n", 1 },
	{ "LF alone", "HTTP/1.1 200 OK\nContent-Length: 0\r\n\r\n",
	    "reset 1 protocol\n", 1 },
	{ "more than the answer", "HTTP/1.1 204 X\r\n\r\nHTTP/1.1 200 OK",
	    "head 1 204 ended\n", 1 },
};

static void test_responses(void **state)
{
	(void)state;
	play_all(responses, N_ELEMS(responses), HTTP_CLIENT);
}

/* What a table of C strings cannot hold, or what is too large for one. */
static void refused_big(const char *label, const char *in, size_t n, int status,
    enum http_limit limit)
{
	static const size_t steps[] = { HTTP_FEED_MAX, 1, 777 };
	uint64_t hits = http_limit_hits(limit);
	char answer[1024];

	for (size_t k = 0; k < N_ELEMS(steps); k++) {
		struct recorder *r = recorder_new(pool, HTTP_SERVER, http1_new);

		for (size_t at = 0; at < n && http_hungry(r->machine);) {
			size_t most = n - at < steps[k] ? n - at : steps[k];

			assert_int_equal(
			    http_feed(r->machine, in + at, most), 0);
			at += most;
		}
		recorder_pull(r, answer, sizeof(answer), 0);
		if (strtol(answer + 9, NULL, 10) != status || *r->text)
			fail_msg("%s (by %zu): %.40s, <%s>", label, steps[k],
			    answer, r->text);
		recorder_free(r);
	}
	assert_int_equal(http_limit_hits(limit), hits + N_ELEMS(steps));
}

static void test_limits(void **state)
{
	static char text[128 * 1024];
	size_t n;

	(void)state;
	n = (size_t)snprintf(text, sizeof(text), GET "A: b%cc\r\n\r\n", '\0');
	refused_big("NUL in a value", text, n, 400, HTTP_LIMIT_PROTOCOL);

	n = (size_t)snprintf(text, sizeof(text),
	    "GET /%0*d HTTP/1.1\r\n" H "\r\n", HTTP_TARGET_MAX, 0);
	refused_big("a long target", text, n, 414, HTTP_LIMIT_TARGET);

	n = (size_t)snprintf(
	    text, sizeof(text), GET "A: %0*d\r\n\r\n", HTTP_HEAD_MAX, 0);
	refused_big("a long value", text, n, 431, HTTP_LIMIT_HEAD);

	n = (size_t)snprintf(
	    text, sizeof(text), GET "A%0*d: b\r\n\r\n", HTTP_HEAD_MAX, 0);
	refused_big("a long name", text, n, 431, HTTP_LIMIT_HEAD);

	n = (size_t)snprintf(
	    text, sizeof(text), GET "A: %*s\r\n\r\n", 2 * HTTP_HEAD_MAX, "b");
	refused_big("much white space", text, n, 431, HTTP_LIMIT_HEAD);

	n = (size_t)snprintf(text, sizeof(text), GET);
	for (unsigned i = 0; i < HTTP_FIELDS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "A: b\r\n");
	n += (size_t)snprintf(text + n, sizeof(text) - n, "\r\n");
	refused_big("many fields", text, n, 431, HTTP_LIMIT_FIELDS);
}

/* Right below the limits all is well. */
static void test_below_the_limits(void **state)
{
	static char text[64 * 1024];
	struct recorder *r = recorder_new(pool, HTTP_SERVER, http1_new);
	size_t n;

	(void)state;
	r->answers = true;
	n = (size_t)snprintf(text, sizeof(text),
	    "GET /%0*d HTTP/1.1\r\n" H "A: %0*d\r\n\r\n", HTTP_TARGET_MAX - 1,
	    0, HTTP_HEAD_MAX - 6, 0);
	assert_int_equal(recorder_feed(r, text, n, 1000), n);
	n = (size_t)snprintf(text, sizeof(text), GET);
	for (unsigned i = 1; i < HTTP_FIELDS_MAX; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "A: b\r\n");
	n += (size_t)snprintf(text + n, sizeof(text) - n, "\r\n");
	assert_int_equal(recorder_feed(r, text, n, n), n);
	assert_int_equal(r->heads, 2);
	assert_string_equal(http_reason(r->machine), "");
	recorder_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_requests),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_responses),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_below_the_limits),
	};

	return cmocka_run_group_tests_name(
	    "http1read", tests, set_up, tear_down);
}
