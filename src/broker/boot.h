/* broker/boot.h: the broker's half of boot sessions: how it gets a certificate,
 * and the next one in time (doc/wire/boot.md).
 *
 * The key is made here for each session, and lies in memory only. When to try
 * is broker/bootplan.h's. Where the bridge's CA is not known, a person says it
 * first, by six words (broker/compare.h, broker/introducer.h).
 */
#pragma once
#include "broker/bootplan.h"
#include "broker/bootway.h"
#include "broker/cluster.h"
#include "link/kube.h"

struct boot;

struct boot_config {
	X509 *ca;	   /* the bridge CA, counted up; NULL: it is
			      to come by words */
	struct kube *kube; /* borrowed, as is */
	const struct cluster_self *self; /* who we are there */
	/* a certificate was signed: take it into use. Return: 0; -errno with
	 * @fault: the try has failed. @id: borrowed for the call. */
	int (*take)(void *ctx, const struct identity *id, struct fault *fault);
	/* without a CA: this is the one, counted up by the callee. @way: filled
	 * in, for boot sessions from now on. Not called again once it has
	 * returned 0. Return: 0; -errno with @fault: the try has failed. */
	int (*introduced)(void *ctx, X509 *ca, struct bootway_order *way,
	    struct fault *fault);
	void *ctx;
};
/** boot_open() - begin, at the loop's next turn
 * Return: 0; -errno with @fault. */
MUST_USE int boot_open(struct boot **out, const struct boot_config *config,
    const struct bootway_order *way, struct fault *fault);
/** boot_close() - what runs is cut; NULL is fine */
void boot_close(struct boot *b);
/** boot_stop() - no more tries, for who is ending */
void boot_stop(struct boot *b);

struct boot_counts {
	uint64_t granted, refused, failed; /* tries, by how they ended */
	uint64_t shown;			   /* six words, to a person */
	uint64_t wrong; /* words that were typed, and are not ours */
};
/** boot_counts() - stays until boot_close() */
const struct boot_counts *boot_counts(const struct boot *b);

/* For status pages; borrowed until the loop's next turn. */
struct boot_state {
	const char *waits_for; /* the stage; "" while it rests */
	int64_t ends;	       /* of the certificate, since 1970; 0: none */
	bool expired;
	const char *last_error, *remedy; /* "" since one was signed */
	uint64_t retry_ms; /* until the next try; 0: none is awaited */
	const char *words; /* that wait for a person; "" */
};
void boot_look(const struct boot *b, struct boot_state *out);
