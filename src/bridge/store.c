/* bridge/store.c: libcurl's multi interface on our loop.
 *
 * libcurl says which sockets to watch (on_socket) and when to be woken
 * (on_timer); each watched socket is a uv_poll of ours. After every step the
 * queue of finished transfers is emptied.
 *
 * A finished call is told from the loop, never from inside store_send() or
 * store_cancel(): curl_multi_add_handle() only arms a timer. Within a callback
 * the callee may send and cancel; so a call is taken out of curl and of the
 * list before its function runs.
 *
 * Bytes that may be a secret (header lines, the request's and the answer's
 * body) are wiped when they are freed. libcurl's own buffers, and its copy of
 * an egress proxy's password, are not ours to wipe; doc/threat-model.md counts
 * the bridge among those who see what passes.
 */
#include "bridge/store.h"
#include "base/hex.h"
#include "base/number.h"
#include "net/address.h"
#include "net/egress.h"
#include "net/loop.h"
#include <curl/curl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

struct store_call {
	struct store_call *next, **link;
	struct store *store;
	CURL *easy;
	struct curl_slist *headers;
	struct secret *request;
	char *body;
	size_t n, room;
	bool too_large;
	uint64_t began_us;
	char error[CURL_ERROR_SIZE];
	store_fn fn;
	void *ctx;
};

struct watch {
	uv_poll_t poll;
	struct store *store;
	curl_socket_t socket;
};

struct store {
	struct loop *loop;
	CURLM *multi;
	struct wheel_timer timer;
	struct store_call *calls;
	uint64_t n_calls;
	char *address, *ca_file, *name_space, *pin;
	const struct egress_proxy *proxy; /* to be reached by; or NULL */
	char *proxy_url;		  /* without the login */
	long call_ms;
	struct fault last;
	uint64_t answered, failed, refused;
	struct metric_histogram took; /* of calls that were answered */
	struct metric_row rows[5];
	struct metric_table metrics;
};

static void url_freep(CURLU **url)
{
	curl_url_cleanup(*url);
}

/* ---- configuration ------------------------------------------------------ */

static int bad_address(const char *address, struct fault *fault)
{
	const char *at = strrchr(address, '@'); /* no password in a message */

	return fault_set(fault, -EINVAL,
	    "expected is https://HOST:PORT, without path and user",
	    "--vault-addr %s: cannot be the address of a store",
	    at ? at + 1 : address);
}

/* https://host[:port], or http:// on loopback; nothing behind but a slash. */
static int check_address(const char *address, struct fault *fault)
{
	CURLU *url = curl_url();
	char *scheme = NULL, *host = NULL, *path = NULL;
	char *odd[4] = { NULL };
	static const CURLUPart parts[] = { CURLUPART_USER, CURLUPART_QUERY,
		CURLUPART_FRAGMENT, CURLUPART_PASSWORD };
	int r = url ? 0 : -ENOMEM;

	if (!r && (curl_url_set(url, CURLUPART_URL, address, 0) ||
		      curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) ||
		      curl_url_get(url, CURLUPART_HOST, &host, 0) ||
		      curl_url_get(url, CURLUPART_PATH, &path, 0)))
		r = bad_address(address, fault);
	for (size_t i = 0; !r && i < N_ELEMS(parts); i++)
		if (!curl_url_get(url, parts[i], &odd[i], 0))
			r = bad_address(address, fault);
	if (!r && strcmp(path, "/") && *path)
		r = bad_address(address, fault);
	if (!r && !strcmp(scheme, "http") && !address_is_loopback(host))
		r = fault_set(fault, -EINVAL,
		    "tokens would cross the network in the clear; use https://",
		    "--vault-addr %s: plain HTTP is for loopback only",
		    address);
	else if (!r && strcmp(scheme, "http") && strcmp(scheme, "https"))
		r = bad_address(address, fault);
	for (size_t i = 0; i < N_ELEMS(odd); i++)
		curl_free(odd[i]);
	curl_free(scheme);
	curl_free(host);
	curl_free(path);
	curl_url_cleanup(url);
	return r;
}

