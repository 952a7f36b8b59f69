#include "broker/meter.h"
#include "broker/broker.h"
#include "net/loop.h"
#include <stdio.h>

#define NAME(x) "pharos_broker_" x

static void add_row(struct meter *m, const struct metric_row *row)
{
	INVARIANT(m->table.n_rows < N_ELEMS(m->rows));
	m->rows[m->table.n_rows++] = *row;
}

static void add_refusals(struct meter *m, const struct refusals *refusals)
{
	for (unsigned i = 0; i < REFUSAL_COUNT; i++) {
		char *labels = m->refusal_labels[i];

		(void)snprintf(labels, METER_LABELS, "reason=\"%s\"",
		    refusal_name((enum refusal_kind)i));
		add_row(m, &(struct metric_row){
			       .name = NAME("refusals_total"),
			       .labels = labels,
			       .help = "requests of pods refused, by reason",
			       .kind = METRIC_COUNTER,
			       .value = &refusals->counts[i],
			   });
	}
}

static void add_carry(struct meter *m, const struct carry_counts *c)
{
	const struct metric_row rows[] = {
		{ NAME("sessions"), NULL, "sealed sessions carried now",
		    METRIC_GAUGE, &c->open },
		{ NAME("sessions_total"), NULL, "sealed sessions joined",
		    METRIC_COUNTER, &c->total },
		{ NAME("sessions_asked_again_total"), NULL,
		    "CONNECTs that one tunnel left unanswered, sent on another",
		    METRIC_COUNTER, &c->asked_again },
		{ NAME("session_setup_seconds"), NULL,
		    "from a pod's CONNECT until its session is joined",
		    METRIC_HISTOGRAM, .histogram = &c->join },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		add_row(m, &rows[i]);
}

/* The same rows, be pass-through on or off. */
static void add_forward(struct meter *m, const struct forward *f)
{
	static const struct forward_counts none = { .total = 0 };
	const struct forward_counts *c = f ? forward_counts(f) : &none;
	const struct metric_row rows[] = {
		{ NAME("requests"), NULL, "pass-through requests now",
		    METRIC_GAUGE, &c->open },
		{ NAME("requests_total"), NULL,
		    "pass-through requests sent to the bridge", METRIC_COUNTER,
		    &c->total },
		{ NAME("request_seconds"), NULL,
		    "from a pass-through request until its answer's head",
		    METRIC_HISTOGRAM, .histogram = &c->answer },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		add_row(m, &rows[i]);
}

static uint64_t read_reviews_waiting(void *ctx)
{
	struct reviewer *r = ((struct broker *)ctx)->reviewer;

	return r ? reviewer_counts(r)->waiting : 0;
}

static uint64_t read_reviews_remembered(void *ctx)
{
	struct reviewer *r = ((struct broker *)ctx)->reviewer;

	return r ? reviewer_counts(r)->remembered : 0;
}

/* The same rows, be pods reviewed or not. */
static void add_reviews(struct meter *m, struct broker *b)
{
	static const struct reviewer_counts none = { .good = 0 };
	const struct reviewer_counts *c =
	    b->reviewer ? reviewer_counts(b->reviewer) : &none;
	const struct metric_row rows[] = {
		{ NAME("reviews_total"), "outcome=\"good\"",
		    "pods' tokens that the cluster was asked about",
		    METRIC_COUNTER, &c->good },
		{ NAME("reviews_total"), "outcome=\"refused\"", NULL,
		    METRIC_COUNTER, &c->refused },
		{ NAME("reviews_total"), "outcome=\"noPod\"", NULL,
		    METRIC_COUNTER, &c->no_pod },
		{ NAME("reviews_total"), "outcome=\"failed\"", NULL,
		    METRIC_COUNTER, &c->failed },
		{ NAME("reviews_leant_total"), NULL,
		    "pods let in by an older answer, for want of a new one",
		    METRIC_COUNTER, &c->leant },
		{ NAME("review_seconds"), NULL,
		    "from a token's first showing until the cluster's answer",
		    METRIC_HISTOGRAM, .histogram = &c->took },
		{ NAME("reviews_waiting"), NULL,
		    "tokens that wait for the cluster's answer", METRIC_GAUGE,
		    .read = read_reviews_waiting, .ctx = b },
		{ NAME("reviews_remembered"), NULL,
		    "tokens whose answer is remembered", METRIC_GAUGE,
		    .read = read_reviews_remembered, .ctx = b },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		add_row(m, &rows[i]);
}

static uint64_t read_tunnels(void *ctx)
{
	const struct broker *b = ctx;

	return b->uplink ? uplink_up(b->uplink) : 0;
}

static uint64_t read_tunnel_expiry(void *ctx)
{
	const struct broker *b = ctx;

	return b->uplink ? (uint64_t)uplink_expiry(b->uplink) : 0;
}

static uint64_t read_listen_expiry(void *ctx)
{
	const struct broker *b = ctx;

	return b->pods_tls ? (uint64_t)tls_context_expiry(b->pods_tls) : 0;
}

static uint64_t read_connections(void *ctx)
{
	return pods_gauges(((struct broker *)ctx)->pods).connections;
}

static uint64_t read_carried_to_bridge(void *ctx)
{
	return carry_bytes(((struct broker *)ctx)->carry, WAY_TO_BRIDGE);
}

static uint64_t read_carried_to_pod(void *ctx)
{
	return carry_bytes(((struct broker *)ctx)->carry, WAY_TO_POD);
}

static uint64_t read_forwarded_to_bridge(void *ctx)
{
	return forward_bytes(((struct broker *)ctx)->forward, WAY_TO_BRIDGE);
}

static uint64_t read_forwarded_to_pod(void *ctx)
{
	return forward_bytes(((struct broker *)ctx)->forward, WAY_TO_POD);
}

static uint64_t read_turned_away(void *ctx)
{
	return pods_gauges(((struct broker *)ctx)->pods).turned_away;
}

static uint64_t read_streams(void *ctx)
{
	return pods_gauges(((struct broker *)ctx)->pods).streams;
}

static uint64_t read_waiting(void *ctx)
{
	return pods_gauges(((struct broker *)ctx)->pods).waiting;
}

static uint64_t read_sources(void *ctx)
{
	return pods_gauges(((struct broker *)ctx)->pods).sources;
}

/* The same rows, does it join or not. */
static void add_boot(struct meter *m, const struct boot *b)
{
	static const struct boot_counts none = { .granted = 0 };
	const struct boot_counts *c = b ? boot_counts(b) : &none;
	const struct metric_row rows[] = {
		{ NAME("boot_tries_total"), "result=\"granted\"",
		    "tries to get a certificate from the bridge",
		    METRIC_COUNTER, &c->granted },
		{ NAME("boot_tries_total"), "result=\"refused\"", NULL,
		    METRIC_COUNTER, &c->refused },
		{ NAME("boot_tries_total"), "result=\"failed\"", NULL,
		    METRIC_COUNTER, &c->failed },
		{ NAME("boot_words_total"), "what=\"shown\"",
		    "six words, shown to a person, and typed by one who saw "
		    "others",
		    METRIC_COUNTER, &c->shown },
		{ NAME("boot_words_total"), "what=\"wrong\"", NULL,
		    METRIC_COUNTER, &c->wrong },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		add_row(m, &rows[i]);
}

static void add_bytes(struct meter *m, struct broker *b)
{
	const struct metric_row rows[] = {
		{ NAME("session_bytes_total"), "to=\"bridge\"",
		    "bytes of sealed sessions", METRIC_COUNTER,
		    .read = read_carried_to_bridge, .ctx = b },
		{ NAME("session_bytes_total"), "to=\"pod\"", NULL,
		    METRIC_COUNTER, .read = read_carried_to_pod, .ctx = b },
		{ NAME("request_bytes_total"), "to=\"bridge\"",
		    "bytes of the bodies of pass-through", METRIC_COUNTER,
		    .read = read_forwarded_to_bridge, .ctx = b },
		{ NAME("request_bytes_total"), "to=\"pod\"", NULL,
		    METRIC_COUNTER, .read = read_forwarded_to_pod, .ctx = b },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		add_row(m, &rows[i]);
}

static void add_gauges(struct meter *m, struct broker *b)
{
	const struct metric_row rows[] = {
		{ NAME("tunnels"), NULL, "tunnels to the bridge that are up",
		    METRIC_GAUGE, .read = read_tunnels },
		{ NAME("certificate_expiry_timestamp_seconds"),
		    "use=\"tunnel\"",
		    "when the broker's own certificates end, since 1970; 0: "
		    "there is none yet",
		    METRIC_GAUGE, .read = read_tunnel_expiry },
		{ NAME("certificate_expiry_timestamp_seconds"),
		    "use=\"listen\"", NULL, METRIC_GAUGE,
		    .read = read_listen_expiry },
		{ NAME("connections"), NULL, "connections of pods",
		    METRIC_GAUGE, .read = read_connections },
		{ NAME("connections_refused_total"), NULL,
		    "connections closed at a limit, before TLS", METRIC_COUNTER,
		    .read = read_turned_away },
		{ NAME("streams"), NULL, "requests and sessions of pods now",
		    METRIC_GAUGE, .read = read_streams },
		{ NAME("streams_waiting"), NULL,
		    "of those, the ones that wait for a review", METRIC_GAUGE,
		    .read = read_waiting },
		{ NAME("sources"), NULL,
		    "pods and addresses whose rate is remembered", METRIC_GAUGE,
		    .read = read_sources },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		struct metric_row row = rows[i];

		row.ctx = b;
		add_row(m, &row);
	}
}

void meter_init(struct meter *m, struct broker *b)
{
	m->table.rows = m->rows;
	add_gauges(m, b);
	add_carry(m, carry_counts(b->carry));
	add_forward(m, b->forward);
	add_boot(m, b->boot);
	add_bytes(m, b);
	add_reviews(m, b);
	add_refusals(m, &b->refusals);
	metric_add(&m->registry, &m->table);
	metric_add(&m->registry, http_metrics());
}
