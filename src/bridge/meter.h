/* bridge/meter.h: how /metrics names what the bridge counts. */
#pragma once
#include "base/metric.h"
#include "bridge/realm.h"
#include "wire/boot.h"

enum { METER_ROWS = 80, METER_LABELS = REALM_LABEL_MOST + 16, METER_WORD = 32 };

/* Of one realm. */
struct meter {
	struct metric_registry *registry;
	struct metric_table table;
	struct metric_row rows[METER_ROWS];
	char labels[METER_LABELS]; /* realm="…" */
	char answers[2][BOOT_CODE_COUNT][METER_WORD];
	const struct realm *realm;
};

/** meter_open() - fill the tables, and into @registry; @realm is open
 * meter_close() - out of it, before the realm is closed; repeatable */
void meter_open(struct meter *m, struct metric_registry *registry,
    const struct realm *realm);
void meter_close(struct meter *m);
