/* beacon/pair.h: two sessions that are paired: PAIRED to both, then the pump.
 *
 * A pair owns its two sessions from pair_open() on and ends them with itself.
 */
#pragma once
#include "beacon/beacon.h"

enum { PAIR_SHORT_ID = 8 }; /* bytes of the id, for people */

struct pair {
	struct beacon *beacon;
	struct session *listener, *connector;
	struct pump *pump; /* NULL until both are ready */
	uint64_t opened_ms, active_ms;
	bool shed; /* without a pump: as it was */
	uint8_t id[FRAME_ID];
	TAILQ_ENTRY(pair) of_beacon;
};

/** pair_open() - the switchboard has paired them
 * They may be gone after it. */
void pair_open(struct session *listener, struct session *connector);
const uint8_t *pair_id(const struct pair *p);
/** pair_sheds() - have both ends agreed to shed outer TLS, and we allow it?
 * pair_shed() - have they done so, both ways? */
bool pair_sheds(const struct pair *p);
bool pair_shed(const struct pair *p);
/** pair_try() - one of its sessions is ready; with both the pump starts */
void pair_try(struct pair *p);
/** pair_fail() - a session's leg has failed, or the pair must end: both legs
 * are reset; the pair and its sessions are gone. The switchboard may have news.
 */
void pair_fail(struct pair *p);
/** pair_bytes() - forwarded so far */
uint64_t pair_bytes(const struct pair *p, enum meter_way way);
/** pair_touch() - tell the switchboard if bytes went through since the last
 * time */
void pair_touch(struct pair *p);
