#include "net/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <strings.h>

enum { V4_MAPPED_AT = 12 };

static bool host_is_name(const char *host, size_t n)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789.-_";

	return n <= ADDRESS_HOST_MOST && strspn(host, allowed) >= n;
}

/* The host of @text, which ends at @colon; brackets are dropped. */
static int host_parse(
    char host[ADDRESS_HOST_MOST + 1], const char *text, const char *colon)
{
	size_t n = (size_t)(colon - text);
	bool bracketed = n && text[0] == '[';
	struct in6_addr v6;

	if (bracketed) {
		if (n < 2 || text[n - 1] != ']')
			return ADDRESS_E_HOST;
		text++;
		n -= 2;
	} else if (!host_is_name(text, n)) {
		return ADDRESS_E_HOST;
	}
	if (n > ADDRESS_HOST_MOST)
		return ADDRESS_E_HOST;
	memcpy(host, text, n);
	host[n] = '\0';
	if (bracketed && inet_pton(AF_INET6, host, &v6) != 1)
		return ADDRESS_E_HOST;
	return 0;
}

static int port_parse(uint16_t *out, const char *text)
{
	unsigned long port = 0;
	size_t n = strlen(text);

	if (!n || n > 5 || strspn(text, "0123456789") != n)
		return ADDRESS_E_PORT;
	for (; *text; text++)
		port = port * 10 + (unsigned long)(*text - '0');
	if (port > UINT16_MAX)
		return ADDRESS_E_PORT;
	*out = (uint16_t)port;
	return 0;
}

int address_parse(struct address *out, const char *text)
{
	const char *colon = strrchr(text, ':');
	struct address a;
	int r;

	if (!colon || strchr(colon, ']'))
		return ADDRESS_E_PORT;
	r = host_parse(a.host, text, colon);
	if (r)
		return r;
	r = port_parse(&a.port, colon + 1);
	if (r)
		return r;
	*out = a;
	return 0;
}

/* The port by which a scheme is known; 0: unknown. */
static uint16_t port_of_scheme(const char *url, size_t n)
{
	static const struct {
		const char *scheme;
		uint16_t port;
	} usual[] = { { "https", 443 }, { "http", 80 }, { "socks5", 1080 },
		{ "socks5h", 1080 } };

	for (size_t i = 0; i < N_ELEMS(usual); i++)
		if (n == strlen(usual[i].scheme) &&
		    !strncasecmp(url, usual[i].scheme, n))
			return usual[i].port;
	return 0;
}

uint16_t address_port_of(const char *text)
{
	const char *authority = strstr(text, "://");
	const char *at, *colon;
	char port[6] = "";
	uint16_t found = 0;
	size_t n;

	authority = authority ? authority + 3 : text;
	n = strcspn(authority, "/?#");
	at = memrchr(authority, '@', n);
	n = at ? n - (size_t)(at + 1 - authority) : n;
	authority = at ? at + 1 : authority;
	colon = memrchr(authority, ':', n);
	if (colon && !memchr(colon, ']', n - (size_t)(colon - authority))) {
		n -= (size_t)(colon + 1 - authority);
		memcpy(port, colon + 1, n < sizeof(port) ? n : 0);
		return port_parse(&found, port) ? 0 : found;
	}
	at = strstr(text, "://");
	return at ? port_of_scheme(text, (size_t)(at - text)) : 0;
}

static void text_of_v4(char out[ADDRESS_TEXT_MOST], const void *in, int port)
{
	char host[INET_ADDRSTRLEN] = "?";

	inet_ntop(AF_INET, in, host, sizeof(host));
	(void)snprintf(out, ADDRESS_TEXT_MOST, "%s:%d", host, port);
}

static void text_of_v6(
    char out[ADDRESS_TEXT_MOST], const struct sockaddr_in6 *in)
{
	char host[INET6_ADDRSTRLEN] = "?";
	int port = ntohs(in->sin6_port);

	if (IN6_IS_ADDR_V4MAPPED(&in->sin6_addr)) {
		text_of_v4(out, in->sin6_addr.s6_addr + V4_MAPPED_AT, port);
		return;
	}
	inet_ntop(AF_INET6, &in->sin6_addr, host, sizeof(host));
	(void)snprintf(out, ADDRESS_TEXT_MOST, "[%s]:%d", host, port);
}

bool address_place(struct address_place *out, const char *host, uint16_t port)
{
	struct address_place place = { .size = 0 };

	if (inet_pton(AF_INET, host, &place.sa.v4.sin_addr) == 1) {
		place.sa.v4.sin_family = AF_INET;
		place.sa.v4.sin_port = htons(port);
		place.size = sizeof(place.sa.v4);
	} else if (inet_pton(AF_INET6, host, &place.sa.v6.sin6_addr) == 1) {
		place.sa.v6.sin6_family = AF_INET6;
		place.sa.v6.sin6_port = htons(port);
		place.size = sizeof(place.sa.v6);
	} else {
		return false;
	}
	*out = place;
	return true;
}

void address_text(char out[ADDRESS_TEXT_MOST], const struct sockaddr *sa)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	switch (sa->sa_family) {
	case AF_INET:
		memcpy(&v4, sa, sizeof(v4));
		text_of_v4(out, &v4.sin_addr, ntohs(v4.sin_port));
		break;
	case AF_INET6:
		memcpy(&v6, sa, sizeof(v6));
		text_of_v6(out, &v6);
		break;
	default:
		(void)snprintf(out, ADDRESS_TEXT_MOST,
		    sa->sa_family == AF_UNIX ? "unix" : "unknown");
	}
}

static void source_of_v4(struct address_source *out, const void *in)
{
	out->family = 4;
	memcpy(out->prefix, in, sizeof(struct in_addr));
}

static void source_of_v6(struct address_source *out, const struct in6_addr *in)
{
	if (IN6_IS_ADDR_V4MAPPED(in)) {
		source_of_v4(out, in->s6_addr + V4_MAPPED_AT);
		return;
	}
	out->family = 6;
	memcpy(out->prefix, in, sizeof(out->prefix));
}

void address_source(struct address_source *out, const struct sockaddr *sa)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	memset(out, 0, sizeof(*out));
	if (sa->sa_family == AF_INET) {
		memcpy(&v4, sa, sizeof(v4));
		source_of_v4(out, &v4.sin_addr);
	} else if (sa->sa_family == AF_INET6) {
		memcpy(&v6, sa, sizeof(v6));
		source_of_v6(out, &v6.sin6_addr);
	}
}

void address_source_of(struct address_source *out, const char *text)
{
	struct address a;
	struct in_addr v4;
	struct in6_addr v6;

	memset(out, 0, sizeof(*out));
	if (address_parse(&a, text))
		return;
	if (inet_pton(AF_INET, a.host, &v4) == 1)
		source_of_v4(out, &v4);
	else if (inet_pton(AF_INET6, a.host, &v6) == 1)
		source_of_v6(out, &v6);
}

bool address_is_loopback(const char *host)
{
	struct in6_addr v6;
	struct in_addr v4;
	char bare[ADDRESS_HOST_MOST + 1];
	size_t n = strlen(host);

	if (*host == '[' && n > 2 && n - 2 < sizeof(bare)) {
		memcpy(bare, host + 1, n - 2);
		bare[n - 2] = '\0';
		host = bare;
	}
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	if (inet_pton(AF_INET6, host, &v6) == 1)
		return IN6_IS_ADDR_LOOPBACK(&v6);
	return !strcmp(host, "localhost");
}
