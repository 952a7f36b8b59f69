/* link/web.c: calls to one server, as transfers of libcurl.
 *
 * A call is a libcurl handle with what we must keep for it: its headers, its
 * body, the answer as far as it has come. It is in the list of its server from
 * web_send() until its function runs or it is cancelled; web_close() empties
 * that list. A finished call is taken out before its function runs, so the
 * callee may send and cancel.
 *
 * Limits: calls under way (WEB_E_BUSY), connections (libcurl queues), bytes of
 * an answer (the transfer is ended), bytes of a header, and the time for all of
 * a call.
 *
 * Bytes that may be a secret (header lines, the request's and the answer's
 * body) are wiped when they are freed. libcurl's own buffers, and its copy of
 * an egress proxy's password, are not ours to wipe; doc/threat-model.md counts
 * programs that call a server among those who see what passes.
 */
#include "link/web.h"
#include "base/hex.h"
#include "base/number.h"
#include "link/curlloop.h"
#include "net/address.h"
#include "net/cidr.h"
#include "net/egress.h"
#include "net/loop.h"
#include "net/tls.h"
#include <netdb.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <unistd.h>

struct web_call {
	struct web_call *next, **link;
	struct web *web;
	CURL *easy;
	struct curl_slist *headers, *connect_to;
	struct secret *request;
	char *body;
	size_t n, room;
	bool too_large;
	bool shunned; /* public_only, and an address that is not */
	uint64_t began_us;
	char error[CURL_ERROR_SIZE];
	web_fn fn;
	void *ctx;
};

struct web {
	struct loop *loop;
	struct curlloop *curl;
	struct web_call *calls;
	const struct web_words *words;
	char *agent, *address, *ca_file, *ca_pem, *pin, *cert_pem;
	struct secret *key_pem;
	char *url;	  /* what targets are put behind */
	char *host;	  /* for the Host header; NULL: as in the URL */
	char *connect_to; /* "::HOST:PORT", where the URL says another name */
	const struct egress_proxy *proxy; /* to be reached by; or NULL */
	char *proxy_url;		  /* without the login */
	unsigned calls_most;
	size_t answer_most;
	long call_ms;
	bool public_only;
	struct fault last;
	struct web_counts counts;
};

/* ---- configuration ------------------------------------------------------ */

/* A URL in its parts, as libcurl reads it. */
struct parts {
	char *scheme, *host, *port, *path;
};

static void parts_clear(struct parts *p)
{
	curl_free(p->scheme);
	curl_free(p->host);
	curl_free(p->port);
	curl_free(p->path);
}

static void url_freep(CURLU **url)
{
	curl_url_cleanup(*url);
}

static int bad_address(
    const struct web_config *config, const char *why, struct fault *fault)
{
	/* no password in a message */
	const char *at = strrchr(config->address, '@');

	return fault_set(fault, -EINVAL, why,
	    "%s %s: cannot be the address of "
	    "a %s",
	    config->words->address, at ? at + 1 : config->address,
	    config->words->who);
}

/* Parts that no address of ours has. */
static bool has_more(CURLU *url)
{
	static const CURLUPart odd[] = { CURLUPART_USER, CURLUPART_PASSWORD,
		CURLUPART_QUERY, CURLUPART_FRAGMENT };
	bool found = false;

	for (size_t i = 0; i < N_ELEMS(odd); i++) {
		char *text = NULL;

		found |= !curl_url_get(url, odd[i], &text, 0);
		curl_free(text);
	}
	return found;
}

/* https://host[:port][/path], or http:// on loopback. */
static int read_address(
    struct parts *p, const struct web_config *config, struct fault *fault)
{
	CLEANUP(url_freep) CURLU *url = curl_url();
	const char *form = config->words->address_form;

