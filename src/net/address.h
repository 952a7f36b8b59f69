/* net/address.h: host:port texts, socket addresses, and the source that limits
 * count by. */
#pragma once
#include "base/err.h"
#include <netinet/in.h>
#include <sys/socket.h>

enum { ADDRESS_HOST_MOST = 255 };

struct address {
	char host[ADDRESS_HOST_MOST + 1]; /* "" for all; no brackets */
	uint16_t port;
};

enum { ADDRESS_E_HOST = 1, ADDRESS_E_PORT };
/** address_parse() - "host:port", "[v6]:port", ":port"
 * Port 0 is accepted: to listen on, it is any free port; nothing can be dialled
 * there.
 * Return: 0; ADDRESS_E_HOST: not a name or address; ADDRESS_E_PORT: missing or
 * above 65535. */
MUST_USE int address_parse(struct address *out, const char *text);
/** address_port_of() - which TCP port @text leads to: "host:port", or a URL
 * ("https://host/", "socks5://user@host:1080")
 * Return: 0 if there is none in it and the scheme has no usual one. */
uint16_t address_port_of(const char *text);
/** address_is_loopback() - is @host (brackets may stand around it) "localhost"
 * or an address of the machine itself? Other names are not looked up: false. */
bool address_is_loopback(const char *host);
/* As bind() and connect() take it. */
struct address_place {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} sa;
	socklen_t size;
};
/** address_place() - @host: an IPv4 or IPv6 address, no brackets
 * Return: is it? If not, @out is untouched. */
bool address_place(struct address_place *out, const char *host, uint16_t port);
/** address_text() - a socket address as "1.2.3.4:5" or "[::1]:5"; a v4-mapped
 * one as the IPv4 one; "unix" or "unknown" for other families */
enum { ADDRESS_TEXT_MOST = 64 };
void address_text(char out[ADDRESS_TEXT_MOST], const struct sockaddr *sa);

/* What counts as one source: an IPv4 address, an IPv6 /64; a v4-mapped address
 * counts as the IPv4 one. Comparable with memcmp. */
struct address_source {
	uint8_t family; /* 4, 6; 0: unknown (all those are one source) */
	uint8_t prefix[8];
};
void address_source(struct address_source *out, const struct sockaddr *sa);
/** address_source_of() - the same from a text of address_text() */
void address_source_of(struct address_source *out, const char *text);
