#include "tether/meter.h"

#define NAME(x) .name = "pharos_tether_" x

static const struct tunnel *tunnel_of(const void *meter)
{
	return keeper_tunnel(((const struct meter *)meter)->keeper);
}

static const struct keeper_facts *facts_of(const void *meter)
{
	return keeper_facts(((const struct meter *)meter)->keeper);
}

static uint64_t read_up(void *ctx)
{
	const struct tunnel *t = tunnel_of(ctx);

	return tunnel_wg(t) && !tunnel_fault(t);
}

static uint64_t read_wanted(void *ctx)
{
	return tunnel_is_up(tunnel_of(ctx));
}

static uint64_t read_generation(void *ctx)
{
	return facts_of(ctx)->generation;
}

static uint64_t read_peers(void *ctx)
{
	return facts_of(ctx)->n_peers;
}

static uint64_t read_keys(void *ctx)
{
	return facts_of(ctx)->n_desired;
}

static uint64_t read_turning(void *ctx)
{
	return facts_of(ctx)->n_turning;
}

static uint64_t read_jumps(void *ctx)
{
	return facts_of(ctx)->clock_jumps;
}

static uint64_t read_refused(void *ctx)
{
	return admin_refused(((struct meter *)ctx)->admin);
}

void meter_init(struct meter *m, const struct keeper *k, const struct admin *a,
    struct metric_registry *registry)
{
	const struct tunnel_counts *c = tunnel_counts(keeper_tunnel(k));
	const struct metric_row rows[METER_ROWS] = {
		{ NAME("up"), NULL, "1 while the tunnel is as the codex says",
		    METRIC_GAUGE, .read = read_up, .ctx = m },
		{ NAME("wanted"), NULL, "0 after `pharos tether down`",
		    METRIC_GAUGE, .read = read_wanted, .ctx = m },
		{ NAME("generation"), NULL, "of the codex that is in force",
		    METRIC_GAUGE, .read = read_generation, .ctx = m },
		{ NAME("peers"), NULL, "in the codex", METRIC_GAUGE,
		    .read = read_peers, .ctx = m },
		{ NAME("keys"), NULL, "that have access now", METRIC_GAUGE,
		    .read = read_keys, .ctx = m },
		{ NAME("keys_turning"), NULL,
		    "that wait for their first handshake", METRIC_GAUGE,
		    .read = read_turning, .ctx = m },
		{ NAME("keys_turned_total"), NULL,
		    "that took the place of another", METRIC_COUNTER,
		    keeper_turned(k) },
		{ NAME("applied_total"), NULL,
		    "times that the machine was brought to what is desired",
		    METRIC_COUNTER, &c->applied },
		{ NAME("failures_total"), NULL, "and that this has failed",
		    METRIC_COUNTER, &c->failures },
		{ NAME("restored_total"), "what=\"rules\"",
		    "what others had changed, put right again", METRIC_COUNTER,
		    &c->restored },
		{ NAME("restored_total"), "what=\"interface\"", NULL,
		    METRIC_COUNTER, &c->relinked },
		{ NAME("clock_jumps_total"), NULL,
		    "times that the clock was set", METRIC_COUNTER,
		    .read = read_jumps, .ctx = m },
		{ NAME("control_refused_total"), NULL,
		    "connections to the control socket by other users",
		    METRIC_COUNTER, .read = read_refused, .ctx = m },
	};

	m->keeper = k;
	m->admin = a;
	memcpy(m->rows, rows, sizeof(rows));
	m->table =
	    (struct metric_table){ .rows = m->rows, .n_rows = METER_ROWS };
	metric_add(registry, &m->table);
}