	if (!url)
		return -ENOMEM;
	if (curl_url_set(url, CURLUPART_URL, config->address, 0) ||
	    curl_url_get(url, CURLUPART_SCHEME, &p->scheme, 0) ||
	    curl_url_get(url, CURLUPART_HOST, &p->host, 0) ||
	    curl_url_get(url, CURLUPART_PORT, &p->port, CURLU_DEFAULT_PORT) ||
	    curl_url_get(url, CURLUPART_PATH, &p->path, 0) || has_more(url))
		return bad_address(config, form, fault);
	if (!config->takes_path && strcmp(p->path, "/") && *p->path)
		return bad_address(config, form, fault);
	if (!strcmp(p->scheme, "http") && !address_is_loopback(p->host))
		return fault_set(fault, -EINVAL,
		    "tokens would cross the network in the clear; use https://",
		    "%s %s: plain HTTP is for loopback only",
		    config->words->address, config->address);
	if (strcmp(p->scheme, "http") && strcmp(p->scheme, "https"))
		return bad_address(config, form, fault);
	return 0;
}

/* libcurl wants the pin as "sha256//" and base64. */
static int take_pin(
    struct web *w, const struct web_config *config, struct fault *fault)
{
	uint8_t pin[32];
	unsigned char text[4 * ((sizeof(pin) + 2) / 3) + 1];

	if (hex_decode(pin, sizeof(pin), config->pin_hex))
		return fault_set(fault, -EINVAL,
		    "give the SHA-256 of the server's public key, 64 hex "
		    "digits",
		    "%s: not 64 hex digits", config->words->pin);
	EVP_EncodeBlock(text, pin, sizeof(pin));
	return asprintf(&w->pin, "sha256//%s", (char *)text) < 0 ? -ENOMEM : 0;
}

/* By the proxy that every other connection would take, if any. */
static int take_proxy(
    struct web *w, const struct parts *p, const struct egress *egress)
{
	struct address where = { .port = 0 };
	const char *host = p->host + (*p->host == '[');
	uint64_t port = 0;

	if (!number_parse(p->port, UINT16_MAX, &port))
		where.port = (uint16_t)port;
	(void)snprintf(where.host, sizeof(where.host), "%.*s",
	    (int)strcspn(host, "]"), host);
	w->proxy = egress_for(egress, &where);
	if (!w->proxy)
		return 0;
	return asprintf(&w->proxy_url, "%s://%s",
		   w->proxy->kind == EGRESS_SOCKS5
		       ? "socks5h"
		       : egress_scheme(w->proxy->kind),
		   w->proxy->target) < 0
		   ? -ENOMEM
		   : 0;
}

/* A certificate of another name than the address has: that name is what the URL
 * says, so that TLS asks for it, and libcurl is told where to connect. */
static int take_names(
    struct web *w, const struct web_config *config, const struct parts *p)
{
	size_t n = strlen(w->address);

	if (!config->server_name) {
		w->url = strdup(w->address);
		return w->url ? 0 : -ENOMEM;
	}
	n = strlen(p->path) && p->path[strlen(p->path) - 1] == '/'
		? strlen(p->path) - 1
		: strlen(p->path);
	if (asprintf(&w->url, "%s://%s:%s%.*s", p->scheme, config->server_name,
		p->port, (int)n, p->path) < 0 ||
	    asprintf(&w->host, "%s:%s", p->host, p->port) < 0 ||
	    asprintf(&w->connect_to, "::%s:%s", p->host, p->port) < 0)
		return -ENOMEM;
	return 0;
}

/* Copy @text where there is one. */
static int keep(char **to, const char *text)
{
	*to = text ? strdup(text) : NULL;
	return text && !*to ? -ENOMEM : 0;
}

static int take_texts(struct web *w, const struct web_config *config)
{
	size_t n = strlen(config->address);
	const struct secret *key = config->key_pem;

	n -= config->address[n - 1] == '/';
	w->address = strndup(config->address, n);
	if (!w->address || keep(&w->agent, config->agent) ||
	    keep(&w->ca_file, config->ca_file) ||
	    keep(&w->ca_pem, config->ca_pem) ||
	    keep(&w->cert_pem, config->cert_pem))
		return -ENOMEM;
	return key ? secret_from(
			 &w->key_pem, secret_bytes(key), secret_size(key))
		   : 0;
}

