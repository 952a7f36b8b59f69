/* net/health.c */
#include "net/health.h"

#include <stdio.h>

enum { ADMIN_ROUTES_MAX = 8, FIXED_ROUTES = 3 };

struct health {
	struct httpd *httpd;
	struct health_config config;
	struct httpd_route routes[FIXED_ROUTES + ADMIN_ROUTES_MAX];
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

static const struct httpd_route fixed_routes[FIXED_ROUTES] = {
	{ "GET", "/healthz", on_healthz },
	{ "GET", "/readyz", on_readyz },
	{ "GET", "/metrics", on_metrics },
};

int health_open(struct health **out, struct loop *loop,
    const struct health_config *config, struct fault *fault)
{
	struct health *h = calloc(1, sizeof(*h));
	struct httpd_config served = { .ctx = h };
	int r;

	INVARIANT(config->n_routes <= ADMIN_ROUTES_MAX);
	if (!h)
		return -ENOMEM;
	h->config = *config;
	memcpy(h->routes, fixed_routes, sizeof(fixed_routes));
	for (size_t i = 0; i < config->n_routes; i++)
		h->routes[FIXED_ROUTES + i] = config->routes[i];
	served.routes = h->routes;
	served.n_routes = FIXED_ROUTES + config->n_routes;
	r = httpd_new(&h->httpd, loop, &served);
	if (!r)
		r = httpd_listen(h->httpd, config->address, NULL, fault);
	if (r) {
		health_close(h);
		return r;
	}
	*out = h;
	return 0;
}

void health_close(struct health *h)
{
	if (!h)
		return;
	httpd_free(h->httpd);
	free(h);
}

const char *health_address(const struct health *h)
{
	return httpd_address(h->httpd);
}
