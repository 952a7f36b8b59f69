#include "bridge/meter.h"
#include "net/loop.h"

#define NAME(x) "pharos_bridge_" x

static void add(struct meter *m, const struct metric_row *row)
{
	INVARIANT(m->table.n_rows < N_ELEMS(m->rows));
	m->rows[m->table.n_rows++] = *row;
}

static void add_sealed(struct meter *m, const struct sealed_counts *sealed)
{
	const struct metric_row rows[] = {
		{ NAME("sealed_handshakes"), NULL,
		    "sealed sessions in their handshake", METRIC_GAUGE,
		    &sealed->open },
		{ NAME("sealed_total"), "result=\"open\"",
		    "sealed sessions, by how they began", METRIC_COUNTER,
		    &sealed->total },
		{ NAME("sealed_total"), "result=\"failed\"", NULL,
		    METRIC_COUNTER, &sealed->failed },
		{ NAME("sealed_total"), "result=\"refused\"", NULL,
		    METRIC_COUNTER, &sealed->refused },
		{ NAME("sealed_handshake_seconds"), NULL,
		    "handshakes of sealed sessions that went well",
		    METRIC_HISTOGRAM, .histogram = &sealed->handshake },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		add(m, &rows[i]);
}

static uint64_t read_tunnels(void *ctx)
{
	return uplink_up(((struct meter *)ctx)->realm->uplink);
}

static uint64_t read_waiting(void *ctx)
{
	return uplink_waiting(((struct meter *)ctx)->realm->uplink);
}

static uint64_t read_expiry(void *ctx)
{
	return (uint64_t)uplink_expiry(((struct meter *)ctx)->realm->uplink);
}

void meter_init(struct meter *m, struct loop *loop, const struct realm *realm)
{
	const struct metric_row rows[] = {
		{ NAME("tunnels"), NULL, "tunnels that are up", METRIC_GAUGE,
		    NULL, read_tunnels, m },
		{ NAME("waiting"), NULL, "legs waiting or on their way",
		    METRIC_GAUGE, NULL, read_waiting, m },
		{ NAME("certificate_expiry_timestamp_seconds"), NULL,
		    "when the bridge's certificate ends, since 1970",
		    METRIC_GAUGE, NULL, read_expiry, m },
	};

	*m = (struct meter){ .loop = loop, .realm = realm };
	m->table.rows = m->rows;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		add(m, &rows[i]);
	add_sealed(m, sealed_counts(realm->sealed));
	metric_add(&m->registry, &m->table);
	metric_add(&m->registry, http_metrics());
	metric_add(&m->registry, proxy_metrics(realm->proxy));
	metric_add(&m->registry, store_metrics(realm->store));
}