static int take_config(
    struct web *w, const struct web_config *config, struct fault *fault)
{
	CLEANUP(parts_clear) struct parts parts = { .path = NULL };
	int r = read_address(&parts, config, fault);

	w->words = config->words;
	w->calls_most = config->calls_most;
	w->answer_most = config->answer_most;
	w->call_ms = config->call_ms;
	w->public_only = config->public_only;
	if (r)
		return r;
	if (config->ca_file && access(config->ca_file, R_OK))
		return fault_set(fault, -errno,
		    "give the PEM file of the CA that signed the server's "
		    "certificate",
		    "%s %s: %s", config->words->ca, config->ca_file,
		    strerror(errno));
	r = take_texts(w, config);
	if (!r)
		r = take_names(w, config, &parts);
	if (!r)
		r = take_proxy(w, &parts, config->egress);
	if (!r && config->pin_hex)
		r = take_pin(w, config, fault);
	return r;
}

/* ---- calls -------------------------------------------------------------- */

static void call_unlink(struct web_call *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	c->web->counts.under_way--;
}

static void call_free(struct web_call *c)
{
	if (c->easy)
		curl_easy_cleanup(c->easy);
	for (struct curl_slist *h = c->headers; h; h = h->next)
		secret_wipe(h->data, strlen(h->data));
	curl_slist_free_all(c->headers);
	curl_slist_free_all(c->connect_to);
	secret_free(c->request);
	if (c->body)
		secret_wipe(c->body, c->room);
	free(c->body);
	free(c);
}

/* Room for @n more bytes and a NUL; what is given back is wiped. */
static int body_grow(struct web_call *c, size_t n)
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
	struct web_call *c = ctx;

	(void)one; /* always 1 */
	c->too_large = c->n + n > c->web->answer_most;
	if (c->too_large || body_grow(c, n))
		return 0; /* ends the transfer */
	memcpy(c->body + c->n, bytes, n);
	c->n += n;
	c->body[c->n] = '\0';
	return n;
}

/* Was it the proxy in between? Then it is what is to be named. */
static bool proxy_fault(
    const struct web_call *c, CURLcode code, struct fault *f)
{
	const struct web *w = c->web;
	const char *text = *c->error ? c->error : curl_easy_strerror(code);
	long status = 0;

	if (!w->proxy)
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
		if (w->proxy->kind == EGRESS_SOCKS5)
			return false; /* it may as well be the server */
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
		    "%s %s: egress proxy %s: it answers CONNECT with %ld",
		    w->words->who, w->address, w->proxy->target, status);
	else
		fault_set(f, -EIO,
		    "check the proxy and its URL, or list this host in "
		    "NO_PROXY",
		    "%s %s: egress proxy %s: %s", w->words->who, w->address,
		    w->proxy->target, text);
	return true;
}

/* A handshake that the network ended: no certificate was looked at. */
static bool handshake_broke(const struct web_call *c, CURLcode code)
{
	long number = 0;

	if (code != CURLE_SSL_CONNECT_ERROR)
		return false;
	curl_easy_getinfo(c->easy, CURLINFO_OS_ERRNO, &number);
	return number == ECONNRESET || number == EPIPE;
}

