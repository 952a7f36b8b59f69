#include "net/egress.h"
#include "base/log.h"
#include "base/number.h"
#include "net/cidr.h"
#include "net/loop.h"
#include "net/tls.h"

#include <strings.h>

enum {
	LOGIN_MOST = 1024, /* bytes of user and of password */
	SOCKS_LOGIN_MOST = 255,
	TARGET_MOST = ADDRESS_HOST_MOST + 16,
};

enum except_kind { EXCEPT_ALL, EXCEPT_NETWORK, EXCEPT_NAME, EXCEPT_BELOW };

struct except {
	enum except_kind kind;
	uint16_t port; /* 0: every one */
	struct cidr network;
	char name[ADDRESS_HOST_MOST + 1]; /* "example.com" */
};

struct egress {
	struct egress_proxy proxy;
	bool has_proxy;
	struct except *except;
	size_t n_except;
};

const char *egress_scheme(enum egress_kind kind)
{
	static const char *const names[EGRESS_KINDS] = { "http", "https",
		"socks5" };

	return names[kind];
}

void egress_free(struct egress *e)
{
	if (!e)
		return;
	tls_context_free(e->proxy.tls);
	secret_free(e->proxy.user);
	secret_free(e->proxy.password);
	free(e->proxy.target);
	free(e->except);
	free(e);
}

void egress_freep(struct egress **e)
{
	egress_free(*e);
}

/* ---- the URL ------------------------------------------------------------- */

/* Never the URL itself: a password may stand anywhere in a wrong one. */
static int bad_url(
    const struct egress_words *words, const char *what, struct fault *fault)
{
	return fault_set(fault, -EINVAL,
	    "write http://proxy.example:3128, or socks5://USER:PASSWORD@"
	    "HOST:PORT with / @ : % in user and password as %2F %40 %3A %25",
	    "egress proxy of %s: %s", words->from, what);
}

/* The scheme goes; @at stands behind it. Return: what is wrong, or NULL. */
static const char *read_scheme(struct egress_proxy *p, const char **at)
{
	static const struct {
		const char *name;
		enum egress_kind kind;
	} schemes[] = { { "http", EGRESS_HTTP }, { "https", EGRESS_HTTPS },
		{ "socks5", EGRESS_SOCKS5 }, { "socks5h", EGRESS_SOCKS5 } };
	const char *end = strstr(*at, "://");
	size_t n = end ? (size_t)(end - *at) : 0;

	if (!end)
		return NULL; /* http */
	for (size_t i = 0; i < N_ELEMS(schemes); i++)
		if (strlen(schemes[i].name) == n &&
		    !strncasecmp(schemes[i].name, *at, n)) {
			p->kind = schemes[i].kind;
			*at = end + 3;
			return NULL;
		}
	return "its scheme is none of http, https, socks5, socks5h";
}

