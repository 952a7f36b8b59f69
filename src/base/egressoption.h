/* base/egressoption.h: by which proxy our connections go out, as the operator
 * says it: an option, or the variables that other programs read too. What the
 * words mean is net/egress.h's.
 *
 * --egress-proxy wins over https_proxy, HTTPS_PROXY, all_proxy and ALL_PROXY,
 * the first of them that is set and not empty; "none" stands for no proxy.
 * no_proxy or NO_PROXY says what goes out without it, in either case.
 */
#pragma once
#include "base/option.h"

struct egress_words {
	const char *url;    /* holds the password; NULL: no proxy */
	const char *from;   /* "--egress-proxy", "HTTPS_PROXY"; for faults */
	const char *except; /* NO_PROXY; NULL: nothing */
};

typedef char *(*egress_variable)(const char *name); /* getenv() */

/** egress_choose() - @option: --egress-proxy, or NULL; the texts are borrowed
 */
void egress_choose(
    struct egress_words *out, const char *option, egress_variable variable);

#define EGRESS_OPTION_ROW(config, member)                                      \
	{                                                                      \
		.name = "egress-proxy", .metavar = "URL",                      \
		.help = "go out by this proxy; none for no proxy",             \
		.detail =                                                      \
		    "http://, https:// (HTTP CONNECT) or socks5://, "          \
		    "USER:PASSWORD@ if it asks for a login, HOST:PORT. The "   \
		    "proxy looks names up. Without the option, https_proxy, "  \
		    "HTTPS_PROXY, all_proxy or ALL_PROXY is used. Loopback "   \
		    "and what NO_PROXY lists are reached without it.",         \
		.type = OPTION_TEXT, .flags = OPTION_SECRET,                   \
		.offset = offsetof(config, member)                             \
	}
