/* broker/meter.h: how /metrics names what the broker counts.
 */
#pragma once
#include "base/metric.h"
#include "broker/refusal.h"

struct broker;

enum { METER_LABELS = 32, METER_ROWS = 56 };

struct meter {
	struct metric_registry registry;
	struct metric_table table;
	struct metric_row rows[METER_ROWS];
	char refusal_labels[REFUSAL_COUNT][METER_LABELS];
};

/** meter_init() - fill the table; @b is open, and outlives the meter */
void meter_init(struct meter *m, struct broker *b);
