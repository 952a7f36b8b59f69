/* A server of net/httpd for the system tests: what curl and nghttp speak to.
 *
 *   http-server CERT KEY
 *
 * listens on two free ports of 127.0.0.1, plain and with TLS, says so in log
 * lines, and serves until SIGTERM. What is served:
 *
 *   GET  /hello      a short text
 *   GET  /bytes/N    N bytes, as the client takes them
 *   POST /echo       the body back, at most 8 MiB
 *   GET  /hang       no answer, ever
 *   CONNECT          inner:80 is this server itself; all else is refused
 */
#include "base/log.h"
#include "net/httpd.h"
#include "net/loop.h"
#include "net/memleg.h"
#include "net/pump.h"
#include <signal.h>
#include <stdio.h>

enum { ECHO_MOST = 8 << 20, ECHO_MS = 20000 };

static struct httpd *server;
static struct loop *loop;

static void answer(struct http_stream *s, const void *body, size_t n)
{
	http_stream_answer(s, &(struct http_answer){ .status = 200,
				  .content_type = "text/plain",
				  .body = body,
				  .n = n });
}

static void on_hello(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx, (void)head;
	answer(s, "hello\n", 6);
}

/* The n-th byte is n modulo 251. */
struct writer {
	uint64_t at, end;
};

static void on_writable(void *ctx, struct leg *leg, unsigned events)
{
	struct writer *w = ctx;
	uint8_t bytes[16 * 1024];
	size_t most = w->end - w->at < sizeof(bytes) ? (size_t)(w->end - w->at)
						     : sizeof(bytes);
	ssize_t n;

	for (size_t i = 0; i < most; i++)
		bytes[i] = (uint8_t)((w->at + i) % 251);
	n = events & LEG_WRITE && most ? leg_write(leg, bytes, most) : 0;
	w->at += n > 0 ? (uint64_t)n : 0;
	if (w->at < w->end && !(events & LEG_GONE) && (n > 0 || n == -EAGAIN))
		return;
	if (w->at == w->end)
		leg_close(leg);
	else
		leg_reset(leg);
	free(w);
}

static void on_bytes(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct writer *w = calloc(1, sizeof(*w));
	struct http_head ok = { .status = 200, .length = -1 };
	struct leg *leg = http_stream_leg(s);

	(void)ctx;
	INVARIANT(w);
	w->end = strtoull(head->target + strlen("/bytes/"), NULL, 10);
	if (http_stream_respond(s, &ok, false)) {
		leg_reset(leg);
		free(w);
		return;
	}
	leg_handle(leg, on_writable, w);
	leg_want(leg, LEG_WRITE);
}

struct echo {
	struct http_stream *stream;
};

static void on_received(void *ctx, char *body, size_t n, int error)
{
	struct echo *e = ctx;

	if (error)
		http_stream_refuse(
		    e->stream, error == -EMSGSIZE ? 413 : 400, "no body");
	else
		answer(e->stream, body, n);
	free(body);
	free(e);
}

static void on_echo(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct echo *e = calloc(1, sizeof(*e));
	struct http_collect *collect;

	(void)ctx, (void)head;
	INVARIANT(e);
	e->stream = s;
	INVARIANT(
	    !http_receive(&collect, s, ECHO_MOST, ECHO_MS, on_received, e));
}

static void on_hung(void *ctx, struct leg *leg, unsigned events)
{
	(void)ctx;
	if (events & LEG_GONE) {
		log_info("given up by the peer");
		leg_close(leg);
	}
}

static void on_hang(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx, (void)head;
	log_info("hanging");
	leg_handle(http_stream_leg(s), on_hung, NULL);
}

static void on_pumped(void *ctx, const struct pump_result *result)
{
	(void)ctx;
	log_info("tunnel ended", LOG_BOOL("reset", result->reset),
	    LOG_UINT("in", result->bytes[0]),
	    LOG_UINT("out", result->bytes[1]));
}

static void on_connect(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	const struct http_head ok = { .status = 200, .length = -1 };
	struct leg *near, *far;
	struct pump *pump;

	(void)ctx;
	if (strcmp(head->authority, "inner:80") != 0) {
		http_stream_refuse(s, 403, "inner:80 only");
		return;
	}
	if (http_stream_respond(s, &ok, false)) {
		http_stream_abandon(s);
		return;
	}
	INVARIANT(!memleg_pair(&near, &far, loop, 65536));
	httpd_serve(server, far, HTTP_1);
	INVARIANT(!pump_start(
	    &pump, http_stream_leg(s), near, 10000, on_pumped, NULL));
}

static const struct httpd_route routes[] = {
	{ "GET", "/hello", on_hello },
	{ "GET", "/bytes/*", on_bytes },
	{ "POST", "/echo", on_echo },
	{ "GET", "/hang", on_hang },
	{ "CONNECT", NULL, on_connect },
};

static void on_signal(void *ctx, int signum)
{
	(void)signum;
	loop_stop(ctx);
}

/* One httpd a door, since an httpd says the address of its first one only. */
static struct httpd *listen_on(const char *what, struct tls_context *tls)
{
	const struct httpd_config config = { .routes = routes,
		.n_routes = N_ELEMS(routes) };
	struct fault fault = FAULT_NONE;
	struct httpd *h;

	INVARIANT(!httpd_new(&h, loop, &config));
	if (httpd_listen(h, "127.0.0.1:0", tls, &fault)) {
		fault_print("http-server", &fault);
		exit(1);
	}
	log_info("listening", LOG_STR("what", what),
	    LOG_STR("address", httpd_address(h)));
	return h;
}

static struct httpd *listen_tls(const char *cert, const char *key)
{
	static const char *const alpn[] = { "h2", "http/1.1", NULL };
	const struct tls_config config = { .end = TLS_SERVER,
		.hop = "TLS with the client",
		.alpn = alpn,
		.alpn_optional = true,
		.cert_file = cert,
		.key_file = key };
	struct fault fault = FAULT_NONE;
	struct tls_context *tls;
	struct httpd *h;

	if (tls_context_new(&tls, &config, &fault)) {
		fault_print("http-server", &fault);
		exit(1);
	}
	h = listen_on("tls", tls);
	tls_context_free(tls);
	return h;
}

int main(int argc, char **argv)
{
	struct httpd *secure;

	signal(SIGPIPE, SIG_IGN);
	if (argc != 3 || loop_new(&loop) ||
	    loop_signal(loop, SIGTERM, on_signal, loop))
		return 1;
	server = listen_on("plain", NULL);
	secure = listen_tls(argv[1], argv[2]);
	loop_run(loop);
	httpd_free(secure);
	httpd_free(server);
	for (int i = 0; i < 3; i++)
		loop_turn(loop); /* whoever holds a stream hears of it */
	loop_free(loop);
	return 0;
}
