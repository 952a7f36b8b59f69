/* net/pipes.h: pipes of the kernel, in which it carries bytes from socket to
 * socket without showing them to us (splice(2)).
 *
 * A pool, as base/buf.h is one for blocks: a pipe is borrowed only while bytes
 * are in flight. There are at most PIPES_MOST, of PIPES_SIZE or what the kernel
 * permits: an unprivileged user has 64 MiB of them, and pipes beyond are too
 * small to be of use. Who gets none copies through a block instead.
 *
 * Whose sink is stuck keeps its pipe, maybe for hours. So that those who move
 * get one all the same, only half of the pipes may be filled beyond
 * PIPES_YIELD_MOST; when there is none left, the one lent longest ago that
 * holds no more than that is asked for (yield).
 */
#pragma once
#include "base/err.h"
#include <sys/queue.h>

enum {
	PIPES_MOST = 64,
	PIPES_SIZE = 1024 * 1024,
	PIPES_SIZE_LEAST = 64 * 1024,
	PIPES_YIELD_MOST = PIPES_SIZE_LEAST, /* a block of the loop's pool */
	PIPES_RETRY_MS = 1000, /* the kernel refused: ask again after it */
};

struct pipes;
struct pipe {
	TAILQ_ENTRY(pipe) of_pipes;
	int in, out; /* to write into, to read from; non-blocking */
	size_t size;
	size_t most; /* how much may be put into it this time */
	size_t held; /* bytes that are in it; the borrower's to count */
	/* The borrower's; NULL: never. Take out all bytes, PIPES_YIELD_MOST at
	 * the most, and forget the pipe: it is the pool's again.
	 * Return: false: it is kept. */
	bool (*yield)(void *ctx);
	void *ctx;
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
/** pipes_lacked() - counter: how often there was none
 * pipes_yielded() - counter: how often one was given up for another borrower */
uint64_t pipes_lacked(const struct pipes *p);
uint64_t pipes_yielded(const struct pipes *p);
/** pipes_note_refused() - the kernel does not splice for a borrower
 * pipes_refused() - counter: how often that was noted */
void pipes_note_refused(struct pipes *p);
uint64_t pipes_refused(const struct pipes *p);
