/* devstore/serve.c: requests from the network to the engine and back.
 *
 * A call is a request whose body is still coming; its head is copied, since it
 * is borrowed for the handler's call only. Tokens in it lie in struct secret.
 * At most SERVE_CALLS_MOST bodies are received at once, which bounds the memory
 * that strangers can make us hold.
 */
#include "devstore/serve.h"
#include "net/address.h"
#include "net/httpd.h"
#include "net/loop.h"
#include "wire/vault.h"
#include <time.h>

struct call {
	struct call *next, **link;
	struct serve *serve;
	struct http_stream *stream;
	struct http_collect *body;
	char *method, *target, *name_space, *wrap_ttl;
	struct secret *token;
};

struct serve {
	struct engine *engine;
	struct httpd *httpd;
	struct call *calls;
	uint64_t n_calls, refused;
	struct metric_row rows[2];
	struct metric_table metrics;
};

static void call_free(struct call *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->serve->n_calls--;
	secret_free(c->token);
	free(c->method);
	free(c->target);
	free(c->name_space);
	free(c->wrap_ttl);
	free(c);
}

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void call_answer(struct call *c, const void *body, size_t n)
{
	struct engine_request q = {
		.method = c->method,
		.target = c->target,
		.token = c->token ? secret_bytes(c->token) : NULL,
		.name_space = c->name_space,
		.wrap_ttl = c->wrap_ttl,
		.body = body,
		.n = n,
		.now_ms = now_ms(),
	};
	static const struct http_field fields[] = { { "cache-control",
	    "no-store" } };
	struct engine_answer a;
	bool head = !strcmp(c->method, "HEAD");

	if (engine_handle(c->serve->engine, &q, &a)) {
		http_stream_refuse(c->stream, 500,
		    "this development store is out of locked memory; raise "
		    "RLIMIT_MEMLOCK");
		return;
	}
	http_stream_answer(c->stream,
	    &(struct http_answer){
		.status = a.status,
		.content_type = a.body ? a.content_type : NULL,
		.fields = fields,
		.n_fields = N_ELEMS(fields),
		.body = a.body && !head ? secret_bytes(a.body) : NULL,
		.n = a.body && !head ? secret_size(a.body) : 0,
	    });
	engine_answer_clear(&a);
}

static void on_body(void *ctx, char *body, size_t n, int error)
{
	struct call *c = ctx;

	if (error == -EMSGSIZE)
		http_stream_refuse(
		    c->stream, 413, "http: request body too large");
	else if (error)
		http_stream_refuse(
		    c->stream, 400, "the body did not come whole");
	else
		call_answer(c, body, n);
	if (body)
		secret_wipe(body, n);
	free(body);
	call_free(c);
}

/* The token of either header; a bearer's without its scheme. */
static int token_take(struct secret **out, const struct http_head *head)
{
	static const char scheme[] = "Bearer ";
	const char *token = http_head_get(head, "x-vault-token");
	const char *bearer = http_head_get(head, "authorization");

	if (!token && bearer &&
	    !strncasecmp(bearer, scheme, sizeof(scheme) - 1))
		token = bearer + sizeof(scheme) - 1;
	return token ? secret_from(out, token, strlen(token)) : 0;
}

static char *copy(const char *text)
{
	return text ? strdup(text) : NULL;
}

static int call_fill(struct call *c, const struct http_head *head)
{
	const char *name_space = http_head_get(head, "x-vault-namespace");
	const char *wrap = http_head_get(head, "x-vault-wrap-ttl");

	c->method = copy(head->method);
	c->target = copy(head->target);
	c->name_space = copy(name_space);
	c->wrap_ttl = copy(wrap);
	if (!c->method || !c->target || (name_space && !c->name_space) ||
	    (wrap && !c->wrap_ttl))
		return -ENOMEM;
	return token_take(&c->token, head);
}

