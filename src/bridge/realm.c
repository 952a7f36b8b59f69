/* bridge/realm.c */
#include "bridge/realm.h"
#include "base/log.h"
#include "bridge/boot.h"
#include "bridge/issuer.h"
#include "bridge/meeting.h"
#include "net/daemon.h"
#include <stdio.h>

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

/* ---- where the store is, and what of it is ours -------------------------- */

static bool by_credential(const struct realm *r)
{
	return r->credential.n_beacons > 0;
}

static const char *address_of(const struct realm *r)
{
	return r->config->vault_addr ? r->config->vault_addr
				     : r->credential.address;
}

static int space_of(
    struct space *out, const struct realm *r, struct fault *fault)
{
	const char *space = r->config->vault_namespace;

	if (!by_credential(r))
		return space_set(out, space ? space : "", "", fault);
	*out = r->credential.space;
	return 0;
}

static int open_store(
    struct realm *r, const struct space *space, struct fault *fault)
{
	const struct config *config = r->config;
	const struct store_config store = {
		.address = address_of(r),
		.ca_file = config->vault_ca,
		.pin_hex = config->vault_pin,
		.name_space = *space->name_space ? space->name_space : NULL,
		.egress = r->egress,
	};
	char mount[SPACE_NAME_MOST + 1];
	bool own = by_credential(r) || config->store_token_file;
	int err;

	space_mount(mount, space, SPACE_JWT);
	err = policy_init(&r->policy,
	    (const char *const *)config->allow_path.items,
	    config->allow_path.n_items, own ? mount : config->auth_mount,
	    fault);
	if (!err)
		err = store_open(&r->store, r->loop, &store, fault);
	if (!err)
		err = proxy_new(&r->proxy, &r->policy, r->store);
	return err;
}

static int open_handlers(struct realm *r)
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
	int err = httpd_new(&r->outside, r->loop, &outside);

	return err ? err : httpd_new(&r->inside, r->loop, &inside);
}

/* ---- who is let in ------------------------------------------------------- */

static bool admits(void *ctx, const char *broker)
{
	struct realm *r = ctx;
	struct fault fault;

	if (!registry_admits(r->registry, broker, &fault))
		return true;
	r->shut_out++;
	log_warn("broker shut out", LOG_STR("realm", r->label),
	    LOG_STR("peer", broker), LOG_STR("fault", fault.text),
	    LOG_STR("hint", fault.hint));
	return false;
}

/* ---- the way to the broker ----------------------------------------------- */

static void use_beacons(struct uplink_config *uplink, const struct realm *r,
    const char *beacons[JOINSTRING_BEACONS_MOST])
{
	const struct credential *c = &r->credential;

	uplink->route.count = SPARES;
	uplink->route.bare_spares = BARE_SPARES;
	if (uplink->route.n_targets)
		return;
	for (size_t i = 0; i < c->n_beacons; i++)
		beacons[i] = c->beacon[i];
	uplink->route.targets = beacons;
	uplink->route.n_targets = c->n_beacons;
	uplink->route.option = "--credential";
}

/* @beacons: room for what the configuration points to */
static struct uplink_config uplink_of(
    struct realm *r, const char *beacons[JOINSTRING_BEACONS_MOST])
{
	const struct config *config = r->config;
	const struct option_list *brokers = &config->broker_address;
	struct uplink_config uplink = {
		.role = ROLE_BRIDGE,
		.peer_role = ROLE_BROKER,
		.end = TLS_SERVER,
		.handlers = r->outside,
		.ctx = *r->label ? r->label : NULL,
		.route = { .kind = ROUTE_DIAL,
		    .option = "--broker-address",
		    .keep = ROUTE_EVERY,
		    .count = REVERSE_TUNNELS,
		    .targets = (const char *const *)brokers->items,
		    .n_targets = brokers->n_items,
		    .beacon = { .role = FRAME_LISTEN } },
	};

	uplink_options_use(&config->uplink, &uplink);
	if (config->uplink.mode == UPLINK_BEACON)
		use_beacons(&uplink, r, beacons);
	if (!r->registry)
		return uplink;
	uplink.identity = registry_identity(r->registry);
	uplink.admit = admits;
	uplink.admit_ctx = r;
	uplink.guests =
	    (struct uplink_guests){ BOOT_ALPN, boot_guest, r->boot };
	return uplink;
}

