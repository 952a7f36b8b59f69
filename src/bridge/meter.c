#include "bridge/meter.h"
#include "bridge/boot.h"
#include "bridge/issuer.h"
#include "bridge/meeting.h"
#include "net/loop.h"
#include <stdio.h>

#define NAME(x) "pharos_bridge_" x

static void add(struct meter *m, const struct metric_row *rows, size_t n)
{
	INVARIANT(m->table.n_rows + n <= N_ELEMS(m->rows));
	memcpy(m->rows + m->table.n_rows, rows, n * sizeof(*rows));
	m->table.n_rows += n;
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

	add(m, rows, N_ELEMS(rows));
}

static const struct realm *realm_of_meter(const void *ctx)
{
	return ((const struct meter *)ctx)->realm;
}

static uint64_t read_tunnels(void *ctx)
{
	const struct realm *r = realm_of_meter(ctx);

	return r->uplink ? uplink_up(r->uplink) : 0;
}

static uint64_t read_waiting(void *ctx)
{
	const struct realm *r = realm_of_meter(ctx);

	return r->uplink ? uplink_waiting(r->uplink) : 0;
}

static uint64_t read_expiry(void *ctx)
{
	const struct realm *r = realm_of_meter(ctx);

	return r->uplink ? (uint64_t)uplink_expiry(r->uplink) : 0;
}

/* ---- what comes from the store ------------------------------------------- */

static bool is_in(const void *ctx, enum registration_state state)
{
	const struct registration *r =
	    registry_record(realm_of_meter(ctx)->registry);

	return r && r->state == state;
}

static uint64_t read_pending(void *ctx)
{
	return is_in(ctx, REGISTRATION_PENDING);
}

static uint64_t read_active(void *ctx)
{
	return is_in(ctx, REGISTRATION_ACTIVE);
}

static uint64_t read_stale(void *ctx)
{
	return is_in(ctx, REGISTRATION_STALE);
}

static uint64_t read_revoked(void *ctx)
{
	return is_in(ctx, REGISTRATION_REVOKED);
}

static void add_record(struct meter *m)
{
	const struct registry_counts *c = registry_counts(m->realm->registry);
	const struct metric_row rows[] = {
		{ NAME("registration"), "state=\"pending\"",
		    "1 for the state that the registration is in", METRIC_GAUGE,
		    NULL, read_pending, m },
		{ NAME("registration"), "state=\"active\"", NULL, METRIC_GAUGE,
		    NULL, read_active, m },
		{ NAME("registration"), "state=\"stale\"", NULL, METRIC_GAUGE,
		    NULL, read_stale, m },
		{ NAME("registration"), "state=\"revoked\"", NULL, METRIC_GAUGE,
		    NULL, read_revoked, m },
		{ NAME("registration_away"), NULL,
		    "1 while the store does not tell it, and the last one "
		    "counts",
		    METRIC_GAUGE, &c->away },
		{ NAME("registration_reads_total"), "result=\"read\"",
		    "reads of the registration", METRIC_COUNTER, &c->reads },
		{ NAME("registration_reads_total"), "result=\"failed\"", NULL,
		    METRIC_COUNTER, &c->failures },
		{ NAME("registration_changes_total"), NULL,
		    "times that the registration was another", METRIC_COUNTER,
		    &c->changes },
		{ NAME("registration_writes_total"), "result=\"written\"",
		    "writes of the registration", METRIC_COUNTER, &c->writes },
		{ NAME("registration_writes_total"), "result=\"lost\"", NULL,
		    METRIC_COUNTER, &c->lost },
		{ NAME("signatures_total"), NULL,
		    "certificates that were signed for brokers", METRIC_COUNTER,
		    &c->signatures },
		{ NAME("cluster_keys_written_total"), NULL,
		    "times that the JWT mount has got the cluster's keys",
		    METRIC_COUNTER, &c->keys_pushed },
		{ NAME("shut_out_total"), NULL,
		    "handshakes and tunnels of brokers that are revoked",
		    METRIC_COUNTER, &m->realm->shut_out },
	};

	add(m, rows, N_ELEMS(rows));
}

static void add_account(struct meter *m, const struct account_counts *c)
{
	const struct metric_row rows[] = {
		{ NAME("store_logins_total"), NULL,
		    "tokens that the bridge has got at its store",
		    METRIC_COUNTER, &c->logins },
		{ NAME("store_renewals_total"), NULL,
		    "times that such a token was renewed", METRIC_COUNTER,
		    &c->renewals },
		{ NAME("store_login_failures_total"), NULL,
		    "logins and renewals that failed", METRIC_COUNTER,
		    &c->failures },
	};

	add(m, rows, N_ELEMS(rows));
}

static void add_answers(struct meter *m, char (*labels)[METER_WORD],
    const struct boot_counts *c, const struct metric_row *first)
{
	for (int i = 0; i < BOOT_CODE_COUNT; i++) {
		struct metric_row row = { .name = first->name,
			.labels = labels[i],
			.help = i ? NULL : first->help,
			.value = &c->ended[i] };

		snprintf(labels[i], METER_WORD, "answer=\"%s\"",
		    boot_code_text((enum boot_code)i));
		add(m, &row, 1);
	}
}

