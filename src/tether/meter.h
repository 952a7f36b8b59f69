/* tether/meter.h: what /metrics shows of a tether. */
#pragma once
#include "base/metric.h"
#include "tether/admin.h"
#include "tether/keeper.h"

enum { METER_ROWS = 13 };

struct meter {
	const struct keeper *keeper;
	const struct admin *admin; /* or NULL */
	struct metric_row rows[METER_ROWS];
	struct metric_table table;
};

/** meter_init() - and add it to @registry, which whoever owns it takes it out
 * of first: metric_drop() */
void meter_init(struct meter *m, const struct keeper *k, const struct admin *a,
    struct metric_registry *registry);
