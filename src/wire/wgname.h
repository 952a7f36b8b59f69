/* wire/wgname.h: the names that people give: of an interface, a peer, a zone,
 * and HOST:PORT of the tunnel's endpoint.
 *
 * Every such name goes into files, messages to the kernel, a firewall and other
 * people's configurations, so each has an alphabet in which there is nothing to
 * escape: no blank, no slash, no quote, no line end.
 */
#pragma once
#include "base/fault.h"

enum {
	WGNAME_INTERFACE_MOST = 15, /* the kernel's */
	WGNAME_PEER_MOST = 63,
	WGNAME_ZONE_MOST = 31,
	WGNAME_HOST_MOST = 253,
	WGNAME_ENDPOINT_MOST = WGNAME_HOST_MOST + 8, /* with "[]", ":65535" */
};

/** wgname_interface_ok() - a letter, then letters, digits, '_', '-', '.'; not
 * one that means all of them or the loopback to the system
 * wgname_peer_ok() - a letter or digit, then also '_', '-', '.'
 * wgname_zone_ok() - a small letter, then small letters, digits, '-' */
bool wgname_interface_ok(const char *name);
bool wgname_peer_ok(const char *name);
bool wgname_zone_ok(const char *name);
/** wgname_same() - are they the same name to people? Capitals do not count. */
bool wgname_same(const char *a, const char *b);

/** wgname_endpoint_ok() - HOST:PORT: a DNS name, an IPv4 address or an IPv6
 * address in brackets; port 1 to 65535 */
bool wgname_endpoint_ok(const char *text);

enum wgname_kind {
	WGNAME_INTERFACE,
	WGNAME_PEER,
	WGNAME_ZONE,
	WGNAME_ENDPOINT,
};
/** wgname_check() - the same by kind, and in words what is allowed
 * @what: how the message names it: "--if", "peer"
 * Return: 0; -EINVAL with @fault. */
MUST_USE int wgname_check(enum wgname_kind kind, const char *what,
    const char *text, struct fault *fault);
