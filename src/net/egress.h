/* net/egress.h: which of our connections go out by a proxy, and by which.
 *
 * A proxy is scheme://[USER[:PASSWORD]@]HOST:PORT, user and password
 * percent-encoded (RFC 3986, 3.2.1); without a scheme it is http. socks5 and
 * socks5h are the same: the proxy looks names up.
 *
 * NO_PROXY is a list, by commas or blanks, of
 *   *                  everything
 *   example.com        that name and all below it
 *   .example.com       all below it (*.example.com too)
 *   10.0.0.0/8, ::1    a network, an address
 * and each but * and networks may end in :PORT. Loopback never goes by a proxy.
 */
#pragma once
#include "base/egressoption.h"
#include "base/profile.h"
#include "base/secret.h"
#include "net/address.h"

struct egress;
struct loop;
struct tls_context;

enum egress_kind { EGRESS_HTTP, EGRESS_HTTPS, EGRESS_SOCKS5, EGRESS_KINDS };

struct egress_proxy {
	enum egress_kind kind;
	struct address where;
	char *target;	     /* "proxy.example:3128" */
	struct secret *user; /* NULL: no login */
	struct secret *password;
	struct tls_context *tls; /* EGRESS_HTTPS */
};

enum { EGRESS_EXCEPT_MOST = 256 }; /* items of NO_PROXY; more are refused */

/** egress_new() - @words: egress_choose(); borrowed for the call
 * Return: 0; -EINVAL with @fault, which never shows a login; -ENOMEM. */
MUST_USE int egress_new(
    struct egress **out, const struct egress_words *words, struct fault *fault);
/** egress_open() - what the option and the environment say, said in the log and
 * to @loop, which must not dial after egress_close()
 * @option: --egress-proxy or NULL; wiped
 * Return: as egress_new(). */
MUST_USE int egress_open(
    struct egress **out, struct loop *loop, char *option, struct fault *fault);
/** egress_close() - NULL is fine */
void egress_close(struct egress *e, struct loop *loop);
void egress_free(struct egress *e);
void egress_freep(struct egress **e);

/** egress_for() - the proxy by which to reach @where; NULL: none
 * @e: NULL is fine. Borrowed from it. */
const struct egress_proxy *egress_for(
    const struct egress *e, const struct address *where);
/** egress_proxy() - the proxy, whatever the exceptions; NULL: none */
const struct egress_proxy *egress_proxy(const struct egress *e);
/** egress_profile() - allow what @e needs */
void egress_profile(const struct egress *e, struct profile *profile);
/** egress_profile_of() - what egress_open() with that option will need; nothing
 * if it will fail; before that, since it wipes the option */
void egress_profile_of(const char *option, struct profile *profile);
/** egress_scheme() - "socks5" */
const char *egress_scheme(enum egress_kind kind);