static int open_uplink(struct realm *r, struct fault *fault)
{
	const char *beacons[JOINSTRING_BEACONS_MOST];
	const struct uplink_config uplink = uplink_of(r, beacons);

	return uplink_open(&r->uplink, r->loop, &uplink, fault);
}

static int renew(struct realm *r, struct fault *fault)
{
	const char *beacons[JOINSTRING_BEACONS_MOST];
	const struct uplink_config uplink = uplink_of(r, beacons);
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

int realm_reload(struct realm *r, struct fault *fault)
{
	int err = r->uplink ? renew(r, fault) : 0;

	if (!err && r->registry)
		err = account_reload(registry_account(r->registry), fault);
	return err;
}

/* ---- what the registry tells --------------------------------------------- */

static int meet(struct realm *r, struct fault *fault)
{
	const struct identity *identity = registry_identity(r->registry);
	struct tls_context *sealed;
	int err = sealed_context(&sealed, identity, fault);

	if (err)
		return err;
	sealed_renew(r->sealed, sealed);
	return open_uplink(r, fault);
}

/* What cannot be done now is tried again with the next certificate, or when the
 * registration changes. */
static void go_on(struct realm *r, int (*step)(struct realm *, struct fault *))
{
	struct fault fault = FAULT_NONE;
	int err = step(r, &fault);

	if (err && !fault.code)
		fault_set(&fault, err, NULL, "%s", strerror(-err));
	r->fault = fault;
	if (err)
		log_err("realm cannot be served", LOG_STR("realm", r->label),
		    LOG_STR("fault", fault.text), LOG_STR("hint", fault.hint));
}

static bool may_meet(const struct realm *r)
{
	return !r->uplink && registry_identity(r->registry) &&
	       registry_record(r->registry);
}

static void on_record(void *ctx)
{
	struct realm *r = ctx;

	if (r->uplink)
		(void)uplink_cut(r->uplink, admits, r);
	else if (may_meet(r))
		go_on(r, meet);
	boot_record(r->boot);
	if (r->meeting)
		meeting_follow(r->meeting, registry_record(r->registry));
}

static int show(struct realm *r, struct fault *fault)
{
	return meeting_show(r->meeting, registry_identity(r->registry), fault);
}

static void on_identity(void *ctx)
{
	struct realm *r = ctx;

	if (r->uplink)
		go_on(r, renew);
	else if (may_meet(r))
		go_on(r, meet);
	if (r->meeting && !r->fault.code)
		go_on(r, show);
}

static const struct registry_events registry_events = { on_record,
	on_identity };

/* ---- opening ------------------------------------------------------------- */

/* A bare leg that brought a broker is no stranger's. */
static void on_welcome(void *ctx, const char *target)
{
	route_welcome(uplink_route(((struct realm *)ctx)->uplink), target);
}

static int open_guests(struct realm *r)
{
	const struct issuer_config issuer = { r->registry, r->egress };
	struct boot_config boot = {
		.registry = r->registry, .welcome = on_welcome, .ctx = r
	};
	int err = issuer_new(&r->issuer, r->loop, &issuer);

	boot.issuer = r->issuer;
	return err ? err : boot_new(&r->boot, r->loop, &boot);
}

/* Who has no join string comes over a beacon, and nowhere else. */
static int open_meeting(struct realm *r)
{
	const struct boot_config boot = {
		.registry = r->registry, .issuer = r->issuer, .meeting = true
	};
	const char *beacons[JOINSTRING_BEACONS_MOST];
	const struct uplink_config uplink = uplink_of(r, beacons);
	struct meeting_config config = { .uplink = &uplink,
		.realm = *r->label ? r->label : NULL };
	int err;

	if (uplink.route.kind != ROUTE_BEACON)
		return 0;
	err = boot_new(&r->parlour, r->loop, &boot);
	if (err)
		return err;
	config.guests =
	    (struct uplink_guests){ BOOT_ALPN, boot_guest, r->parlour };
	return meeting_open(&r->meeting, r->loop, &config);
}

static int open_registry(struct realm *r, const struct space *space,
    const struct credential *credential, struct fault *fault)
{
	struct registry_config registry = {
		.realm = r->label,
		.address = address_of(r),
		.ca_file = r->config->vault_ca,
		.pin_hex = r->config->vault_pin,
		.space = space,
		.token_file = r->config->store_token_file,
		.egress = r->egress,
		.events = &registry_events,
		.ctx = r,
	};
	char host[256] = "";
	int err;

	(void)gethostname(host, sizeof(host) - 1);
	registry.name = host;
	if (credential) {
		registry.role_id = credential->role_id;
		registry.secret_id = credential->secret_id;
	}
	err = registry_open(&r->registry, r->loop, &registry, fault);
	if (!err)
		err = sealed_new(&r->sealed, NULL, r->inside, fault);
	if (!err)
		err = open_guests(r);
	return err ? err : open_meeting(r);
}

static int open_from_files(struct realm *r, struct fault *fault)
{
	int err = open_uplink(r, fault);

	return err ? err
		   : sealed_new(&r->sealed, uplink_identity(r->uplink),
			 r->inside, fault);
}

static int open_all(
    struct realm *r, const struct credential *credential, struct fault *fault)
{
	struct space space;
	int err = space_of(&space, r, fault);

	if (!err)
		err = open_store(r, &space, fault);
	if (!err)
		err = open_handlers(r);
	if (err)
		return err;
	return credential || r->config->store_token_file
		   ? open_registry(r, &space, credential, fault)
		   : open_from_files(r, fault);
}

int realm_open(struct realm **out, struct loop *loop,
    const struct realm_order *order, struct fault *fault)
{
	struct realm *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return -ENOMEM;
	r->loop = loop;
	r->config = order->config;
	r->egress = order->egress;
	(void)snprintf(r->label, sizeof(r->label), "%s", order->label);
	if (order->credential) {
		r->credential = *order->credential;
		r->credential.secret_id = NULL;
	}
	err = open_all(r, order->credential, fault);
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
	meeting_close(r->meeting);
	boot_free(r->parlour);
	boot_free(r->boot);
	issuer_free(r->issuer);
	sealed_free(r->sealed);
	proxy_free(r->proxy);
	httpd_free(r->inside);
	uplink_close(r->uplink);
	registry_close(r->registry);
	httpd_free(r->outside);
	store_close(r->store);
	free(r);
}

/* ---- the credential ------------------------------------------------------ */

static bool is_same(const struct credential *a, const struct credential *b)
{
	if (strcmp(a->address, b->address) != 0 ||
	    strcmp(a->space.name_space, b->space.name_space) != 0 ||
	    strcmp(a->space.prefix, b->space.prefix) != 0 ||
	    a->n_beacons != b->n_beacons)
		return false;
	for (size_t i = 0; i < a->n_beacons; i++)
		if (strcmp(a->beacon[i], b->beacon[i]) != 0)
			return false;
	return true;
}

int realm_log_in(struct realm *r, const struct credential *credential)
{
	if (!is_same(&r->credential, credential))
		return REALM_E_OTHER;
	return account_replace(registry_account(r->registry),
	    credential->role_id, credential->secret_id);
}

/* ---- the daemon's -------------------------------------------------------- */

void realm_drain(struct realm *r)
{
	if (r->meeting)
		meeting_stop(r->meeting);
	if (r->uplink)
		uplink_drain(r->uplink,
		    (unsigned)r->config->drain_timeout + DAEMON_DRAIN_SLACK_MS);
}

bool realm_busy(const struct realm *r)
{
	return r->uplink && uplink_busy(r->uplink);
}

const char *realm_ready(const struct realm *r)
{
	const char *trouble =
	    r->registry ? registry_trouble(r->registry) : NULL;

	if (r->fault.code)
		return r->fault.text;
	if (!r->uplink)
		return trouble ? trouble : "it is not met yet";
	if (uplink_up(r->uplink) || uplink_waiting(r->uplink))
		return NULL;
	return "no tunnel is up and no leg waits at a beacon";
}
