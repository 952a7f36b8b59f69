/* What our HTTP/1.1 server end makes of a case: for each case on standard input
 * (a length in four bytes, big-endian, then the bytes) one line:
 *
 *   [METHOD:TARGET:HOST:BODY]... END
 *
 * END is ok, refused or incomplete; the groups are the requests that came
 * whole, their parts in hex. Each case is a connection of its own that the peer
 * closes after its last byte. test_http1.py compares the lines with those of
 * node.js.
 */
#include "base/buf.h"
#include "wire/http1.h"
#include <stdio.h>

enum { CASE_MOST = 64 * 1024, BODY_MOST = 64 * 1024 };

struct verdict {
	struct http_machine *machine;
	unsigned begun, whole;
	char method[32], target[8192], host[8192]; /* of the one under way */
	size_t n_body;
	unsigned char body[BODY_MOST];
};

static void print_hex(const void *bytes, size_t n)
{
	const unsigned char *at = bytes;

	for (size_t i = 0; i < n; i++)
		printf("%02x", at[i]);
}

static void whole(struct verdict *v)
{
	v->whole++;
	printf("%s:", v->method);
	print_hex(v->target, strlen(v->target));
	putchar(':');
	print_hex(v->host, strlen(v->host));
	putchar(':');
	print_hex(v->body, v->n_body);
	putchar(' ');
}

static void on_head(
    void *ctx, uint32_t stream, const struct http_head *head, bool ended)
{
	struct verdict *v = ctx;
	const struct http_head ok = { .status = 200, .length = 0 };

	v->begun++;
	v->n_body = 0;
	snprintf(v->method, sizeof(v->method), "%s", head->method);
	snprintf(v->target, sizeof(v->target), "%s",
	    head->target ? head->target : "");
	snprintf(v->host, sizeof(v->host), "%s", head->authority);
	if (ended)
		whole(v);
	if (http_respond(v->machine, stream, &ok, head->target))
		abort();
}

static void on_body(void *ctx, uint32_t stream, const void *bytes, size_t n)
{
	struct verdict *v = ctx;

	if (v->n_body + n > BODY_MOST)
		abort();
	memcpy(v->body + v->n_body, bytes, n);
	v->n_body += n;
	http_credit(v->machine, stream, n);
}

static void on_end(void *ctx, uint32_t stream)
{
	(void)stream;
	whole(ctx);
}

static void on_reset(void *ctx, uint32_t stream, enum http_why why)
{
	(void)ctx, (void)stream, (void)why;
}

static void on_room(void *ctx, uint32_t stream)
{
	(void)ctx, (void)stream;
}

static const struct http_listener listener = {
	.head = on_head,
	.body = on_body,
	.end = on_end,
	.reset = on_reset,
	.room = on_room,
};

static void drain(struct http_machine *m)
{
	char dropped[4096];

	while (http_pull(m, dropped, sizeof(dropped)) > 0)
		;
}

static void judge(struct pool *pool, const unsigned char *bytes, size_t n)
{
	static struct verdict v;
	struct http_options options = { .end = HTTP_SERVER,
		.listener = &listener,
		.ctx = &v,
		.pool = pool,
		.scheme = "http" };
	bool midhead;

	v.begun = v.whole = 0;
	v.n_body = 0;
	if (http1_new(&v.machine, &options))
		abort();
	if (n && http_feed(v.machine, bytes, n))
		abort();
	drain(v.machine);
	midhead = http_midhead(v.machine);
	if (http_hungry(v.machine) && http_feed(v.machine, NULL, 0))
		abort();
	drain(v.machine);
	if (*http_reason(v.machine))
		puts("refused");
	else
		puts(midhead || v.begun > v.whole ? "incomplete" : "ok");
	http_free(v.machine);
}

int main(void)
{
	static unsigned char bytes[CASE_MOST];
	unsigned char size[4];
	struct pool *pool;

	if (pool_new(&pool, 4096, 8))
		return 1;
	while (fread(size, 1, sizeof(size), stdin) == sizeof(size)) {
		size_t n = (size_t)size[0] << 24 | (size_t)size[1] << 16 |
			   (size_t)size[2] << 8 | size[3];

		if (n > sizeof(bytes) || fread(bytes, 1, n, stdin) != n)
			return 1;
		judge(pool, bytes, n);
	}
	pool_free(pool);
	return 0;
}
