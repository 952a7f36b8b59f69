/* broker/broker.h: the whole broker: opening and closing what it is made of.
 *
 *   pods (listener) -> door (quota, token) -> reviewer -> the cluster's API
 *                   -> carry, forward -> way -> uplink (tunnels)
 *
 * Each knows the one to its right.
 */
#pragma once
#include "base/fault.h"
#include "broker/cluster.h"
#include "broker/config.h"
#include "broker/meter.h"
#include "broker/pods.h"
#include "broker/join.h"

struct broker {
	struct loop *loop;
	const struct config *config;
	const struct cluster *cluster;
	struct refusals refusals;
	struct way way;
	struct egress *egress;
	struct uplink *uplink;
	struct carry *carry;
	struct forward *forward;     /* NULL: no pass-through */
	struct secret *client_token; /* NULL: none is asked for */
	struct tls_context *pods_tls;
	struct kube *kube;	   /* NULL: nothing is asked of a cluster */
	struct reviewer *reviewer; /* NULL: pods are not reviewed */
	struct pods *pods;
	struct meter meter;
	bool tunnels_drain;
};

/** broker_open() - load what @config (borrowed) names, listen, begin to dial
 * @cluster: borrowed
 * Return: 0; -errno with @fault. */
MUST_USE int broker_open(struct broker **out, struct loop *loop,
    const struct config *config, const struct cluster *cluster,
    struct fault *fault);
/** broker_close() - every session is cut; NULL is fine */
void broker_close(struct broker *b);
/** broker_announce() - say in the log where it serves */
void broker_announce(const struct broker *b);
/** broker_reload() - certificates, keys, CAs and the client token anew, if all
 * are good; who is there stays; @ctx: a broker. Return: 0; -errno with @fault.
 */
MUST_USE int broker_reload(void *ctx, struct fault *fault);
/** broker_drain() - first the pods: no new ones, what they asked for may end;
 * then the tunnels, which carry that; @ctx: a broker
 * broker_busy() - has one of the two not ended yet? */
void broker_drain(void *ctx);
bool broker_busy(void *ctx);
/** broker_ready() - NULL, or why the broker is of no use now; @ctx: a broker */
const char *broker_ready(void *ctx);
