/* The tunnels of a bridge and a broker over three beacons, while everything
 * between them fails: the product's own tunnel sets, routes, visits, TLS and
 * HTTP/2 over legs in memory, with a fake clock.
 *
 * In the first part of a run connections are cut or stall at random points, and
 * beacons die, come back, drain, or go mute, while requests are sent. In the
 * second part everything heals. What must hold:
 *   - an answer is byte for byte what was asked, or the request breaks
 *   - no request outlives its deadline, none is told twice or never
 *   - what the set tells (up, gone) agrees with what it says of itself
 *   - when all has healed, all tunnels come up and a request goes through
 *   - outer TLS is shed where both wish it, and where something on the way
 *     breaks that (one of the beacons), it is kept the next time
 *   - at the end nothing is left: no timer, no block of memory, no stream
 */
#include "echo.h"
#include "net/tunnelset.h"
#include "pki/testpki.h"
#include "simbeacon.h"
#include "wires.h"

#include <openssl/evp.h>

enum {
	SEEDS = 12,
	BEACONS = 3,
	TUNNELS = 2, /* of the broker */
	SPARES = 3,  /* of the bridge at each beacon */
	TROUBLE_MS = 200000,
	HEALED_MS = 120000,
	ASK_MS = 90000, /* above a stall's end by pings, 45 s */
	ASK_MOST = 60000,
	PENDING_MOST = 20,
};

static const char *const targets[] = { "0.sim:1", "1.sim:1", "2.sim:1" };

static struct testpki_ca ca;
static struct identity *bridge_id, *broker_id, *beacon_id;
static struct tunnel_trust bridge_trust, broker_trust;
static struct tls_context *bridge_context, *broker_context;
static struct tls_context *beacon_context, *outer_context;

/* One end: what the set has told. */
struct side {
	struct tunnel_set *set;
	size_t up;
	uint64_t ups, gones, failures;
	uint64_t broken_sheds; /* tunnels that ended so */
	uint64_t retired;      /* in order, since their beacon drained */
};

struct sim {
	struct loop *loop;
	struct wires wires;
	struct simbeacon beacon[BEACONS];
	uint64_t healed_at[BEACONS]; /* when its fate is over */
	struct httpd *handlers;
	struct side bridge, broker;
	struct echo_counts echo;
	uint64_t next_fault, next_ask, end;
	bool sheds;
};

static void on_up(void *ctx, struct tunnel *t, const char *target)
{
	struct side *s = ctx;

	(void)t;
	(void)target;
	s->up++;
	s->ups++;
}

static void on_gone(
    void *ctx, struct tunnel *t, const char *target, const struct fault *fault)
{
	struct side *s = ctx;

	(void)t;
	(void)target;
	INVARIANT(s->up && fault->text[0]);
	s->up--;
	s->gones++;
	s->retired += fault->code == -ESHUTDOWN;
	s->broken_sheds += fault->code == LEG_CUT_AT_SHED;
}

static void on_told(void *ctx, const char *target, const struct fault *fault)
{
	struct side *s = ctx;

	(void)target;
	s->failures += fault != NULL;
	s->broken_sheds += fault && fault->code == LEG_CUT_AT_SHED;
}

static const struct tunnel_set_events set_events = { on_up, on_gone, on_told };

static void on_arrive(void *ctx, int place, struct leg *leg)
{
	struct sim *s = ctx;

	simbeacon_arrive(&s->beacon[place], leg);
}

static unsigned any(struct sim *s, unsigned below)
{
	return loop_random(s->loop, below);
}

static void open_sets(struct sim *s)
{
	struct tunnel_set_config config = {
		.route = { .kind = ROUTE_BEACON,
		    .keep = ROUTE_EVERY,
		    .count = SPARES,
		    .targets = targets,
		    .n_targets = BEACONS,
		    .beacon = { .outer = outer_context,
			.role = FRAME_LISTEN,
			.identity = bridge_id,
			.shed = s->sheds },
		    .bare_spares = 1 },
		.context = bridge_context,
		.handlers = s->handlers,
	};

	INVARIANT(!tunnel_set_open(
	    &s->bridge.set, s->loop, &config, &set_events, &s->bridge, NULL));
	config.route.keep = ROUTE_SOME;
	config.route.count = TUNNELS;
	config.route.beacon.role = FRAME_CONNECT;
	config.route.beacon.identity = broker_id;
	config.context = broker_context;
	config.handlers = NULL;
	INVARIANT(!tunnel_set_open(
	    &s->broker.set, s->loop, &config, &set_events, &s->broker, NULL));
}