/* libcurl wants the pin as "sha256//" and base64. */
static int take_pin(struct store *s, const char *hex, struct fault *fault)
{
	uint8_t pin[32];
	unsigned char text[4 * ((sizeof(pin) + 2) / 3) + 1];

	if (hex_decode(pin, sizeof(pin), hex))
		return fault_set(fault, -EINVAL,
		    "give the SHA-256 of the store's public key, 64 hex digits",
		    "--vault-pin: not 64 hex digits");
	EVP_EncodeBlock(text, pin, sizeof(pin));
	return asprintf(&s->pin, "sha256//%s", (char *)text) < 0 ? -ENOMEM : 0;
}

/* By the proxy that every other connection would take, if any. */
static int take_proxy(struct store *s, const struct egress *egress)
{
	CLEANUP(url_freep) CURLU *url = curl_url();
	char *host = NULL, *port = NULL;
	struct address where = { .port = 0 };
	uint64_t number = 0;

	if (!url || curl_url_set(url, CURLUPART_URL, s->address, 0) ||
	    curl_url_get(url, CURLUPART_HOST, &host, 0))
		return -ENOMEM;
	if (!curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) &&
	    !number_parse(port, UINT16_MAX, &number))
		where.port = (uint16_t)number;
	(void)snprintf(where.host, sizeof(where.host), "%.*s",
	    (int)strcspn(host + (*host == '['), "]"), host + (*host == '['));
	curl_free(host);
	curl_free(port);
	s->proxy = egress_for(egress, &where);
	if (!s->proxy)
		return 0;
	return asprintf(&s->proxy_url, "%s://%s",
		   s->proxy->kind == EGRESS_SOCKS5
		       ? "socks5h"
		       : egress_scheme(s->proxy->kind),
		   s->proxy->target) < 0
		   ? -ENOMEM
		   : 0;
}

static int take_config(
    struct store *s, const struct store_config *config, struct fault *fault)
{
	size_t n = strlen(config->address);
	int r = check_address(config->address, fault);

	if (r)
		return r;
	if (config->ca_file && access(config->ca_file, R_OK))
		return fault_set(fault, -errno,
		    "give the PEM file of the CA that signed the store's "
		    "certificate",
		    "--vault-ca %s: %s", config->ca_file, strerror(errno));
	n -= config->address[n - 1] == '/';
	s->address = strndup(config->address, n);
	if (config->ca_file)
		s->ca_file = strdup(config->ca_file);
	if (config->name_space)
		s->name_space = strdup(config->name_space);
	s->call_ms = config->call_ms ? config->call_ms : STORE_CALL_MS;
	if (!s->address || (config->ca_file && !s->ca_file) ||
	    (config->name_space && !s->name_space))
		return -ENOMEM;
	r = take_proxy(s, config->egress);
	if (!r && config->pin_hex)
		r = take_pin(s, config->pin_hex, fault);
	return r;
}

/* ---- calls -------------------------------------------------------------- */

static void call_unlink(struct store_call *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->store->n_calls--;
}

static void call_free(struct store_call *c)
{
	if (c->easy)
		curl_easy_cleanup(c->easy);
	for (struct curl_slist *h = c->headers; h; h = h->next)
		secret_wipe(h->data, strlen(h->data));
	curl_slist_free_all(c->headers);
	secret_free(c->request);
	if (c->body)
		secret_wipe(c->body, c->room);
	free(c->body);
	free(c);
}