/* What happened, in words for whoever runs the program. */
static int call_fault(const struct web_call *c, CURLcode code, struct fault *f)
{
	const struct web_words *words = c->web->words;
	const char *who = words->who, *address = c->web->address;
	const char *text = *c->error ? c->error : curl_easy_strerror(code);

	if (c->too_large)
		return fault_set(f, -EMSGSIZE, words->strange,
		    "%s %s: its answer is larger than %zu bytes", who, address,
		    c->web->answer_most);
	if (proxy_fault(c, code, f))
		return f->code;
	if (handshake_broke(c, code))
		code = CURLE_RECV_ERROR;
	if (c->shunned && code == CURLE_COULDNT_CONNECT)
		return fault_set(f, -EIO, words->reach,
		    "%s %s: its name leads to an address that is not of the "
		    "internet",
		    who, address);
	switch (code) {
	case CURLE_OPERATION_TIMEDOUT:
		return fault_set(f, -ETIMEDOUT, words->late,
		    "%s %s: no answer in time: %s", who, address, text);
	case CURLE_COULDNT_RESOLVE_HOST:
	case CURLE_COULDNT_CONNECT:
		return fault_set(f, -EIO, words->reach,
		    "%s %s: cannot be reached: %s", who, address, text);
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
	case CURLE_SSL_CONNECT_ERROR:
		return fault_set(f, -EIO, words->trust, "%s %s: TLS: %s", who,
		    address, text);
	case CURLE_GOT_NOTHING:
	case CURLE_RECV_ERROR:
	case CURLE_SEND_ERROR:
	case CURLE_PARTIAL_FILE:
	case CURLE_HTTP2:
	case CURLE_HTTP2_STREAM:
		return fault_set(f, -EIO, words->broke,
		    "%s %s: the connection broke: %s", who, address, text);
	default:
		return fault_set(
		    f, -EIO, words->strange, "%s %s: %s", who, address, text);
	}
}

static const char *header_of(const struct web_call *c, const char *name)
{
	struct curl_header *h;

	return curl_easy_header(c->easy, name, 0, CURLH_HEADER, -1, &h)
		   ? ""
		   : h->value;
}

static void on_done(void *ctx, CURLcode code)
{
	struct web_call *c = ctx;
	struct web_answer a = { .body = c->body ? c->body : "", .n = c->n };
	struct web *w = c->web;
	struct fault fault = FAULT_NONE;
	long status = 0;

	call_unlink(c);
	if (code) {
		call_fault(c, code, &fault);
		w->counts.failed++;
		w->last = fault;
		c->fn(c->ctx, NULL, &fault);
	} else {
		curl_easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
		a.status = (int)status;
		a.content_type = header_of(c, "content-type");
		a.retry_after = header_of(c, "retry-after");
		w->counts.answered++;
		metric_observe(&w->counts.took, loop_us(w->loop) - c->began_us);
		w->last = (struct fault)FAULT_NONE;
		c->fn(c->ctx, &a, NULL);
	}
	call_free(c);
}

/* ---- sending ------------------------------------------------------------ */

static int header_add(struct web_call *c, const char *name, const char *value)
{
	char line[WEB_HEADER_MOST];
	struct curl_slist *more = NULL;
	int n = snprintf(line, sizeof(line), "%s: %s", name, value);

	if (n > 0 && (size_t)n < sizeof(line)) {
		more = curl_slist_append(c->headers, line);
		secret_wipe(line, (size_t)n);
	} else {
		secret_wipe(line, sizeof(line));
	}
	if (!more)
		return -ENOMEM;
	c->headers = more;
	return 0;
}

/* Empty: none, where libcurl would put one of its own. */
static const char *type_of(const struct web_request *request)
{
	if (!request->body)
		return "";
	return request->body_type ? request->body_type : "application/json";
}

static int headers_set(struct web_call *c, const struct web_request *request)
{
	int r = 0;

	for (size_t i = 0; !r && i < request->n_headers; i++)
		r = header_add(
		    c, request->headers[i].name, request->headers[i].value);
	if (!r)
		r = header_add(c, "Content-Type", type_of(request));
	if (!r && c->web->host)
		r = header_add(c, "Host", c->web->host);
	if (!r) /* no "100-continue" round trip */
		r = header_add(c, "Expect", "");
	return r;
}

#define SET(option, value)                                                     \
	(r = r ? r : curl_easy_setopt(c->easy, (option), (value)))

