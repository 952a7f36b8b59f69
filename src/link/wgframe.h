/* link/wgframe.h: how a user space WireGuard program frames the packets of a
 * device that it is given.
 *
 * wireguard-go has read and written four bytes before each packet (the "packet
 * information" of a TUN device) until its version 0.0.20230223, and none since.
 * It asks a device for neither, so whoever makes the device has to know. What
 * it gets wrong is silent: no packet ever passes.
 */
#pragma once
#include "base/fault.h"

enum { WGFRAME_MS = 5000 }; /* to say its version; it takes milliseconds */

/** wgframe_of() - the answer of @program (a path) to --version, and what
 * follows from it: of what is not known, the newer way
 * @framed: are there four bytes before each packet?
 * Return: 0; -ETIMEDOUT; -errno; with @fault. */
MUST_USE int wgframe_of(bool *framed, const char *program, struct fault *fault);
/** wgframe_read() - the same of the answer's text */
bool wgframe_read(const char *answer);
