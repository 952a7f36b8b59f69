/* cli/tether_new.h: inside of `pharos tether`: how a new tether begins, made or
 * imported.
 */
#pragma once
#include "cli/tether.h"
#include "wire/ipam.h"

struct tether_new {
	char *interface, *endpoint, *network, *network6;
	struct option_list reserved;
	long port, mtu;
	bool peer_to_peer;
};
#define TETHER_NEW_ROWS(config, member)                                        \
	{ .name = "endpoint",                                                  \
		.metavar = "NAME:PORT",                                        \
		.help = "how devices reach this host",                         \
		.detail = "It stands in their configurations; its port is "    \
			  "the one to listen on unless --port says another.",  \
		.offset = offsetof(config, member.endpoint),                   \
		.type = OPTION_TEXT },                                         \
	    { .name = "if",                                                    \
		    .metavar = "NAME",                                         \
		    .help = "the network interface to make",                   \
		    .initial = "wg0",                                          \
		    .offset = offsetof(config, member.interface),              \
		    .type = OPTION_TEXT },                                     \
	    { .name = "port",                                                  \
		    .metavar = "PORT",                                         \
		    .help = "UDP port to listen on; 0: the endpoint's",        \
		    .detail = "Without an endpoint it is 51820.",              \
		    .initial = "0",                                            \
		    .offset = offsetof(config, member.port),                   \
		    .most = UINT16_MAX,                                        \
		    .type = OPTION_NUMBER },                                   \
	    { .name = "network",                                               \
		    .metavar = "NETWORK",                                      \
		    .help = "IPv4 network of the tunnel",                      \
		    .detail = "Without it, the first of 10.88.0.0/16, "        \
			      "10.89.0.0/16 to 10.95.0.0/16 that no route "    \
			      "of this host holds.",                           \
		    .offset = offsetof(config, member.network),                \
		    .type = OPTION_TEXT },                                     \
	    { .name = "network6",                                              \
		    .metavar = "NETWORK",                                      \
		    .help = "IPv6 network; without it, one at random",         \
		    .offset = offsetof(config, member.network6),               \
		    .type = OPTION_TEXT },                                     \
	    { .name = "reserve",                                               \
		    .metavar = "NETWORK",                                      \
		    .help = "addresses that no peer is given",                 \
		    .offset = offsetof(config, member.reserved),               \
		    .type = OPTION_LIST },                                     \
	    { .name = "mtu",                                                   \
		    .metavar = "BYTES",                                        \
		    .help = "of the tunnel; 0: the usual one",                 \
		    .initial = "0",                                            \
		    .offset = offsetof(config, member.mtu),                    \
		    .most = CODEX_MTU_MOST,                                    \
		    .type = OPTION_NUMBER },                                   \
	{                                                                      \
		.name = "peer-to-peer", .help = "let peers reach each other",  \
		.initial = "false",                                            \
		.offset = offsetof(config, member.peer_to_peer),               \
		.type = OPTION_BOOL                                            \
	}

/* What is known before the options are asked: of a file that is imported. */
struct tether_known {
	struct prefix v4, v6; /* networks; family 0: not known */
	uint16_t port, mtu;   /* 0: not known */
};

/** tether_new_codex() - as the options and @known (or NULL) say; a network
 * that a route of this host holds is refused
 * Return: 0; OPTION_E_BAD; -EADDRINUSE; all with @fault. */
MUST_USE int tether_new_codex(struct codex *out, const struct tether_new *n,
    const struct tether_known *known, struct fault *fault);
/** tether_new_begin() - move @codex into @s, of CODEXSTORE_MAKE, with a key:
 * @private_key, or if NULL the one that was found, or a new one
 * Return: 0; -errno with @fault. */
MUST_USE int tether_new_begin(struct codexstore *s, struct codex *codex,
    const struct secret *private_key, struct fault *fault);
/** tether_new_check_routes() - holds a route of this host, not of the tether's
 * own interface, a part of its networks?
 * Return: 0; -EADDRINUSE, -ENOMEM; with @fault. */
MUST_USE int tether_new_check_routes(
    const struct codex *c, struct fault *fault);
