/* broker/bootasks.h: what a boot session asks of the cluster: who the cluster
 * is, and a token for this session.
 */
#pragma once
#include "broker/cluster.h"
#include "link/kube.h"
#include "wire/boot.h"

struct bootasks;

struct bootasks_events {
	/* one of them, once for each order, from the loop */
	void (*done)(void *ctx);
	void (*failed)(void *ctx, const struct fault *fault);
};

/** bootasks_new() - @kube, @events: borrowed. Return: 0; -ENOMEM. */
MUST_USE int bootasks_new(struct bootasks **out, struct kube *kube,
    const struct bootasks_events *events, void *ctx);
void bootasks_free(struct bootasks *a); /* NULL is fine */

/* Orders, one at a time: the answers go into @to, which stays until then.
 * Return: 0; -errno with @fault, or -ENOMEM: no event comes. */

/** bootasks_facts() - the cluster's keys and discovery document; and its UID,
 * which is kept for later sessions too: it is the cluster's name */
MUST_USE int bootasks_facts(
    struct bootasks *a, struct boot_request *to, struct fault *fault);
/** bootasks_token() - of @self, for @audience */
MUST_USE int bootasks_token(struct bootasks *a, struct boot_request *to,
    const struct cluster_self *self, const char *audience, struct fault *fault);
/** bootasks_cancel() - no event comes; repeatable */
void bootasks_cancel(struct bootasks *a);

/** bootasks_uid() - "" before it was asked for; borrowed */
const char *bootasks_uid(const struct bootasks *a);
/** bootasks_meeting() - where the cluster with these facts meets a bridge whose
 * CA it does not know
 * Return: 0; -EINVAL with @fault: facts that no cluster has; -ENOMEM. */
MUST_USE int bootasks_meeting(uint8_t out[FINGERPRINT_SIZE],
    const struct bootasks *a, const struct boot_request *facts,
    struct fault *fault);