static void sim_open(struct sim *s, uint32_t seed)
{
	memset(s, 0, sizeof(*s));
	INVARIANT(!loop_new(&s->loop));
	loop_fake_clock(s->loop, 1000000 * (uint64_t)seed);
	s->sheds = seed % 4 != 0;
	s->wires.arrive = on_arrive;
	s->wires.ctx = s;
	wires_join(&s->wires, s->loop);
	for (int i = 0; i < BEACONS; i++)
		s->beacon[i] = (struct simbeacon){ .loop = s->loop,
			.context = beacon_context,
			.breaks_shed = i == (int)seed % BEACONS };
	INVARIANT(!httpd_new(&s->handlers, s->loop,
	    &(struct httpd_config){ .routes = echo_routes(), .n_routes = 1 }));
	open_sets(s);
	s->end = loop_now(s->loop) + TROUBLE_MS;
}

static void set_fate(struct sim *s, int i, enum wire_fate fate, unsigned ms)
{
	s->wires.fate[i] = fate;
	s->healed_at[i] = loop_now(s->loop) + ms;
	if (fate != WIRE_DOWN)
		return;
	simbeacon_kill(&s->beacon[i]);
	wires_cut_place(&s->wires, i);
}

static void one_fault(struct sim *s)
{
	int place = (int)any(s, BEACONS);

	switch (any(s, 9)) {
	case 0:
		set_fate(s, place, WIRE_DOWN, any(s, 15000));
		break;
	case 1:
		set_fate(s, place, WIRE_MUTE, any(s, 15000));
		break;
	case 8:
		set_fate(s, place, WIRE_UP, any(s, 30000));
		simbeacon_drain(&s->beacon[place]);
		break;
	case 2:
	case 3:
		if (s->wires.n)
			wires_stall(&s->wires, any(s, (unsigned)s->wires.n),
			    loop_now(s->loop) + any(s, 60000));
		break;
	default:
		if (s->wires.n)
			wires_cut(&s->wires, any(s, (unsigned)s->wires.n));
		break;
	}
}

static void heal_due(struct sim *s)
{
	for (int i = 0; i < BEACONS; i++) {
		if (s->healed_at[i] > loop_now(s->loop))
			continue;
		s->wires.fate[i] = WIRE_UP;
		s->beacon[i].draining = false;
	}
}

static void ask(struct sim *s)
{
	struct http_conn *c = tunnel_set_pick(s->broker.set);

	if (c && s->echo.pending < PENDING_MOST)
		echo_ask(&s->echo, c, any(s, 3) ? any(s, ASK_MOST) : any(s, 9),
		    ASK_MS);
}

static void check(struct sim *s)
{
	INVARIANT(tunnel_set_up(s->bridge.set) == s->bridge.up);
	INVARIANT(tunnel_set_up(s->broker.set) == s->broker.up);
	INVARIANT(s->broker.up <= TUNNELS);
	INVARIANT(!s->echo.late);
	INVARIANT(
	    tunnel_set_pick(s->broker.set) || !s->broker.up || s->echo.pending);
}

