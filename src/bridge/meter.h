/* bridge/meter.h: how /metrics names what the bridge counts. */
#pragma once
#include "base/metric.h"
#include "bridge/realm.h"

enum { METER_ROWS = 16 };

struct meter {
	struct metric_registry registry;
	struct metric_table table;
	struct metric_row rows[METER_ROWS];
	struct loop *loop;
	const struct realm *realm;
};

/** meter_init() - fill the table; @realm is open, and outlives the meter */
void meter_init(struct meter *m, struct loop *loop, const struct realm *realm);
