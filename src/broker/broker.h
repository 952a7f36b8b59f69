/* broker/broker.h: the whole broker: opening and closing what it is made of.
 *
 *   pods (listener) -> door (quota, token) -> reviewer -> the cluster's API
 *                   -> carry, forward -> way -> uplink (tunnels)
 *
 * Each knows the one to its right. With a join string, boot gets the
 * certificate for uplink and listener; until it has come nobody is dialled or
 * let in. By words there is no uplink before boot was told the bridge's CA.
 */
#pragma once
#include "base/fault.h"
#include "broker/boot.h"
#include "broker/cluster.h"
#include "broker/config.h"
#include "broker/meter.h"
#include "broker/pods.h"
#include "broker/join.h"

/* What was said and found before anything is opened. */
struct broker_order {
	const struct config *config;
	struct join join;	/* without a CA: by words, or certificates are
				   in files */
	struct cluster cluster; /* without a server: nothing is asked of it */
};
/** broker_order_read() - the join string, and how to ask the cluster
 * @order: zeroed; broker_order_clear() it, also after a failure. Not moved.
 * Return: 0; -errno with @fault. */
MUST_USE int broker_order_read(struct broker_order *order,
    const struct config *config, struct fault *fault);
void broker_order_clear(struct broker_order *order);

struct broker {
	struct loop *loop;
	const struct config *config;
	const struct broker_order *order;
	struct refusals refusals;
	struct way way;
	struct egress *egress;
	struct uplink_config meeting; /* the uplink's, without an identity */
	struct uplink *uplink; /* NULL: by words, and none were compared yet */
	X509 *ca;	       /* that came by words */
	struct carry *carry;
	struct forward *forward;     /* NULL: no pass-through */
	struct secret *client_token; /* NULL: none is asked for */
	struct tls_context *pods_tls;
	struct kube *kube;	   /* NULL: nothing is asked of a cluster */
	struct reviewer *reviewer; /* NULL: pods are not reviewed */
	struct pods *pods;
	struct meter meter;
	struct boot *boot; /* NULL: certificates are in files */
	bool tunnels_drain;
	char unready[FAULT_TEXT_MAX + 80]; /* why it is */
};

/** broker_open() - load what @order names (borrowed until broker_close()),
 * listen, begin to dial or to ask for a certificate
 * Return: 0; -errno with @fault. */
MUST_USE int broker_open(struct broker **out, struct loop *loop,
    const struct broker_order *order, struct fault *fault);
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
/** broker_status() - the text of /v1/status; @ctx: a broker
 * Return: 0; -ENOMEM. */
int broker_status(void *ctx, char **out);
/** broker_ready() - NULL, or why the broker is of no use now; @ctx: a broker */
const char *broker_ready(void *ctx);
