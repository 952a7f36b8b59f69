/* net/resolve.h: a host name to socket addresses, on the loop, by c-ares.
 *
 * /etc/hosts first, then the name servers of /etc/resolv.conf with its search
 * list; both are read anew for each name, so a change needs no restart. An
 * address as text is its own answer. The addresses come in the order in which
 * they should be tried: as RFC 6724 sorts them, the families in turn.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"
#include "net/address.h"

struct resolve;
struct loop;

enum { RESOLVE_MOST = 16 };

/* @n: at most RESOLVE_MOST; 0 with @fault: the name was not found, or no name
 * server answered. Called once, from the loop. */
typedef void (*resolve_fn)(void *ctx, const struct address_place *addresses,
    size_t n, const struct fault *fault);

struct resolve_config {
	const char *host;
	uint16_t port;
	const char *servers; /* "127.0.0.1:5353,…"; NULL: the system's */
};

/** resolve_open() - begin; there is no deadline, resolve_cancel() is it
 * @out: valid until @fn is called.
 * Return: 0; -ENOMEM; -EIO: the system's files could not be used. */
MUST_USE int resolve_open(struct resolve **out, struct loop *loop,
    const struct resolve_config *config, resolve_fn fn, void *ctx);
/** resolve_cancel() - @fn is not called; NULL is fine */
void resolve_cancel(struct resolve *r);
