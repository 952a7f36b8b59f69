/* net/uplink.c */
#include "net/uplink.h"
#include "base/log.h"
#include "net/loop.h"

#include <assert.h>
#include <stdio.h>
#include <sys/queue.h>

enum { TARGET_TEXT = 264 };

/* A tunnel that is up, for status and log. */
struct line {
	TAILQ_ENTRY(line) of_uplink;
	const struct tunnel *tunnel;
	char target[TARGET_TEXT];
	uint64_t since;
};

TAILQ_HEAD(lines, line);

struct uplink {
	struct loop *loop;
	struct papers *papers;
	struct tunnel_set *set;
	struct lines lines;
	enum uplink_what works; /* what a target that works is called */
	uplink_told_fn told;
	void *ctx;
	struct uplink_guests guests;
};

/* ---- news */

static const char *const what_texts[] = {
	[UPLINK_UP] = "tunnel up",
	[UPLINK_GONE] = "tunnel gone",
	[UPLINK_WORKS] = "target works",
	[UPLINK_WAITS] = "waiting at beacon",
	[UPLINK_FAILED] = "target failed",
};
static_assert(N_ELEMS(what_texts) == UPLINK_WHATS, "a text for each");

const char *uplink_what_text(enum uplink_what what)
{
	return what_texts[what];
}

/* An orderly end is no reason to worry. */
static void log_gone(const struct uplink_news *news, struct log_field realm)
{
	bool orderly = news->fault->code == -ESHUTDOWN;

	log_write(orderly ? LOG_LEVEL_INFO : LOG_LEVEL_WARN,
	    uplink_what_text(news->what), LOG_STR("peer", news->peer),
	    LOG_STR("target", news->target),
	    LOG_STR("fault", news->fault->text), LOG_UINT("up", news->up),
	    realm, LOG_END);
}

void uplink_log(void *ctx, const struct uplink_news *news)
{
	const char *event = uplink_what_text(news->what);
	struct log_field realm = ctx ? LOG_STR("realm", ctx) : LOG_END;

	switch (news->what) {
	case UPLINK_UP:
		log_info(event, LOG_STR("peer", news->peer),
		    LOG_STR("target", news->target), LOG_UINT("up", news->up),
		    realm);
		break;
	case UPLINK_GONE:
		log_gone(news, realm);
		break;
	case UPLINK_FAILED:
		log_warn(event, LOG_PLACE("target", news->target),
		    LOG_STR("fault", news->fault->text),
		    LOG_STR("hint", news->fault->hint), realm);
		break;
	case UPLINK_WORKS:
	case UPLINK_WAITS:
	case UPLINK_WHATS:
		log_info(event, LOG_PLACE("target", news->target), realm);
		break;
	}
}

static void tell(struct uplink *u, struct uplink_news *news)
{
	news->up = tunnel_set_up(u->set);
	u->told(u->ctx, news);
}

/* ---- what the set tells */

static void line_add(
    struct uplink *u, const struct tunnel *t, const char *target)
{
	struct line *line = calloc(1, sizeof(*line));

	if (!line)
		return; /* it works all the same, but no status shows it */
	line->tunnel = t;
	line->since = loop_now(u->loop);
	(void)snprintf(line->target, sizeof(line->target), "%s", target);
	TAILQ_INSERT_TAIL(&u->lines, line, of_uplink);
}

static void line_free(struct uplink *u, struct line *line)
{
	TAILQ_REMOVE(&u->lines, line, of_uplink);
	free(line);
}

static void line_drop(struct uplink *u, const struct tunnel *t)
{
	struct line *line;

	TAILQ_FOREACH (line, &u->lines, of_uplink) {
		if (line->tunnel != t)
			continue;
		line_free(u, line);
		return;
	}
}

static void on_up(void *ctx, struct tunnel *t, const char *target)
{
	struct uplink *u = ctx;
	struct uplink_news news = {
		.what = UPLINK_UP,
		.target = target,
		.peer = tunnel_peer(t),
	};

	line_add(u, t, target);
	tell(u, &news);
}

static void on_gone(
    void *ctx, struct tunnel *t, const char *target, const struct fault *fault)
{
	struct uplink *u = ctx;
	struct uplink_news news = {
		.what = UPLINK_GONE,
		.target = target,
		.peer = tunnel_peer(t),
		.fault = fault,
	};

	line_drop(u, t);
	tell(u, &news);
}

static void on_told(void *ctx, const char *target, const struct fault *fault)
{
	struct uplink *u = ctx;
	struct uplink_news news = {
		.what = fault ? UPLINK_FAILED : u->works,
		.target = target,
		.peer = "",
		.fault = fault,
	};

	tell(u, &news);
}

static void on_guest(void *ctx, struct leg *leg, const char *target)
{
	const struct uplink_guests *guests = &((struct uplink *)ctx)->guests;

	guests->fn(guests->ctx, leg, target);
}

static const struct tunnel_set_events events = {
	.up = on_up,
	.gone = on_gone,
	.told = on_told,
	.guest = on_guest,
};

/* ---- opening */

