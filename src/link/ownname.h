/* link/ownname.h: does the name in a tether's endpoint lead to this host?
 *
 * Nobody else is asked: the addresses of the name are compared with those of
 * this host's interfaces. Behind a router that translates addresses this cannot
 * be told from here, and that is said.
 */
#pragma once
#include "base/fault.h"
#include "wire/prefix.h"

enum { OWNNAME_MOST = 64, OWNNAME_PATIENCE_MS = 10000 };

enum ownname_verdict {
	OWNNAME_HERE,	   /* every address of the name is this host's */
	OWNNAME_HERE_ONLY, /* as well, but by one that the internet has not */
	OWNNAME_BEHIND,	   /* the address is not here, nor any of the internet:
			    * there is a router, which has to pass it on */
	OWNNAME_ELSEWHERE, /* one is not here, though this host has others */
	OWNNAME_UNKNOWN,   /* the name has no address, or nobody answered */
};
struct ownname_told {
	enum ownname_verdict verdict;
	struct prefix
	    leads_to;	   /* the address that decided it; family 0: none */
	struct prefix own; /* with ELSEWHERE: one that this host has */
};

struct ownname_addresses {
	struct prefix items[OWNNAME_MOST]; /* one host each */
	size_t n;
};
/** ownname_judge() - pure */
void ownname_judge(struct ownname_told *out,
    const struct ownname_addresses *named, const struct ownname_addresses *own);
/** ownname_own() - the addresses of this host's interfaces, but for the
 * loopback's, those of a link, and those of @interface
 * Return: 0; -errno. */
MUST_USE int ownname_own(struct ownname_addresses *out, const char *interface);

/** ownname_open() - ask for the endpoint's name
 * @endpoint: HOST:PORT (wire/wgname.h has checked it)
 * @fn: called once, from the loop, within OWNNAME_PATIENCE_MS
 * @out: valid until then
 * Return: 0; -ENOMEM; -EIO. */
struct loop;
struct ownname;
typedef void (*ownname_fn)(void *ctx, const struct ownname_told *told);
struct ownname_order {
	const char *endpoint, *interface; /* copied */
	ownname_fn fn;
	void *ctx;
};
MUST_USE int ownname_open(
    struct ownname **out, struct loop *l, const struct ownname_order *order);
/** ownname_cancel() - @fn is not called; NULL is fine */
void ownname_cancel(struct ownname *o);

/** ownname_say() - what @told means for people, with what to do
 * Return: is it worth a warning? Of OWNNAME_HERE it is not. */
bool ownname_say(
    struct fault *out, const char *endpoint, const struct ownname_told *told);
