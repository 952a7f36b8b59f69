/* net/vitals.h: what every daemon's /metrics has of its process: descriptors,
 * memory, processor time, since when, which version, how long the loop's turns
 * took, how many lines of its log were lost. The names are those that
 * Prometheus' own libraries use.
 *
 * What it reads of /proc is opened at the start, so that it is still readable
 * when the sandbox is closed.
 */
#pragma once
#include "base/metric.h"
#include <dirent.h>

struct loop;

enum { VITALS_ROWS = 8 };

struct vitals {
	DIR *descriptors; /* /proc/self/fd; NULL: there is no /proc */
	int memory;	  /* /proc/self/statm; -1: as well */
	uint64_t started_s;
	struct metric_row rows[VITALS_ROWS];
	struct metric_table table;
};

/** vitals_open() - and add it to @registry (or NULL), which whoever owns it
 * takes it out of first: metric_drop()
 * vitals_close() - repeatable */
void vitals_open(struct vitals *v, const struct loop *loop,
    struct metric_registry *registry);
void vitals_close(struct vitals *v);

/** vitals_descriptors() - in use now; 0: not known
 * vitals_descriptors_most() - the soft limit */
uint64_t vitals_descriptors(const struct vitals *v);
uint64_t vitals_descriptors_most(void);
/** vitals_count_entries() - of a folder, as vitals_descriptors() does where the
 * kernel does not tell their number (before 6.2) */
uint64_t vitals_count_entries(DIR *folder);
