/* net/listen.h: listening sockets; accepted connections come out as
 * descriptors.
 *
 * Accept never blocks; a turn accepts at most 64. Keepalive is set right after
 * accept, before anything else. On EMFILE or ENFILE a reserved descriptor is
 * used to accept and close one connection, so that the loop does not spin; the
 * counter says how often. When that does not help, or the kernel is out of
 * memory, accepting pauses for 100 ms.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"

struct listener;
struct loop;

/* @fd: accepted, non-blocking, close-on-exec, keepalive set; the callee owns
 * it. @source: the peer's address, "192.0.2.7:4711"; borrowed. */
typedef void (*listen_fn)(void *ctx, int fd, const char *source);

/* What a listener is called by a service manager, and where it listens without
 * one. */
struct listen_place {
	const char *name, *address;
};

/** listen_open() - @address is ":443", "[::1]:443", "0.0.0.0:443",
 * "localhost:443" (which is 127.0.0.1); without a host: dual-stack; port 0: any
 * free one. @fn may close the listener. @out: listen_close() it.
 * Return: 0; -errno with @fault (address in use, not permitted …). */
MUST_USE int listen_open(struct listener **out, struct loop *loop,
    const char *address, listen_fn fn, void *ctx, struct fault *fault);
/** listen_adopt() - the same on a listening descriptor that was passed in; on
 * failure it is still the caller's */
MUST_USE int listen_adopt(struct listener **out, struct loop *loop, int fd,
    listen_fn fn, void *ctx, struct fault *fault);
/** listen_named() - listen_adopt() on the socket that the service manager
 * passed in for @name (net/activation.h); else listen_open() on @address */
MUST_USE int listen_named(struct listener **out, struct loop *loop,
    const struct listen_place *place, listen_fn fn, void *ctx,
    struct fault *fault);
/** listen_is_adopted() - does somebody else hold the socket too? */
bool listen_is_adopted(const struct listener *l);
void listen_close(struct listener *l);
/** listen_address() - where it listens, with the real port ("[::]:443") */
const char *listen_address(const struct listener *l);
uint64_t listen_starved(const struct listener *l); /* EMFILE count */
