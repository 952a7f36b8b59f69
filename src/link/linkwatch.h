/* link/linkwatch.h: tells when something has happened to one interface: it
 * went, came, was set up or down, or has other addresses; whoever did it.
 */
#pragma once
#include "base/err.h"

struct loop;
struct linkwatch;

/** linkwatch_new() - call @changed from the loop after news of the interface
 * @name, in the network namespace that the thread is in; also when the kernel
 * had more to tell than we could take
 * Return: 0; -errno. */
MUST_USE int linkwatch_new(struct linkwatch **out, struct loop *l,
    const char *name, void (*changed)(void *ctx), void *ctx);
/** linkwatch_free() - NULL is fine */
void linkwatch_free(struct linkwatch *w);
