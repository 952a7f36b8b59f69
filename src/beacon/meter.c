#include "beacon/meter.h"
#include "beacon/beacon.h"
#include "beacon/limits.h"
#include "beacon/pair.h"
#include "net/control.h"
#include "net/listen.h"
#include "net/pipes.h"
#include "pki/known.h"
#include <stdio.h>

#define NAME(x) "pharos_beacon_" x

static void add_row(struct meter *m, const struct metric_row *row)
{
	INVARIANT(m->table.n_rows < N_ELEMS(m->rows));
	m->rows[m->table.n_rows++] = *row;
}

static void add_refusals(struct meter *m)
{
	for (unsigned i = 1; i < FRAME_ERROR_COUNT; i++) {
		char *labels = m->refusal_labels[i];

		snprintf(
		    labels, METER_LABELS, "code=\"%s\"", frame_error_name(i));
		add_row(m, &(struct metric_row){
			       .name = NAME("refusals_total"),
			       .labels = labels,
			       .help = "legs refused, by the code they got",
			       .kind = METRIC_COUNTER,
			       .value = &m->refusals[i],
			   });
	}
}

static void add_failures(struct meter *m)
{
	for (unsigned i = 0; i < TLS_FAILURE_COUNT; i++) {
		char *labels = m->failure_labels[i];

		snprintf(
		    labels, METER_LABELS, "class=\"%s\"", tls_failure_name(i));
		add_row(m, &(struct metric_row){
			       .name = NAME("handshake_failures_total"),
			       .labels = labels,
			       .help = "outer TLS sessions that failed",
			       .kind = METRIC_COUNTER,
			       .value = &m->handshake_failures[i],
			   });
	}
}

