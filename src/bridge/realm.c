/* bridge/realm.c */
#include "bridge/realm.h"
#include "net/daemon.h"

/* A bridge keeps this many legs waiting at each beacon; two of them also take a
 * peer that cannot prove itself yet. In reverse mode, tunnels to each broker.
 */
enum { SPARES = 4, BARE_SPARES = 2, REVERSE_TUNNELS = 2 };

static void on_connect(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	sealed_accept(((struct realm *)ctx)->sealed, s, head);
}

static void on_request(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	proxy_handle(((struct realm *)ctx)->proxy, s, head);
}

static const struct httpd_route outside_routes[] = {
	{ "CONNECT", NULL, on_connect },
	{ NULL, "/*", on_request },
};

static const struct httpd_route inside_routes[] = {
	{ NULL, "/*", on_request },
};

static int open_store(struct realm *r, struct loop *loop,
    const struct config *config, struct fault *fault)
{
	struct store_config store = {
		.address = config->vault_addr,
		.ca_file = config->vault_ca,
		.pin_hex = config->vault_pin,
		.name_space = config->vault_namespace,
		.egress = r->egress,
	};
	int err = policy_init(&r->policy,
	    (const char *const *)config->allow_path.items,
	    config->allow_path.n_items, config->auth_mount, fault);

	if (!err)
		err = store_open(&r->store, loop, &store, fault);
	if (!err)
		err = proxy_new(&r->proxy, &r->policy, r->store);
	return err;
}

static int open_handlers(struct realm *r, struct loop *loop)
{
	struct httpd_config outside = {
		.routes = outside_routes,
		.n_routes = N_ELEMS(outside_routes),
		.ctx = r,
	};
	struct httpd_config inside = {
		.routes = inside_routes,
		.n_routes = N_ELEMS(inside_routes),
		.ctx = r,
	};
	int err = httpd_new(&r->outside, loop, &outside);

	return err ? err : httpd_new(&r->inside, loop, &inside);
}

static struct uplink_config uplink_of(
    const struct realm *r, const struct config *config)
{
	const struct option_list *brokers = &config->broker_address;
	struct uplink_config uplink = {
		.role = ROLE_BRIDGE,
		.peer_role = ROLE_BROKER,
		.end = TLS_SERVER,
		.handlers = r->outside,
		.route = { .kind = ROUTE_DIAL,
		    .option = "--broker-address",
		    .keep = ROUTE_EVERY,
		    .count = REVERSE_TUNNELS,
		    .targets = (const char *const *)brokers->items,
		    .n_targets = brokers->n_items,
		    .beacon = { .role = FRAME_LISTEN } },
	};

	if (config->uplink.mode == UPLINK_BEACON) {
		uplink.route.count = SPARES;
		uplink.route.bare_spares = BARE_SPARES;
	}
	uplink_options_use(&config->uplink, &uplink);
	return uplink;
}

static int open_uplink(struct realm *r, struct loop *loop,
    const struct config *config, struct fault *fault)
{
	const struct uplink_config uplink = uplink_of(r, config);

	return uplink_open(&r->uplink, loop, &uplink, fault);
}

int realm_reload(void *ctx, struct fault *fault)
{
	struct realm *r = ctx;
	const struct uplink_config uplink = uplink_of(r, r->config);
	CLEANUP(papers_freep) struct papers *papers = NULL;
	struct tls_context *sealed;
	int err = uplink_prepare(&papers, r->uplink, &uplink, fault);

	if (!err)
		err = sealed_context(&sealed, papers->identity, fault);
	if (err)
		return err;
	uplink_renew(r->uplink, STEAL(papers));
	sealed_renew(r->sealed, sealed);
	return 0;
}

int realm_open(struct realm **out, struct loop *loop,
    const struct config *config, struct fault *fault)
{
	struct realm *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->loop = loop;
	r->config = config;
	err = egress_open(&r->egress, loop, config->uplink.egress_proxy, fault);
	if (!err)
		err = open_store(r, loop, config, fault);
	if (!err)
		err = open_handlers(r, loop);
	if (!err)
		err = open_uplink(r, loop, config, fault);
	if (!err)
		err = sealed_new(
		    &r->sealed, uplink_identity(r->uplink), r->inside, fault);
	if (err)
		realm_close(r);
	else
		*out = r;
	return err;
}

void realm_close(struct realm *r)
{
	if (!r)
		return;
	sealed_free(r->sealed);
	proxy_free(r->proxy);
	httpd_free(r->inside);
	uplink_close(r->uplink);
	httpd_free(r->outside);
	store_close(r->store);
	egress_close(r->egress, r->loop);
	free(r);
}

void realm_drain(void *ctx)
{
	struct realm *r = ctx;

	uplink_drain(r->uplink,
	    (unsigned)r->config->drain_timeout + DAEMON_DRAIN_SLACK_MS);
}

bool realm_busy(void *ctx)
{
	return uplink_busy(((const struct realm *)ctx)->uplink);
}

const char *realm_ready(void *ctx)
{
	const struct realm *r = ctx;

	if (uplink_up(r->uplink) || uplink_waiting(r->uplink))
		return NULL;
	return "no tunnel is up and no leg waits at a beacon";
}