/* Borrowed by libcurl: ours outlives the handle. */
static struct curl_blob blob_of(const void *bytes, size_t n)
{
	struct curl_blob blob = { .len = n, .flags = CURL_BLOB_NOCOPY };

	memcpy(&blob.data, &bytes, sizeof(bytes));
	return blob;
}

static int trust_set(struct web_call *c)
{
	const struct web *w = c->web;
	CURLcode r = CURLE_OK;

	if (w->ca_pem) {
		struct curl_blob ca = blob_of(w->ca_pem, strlen(w->ca_pem));

		SET(CURLOPT_CAINFO_BLOB, &ca);
	} else if (w->ca_file) {
		SET(CURLOPT_CAINFO, w->ca_file);
	}
	if (w->ca_pem || w->ca_file)
		SET(CURLOPT_CAPATH, NULL);
	if (w->pin) {
		SET(CURLOPT_PINNEDPUBLICKEY, w->pin);
		if (!w->ca_file && !w->ca_pem) { /* the key is the name */
			SET(CURLOPT_SSL_VERIFYPEER, 0L);
			SET(CURLOPT_SSL_VERIFYHOST, 0L);
		}
	}
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_CIPHER_LIST, TLS_CIPHERS_12);
	return r ? -ENOMEM : 0;
}

static int identity_set(struct web_call *c)
{
	const struct web *w = c->web;
	struct curl_blob cert, key;
	CURLcode r = CURLE_OK;

	if (!w->cert_pem)
		return 0;
	cert = blob_of(w->cert_pem, strlen(w->cert_pem));
	key = blob_of(secret_bytes(w->key_pem), secret_size(w->key_pem));
	SET(CURLOPT_SSLCERT_BLOB, &cert);
	SET(CURLOPT_SSLKEY_BLOB, &key);
	return r ? -ENOMEM : 0;
}

/* Ours alone decides: what libcurl would read from the environment is off. */
static int proxy_set(struct web_call *c)
{
	const struct egress_proxy *proxy = c->web->proxy;
	CURLcode r = CURLE_OK;

	SET(CURLOPT_PROXY, proxy ? c->web->proxy_url : "");
	SET(CURLOPT_NOPROXY, "");
	SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
	SET(CURLOPT_PROXY_SSL_CIPHER_LIST, TLS_CIPHERS_12);
	if (proxy && proxy->user) {
		SET(CURLOPT_PROXYAUTH, CURLAUTH_BASIC);
		SET(CURLOPT_PROXYUSERNAME, secret_bytes(proxy->user));
		SET(CURLOPT_PROXYPASSWORD, secret_bytes(proxy->password));
	}
	return r ? -ENOMEM : 0;
}

static int method_set(struct web_call *c, const char *method)
{
	CURLcode r = CURLE_OK;

	if (!strcmp(method, "HEAD"))
		SET(CURLOPT_NOBODY, 1L);
	else
		SET(CURLOPT_CUSTOMREQUEST, method);
	if (strcmp(method, "POST") != 0 && !c->request)
		return r ? -ENOMEM : 0;
	SET(CURLOPT_POSTFIELDSIZE,
	    c->request ? (long)secret_size(c->request) : 0L);
	SET(CURLOPT_POSTFIELDS, c->request ? secret_bytes(c->request) : "");
	return r ? -ENOMEM : 0;
}

static curl_socket_t on_socket(
    void *ctx, curlsocktype purpose, struct curl_sockaddr *to)
{
	struct web_call *c = ctx;
	char host[NI_MAXHOST];

	(void)purpose; /* there is one */
	c->shunned = getnameinfo(&to->addr, (socklen_t)to->addrlen, host,
			 sizeof(host), NULL, 0, NI_NUMERICHOST) ||
		     !cidr_is_public(host);
	return c->shunned ? CURL_SOCKET_BAD
			  : socket(to->family, to->socktype | SOCK_CLOEXEC,
				to->protocol);
}

