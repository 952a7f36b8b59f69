/* wire/prefix.h: an IP address with the length of its network, of either
 * family, as a value and as strict text.
 *
 * Three forms of text, one type: a network "10.88.0.0/16", which has no bit
 * behind its length; one host "10.88.0.2", which is as long as the family has
 * it; and an interface's address "10.88.0.1/16", which is both. Written is
 * always the one text of RFC 5952. An IPv4 address in IPv6's form and a zone
 * ("fe80::1%eth0") are refused: two readers would understand them differently.
 */
#pragma once
#include "base/err.h"

struct prefix {
	uint8_t family; /* 4, 6; 0: none */
	uint8_t bits;
	uint8_t address[16]; /* an IPv4 address in the first four; rest zero */
};

enum { PREFIX_TEXT_MOST = 43 }; /* characters, without a NUL */

enum {
	PREFIX_E_FORM = 1, /* not an address, or not a length of its family */
	PREFIX_E_REST,	   /* bits are set behind the length, "10.0.0.7/8" */
};
/** prefix_read() - a network; an address alone is a network of one
 * Return: 0; PREFIX_E_*. */
MUST_USE int prefix_read(struct prefix *out, const char *text);
/** prefix_read_host() - an address alone; its length is the family's
 * prefix_read_address() - an address with the length of its network, whose
 * bits behind it stay; an address alone is a network of one
 * Return: 0; PREFIX_E_FORM. */
MUST_USE int prefix_read_host(struct prefix *out, const char *text);
MUST_USE int prefix_read_address(struct prefix *out, const char *text);
/** prefix_write() - with its length, always
 * prefix_write_host() - the address alone */
void prefix_write(char out[PREFIX_TEXT_MOST + 1], const struct prefix *p);
void prefix_write_host(char out[PREFIX_TEXT_MOST + 1], const struct prefix *p);

/** prefix_width() - the bits of an address of its family: 32, 128 */
unsigned prefix_width(const struct prefix *p);
/** prefix_network() - @p without the bits behind its length
 * prefix_host() - @p as a network of one */
struct prefix prefix_network(const struct prefix *p);
struct prefix prefix_host(const struct prefix *p);
/** prefix_has() - is all of @part in the network @whole?
 * prefix_overlaps() - does one have the other? Families never do. */
bool prefix_has(const struct prefix *whole, const struct prefix *part);
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
/** prefix_compare() - an order of all: family, address, length; 0: equal */
int prefix_compare(const struct prefix *a, const struct prefix *b);
