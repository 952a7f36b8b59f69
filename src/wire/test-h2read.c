/* Frames made by hand: what is read, refused, and where floods end. */
#include "wire/h2.h"
#include "wire/test-http.h"

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

/* Frames by hand, so that what our own client would never send can be sent. */

struct frames {
	char bytes[512 * 1024];
	size_t n;
};

enum {
	DATA = 0,
	HEADERS = 1,
	RST_STREAM = 3,
	SETTINGS = 4,
	PING = 6,
	CONTINUATION = 9
};
/* flags, beside the type */
enum { END_STREAM = 1 << 8, END_HEADERS = 4 << 8, ACK = 1 << 8 };

static void put_frame(
    struct frames *f, int kind, uint32_t id, const void *bytes, size_t n)
{
	const char head[9] = { (char)(n >> 16), (char)(n >> 8), (char)n,
		(char)kind, (char)(kind >> 8), (char)(id >> 24),
		(char)(id >> 16), (char)(id >> 8), (char)id };

	assert_true(f->n + 9 + n <= sizeof(f->bytes));
	memcpy(f->bytes + f->n, head, 9);
	if (n)
		memcpy(f->bytes + f->n + 9, bytes, n);
	f->n += 9 + n;
}

static void put_preface(struct frames *f)
{
	static const char magic[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

	memcpy(f->bytes, magic, 24);
	f->n = 24;
	put_frame(f, SETTINGS, 0, NULL, 0);
}

/* Literals without indexing (RFC 7541, 6.2.2), "name value" pairs. */
static size_t put_literal(char *to, const char *text, size_t n)
{
	size_t used = 0;

	if (n < 127) {
		to[used++] = (char)n;
	} else {
		size_t rest = n - 127;

		to[used++] = 127;
		for (; rest > 127; rest >>= 7)
			to[used++] = (char)(rest % 128 + 128);
		to[used++] = (char)rest;
	}
	memcpy(to + used, text, n);
	return used + n;
}

static size_t put_field(char *to, const char *name, const char *value)
{
	size_t n = 0;

	to[n++] = 0;
	n += put_literal(to + n, name, strlen(name));
	return n + put_literal(to + n, value, strlen(value));
}

/* @fields: "name\nvalue\n"…, each part up to its line break */
static size_t put_fields(char *to, const char *fields)
{
	size_t n = 0;

	while (*fields) {
		char part[2][2048];

		for (unsigned i = 0; i < 2; i++) {
			size_t size = strcspn(fields, "\n");

			memcpy(part[i], fields, size);
			part[i][size] = '\0';
			fields += size + 1;
		}
		n += put_field(to + n, part[0], part[1]);
	}
	return n;
}

static void put_head(
    struct frames *f, uint32_t id, int flags, const char *fields)
{
	static char block[32 * 1024];
	size_t n = put_fields(block, fields);

	size_t most = 16384;

	put_frame(f, HEADERS | flags | (n > most ? 0 : END_HEADERS), id, block,
	    n > most ? most : n);
	if (n > most)
		put_frame(
		    f, CONTINUATION | END_HEADERS, id, block + most, n - most);
}

#define GET  ":method\nGET\n:scheme\nhttps\n:path\n/\n:authority\nh\n"
#define POST ":method\nPOST\n:scheme\nhttps\n:path\n/\n:authority\nh\n"

struct row {
	const char *label, *fields, *trace;
	bool body; /* POST: two bytes follow */
};

static const struct row requests[] = {
	{ "the least", GET, "head 1 GET h / ended\n", false },
	{ "a body", POST, "head 1 POST h /\nbody 1 ab\nend 1\n", true },
	{ "a body of that length", POST "content-length\n2\n",
	    "head 1 POST h / length=2\nbody 1 ab\nend 1\n", true },
	{ "fields", GET "x-a\nb c\nx-a\nd\n",
	    "head 1 GET h / {x-a: b c} {x-a: d} ended\n", false },
	{ "Host instead of :authority",
	    ":method\nGET\n:scheme\nhttps\n:path\n/\nhost\nx\n",
	    "head 1 GET x / ended\n", false },
	{ "Host and :authority the same", GET "host\nh\n",
	    "head 1 GET h / ended\n", false },
	{ "connect", ":method\nCONNECT\n:authority\na:1\n",
	    "head 1 CONNECT a:1 -\nbody 1 ab\nend 1\n", true },
	{ "a length that the body breaks", POST "content-length\n3\n",
	    "head 1 POST h / length=3\nbody 1 ab\nreset 1 protocol\n", true },
	{ "Host and :authority differ", GET "host\nx\n", "", false },
	{ "no host at all", ":method\nGET\n:scheme\nhttps\n:path\n/\n", "",
	    false },
	{ "a bad authority",
	    ":method\nGET\n:scheme\nhttps\n:path\n/\n:authority\nu@h\n", "",
	    false },
	{ "no method", ":scheme\nhttps\n:path\n/\n:authority\nh\n", "", false },
	{ "no path", ":method\nGET\n:scheme\nhttps\n:authority\nh\n", "",
	    false },
	{ "an empty path",
	    ":method\nGET\n:scheme\nhttps\n:path\n\n:authority\nh\n", "",
	    false },
	{ "a path without a slash",
	    ":method\nGET\n:scheme\nhttps\n:path\na\n:authority\nh\n", "",
	    false },
	{ "a fragment",
	    ":method\nGET\n:scheme\nhttps\n:path\n/#a\n:authority\nh\n", "",
	    false },
	{ "asterisk for GET",
	    ":method\nGET\n:scheme\nhttps\n:path\n*\n:authority\nh\n", "",
	    false },
	{ "two methods", ":method\nPOST\n" GET, "", false },
	{ "an unknown pseudo field", ":frob\nx\n" GET, "", false },
	{ "a pseudo field late", GET "a\nb\n:path\n/x\n", "", false },
	{ "connect with a path",
	    ":method\nCONNECT\n:path\n/\n:authority\na:1\n", "", false },
	{ "connect without port", ":method\nCONNECT\n:authority\na\n", "",
	    false },
	{ "upper case", GET "X-A\nb\n", "", false },
	{ "an empty name", GET "\nb\n", "", false },
	{ "a space in a name", GET "a b\nc\n", "", false },
	{ "a control character in a value", GET "a\nb\x01\n", "", false },
	{ "a return in a value", GET "a\nb\rc\n", "", false },
	{ "white space before a value", GET "a\n b\n", "", false },
	{ "connection", GET "connection\nclose\n", "", false },
	{ "transfer-encoding", POST "transfer-encoding\nchunked\n", "", false },
	{ "upgrade", GET "upgrade\nh2c\n", "", false },
	{ "two lengths", POST "content-length\n2\ncontent-length\n2\n", "",
	    false },
	{ "a bad length", POST "content-length\n+2\n", "", false },
	{ "another expectation", POST "expect\nx\n", "", false },
};

static void play(const struct row *row, size_t step)
{
	struct recorder *r = recorder_new(pool, HTTP_SERVER, h2_new);
	static struct frames f;

	put_preface(&f);
	put_head(&f, 1, row->body ? 0 : END_STREAM, row->fields);
	if (row->body)
		put_frame(&f, DATA | END_STREAM, 1, "ab", 2);
	recorder_feed(r, f.bytes, f.n, step);
	f.n = 0;
	put_head(&f, 3, END_STREAM, GET); /* the connection goes on */
	recorder_feed(r, f.bytes, f.n, step);
	trace_of(r);
	if (!strstr(r->text, "head 3 GET h / ended\n"))
		fail_msg("%s: the connection ended: %s", row->label, r->text);
	*strstr(r->text, "head 3") = '\0';
	if (strcmp(r->text, row->trace) != 0)
		fail_msg("%s (by %zu): got <%s>", row->label, step, r->text);
	recorder_free(r);
}

static void test_requests(void **state)
{
	static const size_t steps[] = { 60000, 1, 7 };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(requests); i++)
		for (size_t k = 0; k < N_ELEMS(steps); k++)
			play(&requests[i], steps[k]);
}

