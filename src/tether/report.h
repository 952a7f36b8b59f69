/* tether/report.h: the JSON of pharos-tether's control socket
 * (pharos-tether(8)). */
#pragma once
#include "tether/keeper.h"
#include <jansson.h>

enum { REPORT_PEERS_MOST = 2048 }; /* in one answer */

/** report_status() - Return: a new value; NULL: out of memory. */
json_t *report_status(const struct keeper *k, uint64_t uptime_s);
/** report_peers() - up to REPORT_PEERS_MOST of @state, from the one at @after
 * on; "next" in it: where more begin. Return: as above. */
json_t *report_peers(const struct wgstate *state, size_t after);
