/* beacon/gate.h: where connections come in: the limits that count by source,
 * before a byte is read.
 */
#pragma once
#include "beacon/beacon.h"

/** gate_enter() - somebody comes from @source, "192.0.2.7:4711"
 * Return: a session to be started or ended; NULL: shut the door. */
struct session *gate_enter(struct beacon *b, const char *source);
/** gate_open() - listen on @address; listen_close(b->listener) ends it
 * Return: 0; -errno with @fault. */
MUST_USE int gate_open(
    struct beacon *b, const char *address, struct fault *fault);