/* What ends the connection: told to the stream that runs, counted, GOAWAY. */

static struct recorder *flooded(
    const struct frames *f, enum http_limit limit, const char *label)
{
	struct recorder *r = recorder_new(pool, HTTP_SERVER, h2_new);
	uint64_t hits = http_limit_hits(limit);
	char out[64 * 1024];
	size_t at = 0;

	while (at < f->n && http_hungry(r->machine)) {
		size_t n = f->n - at < 50000 ? f->n - at : 50000;

		assert_int_equal(http_feed(r->machine, f->bytes + at, n), 0);
		at += n;
	}
	while (http_pull(r->machine, out, sizeof(out)) > 0)
		;
	if (!http_over(r->machine) || http_limit_hits(limit) == hits)
		fail_msg("%s: over %d, reason '%s', after %zu of %zu", label,
		    http_over(r->machine), http_reason(r->machine), at, f->n);
	return r;
}

static struct frames *frames_begun(void)
{
	static struct frames f;

	put_preface(&f);
	put_head(&f, 1, 0, POST);
	return &f;
}

static void test_reset_flood(void **state)
{
	struct frames *f = frames_begun();
	struct recorder *r;
	uint64_t hits;

	(void)state;
	for (uint32_t id = 3; id < 3 + 2 * 1000; id += 2) {
		put_head(f, id, END_STREAM, GET);
		put_frame(f, RST_STREAM, id, "\0\0\0\x8", 4);
	}
	hits = http_limit_hits(HTTP_LIMIT_RESETS);
	r = recorder_new(pool, HTTP_SERVER, h2_new);
	recorder_feed(r, f->bytes, f->n, 4096);
	assert_int_equal(http_limit_hits(HTTP_LIMIT_RESETS), hits + 1);
	assert_true(http_over(r->machine));
	assert_non_null(strstr(trace_of(r), "reset 1 limit\n"));
	assert_true(r->heads > 400 && r->heads < 500);
	recorder_free(r);
}

