/* broker/introducer.h: what a person says about the bridge, to a broker that
 * knows no CA: the ConfigMap of wire/introduction.h, looked at and written.
 *
 * A look is for a broker that starts, or tries again: another replica, or this
 * one before it started anew, may have been told already. A watch is for one
 * that shows its six words: every 2 s it looks whether a person has typed them.
 * If so it puts its CA in their place; other words it only tells of, since they
 * may be another replica's.
 */
#pragma once
#include "link/kube.h"
#include "wire/words.h"
#include <openssl/types.h>

struct introducer;

enum { INTRODUCER_LOOK_MS = 2000 };

struct introducer_events {
	/* the end of a look or watch. @ca: whom to follow from now on, borrowed
	 * for the call; NULL (of a look only): nobody has said it yet, or with
	 * @fault: that is not known */
	void (*over)(void *ctx, X509 *ca, const struct fault *fault);
	/* a watch goes on, but: words that are not ours were typed (each time
	 * they are typed), or the cluster did not answer */
	void (*wrong)(void *ctx, const struct fault *fault);
	void (*failed)(void *ctx, const struct fault *fault);
};

/** introducer_new() - @kube, @name_space, @events: borrowed
 * Return: 0; -ENOMEM. */
MUST_USE int introducer_new(struct introducer **out, struct loop *loop,
    struct kube *kube, const char *name_space,
    const struct introducer_events *events, void *ctx);
/** introducer_free() - no event comes after; NULL is fine */
void introducer_free(struct introducer *i);

/** introducer_look() - once; `over` comes
 * Return: 0; -errno with @fault: it does not come. */
MUST_USE int introducer_look(struct introducer *i, struct fault *fault);
/** introducer_watch() - until a person has said it; without a deadline of its
 * own
 * @words: agreed; borrowed until it ends. @ca: of the bridge with which they
 * were made; counted up. */
void introducer_watch(
    struct introducer *i, const struct words *words, X509 *ca);
/** introducer_end() - of look or watch; no event comes; repeatable */
void introducer_end(struct introducer *i);
