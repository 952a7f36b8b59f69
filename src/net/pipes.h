/* net/pipes.h: pipes of the kernel, in which it carries bytes from socket to
 * socket without showing them to us (splice(2)).
 *
 * A pool, as base/buf.h is one for blocks: a pipe is borrowed only while bytes
 * are in flight. There are at most PIPES_MOST, of PIPES_SIZE or what the kernel
 * permits: an unprivileged user has 64 MiB of them, and pipes beyond are too
 * small to be of use. Who gets none copies through a block instead.
 */
#pragma once
#include "base/err.h"

enum {
	PIPES_MOST = 64,
	PIPES_SIZE = 1024 * 1024,
	PIPES_SIZE_LEAST = 64 * 1024,
	PIPES_RETRY_MS = 1000, /* the kernel refused: ask again after it */
};

struct pipes;
struct pipe {
	struct pipe *next;
	int in, out; /* to write into, to read from; non-blocking */
	size_t size;
	size_t held; /* bytes that are in it; the borrower's to count */
};

MUST_USE int pipes_new(struct pipes **out);
/** pipes_free() - INVARIANT: every pipe has come back */
void pipes_free(struct pipes *p);
/** pipes_take() - an empty pipe, or NULL when none can be had now
 * pipes_give() - give it back (NULL is fine); one that holds bytes is closed */
struct pipe *pipes_take(struct pipes *p, uint64_t now_ms);
void pipes_give(struct pipes *p, struct pipe *pipe);

size_t pipes_lent(const struct pipes *p);
size_t pipes_made(const struct pipes *p); /* lent or kept */
/** pipes_lacked() - counter: how often there was none */
uint64_t pipes_lacked(const struct pipes *p);