static void test_continuation_flood(void **state)
{
	struct frames *f = frames_begun();
	struct recorder *r;

	(void)state;
	put_frame(f, HEADERS, 3, NULL, 0);
	for (unsigned i = 0; i < 100; i++)
		put_frame(f, CONTINUATION, 3, NULL, 0);
	r = flooded(f, HTTP_LIMIT_CONTINUATION, "CONTINUATION");
	assert_string_equal(trace_of(r), "head 1 POST h /\nreset 1 limit\n");
	recorder_free(r);
}

static void test_settings_flood(void **state)
{
	struct frames *f = frames_begun();
	char settings[6 * 40] = { 0 };
	struct recorder *r;

	(void)state;
	for (unsigned i = 0; i < 40; i++)
		settings[6 * i + 1] = 4;
	put_frame(f, SETTINGS, 0, settings, sizeof(settings));
	r = flooded(f, HTTP_LIMIT_SETTINGS, "settings");
	assert_string_equal(trace_of(r), "head 1 POST h /\nreset 1 limit\n");
	recorder_free(r);
}

static void test_ping_flood(void **state)
{
	struct frames *f = frames_begun();
	struct recorder *r;

	(void)state;
	for (unsigned i = 0; i < 3000; i++)
		put_frame(f, PING, 0, "12345678", 8);
	r = flooded(f, HTTP_LIMIT_QUEUE, "pings");
	assert_string_equal(trace_of(r), "head 1 POST h /\nreset 1 limit\n");
	recorder_free(r);
}

/* Every one of these makes us queue an answer, and nobody pulls. */
static void test_queue_limit(void **state)
{
	struct frames *f = frames_begun();
	struct recorder *r;

	(void)state;
	for (uint32_t id = 3; id < 3 + 2 * 9000; id += 2)
		put_head(f, id, END_STREAM, ":method\nx\n");
	r = flooded(f, HTTP_LIMIT_QUEUE, "refused heads");
	assert_string_equal(trace_of(r), "head 1 POST h /\nreset 1 limit\n");
	recorder_free(r);
}

static void test_too_many_streams(void **state)
{
	struct recorder *r = recorder_new(pool, HTTP_SERVER, h2_new);
	uint64_t hits = http_limit_hits(HTTP_LIMIT_STREAMS);
	static struct frames f;

	(void)state;
	put_preface(&f);
	put_frame(&f, SETTINGS | ACK, 0, NULL, 0); /* our settings are known */
	for (uint32_t i = 0; i < HTTP_STREAMS_MAX + 1; i++)
		put_head(&f, 2 * i + 1, 0, POST);
	recorder_feed(r, f.bytes, f.n, 1000);
	assert_int_equal(r->heads, HTTP_STREAMS_MAX);
	assert_true(http_limit_hits(HTTP_LIMIT_STREAMS) > hits);
	recorder_free(r);
}

