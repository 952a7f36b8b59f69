/* beacon/gate.h: where connections come in: the limits that count by source,
 * before a byte is read,
 * and who comes by a trusted proxy (--proxy-protocol).
 */
#pragma once
#include "beacon/beacon.h"

/** gate_enter() - somebody comes from @source, "192.0.2.7:4711"
 * Return: a session for gate_start(), or to be ended; NULL: shut the door. */
struct session *gate_enter(struct beacon *b, const char *source);
/** gate_start() - take over @lower, the leg that was accepted; may end @s
 * A trusted proxy is heard first: the limits of the source that it names hold
 * then, as if that one had come itself. */
void gate_start(struct session *s, struct leg *lower);
/** gate_trust() - believe what comes from these networks
 * @proxies: --proxy-protocol
 * Return: 0; -EINVAL with @fault; -ENOMEM. */
MUST_USE int gate_trust(
    struct beacon *b, const struct option_list *proxies, struct fault *fault);
/** gate_open() - listen on @address, or on the socket that was passed in for
 * "legs" (net/activation.h); listen_close(b->listener) ends it
 * Return: 0; -errno with @fault. */
MUST_USE int gate_open(
    struct beacon *b, const char *address, struct fault *fault);
/** gate_drain() - leave newcomers to the next beacon, if somebody holds the
 * socket for it; otherwise go on accepting, to tell them */
void gate_drain(struct beacon *b);