/* Room for @n more bytes and a NUL; what is given back is wiped. */
static int body_grow(struct store_call *c, size_t n)
{
	size_t room = c->room ? c->room : 4096;
	char *more;

	if (c->body && c->n + n + 1 <= c->room)
		return 0;
	while (room < c->n + n + 1)
		room *= 2;
	more = malloc(room);
	if (!more)
		return -ENOMEM;
	if (c->body) {
		memcpy(more, c->body, c->n);
		secret_wipe(c->body, c->room);
	}
	free(c->body);
	c->body = more;
	c->room = room;
	return 0;
}

static size_t on_bytes(char *bytes, size_t one, size_t n, void *ctx)
{
	struct store_call *c = ctx;

	(void)one; /* always 1 */
	c->too_large = c->n + n > VAULT_ANSWER_MOST;
	if (c->too_large || body_grow(c, n))
		return 0; /* ends the transfer */
	memcpy(c->body + c->n, bytes, n);
	c->n += n;
	c->body[c->n] = '\0';
	return n;
}

/* Was it the proxy in between? Then it is what is to be named. */
static bool proxy_fault(
    const struct store_call *c, CURLcode code, struct fault *f)
{
	const struct store *s = c->store;
	const char *text = *c->error ? c->error : curl_easy_strerror(code);
	long status = 0;

	if (!s->proxy)
		return false;
	curl_easy_getinfo(c->easy, CURLINFO_HTTP_CONNECTCODE, &status);
	if (status / 100 == 2)
		return false;
	switch (code) {
	case CURLE_COULDNT_RESOLVE_PROXY:
	case CURLE_COULDNT_CONNECT:
	case CURLE_PROXY:
		break;
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_OPERATION_TIMEDOUT:
		if (s->proxy->kind == EGRESS_SOCKS5)
			return false; /* it may as well be the store */
		break;
	default:
		return false;
	}
	if (status)
		fault_set(f, -EIO,
		    status == 407
			? "give user and password in the proxy's URL; "
			  "of the ways to log in only Basic is spoken"
			: "have CONNECT to this host and port "
			  "allowed there, or list it in NO_PROXY",
		    "store %s: egress proxy %s: it answers CONNECT with %ld",
		    s->address, s->proxy->target, status);
	else
		fault_set(f, -EIO,
		    "check the proxy and its URL, or list the store in "
		    "NO_PROXY",
		    "store %s: egress proxy %s: %s", s->address,
		    s->proxy->target, text);
	return true;
}

/* What happened, in words for whoever runs the bridge. */
static int call_fault(
    const struct store_call *c, CURLcode code, struct fault *f)
{
	const char *address = c->store->address;
	const char *text = *c->error ? c->error : curl_easy_strerror(code);

	if (c->too_large)
		return fault_set(f, -EMSGSIZE, "is this the store?",
		    "store %s: its answer is larger than %d bytes", address,
		    VAULT_ANSWER_MOST);
	if (proxy_fault(c, code, f))
		return f->code;
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return fault_set(f, -ETIMEDOUT,
		    "check that the store runs and is not overloaded",
		    "store %s: no answer in time: %s", address, text);
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return fault_set(f, -EIO,
		    "check --vault-addr, and that the store listens there",
		    "store %s: cannot be reached: %s", address, text);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_CONNECT_ERROR:
		return fault_set(f, -EIO,
		    "check --vault-ca (or --vault-pin) and the names in the "
		    "store's certificate",
		    "store %s: TLS: %s", address, text);
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return fault_set(f, -EIO, "look into the store's log",
		    "store %s: the connection broke: %s", address, text);
	default:
		return fault_set(f, -EIO, "is this a store's HTTP API?",
		    "store %s: %s", address, text);
	}
}

static const char *header_of(const struct store_call *c, const char *name)
{
	struct curl_header *h;

	return curl_easy_header(c->easy, name, 0, CURLH_HEADER, -1, &h)
		   ? ""
		   : h->value;
}