static void test_garbage(void **state)
{
	static const struct {
		const char *label, *bytes;
		size_t n;
	} rows[] = {
		{ "HTTP/1.1", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 27 },
		{ "nothing like it", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc",
		    9 },
		{ "half a preface, then not", "PRI * HTTP/2.0\r\n\r\nSM\r\nxx",
		    24 },
		{ "no SETTINGS",
		    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
		    "\0\0\x8\6\0\0\0\0\0aaaaaaaa",
		    41 },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct recorder *r = recorder_new(pool, HTTP_SERVER, h2_new);
		char out[1024];

		assert_int_equal(
		    http_feed(r->machine, rows[i].bytes, rows[i].n), 0);
		recorder_pull(r, out, sizeof(out), 0);
		if (!http_over(r->machine) || !*http_reason(r->machine))
			fail_msg(
			    "%s: '%s'", rows[i].label, http_reason(r->machine));
		recorder_free(r);
	}
}

static void test_head_limits(void **state)
{
	static char fields[64 * 1024];
	static const struct {
		const char *label;
		unsigned n;
		int name, value, target;
		enum http_limit limit;
	} rows[] = {
		{ "fields", HTTP_FIELDS_MAX + 1, 2, 1, 1, HTTP_LIMIT_FIELDS },
		{ "a large head", 10, 2, 1900, 1, HTTP_LIMIT_HEAD },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct recorder *r = recorder_new(pool, HTTP_SERVER, h2_new);
		uint64_t hits = http_limit_hits(rows[i].limit);
		static struct frames f;
		size_t n = (size_t)sprintf(fields, "%s", GET);

		for (unsigned k = 0; k < rows[i].n; k++)
			n += (size_t)sprintf(fields + n, "%0*d\n%0*d\n",
			    rows[i].name, 7, rows[i].value, 1);
		put_preface(&f);
		put_head(&f, 1, END_STREAM, fields);
		put_head(&f, 3, END_STREAM, GET);
		recorder_feed(r, f.bytes, f.n, 50000);
		if (strcmp(trace_of(r), "head 3 GET h / ended\n") != 0 ||
		    http_limit_hits(rows[i].limit) != hits + 1)
			fail_msg("%s: <%s>", rows[i].label, r->text);
		recorder_free(r);
	}
}

static void test_continue(void **state)
{
	struct recorder *r = recorder_new(pool, HTTP_SERVER, h2_new);
	static struct frames f;
	char out[1024];
	size_t n;

	(void)state;
	put_preface(&f);
	assert_int_equal(http_feed(r->machine, f.bytes, f.n), 0);
	recorder_pull(r, out, sizeof(out), 0);
	f.n = 0;
	put_head(&f, 1, 0, POST "expect\n100-continue\n");
	assert_int_equal(http_feed(r->machine, f.bytes, f.n), 0);
	n = recorder_pull(r, out, sizeof(out), 0);
	assert_true(n > 9);
	assert_int_equal(out[3], HEADERS);
	assert_int_equal(out[4], END_HEADERS >> 8);
	recorder_free(r);
}

static void test_midhead(void **state)
{
	struct recorder *r = recorder_new(pool, HTTP_SERVER, h2_new);
	static struct frames f;
	size_t greeting;

	(void)state;
	put_preface(&f);
	greeting = f.n;
	put_frame(&f, HEADERS | END_STREAM, 1, "\x82", 1);
	assert_false(http_midhead(r->machine));
	recorder_feed(r, f.bytes, 10, 10);
	assert_true(http_midhead(r->machine));
	recorder_feed(r, f.bytes + 10, greeting - 10, 100);
	assert_false(http_midhead(r->machine));
	recorder_feed(r, f.bytes + greeting, f.n - greeting, 100);
	assert_true(http_midhead(r->machine));
	recorder_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_reset_flood),
		cmocka_unit_test(test_continuation_flood),
		cmocka_unit_test(test_settings_flood),
		cmocka_unit_test(test_ping_flood),
		cmocka_unit_test(test_queue_limit),
		cmocka_unit_test(test_too_many_streams),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_head_limits),
		cmocka_unit_test(test_continue),
		cmocka_unit_test(test_midhead),
	};

	return cmocka_run_group_tests_name("h2read", tests, set_up, tear_down);
}
