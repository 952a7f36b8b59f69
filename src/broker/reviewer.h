/* broker/reviewer.h: asks the cluster whether a pod's token is good for the
 * broker (TokenReview): once for all who show the same one, with answers that
 * are remembered (broker/verdicts.h).
 */
#pragma once
#include "base/metric.h"
#include "broker/verdicts.h"
#include "link/kube.h"

#define REVIEWER_AUDIENCE "pharos-broker"

struct reviewer;
struct reviewer_question;

struct reviewer_rules {
	struct verdicts_rules remember;
	size_t most;	   /* tokens that wait for an answer */
	unsigned at_once;  /* calls under way */
	unsigned ms;	   /* for one, its wait included */
	unsigned probe_ms; /* until an API that was away is tried again */
};
/* from broker/limits.h */
extern const struct reviewer_rules reviewer_rules;

struct reviewer_counts {
	uint64_t good, refused, no_pod, failed; /* reviews, by what came */
	uint64_t leant;		      /* pods let in by an older answer */
	uint64_t waiting;	      /* tokens that wait for an answer, now */
	uint64_t remembered;	      /* answers */
	struct metric_histogram took; /* of reviews that were answered */
};

/** reviewer_new() - @kube is borrowed, @rules copied
 * Return: 0; -ENOMEM. */
MUST_USE int reviewer_new(struct reviewer **out, struct loop *loop,
    struct kube *kube, const struct reviewer_rules *rules);
/** reviewer_free() - gives all questions up; their functions are not called;
 * NULL is fine */
void reviewer_free(struct reviewer *r);

/** reviewer_known() - what is to be believed of a token without asking: it was
 * said not long ago; or the cluster's API is away, and grace is given
 * Return: NULL: ask; else borrowed for the turn. */
const struct verdict *reviewer_known(
    struct reviewer *r, const struct verdicts_key *key);

/* What came of a question: called once, from the loop. @verdict: NULL with
 * @fault: the cluster's API gave none, and none is remembered. Borrowed. */
typedef void (*reviewer_fn)(
    void *ctx, const struct verdict *verdict, const struct fault *fault);
/** reviewer_ask() - @token: NUL-terminated, that of @key; valid for the call
 * @out: valid until @fn is called
 * Return: 0; REVIEWER_E_FULL: as many tokens wait as may; REVIEWER_E_SHAPE: it
 * cannot be a token; -ENOMEM. */
enum { REVIEWER_E_FULL = 1, REVIEWER_E_SHAPE };
struct reviewer_order {
	const struct verdicts_key *key;
	const char *token;
	reviewer_fn fn;
	void *ctx;
};
MUST_USE int reviewer_ask(struct reviewer_question **out, struct reviewer *r,
    const struct reviewer_order *order);
/** reviewer_cancel() - @fn is not called; the review goes on; NULL is fine */
void reviewer_cancel(struct reviewer_question *q);

const struct reviewer_counts *reviewer_counts(struct reviewer *r);
/** reviewer_last_fault() - why the cluster gave no answer; "" since it did */
const char *reviewer_last_fault(const struct reviewer *r);