static void call_done(struct store_call *c, CURLcode code)
{
	struct store_answer a = { .body = c->body ? c->body : "", .n = c->n };
	struct store *s = c->store;
	struct fault fault = FAULT_NONE;
	long status = 0;

	curl_multi_remove_handle(s->multi, c->easy);
	call_unlink(c);
	if (code) {
		call_fault(c, code, &fault);
		s->failed++;
		s->last = fault;
		c->fn(c->ctx, NULL, &fault);
	} else {
		curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
		a.status = (int)status;
		a.content_type = header_of(c, "content-type");
		a.retry_after = header_of(c, "retry-after");
		s->answered++;
		metric_observe(&s->took, loop_us(s->loop) - c->began_us);
		s->last = (struct fault)FAULT_NONE;
		c->fn(c->ctx, &a, NULL);
	}
	call_free(c);
}

static void collect_done(struct store *s)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(s->multi, &left))) {
		struct store_call *c;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
		call_done(c, m->data.result);
	}
}

/* ---- the loop ----------------------------------------------------------- */

static void step(struct store *s, curl_socket_t socket, int events)
{
	int running;

	curl_multi_socket_action(s->multi, socket, events, &running);
	collect_done(s);
}

static void on_due(struct wheel_timer *t, uint64_t now)
{
	struct store *s = CONTAINER_OF(t, struct store, timer);

	(void)now;
	step(s, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timer(CURLM *multi, long ms, void *ctx)
{
	struct store *s = ctx;

	(void)multi;
	if (ms < 0)
		loop_cancel(s->loop, &s->timer);
	else
		loop_after(s->loop, &s->timer, (uint64_t)ms, on_due);
	return 0;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	struct watch *w = poll->data;
	int flags = status < 0 ? CURL_CSELECT_ERR : 0;

	if (events & UV_READABLE)
		flags |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		flags |= CURL_CSELECT_OUT;
	step(w->store, w->socket, flags);
}

static void on_watch_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void watch_close(struct watch *w)
{
	uv_poll_stop(&w->poll);
	uv_close((uv_handle_t *)&w->poll, on_watch_closed);
}

static struct watch *watch_new(struct store *s, curl_socket_t socket)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->store = s;
	w->socket = socket;
	w->poll.data = w;
	if (uv_poll_init_socket(loop_uv(s->loop), &w->poll, socket)) {
		free(w);
		return NULL;
	}
	return w;
}

static int on_socket(
    CURL *easy, curl_socket_t socket, int what, void *ctx, void *socket_ctx)
{
	struct store *s = ctx;
	struct watch *w = socket_ctx;
	int events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		curl_multi_assign(s->multi, socket, NULL);
		if (w)
			watch_close(w);
		return 0;
	}
	if (!w)
		w = watch_new(s, socket);
	if (!w)
		return -1;
	curl_multi_assign(s->multi, socket, w);
	if (what & CURL_POLL_IN)
		events |= UV_READABLE;
	if (what & CURL_POLL_OUT)
		events |= UV_WRITABLE;
	return uv_poll_start(&w->poll, events, on_poll) ? -1 : 0;
}

/* ---- sending ------------------------------------------------------------ */

static int header_add(struct store_call *c, const char *name, const char *value)
{
	char line[VAULT_TOKEN_MOST + 64];
	struct curl_slist *more = NULL;
	int n = snprintf(line, sizeof(line), "%s: %s", name, value);

	if (n > 0 && (size_t)n < sizeof(line))
		more = curl_slist_append(c->headers, line);
	secret_wipe(line, sizeof(line));
	if (!more)
		return -ENOMEM;
	c->headers = more;
	return 0;
}

static int headers_set(struct store_call *c, const struct vault_call *call,
    const struct secret *token)
{
	const char *name_space = c->store->name_space;
	int r = header_add(c, "X-Vault-Request", "true");

	if (!r && token)
		r = header_add(c, "X-Vault-Token", secret_bytes(token));
	if (!r && name_space)
		r = header_add(c, "X-Vault-Namespace", name_space);
	if (!r) /* empty: none, where libcurl would put one of its own */
		r = header_add(
		    c, "Content-Type", call->body ? "application/json" : "");
	if (!r) /* no "100-continue" round trip */
		r = header_add(c, "Expect", "");
	return r;
}