static int hex_of(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* Percent-decoding; no control character may come out. */
static bool decode(struct secret *to, const char *at, const char *end)
{
	while (at < end) {
		int high = -1, low = -1;
		char c = *at++;

		if (c == '%') {
			if (end - at >= 2) {
				high = hex_of(at[0]);
				low = hex_of(at[1]);
			}
			if (high < 0 || low < 0)
				return false;
			c = (char)(high << 4 | low);
			at += 2;
		}
		if ((unsigned char)c < ' ' || c == 0x7f ||
		    secret_append(to, &c, 1))
			return false;
	}
	return true;
}

/* USER[:PASSWORD]. Return: what is wrong, or NULL. */
static const char *read_login(
    struct egress_proxy *p, const char *at, const char *end)
{
	const char *colon = memchr(at, ':', (size_t)(end - at));
	const char *user_end = colon ? colon : end;
	size_t most = p->kind == EGRESS_SOCKS5 ? SOCKS_LOGIN_MOST : LOGIN_MOST;

	if (secret_new(&p->user, most) || secret_new(&p->password, most))
		return "no locked memory for its password (RLIMIT_MEMLOCK)";
	if (!decode(p->user, at, user_end) ||
	    (colon && !decode(p->password, colon + 1, end)))
		return "its user or password is too long, or not "
		       "percent-encoded as it must be";
	if (!secret_size(p->user))
		return "its user is empty";
	if (p->kind != EGRESS_SOCKS5 && strchr(secret_bytes(p->user), ':'))
		return "its user has a colon, which Basic cannot say";
	if (p->kind == EGRESS_SOCKS5 && !secret_size(p->password))
		return "its password is missing, and SOCKS needs one";
	return NULL;
}

static const char *read_where(struct egress_proxy *p, const char *at)
{
	char target[TARGET_MOST + 1];
	size_t n = strcspn(at, "/");

	if (strcmp(at + n, "/") && at[n])
		return "something follows the port";
	if (n > TARGET_MOST)
		return "its host is too long";
	memcpy(target, at, n);
	target[n] = '\0';
	if (address_parse(&p->where, target) || !p->where.host[0] ||
	    !p->where.port)
		return "it has no HOST:PORT";
	p->target = strdup(target);
	return p->target ? NULL : "out of memory";
}

/* Without ALPN, which few proxies know: that means HTTP/1.1. */
static int open_tls(struct egress_proxy *p, struct fault *fault)
{
	const struct tls_config config = { .end = TLS_CLIENT,
		.hop = "TLS with the egress proxy",
		.trust = TLS_TRUST_SYSTEM };

	return tls_context_new(&p->tls, &config, fault);
}

static int read_url(struct egress_proxy *p, const struct egress_words *words,
    struct fault *fault)
{
	const char *at = words->url, *host, *wrong = read_scheme(p, &at);

	if (wrong)
		return bad_url(words, wrong, fault);
	host = strchr(at, '@');
	if (host && strchr(host + 1, '@'))
		return bad_url(words, "it has more than one @", fault);
	if (host)
		wrong = read_login(p, at, host);
	if (!wrong)
		wrong = read_where(p, host ? host + 1 : at);
	if (wrong)
		return bad_url(words, wrong, fault);
	return p->kind == EGRESS_HTTPS ? open_tls(p, fault) : 0;
}

/* ---- exceptions ---------------------------------------------------------- */

/* "[::1]:443", "example.com:443", "example.com", "::1": the port goes. */
static bool cut_port(char *text, uint16_t *port)
{
	char *colon = strrchr(text, ':'), *end = text + strlen(text);
	uint64_t number;

	*port = 0;
	if (*text == '[') {
		char *close = strchr(text, ']');

		if (!close || (close[1] && close[1] != ':'))
			return false;
		colon = close[1] ? close + 1 : NULL;
		end = close;
	} else if (colon && strchr(text, ':') != colon) {
		return true; /* an IPv6 address */
	}
	if (colon) {
		if (number_parse(colon + 1, UINT16_MAX, &number) || !number)
			return false;
		*port = (uint16_t)number;
		if (*text != '[')
			end = colon;
	}
	*end = '\0';
	if (*text == '[')
		memmove(text, text + 1, strlen(text));
	return true;
}

static bool read_except(struct except *x, char *text)
{
	if (!strcmp(text, "*")) {
		x->kind = EXCEPT_ALL;
		return true;
	}
	if (strchr(text, '/')) {
		x->kind = EXCEPT_NETWORK;
		return cidr_parse(&x->network, text) != CIDR_E_FORM;
	}
	if (!cut_port(text, &x->port))
		return false;
	if (!cidr_parse(&x->network, text)) {
		x->kind = EXCEPT_NETWORK;
		return true;
	}
	x->kind = EXCEPT_NAME;
	if (*text == '*' && text[1] == '.')
		text++;
	if (*text == '.') {
		x->kind = EXCEPT_BELOW;
		text++;
	}
	if (!*text || strlen(text) > ADDRESS_HOST_MOST || strpbrk(text, "*:@"))
		return false;
	memcpy(x->name, text, strlen(text) + 1);
	return true;
}

static int read_excepts(struct egress *e, const char *list, struct fault *fault)
{
	CLEANUP(free_p) char *copy = strdup(list ? list : "");
	char *rest = NULL, *text;

	e->except = calloc(EGRESS_EXCEPT_MOST, sizeof(*e->except));
	if (!copy || !e->except)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	for (text = strtok_r(copy, ", \t", &rest); text;
	     text = strtok_r(NULL, ", \t", &rest)) {
		if (e->n_except == EGRESS_EXCEPT_MOST)
			return fault_set(fault, -EINVAL,
			    "name networks in place of addresses",
			    "NO_PROXY: more than %d items", EGRESS_EXCEPT_MOST);
		if (!read_except(&e->except[e->n_except], text))
			return fault_set(fault, -EINVAL,
			    "write a name, .name, an address, a network "
			    "or *, with commas between",
			    "NO_PROXY: '%.80s' is none of those", text);
		e->n_except++;
	}
	return 0;
}

/* Is @host below @name, or, with @itself, that name? */
static bool is_below(const char *host, size_t n, const char *name, bool itself)
{
	size_t size = strlen(name);

	if (n < size || strncasecmp(host + n - size, name, size) != 0)
		return false;
	return n == size ? itself : host[n - size - 1] == '.';
}

static bool except_has(const struct except *x, const struct address *where)
{
	size_t n = strlen(where->host);

	if (x->port && x->port != where->port)
		return false;
	if (n && where->host[n - 1] == '.')
		n--; /* the root, written out */
	switch (x->kind) {
	case EXCEPT_ALL:
		return true;
	case EXCEPT_NETWORK:
		return cidr_has(&x->network, where->host);
	default:
		return is_below(
		    where->host, n, x->name, x->kind == EXCEPT_NAME);
	}
}

/* ---- the whole ----------------------------------------------------------- */

int egress_new(
    struct egress **out, const struct egress_words *words, struct fault *fault)
{
	CLEANUP(egress_freep) struct egress *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	if (words->url) {
		r = read_url(&e->proxy, words, fault);
		if (!r)
			r = read_excepts(e, words->except, fault);
		if (r)
			return r;
		e->has_proxy = true;
	}
	*out = STEAL(e);
	return 0;
}

const struct egress_proxy *egress_proxy(const struct egress *e)
{
	return e && e->has_proxy ? &e->proxy : NULL;
}

void egress_profile(const struct egress *e, struct profile *profile)
{
	const struct egress_proxy *proxy = egress_proxy(e);

	if (!proxy)
		return;
	profile_resolver(profile);
	profile_port(profile, proxy->where.port);
	if (proxy->tls)
		profile_system_cas(profile);
}

void egress_profile_of(const char *option, struct profile *profile)
{
	CLEANUP(egress_freep) struct egress *e = NULL;
	struct egress_words words;

	egress_choose(&words, option, getenv);
	if (!egress_new(&e, &words, NULL))
		egress_profile(e, profile);
}

const struct egress_proxy *egress_for(
    const struct egress *e, const struct address *where)
{
	if (!egress_proxy(e) || address_is_loopback(where->host))
		return NULL;
	for (size_t i = 0; i < e->n_except; i++)
		if (except_has(&e->except[i], where))
			return NULL;
	return &e->proxy;
}

int egress_open(
    struct egress **out, struct loop *loop, char *option, struct fault *fault)
{
	const struct egress_proxy *proxy;
	struct egress_words words;
	int r;

	egress_choose(&words, option, getenv);
	r = egress_new(out, &words, fault);
	if (option)
		secret_wipe(option, strlen(option));
	if (r)
		return r;
	proxy = egress_proxy(*out);
	if (proxy)
		log_info("egress proxy", LOG_STR("proxy", proxy->target),
		    LOG_STR("scheme", egress_scheme(proxy->kind)),
		    LOG_BOOL("login", proxy->user),
		    LOG_STR("from", words.from));
	loop_set_egress(loop, *out);
	return 0;
}

void egress_close(struct egress *e, struct loop *loop)
{
	if (!e)
		return;
	loop_set_egress(loop, NULL);
	egress_free(e);
}
