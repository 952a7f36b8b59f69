/* net/preamble.h: for whom a proxy in front of us opened a connection, read
 * from its first bytes (the PROXY protocol, wire/proxyproto.h).
 */
#pragma once
#include "base/fault.h"
#include "net/leg.h"

struct preamble;

/* @leg: the callee's, and nothing of the client's was read; NULL with @fault:
 * the proxy did not say, or not in time. @source: the client, "192.0.2.7:4711";
 * NULL: the proxy speaks for itself, or knows no address. Called once, from the
 * loop; nothing is left of the preamble then. */
typedef void (*preamble_fn)(
    void *ctx, struct leg *leg, const char *source, const struct fault *fault);

/** preamble_open() - read it from @leg, which is taken, within @ms
 * @out: valid until @fn is called.
 * Return: 0; -ENOMEM, @leg is then reset. */
MUST_USE int preamble_open(struct preamble **out, struct leg *leg, unsigned ms,
    preamble_fn fn, void *ctx);
/** preamble_cancel() - the leg is closed, @fn is not called; NULL is fine */
void preamble_cancel(struct preamble *p);
