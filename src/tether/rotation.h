/* tether/rotation.h: lets a key take the place of another, once it is used or
 * the other's time is up.
 *
 * While a key waits, the interface is looked at; its first handshake shows that
 * the device has it. Then, or at the time that the codex says, the files are
 * changed as a verb would change them: the old key gets a tombstone, and the
 * new one is the peer's. Nobody looks while no key waits.
 */
#pragma once
#include "base/err.h"
#include "wire/codex.h"
#include "wire/wgstate.h"

struct loop;
struct rotation;

enum {
	ROTATION_LOOK_LEAST_MS = 500, /* from one look to the next, */
	ROTATION_LOOK_MOST_MS = 10000,
	ROTATION_SHARE = 20,	   /* and so often what a look takes */
	ROTATION_AGAIN_MS = 15000, /* after the files could not be changed */
};

struct rotation_config {
	const char *codex, *state; /* paths; borrowed */
	void (*look)(void *ctx);   /* read the interface: rotation_seen() */
	void (*turned)(void *ctx); /* the files are others now */
	void *ctx;
};

/** rotation_new() - Return: 0; -ENOMEM. */
MUST_USE int rotation_new(struct rotation **out, struct loop *l,
    const struct rotation_config *config);
/** rotation_free() - waits until the files are written; NULL is fine */
void rotation_free(struct rotation *r);

/** rotation_take() - which keys wait in @c, and whose time is up at @now
 * Return: 0; -ENOMEM: it is as before. */
MUST_USE int rotation_take(
    struct rotation *r, const struct codex *c, int64_t now);
/** rotation_seen() - @state: NULL: it could not be read */
void rotation_seen(struct rotation *r, const struct wgstate *state);
/** rotation_turned() - keys that have taken their turn, so far */
const uint64_t *rotation_turned(const struct rotation *r);
