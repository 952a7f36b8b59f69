#include "broker/broker.h"
#include "base/log.h"
#include "broker/limits.h"
#include "net/daemon.h"
#include "net/egress.h"
#include "net/loop.h"
#include <stdio.h>

/* ---- what the modules ask for */

static struct http_conn *pick(void *ctx)
{
	struct broker *b = ctx;

	return b->uplink ? uplink_pick(b->uplink) : NULL;
}

static bool any(void *ctx)
{
	struct broker *b = ctx;

	return b->uplink && uplink_up(b->uplink) > 0;
}

static const char *why_none(void *ctx)
{
	struct broker *b = ctx;

	return b->uplink ? uplink_last_fault(b->uplink)
			 : "it is not known yet which bridge to follow";
}

static void look_at_reviews(struct broker *b, struct status *status)
{
	status->asks_for =
	    b->client_token ? STATUS_CLIENT_TOKEN : STATUS_NOTHING;
	if (!b->reviewer)
		return;
	status->asks_for = STATUS_POD_TOKEN;
	status->reviews_waiting = reviewer_counts(b->reviewer)->waiting;
	status->reviews_remembered = reviewer_counts(b->reviewer)->remembered;
	status->reviews_last_error = reviewer_last_fault(b->reviewer);
}

static void look_at_boot(const struct broker *b, struct status_join *join)
{
	struct boot_state boot;

	boot_look(b->boot, &boot);
	*join = (struct status_join){
		.joins = true,
		.ends = boot.ends,
		.expired = boot.expired,
		.waits_for = boot.waits_for,
		.last_error = boot.last_error,
		.remedy = boot.remedy,
		.words = boot.words,
		.retry_s = (boot.retry_ms + 999) / 1000,
	};
}

static void look(void *ctx, struct status *status)
{
	struct broker *b = ctx;

	if (b->boot)
		look_at_boot(b, &status->join);

	status->pass_through = b->config->pass_through;
	status->mode = uplink_modes[b->config->uplink.mode];
	look_at_reviews(b, status);
	status->last_error = why_none(b);
	if (b->uplink)
		join_look(b->uplink, loop_now(b->loop), status);
}

int broker_status(void *ctx, char **out)
{
	struct status status = { .n_tunnels = 0 };

	look(ctx, &status);
	return status_print(&status, out);
}

/* NULL: there is a certificate, and its time is not over. */
static const char *certificate_lacks(struct broker *b)
{
	struct boot_state boot;

	if (!b->boot)
		return NULL;
	boot_look(b->boot, &boot);
	if (boot.ends && !boot.expired)
		return NULL;
	(void)snprintf(b->unready, sizeof(b->unready), "%s: %s%s%s",
	    boot.expired ? "the certificate has expired" : "no certificate yet",
	    *boot.last_error  ? boot.last_error
	    : *boot.waits_for ? boot.waits_for
			      : "it is about to be asked for",
	    *boot.words ? ": " : "", boot.words);
	return b->unready;
}

const char *broker_ready(void *ctx)
{
	struct broker *b = ctx;
	const char *why = certificate_lacks(b);

	if (why)
		return why;
	return any(b) ? NULL : "no tunnel to the bridge is up";
}

/* ---- going down */

static unsigned patience(const struct broker *b)
{
	return (unsigned)b->config->drain_timeout + DAEMON_DRAIN_SLACK_MS;
}

void broker_drain(void *ctx)
{
	struct broker *b = ctx;

	boot_stop(b->boot);
	pods_drain(b->pods, patience(b));
}

bool broker_busy(void *ctx)
{
	struct broker *b = ctx;

	if (pods_busy(b->pods))
		return true;
	if (!b->uplink)
		return false;
	if (!b->tunnels_drain) {
		b->tunnels_drain = true;
		uplink_drain(b->uplink, patience(b));
	}
	return uplink_busy(b->uplink);
}

/* ---- what was said */

int broker_order_read(struct broker_order *order, const struct config *config,
    struct fault *fault)
{
	int r = join_read(&order->join, config, fault);

	order->config = config;
	if (!r && (config_joins(config) || config_reviews(config)))
		r = cluster_load(&order->cluster, config, fault);
	if (!r && config_joins(config))
		r = cluster_find_self(&order->cluster, config, fault);
	if (r && config_by_words(config))
		fault_wrap(fault, "joining by --beacon-address alone");
	return r;
}

