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
		{ NAME("session_bytes_total"), "to=\"bridge\"",
		    "bytes of sealed sessions that have ended", METRIC_COUNTER,
		    &c->to_bridge },
		{ NAME("session_bytes_total"), "to=\"pod\"", NULL,
		    METRIC_COUNTER, &c->to_pod },
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
		{ NAME("request_bytes_total"), "to=\"bridge\"",
		    "bytes of the bodies of pass-through", METRIC_COUNTER,
		    &c->to_bridge },
		{ NAME("request_bytes_total"), "to=\"pod\"", NULL,
		    METRIC_COUNTER, &c->to_pod },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		add_row(m, &rows[i]);
}

static uint64_t read_tunnels(void *ctx)
{
	return uplink_up(((struct broker *)ctx)->uplink);
}

static uint64_t seconds_left(const struct broker *b, int64_t expiry)
{
	int64_t left = expiry - loop_wall(b->loop);

	return left > 0 ? (uint64_t)left : 0;
}

static uint64_t read_tunnel_expiry(void *ctx)
{
	struct broker *b = ctx;

	return seconds_left(b, uplink_expiry(b->uplink));
}

static uint64_t read_listen_expiry(void *ctx)
{
	struct broker *b = ctx;

	return seconds_left(b, tls_context_expiry(b->pods_tls));
}

static uint64_t read_connections(void *ctx)
{
	return pods_gauges(((struct broker *)ctx)->pods).connections;
}

static uint64_t read_turned_away(void *ctx)
{
	return pods_gauges(((struct broker *)ctx)->pods).turned_away;
}

static uint64_t read_streams(void *ctx)
{
	return pods_gauges(((struct broker *)ctx)->pods).streams;
}

static uint64_t read_sources(void *ctx)
{
	return pods_gauges(((struct broker *)ctx)->pods).sources;
}

static void add_gauges(struct meter *m, struct broker *b)
{
	const struct metric_row rows[] = {
		{ NAME("tunnels"), NULL, "tunnels to the bridge that are up",
		    METRIC_GAUGE, .read = read_tunnels },
		{ NAME("certificate_seconds_left"), "use=\"tunnel\"",
		    "until the broker's own certificates end", METRIC_GAUGE,
		    .read = read_tunnel_expiry },
		{ NAME("certificate_seconds_left"), "use=\"listen\"", NULL,
		    METRIC_GAUGE, .read = read_listen_expiry },
		{ NAME("connections"), NULL, "connections of pods",
		    METRIC_GAUGE, .read = read_connections },
		{ NAME("connections_refused_total"), NULL,
		    "connections closed at a limit, before TLS", METRIC_COUNTER,
		    .read = read_turned_away },
		{ NAME("streams"), NULL, "requests and sessions of pods now",
		    METRIC_GAUGE, .read = read_streams },
		{ NAME("sources"), NULL, "addresses whose rate is remembered",
		    METRIC_GAUGE, .read = read_sources },
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
	add_refusals(m, &b->refusals);
	metric_add(&m->registry, &m->table);
	metric_add(&m->registry, http_metrics());
}
