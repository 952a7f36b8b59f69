/* tether/keeper.h: keeps the tunnel as the files say: reads them when they
 * have changed, when it is told to, and when time alone changes what they mean.
 *
 * The values are kept only while they are needed: what stays of a codex is what
 * it means for the machine (tether/desired.h), inside of the tunnel, and what
 * is told of it here.
 */
#pragma once
#include "net/loop.h"
#include "tether/config.h"
#include "tether/tunnel.h"

struct keeper;

/* What it tells, from the loop; both may be NULL. See tunnel_config. */
struct keeper_events {
	void (*settled)(void *ctx, const struct fault *fault);
	void (*seen)(
	    void *ctx, const struct wgstate *state, const struct fault *fault);
	void *ctx;
};

struct keeper_facts {
	const char *codex;   /* path */
	uint64_t generation; /* of the codex that was read last and was good */
	size_t n_peers;	     /* in it */
	size_t n_desired;    /* keys that have access now */
	size_t n_dead;	     /* left out since their key is a tombstone */
	size_t n_turning;    /* whose next key waits for its first handshake */
	int64_t until;	     /* when time alone changes it; 0: never */
	uint16_t port;
	char interface[WGNAME_INTERFACE_MOST + 1];
	struct prefix addresses[DESIRED_ADDRESSES];
	uint64_t clock_jumps;
};

enum {
	KEEPER_LOOK_MS = 60000, /* how long a clock that was set is not seen */
	KEEPER_JUMP_S = 5,	/* a smaller step is none */
};

/** keeper_new() - Return: 0; -errno with @fault. */
MUST_USE int keeper_new(struct keeper **out, struct loop *loop,
    const struct config *config, struct fault *fault);
/** keeper_open() - read the files and bring the tunnel up; starts no thread
 * Return: 0; -errno with @fault. */
MUST_USE int keeper_open(struct keeper *k, struct fault *fault);
/** keeper_fall_back() - after keeper_open() has failed or was not come to: the
 * rules of before, unless there are newer ones; says what has come of it */
void keeper_fall_back(struct keeper *k);
void keeper_listen(struct keeper *k, const struct keeper_events *events);
/** keeper_reload() - read the files again; `settled` tells when they are in
 * force
 * Return: 0; -errno with @fault: all stays as it is. */
MUST_USE int keeper_reload(struct keeper *k, struct fault *fault);
/** keeper_heed() - the same, if they are others than were read last: for news
 * of the files, which come also after a verb has told */
MUST_USE int keeper_heed(struct keeper *k, struct fault *fault);
/** keeper_read() - what keeper_reload() would bring into force; changes nothing
 * @store: the files; codexstore_close() it, also after a failure
 * @out: desired_deinit() it
 * Return: as keeper_reload(). */
struct codexstore;
MUST_USE int keeper_read(const struct keeper *k, struct codexstore *store,
    struct desired *out, struct fault *fault);
/** keeper_close() - remove the interface; waits until that is done
 * keeper_free() - after it; NULL is fine */
void keeper_close(struct keeper *k);
void keeper_freep(struct keeper **k);

struct tunnel *keeper_tunnel(const struct keeper *k);
const struct keeper_facts *keeper_facts(const struct keeper *k);
/** keeper_turned() - keys that have taken the place of others, so far */
const uint64_t *keeper_turned(const struct keeper *k);