static void add_boot(struct meter *m, const struct boot_counts *c)
{
	const struct metric_row rows[] = {
		{ NAME("boot_sessions"), NULL, "boot sessions that are open",
		    METRIC_GAUGE, &c->open },
		{ NAME("boot_held"), NULL,
		    "of these, held for a person's approval", METRIC_GAUGE,
		    &c->held },
		{ NAME("boot_refused_total"), NULL,
		    "boot sessions refused since too many were open",
		    METRIC_COUNTER, &c->refused },
		{ NAME("boot_broken_total"), NULL,
		    "boot sessions that ended without an answer",
		    METRIC_COUNTER, &c->broken },
		{ NAME("boot_again_total"), NULL,
		    "boot sessions judged again: others wrote the record first",
		    METRIC_COUNTER, &c->again },
	};

	add(m, rows, N_ELEMS(rows));
	add_answers(m, m->answers[0], c,
	    &(struct metric_row){ .name = NAME("boot_total"),
		.help = "boot sessions by their answer" });
}

static void add_meeting(struct meter *m, const struct meeting_counts *c,
    const struct boot_counts *b)
{
	const struct metric_row rows[] = {
		{ NAME("meeting"), NULL,
		    "1 while brokers without a join string are waited for",
		    METRIC_GAUGE, &c->open },
		{ NAME("meeting_sessions"), NULL,
		    "sessions of such brokers that are open", METRIC_GAUGE,
		    &b->open },
		{ NAME("meeting_legs_total"), NULL,
		    "legs that somebody took there", METRIC_COUNTER, &c->legs },
		{ NAME("meeting_failed_total"), NULL,
		    "handshakes there that failed", METRIC_COUNTER,
		    &c->failed },
		{ NAME("meeting_displaced_total"), "what=\"handshake\"",
		    "those there that made room for another", METRIC_COUNTER,
		    &c->displaced },
		{ NAME("meeting_displaced_total"), "what=\"session\"", NULL,
		    METRIC_COUNTER, &b->displaced },
		{ NAME("meeting_broken_total"), NULL,
		    "sessions there that ended without an answer",
		    METRIC_COUNTER, &b->broken },
	};

	add(m, rows, N_ELEMS(rows));
	add_answers(m, m->answers[1], b,
	    &(struct metric_row){ .name = NAME("meeting_total"),
		.help = "sessions there by their answer" });
}

static void add_issuer(struct meter *m, const struct issuer_counts *c)
{
	const struct metric_row rows[] = {
		{ NAME("issuer_reads_total"), "result=\"read\"",
		    "reads of the cluster's keys at its public issuer",
		    METRIC_COUNTER, &c->reads },
		{ NAME("issuer_reads_total"), "result=\"failed\"", NULL,
		    METRIC_COUNTER, &c->failures },
		{ NAME("issuer_changes_total"), NULL,
		    "times that other keys were read there", METRIC_COUNTER,
		    &c->changes },
	};

	add(m, rows, N_ELEMS(rows));
}

static void add_registry(struct meter *m)
{
	const struct realm *r = m->realm;

	add_record(m);
	add_account(m, account_counts(registry_account(r->registry)));
	add_boot(m, boot_counts(r->boot));
	if (r->meeting)
		add_meeting(
		    m, meeting_counts(r->meeting), boot_counts(r->parlour));
	add_issuer(m, issuer_counts(r->issuer));
}

/* ---- the whole ----------------------------------------------------------- */

static void join(struct meter *m, struct metric_table *table)
{
	table->labels = *m->labels ? m->labels : NULL;
	metric_add(m->registry, table);
}

void meter_open(struct meter *m, struct metric_registry *registry,
    const struct realm *realm)
{
	const struct metric_row rows[] = {
		{ NAME("tunnels"), NULL, "tunnels that are up", METRIC_GAUGE,
		    NULL, read_tunnels, m },
		{ NAME("waiting"), NULL, "legs waiting or on their way",
		    METRIC_GAUGE, NULL, read_waiting, m },
		{ NAME("certificate_expiry_timestamp_seconds"), NULL,
		    "when the bridge's certificate ends, since 1970; 0: there "
		    "is none yet",
		    METRIC_GAUGE, NULL, read_expiry, m },
	};

	*m = (struct meter){ .registry = registry, .realm = realm };
	if (*realm->label)
		snprintf(
		    m->labels, sizeof(m->labels), "realm=\"%s\"", realm->label);
	m->table.rows = m->rows;
	add(m, rows, N_ELEMS(rows));
	add_sealed(m, sealed_counts(realm->sealed));
	if (realm->registry)
		add_registry(m);
	join(m, &m->table);
	join(m, proxy_metrics(realm->proxy));
	join(m, store_metrics(realm->store));
}

void meter_close(struct meter *m)
{
	if (!m->registry)
		return;
	metric_drop(m->registry, &m->table);
	metric_drop(m->registry, proxy_metrics(m->realm->proxy));
	metric_drop(m->registry, store_metrics(m->realm->store));
	m->registry = NULL;
}
