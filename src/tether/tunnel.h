/* tether/tunnel.h: brings the machine to what is desired, and keeps it there:
 * the rules first, then the interface, then its peers, then its addresses.
 *
 * Fails closed: the rules are loaded before there is an interface and stay when
 * it goes, when the process dies, and when somebody takes them away: that is
 * seen, logged, and they are loaded again. An interface that somebody removes
 * is made again. A carrier in user space that dies is started again and told
 * everything again.
 *
 *   OFF      nothing was made yet, or it was closed
 *   ON       there is an interface, as it was last told or on the way there
 *   GOING    it is being removed
 *   DOWN     there is none: it was told so, or making it has failed and is
 * tried again after a while. The rules are kept here too
 */
#pragma once
#include "link/wg.h"
#include "tether/desired.h"

struct tunnel;

enum {
	TUNNEL_REST_LEAST_MS = 200, /* ceiling after the first failure */
	TUNNEL_REST_MOST_MS = 30000,
};

struct tunnel_config {
	enum wg_driver driver;
	const char *program; /* of user space; may be NULL; borrowed */
	const char *folder;  /* that keeps the rules on disk; borrowed */
	/* What was told last is so now; or, with @fault, is not, and is tried
	 * again after a while. */
	void (*settled)(void *ctx, const struct fault *fault);
	/* What tunnel_look() asked for: as the interface has it now, borrowed;
	 * or NULL, with @fault. May be NULL where nobody asks. */
	void (*seen)(
	    void *ctx, const struct wgstate *state, const struct fault *fault);
	void *ctx;
};

struct tunnel_counts {
	uint64_t applied;  /* changes that were made */
	uint64_t failures; /* and that were not */
	uint64_t restored; /* rules that somebody else had changed */
	uint64_t relinked; /* the same of the interface and its addresses */
};

/** tunnel_new() - Return: 0; -errno with @fault. */
MUST_USE int tunnel_new(struct tunnel **out, struct loop *l,
    const struct tunnel_config *config, struct fault *fault);
/** tunnel_open() - the first time: load the rules, make the interface, bring
 * both to @d; waits until that is done, and starts no thread
 * @d: taken over, also after a failure
 * Return: 0; -errno with @fault: rules that were loaded stay; if there is an
 * interface (tunnel_wg()), tunnel_close() it. */
MUST_USE int tunnel_open(
    struct tunnel *t, struct desired *d, struct fault *fault);
/** tunnel_fall_back() - where nothing was loaded: the rules that were loaded
 * last by whichever process, from `folder`
 * @loaded: were they? Not if this process has loaded others before
 * Return: 0; -errno with @fault: there are none, or they are nonsense. */
MUST_USE int tunnel_fall_back(
    struct tunnel *t, bool *loaded, struct fault *fault);
/** tunnel_set() - from now on it is @d, of the same interface; `settled` tells
 * @d: taken over */
void tunnel_set(struct tunnel *t, struct desired *d);
/** tunnel_raise() - with an interface, as after tunnel_open(), or without one,
 * the rules alone; `settled` tells. INVARIANT: it was opened */
void tunnel_raise(struct tunnel *t, bool up);
/** tunnel_look() - read the interface; `seen` tells, once for all who ask
 * before that */
void tunnel_look(struct tunnel *t);
/** tunnel_close() - remove the interface, leave the rules; @closed is called
 * from the loop, once, and may tunnel_free(). INVARIANT: it was opened */
void tunnel_close(struct tunnel *t, void (*closed)(void *ctx), void *ctx);
/** tunnel_free() - INVARIANT: OFF, or closed. NULL is fine. */
void tunnel_free(struct tunnel *t);

/** tunnel_wg() - the interface, for what is told of it; NULL: none
 * tunnel_is_up() - was it told to have one?
 * tunnel_fault() - why it is not as told; NULL: it is, as far as is known */
const struct wg *tunnel_wg(const struct tunnel *t);
bool tunnel_is_up(const struct tunnel *t);
const struct fault *tunnel_fault(const struct tunnel *t);
const struct tunnel_counts *tunnel_counts(const struct tunnel *t);
/** tunnel_loaded() - what the rules that are loaded were made from; NULL: none
 * are. Only from within `seen`, while nothing is being done. */
const struct desired *tunnel_loaded(const struct tunnel *t);
