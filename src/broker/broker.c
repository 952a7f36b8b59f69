#include "broker/broker.h"
#include "base/log.h"
#include "broker/limits.h"
#include "net/daemon.h"
#include "net/egress.h"
#include "net/loop.h"

/* ---- what the modules ask for */

static struct http_conn *pick(void *ctx)
{
	return uplink_pick(((struct broker *)ctx)->uplink);
}

static bool any(void *ctx)
{
	return uplink_up(((struct broker *)ctx)->uplink) > 0;
}

static const char *why_none(void *ctx)
{
	return uplink_last_fault(((struct broker *)ctx)->uplink);
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

static void look(void *ctx, struct status *status)
{
	struct broker *b = ctx;

	status->pass_through = b->config->pass_through;
	status->mode = uplink_modes[b->config->uplink.mode];
	look_at_reviews(b, status);
	join_look(b->uplink, loop_now(b->loop), status);
}

const char *broker_ready(void *ctx)
{
	struct broker *b = ctx;

	return uplink_up(b->uplink) ? NULL : "no tunnel to the bridge is up";
}

/* ---- going down */

static unsigned patience(const struct broker *b)
{
	return (unsigned)b->config->drain_timeout + DAEMON_DRAIN_SLACK_MS;
}

void broker_drain(void *ctx)
{
	struct broker *b = ctx;

	pods_drain(b->pods, patience(b));
}

bool broker_busy(void *ctx)
{
	struct broker *b = ctx;

	if (pods_busy(b->pods))
		return true;
	if (!b->tunnels_drain) {
		b->tunnels_drain = true;
		uplink_drain(b->uplink, patience(b));
	}
	return uplink_busy(b->uplink);
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

static int load_pods_tls(
    struct tls_context **out, const struct config *config, struct fault *fault)
{
	static const char *const alpn[] = { "h2", "http/1.1", NULL };
	struct tls_config tls = {
		.end = TLS_SERVER,
		.hop = "TLS with a pod",
		.alpn = alpn,
		.alpn_optional = true,
		.cert_file = config->listen_cert,
		.key_file = config->listen_key,
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

int broker_reload(void *ctx, struct fault *fault)
{
	struct broker *b = ctx;
	CLEANUP(files_deinit) struct files f = { .papers = NULL };
	int r;

	if ((r = load_client_token(&f.client_token, b->config, fault)) ||
	    (r = load_pods_tls(&f.pods_tls, b->config, fault)) ||
	    (r = join_prepare(&f.papers, b->uplink, b->config, fault)))
		return r;
	pods_renew(b->pods, f.pods_tls, f.client_token);
	uplink_renew(b->uplink, STEAL(f.papers));
	tls_context_free(b->pods_tls);
	secret_free(b->client_token);
	b->pods_tls = STEAL(f.pods_tls);
	b->client_token = STEAL(f.client_token);
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

static int open_reviews(struct broker *b, struct fault *fault)
{
	int r;

	if (!config_reviews(b->config))
		return 0;
	r = kube_open(&b->kube, b->loop, &b->cluster->access, fault);
	return r ? r
		 : reviewer_new(
		       &b->reviewer, b->loop, b->kube, &reviewer_rules);
}

static int open_parts(struct broker *b, struct fault *fault)
{
	int r;

	if ((r = egress_open(
		 &b->egress, b->loop, b->config->uplink.egress_proxy, fault)) ||
	    (r = load_client_token(&b->client_token, b->config, fault)) ||
	    (r = load_pods_tls(&b->pods_tls, b->config, fault)) ||
	    (r = join_open(&b->uplink, b->loop, b->config, fault)) ||
	    (r = carry_new(&b->carry, b->loop, &b->way)) ||
	    (b->config->pass_through &&
		(r = forward_new(&b->forward, b->loop, &b->way))) ||
	    (r = open_reviews(b, fault)) || (r = open_pods(b, fault)))
		return r;
	meter_init(&b->meter, b);
	return 0;
}

int broker_open(struct broker **out, struct loop *loop,
    const struct config *config, const struct cluster *cluster,
    struct fault *fault)
{
	struct broker *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->loop = loop;
	b->config = config;
	b->cluster = cluster;
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
	const char *reverse = route_address(uplink_route(b->uplink));

	if (b->config->pass_through)
		log_warn("pass-through is on: the broker sees what store "
			 "clients read through it");
	if (reverse)
		daemon_listening("tunnels", reverse);
	daemon_listening("pods", pods_address(b->pods));
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
	reviewer_free(b->reviewer);
	kube_close(b->kube);
	uplink_close(b->uplink);
	tls_context_free(b->pods_tls);
	secret_free(b->client_token);
	egress_close(b->egress, b->loop);
	free(b);
}