static uint64_t earliest(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Let things happen until nothing moves, then go to the next point in time. */
static void step(struct sim *s)
{
	uint64_t now = loop_now(s->loop), next;
	bool moved;

	loop_turn(s->loop);
	moved = wires_carry(&s->wires);
	loop_turn(s->loop);
	check(s);
	next = now + 1 + any(s, 20);
	if (!moved) {
		next = earliest(s->next_ask, s->next_fault);
		next = earliest(next, loop_next_due(s->loop));
		next = earliest(next, now + 1000);
	}
	loop_set_now(s->loop, next > now ? next : now + 1);
}

static void trouble(struct sim *s)
{
	while (loop_now(s->loop) < s->end) {
		uint64_t now = loop_now(s->loop);

		heal_due(s);
		if (now >= s->next_fault) {
			one_fault(s);
			s->next_fault = now + any(s, 5000);
		}
		if (now >= s->next_ask) {
			ask(s);
			s->next_ask = now + any(s, 1000);
		}
		step(s);
	}
}

static void healed(struct sim *s)
{
	uint64_t end = loop_now(s->loop) + HEALED_MS, whole;

	for (int i = 0; i < BEACONS; i++)
		s->healed_at[i] = 0;
	for (size_t i = 0; i < s->wires.n; i++)
		wires_stall(&s->wires, i, 0);
	heal_due(s);
	s->next_fault = s->next_ask = UINT64_MAX;
	while (loop_now(s->loop) < end)
		step(s);
	INVARIANT(s->broker.up == TUNNELS && s->bridge.up == TUNNELS);
	INVARIANT(!s->echo.pending);
	whole = s->echo.whole;
	ask(s);
	while (s->echo.pending)
		step(s);
	INVARIANT(s->echo.whole == whole + 1);
}

static void sim_close(struct sim *s)
{
	ask(s); /* under way when the set goes */
	tunnel_set_close(s->broker.set);
	tunnel_set_close(s->bridge.set);
	for (int i = 0; i < BEACONS; i++)
		simbeacon_kill(&s->beacon[i]);
	wires_cut_place(&s->wires, -1);
	for (int i = 0; i < 50; i++)
		loop_turn(s->loop);
	INVARIANT(!s->echo.pending);
	INVARIANT(s->echo.whole + s->echo.broken == s->echo.asked);
	httpd_free(s->handlers);
	INVARIANT(!s->wires.n && !s->wires.network.calls);
	INVARIANT(!pool_lent(loop_pool(s->loop)));
	INVARIANT(loop_next_due(s->loop) == UINT64_MAX);
	loop_free(s->loop);
}

static struct {
	uint64_t whole, broken, gones, failures;
	uint64_t shed, broken_sheds, retired;
} total;

static void run(uint32_t seed)
{
	static struct sim s;

	sim_open(&s, seed);
	trouble(&s);
	healed(&s);
	total.whole += s.echo.whole;
	total.broken += s.echo.broken;
	total.gones += s.broker.gones;
	total.retired += s.broker.retired;
	total.failures += s.broker.failures + s.bridge.failures;
	total.broken_sheds += s.broker.broken_sheds + s.bridge.broken_sheds;
	sim_close(&s);
	for (int i = 0; i < BEACONS; i++) {
		INVARIANT(s.sheds || !s.beacon[i].shed);
		total.shed += s.beacon[i].shed;
	}
	printf("ok %u - %llu connections, %llu tunnels, %llu answers, %llu "
	       "broken\n",
	    seed, (unsigned long long)s.wires.opened,
	    (unsigned long long)s.broker.ups, (unsigned long long)s.echo.whole,
	    (unsigned long long)s.echo.broken);
	fflush(stdout);
}

static struct tls_context *context_of(const struct tls_config *of)
{
	struct tls_context *c;

	INVARIANT(!tls_context_new(&c, of, NULL));
	return c;
}

/* The beacons share a certificate, known by its key. */
static void pin_of(uint8_t out[32], const X509 *cert)
{
	uint8_t *der = NULL;
	int n = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &der);

	INVARIANT(n > 0);
	INVARIANT(EVP_Digest(der, (size_t)n, out, NULL, EVP_sha256(), NULL));
	OPENSSL_free(der);
}

static void make_identities(void)
{
	static const char *const alpn[] = { FRAME_ALPN, NULL };
	uint8_t pin[32];

	ca = testpki_ca_new("the bridge CA");
	bridge_id = testpki_identity(&ca, ROLE_BRIDGE, "b1", NULL);
	broker_id = testpki_identity(&ca, ROLE_BROKER, "k1", NULL);
	beacon_id = testpki_identity(&ca, ROLE_BRIDGE, "beacon", "0.sim");
	bridge_trust =
	    (struct tunnel_trust){ bridge_id, TLS_SERVER, ROLE_BROKER };
	broker_trust =
	    (struct tunnel_trust){ broker_id, TLS_CLIENT, ROLE_BRIDGE };
	INVARIANT(!tunnel_context(&bridge_context, &bridge_trust, NULL));
	INVARIANT(!tunnel_context(&broker_context, &broker_trust, NULL));
	pin_of(pin, beacon_id->leaf);
	beacon_context = context_of(&(struct tls_config){ .end = TLS_SERVER,
	    .hop = "outer TLS",
	    .alpn = alpn,
	    .identity = beacon_id });
	outer_context = context_of(&(struct tls_config){ .end = TLS_CLIENT,
	    .hop = "outer TLS",
	    .alpn = alpn,
	    .trust = TLS_TRUST_PIN,
	    .pin = pin });
}

static void free_identities(void)
{
	tls_context_free(bridge_context);
	tls_context_free(broker_context);
	tls_context_free(beacon_context);
	tls_context_free(outer_context);
	identity_free(bridge_id);
	identity_free(broker_id);
	identity_free(beacon_id);
	testpki_ca_free(&ca);
}

int main(void)
{
	make_identities();
	printf("1..%d\n", SEEDS);
	for (uint32_t seed = 1; seed <= SEEDS; seed++)
		run(seed);
	/* Runs without trouble, or without success, would prove nothing. */
	INVARIANT(total.whole > 1000 && total.broken > 100);
	INVARIANT(total.gones > 100 && total.failures > 100);
	INVARIANT(total.retired > 8);
	INVARIANT(total.shed > 30 && total.broken_sheds > 8);
	free_identities();
	return 0;
}