#define SET(option, value)                                                     \
	(r = r ? r : curl_easy_setopt(c->easy, (option), (value)))

static int trust_set(struct store_call *c)
{
	const struct store *s = c->store;
	CURLcode r = CURLE_OK;

	if (s->ca_file) {
		SET(CURLOPT_CAINFO, s->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}
	if (s->pin) {
		SET(CURLOPT_PINNEDPUBLICKEY, s->pin);
		if (!s->ca_file) { /* the key is the name */
			SET(CURLOPT_SSL_VERIFYPEER, 0L);
			SET(CURLOPT_SSL_VERIFYHOST, 0L);
		}
	}
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	return r ? -ENOMEM : 0;
}

/* Ours alone decides: what libcurl would read from the environment is off. */
static int proxy_set(struct store_call *c)
{
	const struct egress_proxy *proxy = c->store->proxy;
	CURLcode r = CURLE_OK;

	SET(CURLOPT_PROXY, proxy ? c->store->proxy_url : "");
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	if (proxy && proxy->user) {
		SET(CURLOPT_PROXYAUTH, CURLAUTH_BASIC);
		SET(CURLOPT_PROXYUSERNAME, secret_bytes(proxy->user));
		SET(CURLOPT_PROXYPASSWORD, secret_bytes(proxy->password));
	}
	return r ? -ENOMEM : 0;
}

static int method_set(struct store_call *c, const struct vault_call *call)
{
	CURLcode r = CURLE_OK;

	if (!strcmp(call->method, "HEAD"))
		SET(CURLOPT_NOBODY, 1L);
	else
		SET(CURLOPT_CUSTOMREQUEST, call->method);
	if (strcmp(call->method, "POST"))
		return r ? -ENOMEM : 0;
	SET(CURLOPT_POSTFIELDSIZE,
	    c->request ? (long)secret_size(c->request) : 0L);
	SET(CURLOPT_POSTFIELDS, c->request ? secret_bytes(c->request) : "");
	return r ? -ENOMEM : 0;
}

static int behaviour_set(struct store_call *c, const char *url)
{
	CURLcode r = CURLE_OK;

	SET(CURLOPT_URL, url);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)STORE_CONNECT_MS);
	SET(CURLOPT_TIMEOUT_MS, c->store->call_ms);
	SET(CURLOPT_USERAGENT, "pharos-bridge/" PHAROS_VERSION);
	SET(CURLOPT_HTTPHEADER, c->headers);
	SET(CURLOPT_ERRORBUFFER, c->error);
	SET(CURLOPT_WRITEFUNCTION, on_bytes);
	SET(CURLOPT_WRITEDATA, c);
	SET(CURLOPT_PRIVATE, c);
	return r ? -ENOMEM : 0;
}

static int call_fill(struct store_call *c, const struct vault_call *call,
    const struct secret *token)
{
	char *url = NULL;
	int r = headers_set(c, call, token);

	if (!r && call->body)
		r = secret_from(&c->request, secret_bytes(call->body),
		    secret_size(call->body));
	if (!r && asprintf(&url, "%s%s", c->store->address, call->target) < 0)
		r = -ENOMEM;
	c->easy = curl_easy_init();
	if (!r && !c->easy)
		r = -ENOMEM;
	if (!r)
		r = behaviour_set(c, url);
	if (!r)
		r = proxy_set(c);
	if (!r)
		r = method_set(c, call);
	if (!r)
		r = trust_set(c);
	free(url);
	return r;
}