static int behaviour_set(struct web_call *c, const char *url)
{
	CURLcode r = CURLE_OK;

	SET(CURLOPT_URL, url);
	SET(CURLOPT_CONNECT_TO, c->connect_to);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_CONNECTTIMEOUT_MS, (long)WEB_CONNECT_MS);
	SET(CURLOPT_TIMEOUT_MS, c->web->call_ms);
	SET(CURLOPT_USERAGENT, c->web->agent);
	SET(CURLOPT_HTTPHEADER, c->headers);
	SET(CURLOPT_ERRORBUFFER, c->error);
	SET(CURLOPT_WRITEFUNCTION, on_bytes);
	SET(CURLOPT_WRITEDATA, c);
	SET(CURLOPT_PRIVATE, c);
	if (c->web->public_only && !c->web->proxy) {
		SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
		SET(CURLOPT_OPENSOCKETDATA, c);
	}
	return r ? -ENOMEM : 0;
}

static int handle_set(struct web_call *c, const struct web_request *request)
{
	CLEANUP(free_p) char *url = NULL;
	int r;

	c->easy = curl_easy_init();
	if (!c->easy ||
	    asprintf(&url, "%s%s", c->web->url, request->target) < 0)
		return -ENOMEM;
	r = behaviour_set(c, url);
	if (!r)
		r = proxy_set(c);
	if (!r)
		r = method_set(c, request->method);
	if (!r)
		r = trust_set(c);
	return r ? r : identity_set(c);
}

static int call_fill(struct web_call *c, const struct web_request *request)
{
	int r = headers_set(c, request);

	if (!r && request->body)
		r = secret_from(&c->request, secret_bytes(request->body),
		    secret_size(request->body));
	if (!r && c->web->connect_to) {
		c->connect_to = curl_slist_append(NULL, c->web->connect_to);
		r = c->connect_to ? 0 : -ENOMEM;
	}
	return r ? r : handle_set(c, request);
}

int web_send(struct web_call **out, struct web *w,
    const struct web_request *request, web_fn fn, void *ctx)
{
	struct web_call *c;
	int r;

	if (w->counts.under_way == w->calls_most) {
		w->counts.refused++;
		return WEB_E_BUSY;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->web = w;
	c->began_us = loop_us(w->loop);
	c->fn = fn;
	c->ctx = ctx;
	r = call_fill(c, request);
	if (!r)
		r = curlloop_add(w->curl, c->easy);
	if (r) {
		call_free(c);
		return r;
	}
	c->next = w->calls;
	c->link = &w->calls;
	if (c->next)
		c->next->link = &c->next;
	w->calls = c;
	w->counts.under_way++;
	*out = c;
	return 0;
}

void web_cancel(struct web_call *c)
{
	if (!c)
		return;
	curlloop_remove(c->web->curl, c->easy);
	call_unlink(c);
	call_free(c);
}

/* ---- the whole ---------------------------------------------------------- */

int web_open(struct web **out, struct loop *loop,
    const struct web_config *config, struct fault *fault)
{
	struct web *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->loop = loop;
	r = curlloop_open(&w->curl, loop, config->connections_most, on_done);
	if (!r)
		r = take_config(w, config, fault);
	if (r)
		web_close(w);
	else
		*out = w;
	return r;
}

void web_close(struct web *w)
{
	if (!w)
		return;
	while (w->calls)
		web_cancel(w->calls);
	curlloop_close(w->curl);
	free(w->agent);
	free(w->address);
	free(w->ca_file);
	free(w->ca_pem);
	free(w->pin);
	free(w->cert_pem);
	secret_free(w->key_pem);
	free(w->url);
	free(w->host);
	free(w->connect_to);
	free(w->proxy_url);
	free(w);
}

const char *web_address(const struct web *w)
{
	return w->address;
}

const char *web_last_fault(const struct web *w)
{
	return w->last.text;
}

const struct web_counts *web_counts(const struct web *w)
{
	return &w->counts;
}
