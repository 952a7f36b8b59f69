/* cli/tether_json.h: inside of `pharos tether`: a peer as JSON.
 */
#pragma once
#include "cli/tether.h"
#include "wire/json.h"

/** tether_peer_json() - what the codex says of it; no secret
 * Return: a new value; NULL: out of memory. */
json_t *tether_peer_json(const struct codex *c, const struct codex_peer *peer);
/** tether_peer_state() - "active", "disabled" or "expired" */
const char *tether_peer_state(const struct codex_peer *peer);
