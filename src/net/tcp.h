/* net/tcp.h: a connected TCP socket as a leg.
 *
 * A uv_poll on the bare descriptor. Close sends what the kernel holds, then
 * FIN, and drains for at most LEG_LINGER_MS so that an unread byte does not
 * turn the FIN into a reset that destroys our last words.
 */
#pragma once
#include "net/leg.h"

/** tcp_leg_open() - take over @fd, a non-blocking socket that is connected
 * (accepted) or, with @connecting, on its way
 * Return: 0; -errno, @fd is then still the caller's. */
MUST_USE int tcp_leg_open(
    struct leg **out, struct loop *loop, int fd, bool connecting);
/** tcp_set_keepalive() - probes after 30 s of silence, 3 of them 10 s apart;
 * TCP_NODELAY too. Set right after accept or connect, before any TLS. */
void tcp_set_keepalive(int fd);
/** tcp_leg_user_timeout() - TCP_USER_TIMEOUT in ms, 0 clears it: unacknowledged
 * bytes older than this end the leg. On a TLS leg it finds the TCP leg below.
 */
void tcp_leg_user_timeout(struct leg *leg, unsigned ms);
