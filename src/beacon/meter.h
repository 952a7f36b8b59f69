/* beacon/meter.h: what the beacon counts, and how /metrics names it.
 */
#pragma once
#include "base/metric.h"
#include "net/tls.h"
#include "wire/frame.h"

struct beacon;

enum { METER_LABELS = 32 };
/* What a trusted proxy said: a source, that it has none to name, or nothing
 * that makes sense. */
enum meter_preamble {
	METER_SOURCE,
	METER_NO_SOURCE,
	METER_REFUSED,
	METER_PREAMBLES
};
enum meter_way { METER_TO_CONNECTOR, METER_TO_LISTENER, METER_WAYS };

struct meter {
	uint64_t refusals[FRAME_ERROR_COUNT];
	uint64_t handshake_failures[TLS_FAILURE_COUNT];
	uint64_t proven, bare; /* good HELLOs */
	uint64_t goaways;
	uint64_t preambles[METER_PREAMBLES];
	uint64_t pair_resets;		   /* pairs that ended by a reset */
	uint64_t shed_pairs;		   /* of those that have ended */
	uint64_t bytes[METER_WAYS];	   /* of pairs that have ended */
	struct metric_histogram handshake; /* outer TLS, that went well */
	struct metric_histogram answer;	   /* HELLO read, answer written */
	/* from the later leg's HELLO until both are told and bytes may pass */
	struct metric_histogram pairing;

	struct metric_registry registry;
	struct metric_table table;
	struct metric_row rows[80];
	char refusal_labels[FRAME_ERROR_COUNT][METER_LABELS];
	char failure_labels[TLS_FAILURE_COUNT][METER_LABELS];
};

/** meter_init() - fill the table; @b has its switchboard and limiter */
void meter_init(struct beacon *b);
/** meter_bytes() - forwarded so far, of pairs that go on too */
uint64_t meter_bytes(const struct beacon *b, enum meter_way way);