void broker_order_clear(struct broker_order *order)
{
	join_clear(&order->join);
	cluster_clear(&order->cluster);
}

/* ---- opening */

/* What stands in files. */
struct files {
	struct papers *papers; /* of the uplink; not at the start */
	struct tls_context *pods_tls;
	struct secret *client_token;
};

static int load_client_token(
    struct secret **out, const struct config *config, struct fault *fault)
{
	const char *file = config->client_token_file;
	int r = file ? secret_read_token(out, file, LIMIT_TOKEN_BYTES) : 0;

	if (!r)
		return 0;
	file_fault(fault, r, file, LIMIT_TOKEN_BYTES);
	fault_wrap(fault, "--client-token-file");
	return r < 0 ? r : -EINVAL;
}

/* @id: to show; NULL: what stands in files. */
static int load_pods_tls(struct tls_context **out, const struct config *config,
    const struct identity *id, struct fault *fault)
{
	static const char *const alpn[] = { "h2", "http/1.1", NULL };
	struct tls_config tls = {
		.end = TLS_SERVER,
		.hop = "TLS with a pod",
		.alpn = alpn,
		.alpn_optional = true,
		.cert_file = config->listen_cert,
		.key_file = config->listen_key,
		.identity = id,
		.trust = TLS_TRUST_NOBODY,
		.allow_12 = true,
	};

	return tls_context_new(out, &tls, fault);
}

static void files_deinit(struct files *f)
{
	papers_free(f->papers);
	tls_context_free(f->pods_tls);
	secret_free(f->client_token);
}

/* All that is shown with @id; NULL: with what stands in files. */
static int load_papers(struct files *f, const struct broker *b,
    const struct identity *id, struct fault *fault)
{
	struct uplink_config uplink = b->meeting;
	int r = load_pods_tls(&f->pods_tls, b->config, id, fault);

	uplink.identity = id;
	return r ? r : uplink_prepare(&f->papers, b->uplink, &uplink, fault);
}

static void use_papers(struct broker *b, struct files *f)
{
	pods_renew(b->pods, f->pods_tls, b->client_token);
	uplink_renew(b->uplink, STEAL(f->papers));
	tls_context_free(b->pods_tls);
	b->pods_tls = STEAL(f->pods_tls);
}

static void use_client_token(struct broker *b, struct files *f)
{
	pods_renew(b->pods, NULL, f->client_token);
	secret_free(b->client_token);
	b->client_token = STEAL(f->client_token);
}

/* That came by a boot session; NULL: none has, or it stands in files. */
static const struct identity *certificate_of(const struct broker *b)
{
	return b->boot && b->uplink ? uplink_identity(b->uplink) : NULL;
}

/* A certificate that came by a boot session is shown again. */
int broker_reload(void *ctx, struct fault *fault)
{
	struct broker *b = ctx;
	CLEANUP(files_deinit) struct files f = { .papers = NULL };
	const struct identity *id = certificate_of(b);
	bool has_papers = !b->boot || id;
	int r = load_client_token(&f.client_token, b->config, fault);

	if (!r && has_papers)
		r = load_papers(&f, b, id, fault);
	if (r)
		return r;
	use_client_token(b, &f);
	if (has_papers)
		use_papers(b, &f);
	return 0;
}

static void announce_pods(const struct broker *b)
{
	daemon_listening("pods", pods_address(b->pods));
}

/* What a boot session has brought. */
static int take_certificate(
    void *ctx, const struct identity *id, struct fault *fault)
{
	struct broker *b = ctx;
	CLEANUP(files_deinit) struct files f = { .papers = NULL };
	bool first = !certificate_of(b);
	int r = load_papers(&f, b, id, fault);

	if (r)
		return r;
	use_papers(b, &f);
	if (first)
		announce_pods(b);
	return 0;
}

static int open_pods(struct broker *b, struct fault *fault)
{
	struct pods_config pods = {
		.address = b->config->listen,
		.tls = b->pods_tls,
		.client_token = b->client_token,
		.reviewer = b->reviewer,
		.rules = &quota_rules,
		.carry = b->carry,
		.forward = b->forward,
		.refusals = &b->refusals,
		.look = look,
		.ctx = b,
	};

	return pods_open(&b->pods, b->loop, &pods, fault);
}

