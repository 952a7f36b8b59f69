/* beacon/gate.h: where connections come in: the limits that count by source,
 * before a byte is read.
 */
#pragma once
#include "beacon/beacon.h"

/** gate_open() - listen on @address
 * Return: 0; -errno with @fault. */
MUST_USE int gate_open(
    struct beacon *b, const char *address, struct fault *fault);
