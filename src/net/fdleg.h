/* net/fdleg.h: two descriptors as a leg: one to read from, one to write to.
 *
 * For standard input and output. Pipes, sockets, terminals, files: what the
 * kernel cannot poll (files, /dev/null) counts as always ready. A reset has no
 * form here: it closes both, as an orderly end does.
 */
#pragma once
#include "net/leg.h"

/** fd_leg_open() - take over @in and @out, which differ; both are made
 * non-blocking, and put back to what they were when the leg ends
 * The process must ignore SIGPIPE.
 * Return: 0; -errno, both are then still the caller's. */
MUST_USE int fd_leg_open(
    struct leg **out_leg, struct loop *loop, int in, int out);