static void add_switchboard(struct meter *m, const struct switchboard_counts *c)
{
	const struct metric_row rows[] = {
		{ NAME("waiting_legs"), "role=\"listen\"",
		    "legs that wait, by role", METRIC_GAUGE, &c->listeners },
		{ NAME("waiting_legs"), "role=\"connect\"", NULL, METRIC_GAUGE,
		    &c->connectors },
		{ NAME("queued_pairs"), NULL,
		    "pairs held back until a slot is free", METRIC_GAUGE,
		    &c->queued },
		{ NAME("pairs"), NULL, "pairs now", METRIC_GAUGE, &c->paired },
		{ NAME("pairs_total"), NULL, "pairs made", METRIC_COUNTER,
		    &c->pairs_total },
		{ NAME("connector_wait_seconds"), NULL,
		    "from a connector's HELLO until it had a peer and a slot",
		    METRIC_HISTOGRAM, .histogram = &c->connector_wait },
		{ NAME("yielded_pairs_total"), NULL,
		    "pairs cut for a source that had fewer", METRIC_COUNTER,
		    &c->yielded },
		{ NAME("info_hashes"), NULL, "info hashes with waiting legs",
		    METRIC_GAUGE, &c->halls },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		add_row(m, &rows[i]);
}

static void add_known(struct meter *m, const struct known_counts *c)
{
	const struct metric_row rows[] = {
		{ NAME("known_leaves"), NULL,
		    "certificates that have proved a leg, remembered",
		    METRIC_GAUGE, &c->leaves },
		{ NAME("known_leaves_found_total"), NULL,
		    "proofs by one that was remembered", METRIC_COUNTER,
		    &c->found },
		{ NAME("known_leaves_replaced_total"), NULL,
		    "remembered ones that made room for another",
		    METRIC_COUNTER, &c->replaced },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		add_row(m, &rows[i]);
}

static void add_limiter(struct meter *m, const struct limiter_counts *c)
{
	const struct metric_row rows[] = {
		{ NAME("connections_total"), "verdict=\"welcome\"",
		    "connections accepted, by what the rate limit said",
		    METRIC_COUNTER, &c->verdicts[LIMITER_WELCOME] },
		{ NAME("connections_total"), "verdict=\"told\"", NULL,
		    METRIC_COUNTER, &c->verdicts[LIMITER_POLITE] },
		{ NAME("connections_total"), "verdict=\"shut\"", NULL,
		    METRIC_COUNTER, &c->verdicts[LIMITER_SHUT] },
		{ NAME("sources"), NULL, "sources remembered", METRIC_GAUGE,
		    &c->sources },
		{ NAME("sources_full_total"), NULL,
		    "connections shut since every source was in use",
		    METRIC_COUNTER, &c->table_full },
		{ NAME("unfinished_legs"), NULL,
		    "connections that have not said HELLO", METRIC_GAUGE,
		    &c->unfinished },
		{ NAME("pushed_out_total"), NULL,
		    "unfinished connections closed to make room",
		    METRIC_COUNTER, &c->pushed_out },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		add_row(m, &rows[i]);
}

/* What the limits are, so that a rule needs no number of ours. */
static void add_limits(struct meter *m)
{
	static const uint64_t most[] = { LIMIT_PAIRS, LIMIT_WAITING,
		LIMIT_UNFINISHED, LIMIT_RATE_SOURCES };
	const struct metric_row rows[] = {
		{ NAME("limit"), "of=\"pairs\"", "as many as there may be",
		    METRIC_GAUGE, &most[0] },
		{ NAME("limit"), "of=\"waiting_legs\"", NULL, METRIC_GAUGE,
		    &most[1] },
		{ NAME("limit"), "of=\"unfinished_legs\"", NULL, METRIC_GAUGE,
		    &most[2] },
		{ NAME("limit"), "of=\"sources\"", NULL, METRIC_GAUGE,
		    &most[3] },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		add_row(m, &rows[i]);
}

static uint64_t read_control_refused(void *ctx)
{
	const struct beacon *b = ctx;

	return b->control ? control_refused(b->control) : 0;
}

static uint64_t read_starved(void *ctx)
{
	const struct beacon *b = ctx;

	return b->listener ? listen_starved(b->listener) : 0;
}

static uint64_t read_expiry(void *ctx)
{
	const struct beacon *b = ctx;

	return (uint64_t)tls_context_expiry(b->tls);
}

static uint64_t read_draining(void *ctx)
{
	return ((const struct beacon *)ctx)->draining;
}

/* Also of pairs that go on: at most LIMIT_PAIRS of them, two loads each. */
uint64_t meter_bytes(const struct beacon *b, enum meter_way way)
{
	uint64_t n = b->meter.bytes[way];
	const struct pair *pair;

	TAILQ_FOREACH (pair, &b->pairs, of_beacon)
		n += pair_bytes(pair, way);
	return n;
}

static uint64_t read_pipes(void *ctx)
{
	return pipes_made(loop_pipes(((const struct beacon *)ctx)->loop));
}

static uint64_t read_lacked(void *ctx)
{
	return pipes_lacked(loop_pipes(((const struct beacon *)ctx)->loop));
}

static uint64_t read_lent(void *ctx)
{
	return pipes_lent(loop_pipes(((const struct beacon *)ctx)->loop));
}

static uint64_t read_yielded(void *ctx)
{
	return pipes_yielded(loop_pipes(((const struct beacon *)ctx)->loop));
}

static uint64_t read_refused(void *ctx)
{
	return pipes_refused(loop_pipes(((const struct beacon *)ctx)->loop));
}

static uint64_t read_shed(void *ctx)
{
	const struct beacon *b = ctx;
	const struct pair *pair;
	uint64_t n = 0;

	TAILQ_FOREACH (pair, &b->pairs, of_beacon)
		n += pair_shed(pair);
	return n;
}

static uint64_t read_shed_total(void *ctx)
{
	return ((const struct beacon *)ctx)->meter.shed_pairs + read_shed(ctx);
}

static uint64_t read_to_connector(void *ctx)
{
	return meter_bytes(ctx, METER_TO_CONNECTOR);
}

static uint64_t read_to_listener(void *ctx)
{
	return meter_bytes(ctx, METER_TO_LISTENER);
}

static void add_durations(struct meter *m)
{
	const struct metric_row rows[] = {
		{ NAME("handshake_seconds"), NULL,
		    "outer TLS handshakes that went well", METRIC_HISTOGRAM,
		    .histogram = &m->handshake },
		{ NAME("hello_answer_seconds"), NULL,
		    "from a HELLO's last byte until it was answered",
		    METRIC_HISTOGRAM, .histogram = &m->answer },
		{ NAME("pairing_seconds"), NULL,
		    "from the HELLO of a pair's later leg until bytes pass",
		    METRIC_HISTOGRAM, .histogram = &m->pairing },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		add_row(m, &rows[i]);
}

static void add_pipes(struct beacon *b, struct meter *m)
{
	const struct metric_row rows[] = {
		{ NAME("pipes"), NULL,
		    "pipes in which the kernel moves bytes of shed pairs",
		    METRIC_GAUGE, .read = read_pipes, .ctx = b },
		{ NAME("pipes_held"), NULL,
		    "pipes with bytes that a receiver does not take yet",
		    METRIC_GAUGE, .read = read_lent, .ctx = b },
		{ NAME("pipes_yielded_total"), NULL,
		    "pipes taken from a receiver that does not read for "
		    "another",
		    METRIC_COUNTER, .read = read_yielded, .ctx = b },
		{ NAME("splice_refused_total"), NULL,
		    "directions that are copied since the kernel refused to "
		    "splice",
		    METRIC_COUNTER, .read = read_refused, .ctx = b },
		{ NAME("pipes_lacked_total"), NULL,
		    "times that bytes were copied for want of a pipe",
		    METRIC_COUNTER, .read = read_lacked, .ctx = b },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		add_row(m, &rows[i]);
}

static void add_own(struct beacon *b, struct meter *m)
{
	const struct metric_row rows[] = {
		{ NAME("hellos_total"), "kind=\"proven\"", "good HELLOs",
		    METRIC_COUNTER, &m->proven },
		{ NAME("hellos_total"), "kind=\"bare\"", NULL, METRIC_COUNTER,
		    &m->bare },
		{ NAME("draining"), NULL, "1 while the beacon goes down",
		    METRIC_GAUGE, .read = read_draining, .ctx = b },
		{ NAME("goaways_total"), NULL,
		    "waiting legs sent away by a drain", METRIC_COUNTER,
		    &m->goaways },
		{ NAME("pair_resets_total"), NULL,
		    "pairs that ended by a reset", METRIC_COUNTER,
		    &m->pair_resets },
		{ NAME("shed_pairs"), NULL,
		    "pairs now that have shed outer TLS, both ways",
		    METRIC_GAUGE, .read = read_shed, .ctx = b },
		{ NAME("shed_pairs_total"), NULL,
		    "pairs that have shed outer TLS, both ways", METRIC_COUNTER,
		    .read = read_shed_total, .ctx = b },
		{ NAME("bytes_total"), "to=\"connector\"",
		    "bytes forwarded, by direction", METRIC_COUNTER,
		    .read = read_to_connector, .ctx = b },
		{ NAME("bytes_total"), "to=\"listener\"", NULL, METRIC_COUNTER,
		    .read = read_to_listener, .ctx = b },
		{ NAME("preambles_total"), "said=\"source\"",
		    "connections by a trusted proxy, by what it said",
		    METRIC_COUNTER, &m->preambles[METER_SOURCE] },
		{ NAME("preambles_total"), "said=\"none\"", NULL,
		    METRIC_COUNTER, &m->preambles[METER_NO_SOURCE] },
		{ NAME("preambles_total"), "said=\"nonsense\"", NULL,
		    METRIC_COUNTER, &m->preambles[METER_REFUSED] },
		{ NAME("tidied_total"), NULL,
		    "how often free memory was given back after a crowd",
		    METRIC_COUNTER, &b->tidy.done },
		{ NAME("accept_starved_total"), NULL,
		    "connections closed for want of a descriptor",
		    METRIC_COUNTER, .read = read_starved, .ctx = b },
		{ NAME("control_refused_total"), NULL,
		    "connections to the control socket by other users",
		    METRIC_COUNTER, .read = read_control_refused, .ctx = b },
		{ NAME("certificate_expiry_timestamp_seconds"), NULL,
		    "when the certificate expires, seconds since 1970",
		    METRIC_GAUGE, .read = read_expiry, .ctx = b },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		add_row(m, &rows[i]);
}

void meter_init(struct beacon *b)
{
	struct meter *m = &b->meter;

	m->table.rows = m->rows;
	add_switchboard(m, switchboard_counts(b->board));
	add_own(b, m);
	add_pipes(b, m);
	add_durations(m);
	add_refusals(m);
	add_failures(m);
	add_limits(m);
	add_known(m, known_counts(b->known));
	add_limiter(m, limiter_counts(b->limiter));
	metric_add(&m->registry, &m->table);
}
