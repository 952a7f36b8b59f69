/* net/health.c */
#include "net/health.h"
#include "net/address.h"

#include <stdio.h>

struct health {
	struct loop *loop;
	struct httpd *httpd;
	struct httpd *admin; /* where --health-addr is not loopback */
	struct health_config config;
};

static void answer_text(struct http_stream *s, int status, const char *text)
{
	http_stream_answer(s, &(struct http_answer){
				  .status = status,
				  .content_type = "text/plain; charset=utf-8",
				  .body = text,
				  .n = strlen(text),
			      });
}

static void on_healthz(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)ctx;
	(void)head;
	answer_text(s, 200, "ok\n");
}

static void on_readyz(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct health *h = ctx;
	const char *reason = h->config.ready(h->config.ctx);
	char line[256];

	(void)head;
	if (!reason) {
		answer_text(s, 200, "ok\n");
		return;
	}
	(void)snprintf(line, sizeof(line), "%s\n", reason);
	answer_text(s, 503, line);
}

static void on_metrics(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct health *h = ctx;
	char *text;
	size_t n;

	(void)head;
	if (metric_print(h->config.metrics, &text, &n)) {
		answer_text(s, 503, "out of memory\n");
		return;
	}
	http_stream_answer(
	    s, &(struct http_answer){
		   .status = 200,
		   .content_type = "text/plain; version=0.0.4; charset=utf-8",
		   .body = text,
		   .n = n,
	       });
	free(text);
}

static void on_status(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct health *h = ctx;
	char *text = NULL;

	(void)head;
	if (!h->config.status) {
		answer_text(s, 404, "there is no such page\n");
		return;
	}
	(void)h->config.status(h->config.ctx, &text);
	http_stream_answer_json(s, text);
	free(text);
}

static void on_drain(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	struct health *h = ctx;

	if (http_head_get(head, "origin")) {
		answer_text(s, 403, "not for pages in a browser\n");
		return;
	}
	answer_text(s, 202, "draining\n");
	h->config.drain(h->config.drain_ctx);
}

/* The last one is for this machine only. */
static const struct httpd_route routes[] = {
	{ "GET", "/healthz", on_healthz },
	{ "GET", "/readyz", on_readyz },
	{ "GET", "/metrics", on_metrics },
	{ "GET", "/v1/status", on_status },
	{ "POST", "/admin/drain", on_drain },
};
enum { PUBLIC_ROUTES = N_ELEMS(routes) - 1 };

static int serve(struct httpd **out, struct health *h, size_t first, size_t n)
{
	const struct httpd_config config = {
		.routes = routes + first, .n_routes = n, .ctx = h
	};

	return httpd_new(out, h->loop, &config);
}

/* A machine without IPv6 has no ::1, and needs none. */
static int listen_local_v6(struct health *h, struct fault *fault)
{
	struct fault own;
	struct address v4;
	char text[ADDRESS_TEXT_MOST];
	int r;

	INVARIANT(!address_parse(&v4, httpd_address(h->admin)));
	(void)snprintf(text, sizeof(text), "[::1]:%u", (unsigned)v4.port);
	r = httpd_listen(h->admin, text, NULL, &own);
	if (!r || r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL)
		return 0;
	*fault = own;
	return r;
}

static int open_admin(struct health *h, uint16_t port, struct fault *fault)
{
	char text[ADDRESS_TEXT_MOST];
	int r = serve(&h->admin, h, PUBLIC_ROUTES, 1);

	(void)snprintf(
	    text, sizeof(text), "127.0.0.1:%u", port ? (unsigned)port + 1 : 0);
	if (!r)
		r = httpd_listen(h->admin, text, NULL, fault);
	if (!r)
		r = listen_local_v6(h, fault);
	if (r)
		fault_wrap(fault, "/admin/drain, one port above --health-addr");
	return r;
}

static int open_pages(struct health *h, struct fault *fault)
{
	struct address address;
	bool local = !address_parse(&address, h->config.address) &&
		     address_is_loopback(address.host);
	bool drains = h->config.drain != NULL;
	int r = serve(
	    &h->httpd, h, 0, drains && local ? N_ELEMS(routes) : PUBLIC_ROUTES);

	if (!r)
		r = httpd_listen(h->httpd, h->config.address, NULL, fault);
	if (r)
		fault_wrap(fault, "--health-addr");
	if (!r && drains && !local)
		r = open_admin(h, address.port, fault);
	return r;
}

int health_open(struct health **out, struct loop *loop,
    const struct health_config *config, struct fault *fault)
{
	struct health *h = calloc(1, sizeof(*h));
	int r;

	if (!h)
		return -ENOMEM;
	h->loop = loop;
	h->config = *config;
	r = open_pages(h, fault);
	if (r)
		health_close(h);
	else
		*out = h;
	return r;
}

void health_close(struct health *h)
{
	if (!h)
		return;
	httpd_free(h->httpd);
	httpd_free(h->admin);
	free(h);
}

const char *health_address(const struct health *h)
{
	return httpd_address(h->httpd);
}

const char *health_admin_address(const struct health *h)
{
	return h->admin ? httpd_address(h->admin) : NULL;
}
