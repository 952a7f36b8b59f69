/* cli/target.h: `pharos target`: what an operator does with a cluster that is
 * to get secrets.
 */
#pragma once
#include "cli/verb.h"

extern const struct verb target_verbs; /* the group */

/* its verbs, for their tables in target_*.c */
extern const struct verb target_fingerprint_verb, target_connect_verb,
    target_approve_verb, target_validate_verb, target_debug_verb;
