/* net/cidr.h: networks as "10.0.0.0/8", and is an address in one of them? */
#pragma once
#include "base/err.h"

struct cidr {
	uint8_t family; /* 4, 6 */
	uint8_t bits;
	uint8_t address[16]; /* the bits after the first `bits` are zero */
};

enum {
	CIDR_E_FORM = 1, /* not a network */
	CIDR_E_REST,	 /* bits are set behind the prefix, "10.0.0.7/8" */
};
/** cidr_parse() - "10.0.0.0/8", "2001:db8::/32"; an address alone is itself
 * @out: at CIDR_E_REST too, the network around it; a v4-mapped one as IPv4
 * Return: 0; CIDR_E_*. */
MUST_USE int cidr_parse(struct cidr *out, const char *text);
/** cidr_has() - is @host, an address as text without brackets, in it? A name is
 * in none. */
bool cidr_has(const struct cidr *c, const char *host);
/** cidr_is_public() - can @host, an address as in cidr_has(), be a server of
 * the internet? Not: what the registries of RFC 6890 keep for private networks,
 * the machine itself, its link, documentation, multicast, or a way to reach
 * IPv4 by IPv6. */
bool cidr_is_public(const char *host);