static int call_new(struct call **out, struct serve *s,
    struct http_stream *stream, const struct http_head *head)
{
	struct call *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->serve = s;
	c->stream = stream;
	c->next = s->calls;
	c->link = &s->calls;
	if (c->next)
		c->next->link = &c->next;
	s->calls = c;
	s->n_calls++;
	r = call_fill(c, head);
	if (r)
		call_free(c);
	else
		*out = c;
	return r;
}

static void on_request(
    void *ctx, struct http_stream *stream, const struct http_head *head)
{
	struct serve *s = ctx;
	struct call *c = NULL;
	int r = s->n_calls < SERVE_CALLS_MOST ? call_new(&c, s, stream, head)
					      : -EBUSY;

	if (!r)
		r = http_receive(&c->body, stream, ENGINE_BODY_MOST,
		    SERVE_BODY_MS, on_body, c);
	if (!r)
		return;
	s->refused++;
	if (c)
		call_free(c);
	http_stream_refuse(stream, 503, "too many requests at once; try again");
}

static const struct httpd_route routes[] = { { NULL, "/*", on_request } };

/* A token in the clear on a network is a token given away. */
static int check_plain(const struct serve_config *config, struct fault *fault)
{
	struct address a;
	int r = address_parse(&a, config->address);

	if (config->cert_file && config->key_file)
		return 0;
	if (config->cert_file || config->key_file)
		return fault_set(fault, -EINVAL,
		    "give --tls-cert and --tls-key together",
		    "certificate and key belong together");
	if (!r && address_is_loopback(a.host))
		return 0;
	return fault_set(fault, -EINVAL,
	    "give --tls-cert and --tls-key, or listen on 127.0.0.1",
	    "listen %s: plain HTTP is for loopback only", config->address);
}

static int listen_on(
    struct serve *s, const struct serve_config *config, struct fault *fault)
{
	static const char *const alpn[] = { "h2", "http/1.1", NULL };
	CLEANUP(tls_context_freep) struct tls_context *tls = NULL;
	struct tls_config t = {
		.end = TLS_SERVER,
		.hop = "the store's listener",
		.alpn = alpn,
		.alpn_optional = true,
		.cert_file = config->cert_file,
		.key_file = config->key_file,
		.trust = TLS_TRUST_NOBODY,
		.allow_12 = true,
	};
	int r = check_plain(config, fault);

	if (!r && config->cert_file)
		r = tls_context_new(&tls, &t, fault);
	if (r)
		return r;
	r = httpd_listen(s->httpd, config->address, tls, fault);
	if (r)
		fault_wrap(fault, "--listen");
	return r;
}

static void metrics_init(struct serve *s)
{
	s->rows[0] = (struct metric_row){
		.name = "pharos_devstore_refused_total",
		.help = "Requests refused because too many were under way.",
		.kind = METRIC_COUNTER,
		.value = &s->refused,
	};
	s->rows[1] = (struct metric_row){
		.name = "pharos_devstore_calls",
		.help = "Requests whose body is being received.",
		.kind = METRIC_GAUGE,
		.value = &s->n_calls,
	};
	s->metrics = (struct metric_table){ .rows = s->rows, .n_rows = 2 };
}

int serve_open(struct serve **out, struct loop *loop,
    const struct serve_config *config, struct fault *fault)
{
	struct httpd_config httpd = { .routes = routes,
		.n_routes = N_ELEMS(routes) };
	struct serve *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	httpd.ctx = s;
	s->engine = config->engine;
	metrics_init(s);
	r = httpd_new(&s->httpd, loop, &httpd);
	if (!r)
		r = listen_on(s, config, fault);
	if (r)
		serve_close(s);
	else
		*out = s;
	return r;
}

void serve_close(struct serve *s)
{
	if (!s)
		return;
	while (s->calls) {
		struct call *c = s->calls;

		http_receive_cancel(c->body);
		http_stream_abandon(c->stream);
		call_free(c);
	}
	if (s->httpd)
		httpd_free(s->httpd);
	free(s);
}

const char *serve_address(const struct serve *s)
{
	return httpd_address(s->httpd);
}

struct metric_table *serve_metrics(struct serve *s)
{
	return &s->metrics;
}