int store_send(struct store_call **out, struct store *s,
    const struct vault_call *call, const struct secret *token, store_fn fn,
    void *ctx)
{
	struct store_call *c;
	int r;

	if (s->n_calls == STORE_CALLS_MOST) {
		s->refused++;
		return STORE_E_BUSY;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->store = s;
	c->began_us = loop_us(s->loop);
	c->fn = fn;
	c->ctx = ctx;
	r = call_fill(c, call, token);
	if (!r && curl_multi_add_handle(s->multi, c->easy))
		r = -ENOMEM;
	if (r) {
		call_free(c);
		return r;
	}
	c->next = s->calls;
	c->link = &s->calls;
	if (c->next)
		c->next->link = &c->next;
	s->calls = c;
	s->n_calls++;
	*out = c;
	return 0;
}

void store_cancel(struct store_call *c)
{
	if (!c)
		return;
	curl_multi_remove_handle(c->store->multi, c->easy);
	call_unlink(c);
	call_free(c);
}

/* ---- the whole ---------------------------------------------------------- */

static int multi_open(struct store *s)
{
	s->multi = curl_multi_init();
	if (!s->multi ||
	    curl_multi_setopt(s->multi, CURLMOPT_SOCKETFUNCTION, on_socket) ||
	    curl_multi_setopt(s->multi, CURLMOPT_SOCKETDATA, s) ||
	    curl_multi_setopt(s->multi, CURLMOPT_TIMERFUNCTION, on_timer) ||
	    curl_multi_setopt(s->multi, CURLMOPT_TIMERDATA, s) ||
	    curl_multi_setopt(s->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
		(long)STORE_CONNECTIONS_MOST))
		return -ENOMEM;
	return 0;
}

static void metrics_init(struct store *s)
{
	s->rows[0] = (struct metric_row){
		.name = "pharos_bridge_store_calls_total",
		.labels = "result=\"answered\"",
		.help = "Calls to the store.",
		.value = &s->answered,
	};
	s->rows[1] = (struct metric_row){
		.name = "pharos_bridge_store_calls_total",
		.labels = "result=\"failed\"",
		.value = &s->failed,
	};
	s->rows[2] = (struct metric_row){
		.name = "pharos_bridge_store_calls_total",
		.labels = "result=\"busy\"",
		.value = &s->refused,
	};
	s->rows[3] = (struct metric_row){
		.name = "pharos_bridge_store_calls",
		.help = "Calls to the store under way.",
		.kind = METRIC_GAUGE,
		.value = &s->n_calls,
	};
	s->rows[4] = (struct metric_row){
		.name = "pharos_bridge_store_call_seconds",
		.help = "Calls to the store that were answered.",
		.kind = METRIC_HISTOGRAM,
		.histogram = &s->took,
	};
	s->metrics = (struct metric_table){ .rows = s->rows,
		.n_rows = N_ELEMS(s->rows) };
}

int store_open(struct store **out, struct loop *loop,
    const struct store_config *config, struct fault *fault)
{
	struct store *s = calloc(1, sizeof(*s));
	int r;

	if (!s || curl_global_init(CURL_GLOBAL_DEFAULT)) {
		free(s);
		return -ENOMEM;
	}
	s->loop = loop;
	metrics_init(s);
	r = take_config(s, config, fault);
	if (!r)
		r = multi_open(s);
	if (r)
		store_close(s);
	else
		*out = s;
	return r;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	while (s->calls)
		store_cancel(s->calls);
	if (s->multi)
		curl_multi_cleanup(s->multi); /* tells on_socket of each */
	loop_cancel(s->loop, &s->timer);
	curl_global_cleanup();
	free(s->address);
	free(s->ca_file);
	free(s->name_space);
	free(s->pin);
	free(s->proxy_url);
	free(s);
}

const char *store_address(const struct store *s)
{
	return s->address;
}

struct metric_table *store_metrics(struct store *s)
{
	return &s->metrics;
}

const char *store_last_fault(const struct store *s)
{
	return s->last.text;
}