static struct papers_order order_of(const struct uplink_config *config)
{
	return (struct papers_order){
		.cert_file = config->cert_file,
		.key_file = config->key_file,
		.ca_file = config->ca_file,
		.identity = config->identity,
		.info_hash = config->info_hash,
		.role = config->role,
		.trust = { .end = config->end,
		    .peer_role = config->peer_role,
		    .peer_names = config->peer_names,
		    .n_peer_names = config->n_peer_names,
		    .admit = config->admit,
		    .admit_ctx = config->admit_ctx,
		    .guest = config->guests.alpn },
		.beacon = config->route.kind == ROUTE_BEACON,
		.beacon_ca = config->beacon_ca,
		.beacon_pin = config->beacon_pin,
	};
}

static int prepare_beacon(
    struct uplink *u, struct beaconc_config *beacon, X509 *ca)
{
	const struct identity *identity = uplink_identity(u);

	beacon->require_proven = true;
	if (beacon->role == FRAME_LISTEN)
		u->works = UPLINK_WAITS;
	if (!identity)
		return realm_of(beacon->hash, ca);
	beacon->outer = u->papers->outer;
	beacon->identity = identity;
	beacon->name = identity->subject.name;
	memcpy(beacon->hash, identity->realm, FRAME_HASH);
	return 0;
}

static int open_set(
    struct uplink *u, const struct uplink_config *config, struct fault *fault)
{
	struct tunnel_set_config set = {
		.route = config->route,
		.context = u->papers ? u->papers->tunnel : NULL,
		.handlers = config->handlers,
		.most = config->most,
	};
	int r = 0;

	if (config->route.kind == ROUTE_BEACON)
		r = prepare_beacon(u, &set.route.beacon, config->ca);
	if (r)
		return r;
	return tunnel_set_open(&u->set, u->loop, &set, &events, u, fault);
}

int uplink_prepare(struct papers **out, const struct uplink *u,
    const struct uplink_config *config, struct fault *fault)
{
	const struct papers_order order = order_of(config);

	return papers_load(out, &order, u->papers, fault);
}

void uplink_renew(struct uplink *u, struct papers *fresh)
{
	tunnel_set_renew(u->set, fresh->tunnel);
	if (fresh->outer)
		route_renew(uplink_route(u), fresh->outer, fresh->identity);
	papers_replace(&u->papers, fresh);
}

int uplink_open(struct uplink **out, struct loop *loop,
    const struct uplink_config *config, struct fault *fault)
{
	struct uplink *u = calloc(1, sizeof(*u));
	int r;

	if (!u)
		return -ENOMEM;
	u->loop = loop;
	u->works = UPLINK_WORKS;
	u->told = config->told ? config->told : uplink_log;
	u->ctx = config->ctx;
	u->guests = config->guests;
	TAILQ_INIT(&u->lines);
	r = config->ca ? 0 : uplink_prepare(&u->papers, u, config, fault);
	if (!r)
		r = open_set(u, config, fault);
	if (r)
		uplink_close(u);
	else
		*out = u;
	return r;
}

void uplink_close(struct uplink *u)
{
	if (!u)
		return;
	tunnel_set_close(u->set);
	while (!TAILQ_EMPTY(&u->lines))
		line_free(u, TAILQ_FIRST(&u->lines));
	papers_free_all(u->papers);
	free(u);
}

/* ---- use */

void uplink_borrow(
    struct uplink *u, tunnel_set_lent_fn fn, void *ctx, unsigned ms)
{
	tunnel_set_borrow(u->set, fn, ctx, ms);
}

void uplink_return(struct uplink *u, unsigned target)
{
	tunnel_set_return(u->set, target);
}

size_t uplink_cut(
    struct uplink *u, bool (*admit)(void *ctx, const char *name), void *ctx)
{
	return tunnel_set_cut(u->set, admit, ctx);
}

void uplink_drain(struct uplink *u, unsigned ms)
{
	tunnel_set_drain(u->set, ms);
}

bool uplink_busy(const struct uplink *u)
{
	return tunnel_set_busy(u->set);
}

struct http_conn *uplink_pick(struct uplink *u)
{
	return tunnel_set_pick(u->set);
}

size_t uplink_up(const struct uplink *u)
{
	return tunnel_set_up(u->set);
}

const char *uplink_last_fault(const struct uplink *u)
{
	return tunnel_set_last_fault(u->set);
}

size_t uplink_waiting(const struct uplink *u)
{
	const struct route *route = uplink_route(u);
	size_t waiting = 0;

	for (unsigned i = 0; i < route_targets(route); i++) {
		struct route_state state;

		route_look(route, i, &state);
		waiting += state.waiting;
	}
	return waiting;
}

size_t uplink_lines(
    const struct uplink *u, struct uplink_line *lines, size_t most)
{
	const struct line *line;
	size_t n = 0;

	TAILQ_FOREACH (line, &u->lines, of_uplink) {
		if (n == most)
			break;
		lines[n++] = (struct uplink_line){
			.peer = tunnel_peer(line->tunnel),
			.target = line->target,
			.age_ms = loop_now(u->loop) - line->since,
		};
	}
	return n;
}

struct route *uplink_route(const struct uplink *u)
{
	return tunnel_set_route(u->set);
}

const struct identity *uplink_identity(const struct uplink *u)
{
	return u->papers ? u->papers->identity : NULL;
}

int64_t uplink_expiry(const struct uplink *u)
{
	return u->papers ? tls_context_expiry(u->papers->tunnel) : 0;
}