static int open_uplink(struct broker *b, struct fault *fault)
{
	return uplink_open(&b->uplink, b->loop, &b->meeting, fault);
}

/* A person has said whose bridge it is: from now on all is as with a join
 * string. Which beacons, that was said before. */
static int follow_bridge(
    void *ctx, X509 *ca, struct bootway_order *way, struct fault *fault)
{
	struct broker *b = ctx;
	int r;

	INVARIANT(!b->uplink && !b->ca);
	b->meeting.ca = ca;
	r = open_uplink(b, fault);
	if (r) {
		b->meeting.ca = NULL;
		return r;
	}
	X509_up_ref(ca);
	b->ca = ca;
	way->uplink = b->uplink;
	way->config = &b->meeting;
	return 0;
}

static int open_boot(struct broker *b, struct fault *fault)
{
	const struct boot_config boot = {
		.ca = b->order->join.ca,
		.kube = b->kube,
		.self = &b->order->cluster.self,
		.take = take_certificate,
		.introduced = follow_bridge,
		.ctx = b,
	};
	const struct bootway_order way = { b->loop, b->uplink, &b->meeting };

	return boot_open(&b->boot, &boot, &way, fault);
}

/* All that asks the cluster. */
static int open_cluster(struct broker *b, struct fault *fault)
{
	const struct kube_access *access = &b->order->cluster.access;
	int r;

	if (!access->server)
		return 0;
	r = kube_open(&b->kube, b->loop, access, fault);
	if (!r && config_reviews(b->config))
		r = reviewer_new(
		    &b->reviewer, b->loop, b->kube, &reviewer_rules);
	return r;
}

static int open_parts(struct broker *b, struct fault *fault)
{
	bool joins = config_joins(b->config);
	int r;

	join_config(&b->meeting, &b->order->join, b->config);
	if ((r = egress_open(
		 &b->egress, b->loop, b->config->uplink.egress_proxy, fault)) ||
	    (r = load_client_token(&b->client_token, b->config, fault)) ||
	    (!joins &&
		(r = load_pods_tls(&b->pods_tls, b->config, NULL, fault))) ||
	    (!config_by_words(b->config) && (r = open_uplink(b, fault))) ||
	    (r = carry_new(&b->carry, b->loop, &b->way)) ||
	    (b->config->pass_through &&
		(r = forward_new(&b->forward, b->loop, &b->way))) ||
	    (r = open_cluster(b, fault)) || (r = open_pods(b, fault)) ||
	    (joins && (r = open_boot(b, fault))))
		return r;
	meter_init(&b->meter, b);
	return 0;
}

int broker_open(struct broker **out, struct loop *loop,
    const struct broker_order *order, struct fault *fault)
{
	struct broker *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->loop = loop;
	b->order = order;
	b->config = order->config;
	b->way = (struct way){ .pick = pick,
		.any = any,
		.fault = why_none,
		.ctx = b,
		.refusals = &b->refusals };
	r = open_parts(b, fault);
	if (r)
		broker_close(b);
	else
		*out = b;
	return r;
}

void broker_announce(const struct broker *b)
{
	const char *reverse =
	    b->uplink ? route_address(uplink_route(b->uplink)) : NULL;

	if (b->config->pass_through)
		log_warn("pass-through is on: the broker sees what store "
			 "clients read through it");
	if (reverse)
		daemon_listening("tunnels", reverse);
	if (!b->boot) /* else once there is a certificate */
		announce_pods(b);
}

/* From the outside in, so that nothing calls what is no longer there; the quota
 * goes last, since every session gives its ticket back. */
void broker_close(struct broker *b)
{
	if (!b)
		return;
	pods_shut(b->pods);
	carry_free(b->carry);
	forward_free(b->forward);
	pods_close(b->pods);
	boot_close(b->boot);
	reviewer_free(b->reviewer);
	kube_close(b->kube);
	uplink_close(b->uplink);
	X509_free(b->ca);
	tls_context_free(b->pods_tls);
	secret_free(b->client_token);
	egress_close(b->egress, b->loop);
	free(b);
}
