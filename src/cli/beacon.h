/* cli/beacon.h: `pharos beacon`: what its verbs share.
 */
#pragma once
#include "cli/call.h"
#include "cli/verb.h"

extern const struct verb beacon_verbs; /* the group */

/* its verbs, for their tables in beacon_*.c */
extern const struct verb beacon_status_verb, beacon_list_verb, beacon_kill_verb,
    beacon_drain_verb;

/* Where its unit has the socket made. */
#define BEACON_CONTROL "/run/pharos-beacon/control"

/* The options that every verb has. */
struct beacon_config {
	char *control;
	int output; /* enum verb_output */
};
#define BEACON_ROWS_COMMON(config, member)                                     \
	{ .name = "control",                                                   \
		.metavar = "PATH",                                             \
		.help = "the beacon's control socket",                         \
		.initial = BEACON_CONTROL,                                     \
		.offset = offsetof(config, member.control),                    \
		.type = OPTION_TEXT },                                         \
	    VERB_OUTPUT_ROW(config, member.output)
/* Those alone, into a struct beacon_config. */
enum { BEACON_ROWS = 2 };
extern const struct option_row beacon_rows[BEACON_ROWS];

/** beacon_call() - see call_make() */
MUST_USE int beacon_call(json_t **out, const struct beacon_config *config,
    const char *method, const char *target, struct fault *fault);

/* Readers that take what is missing for nothing. */
uint64_t beacon_number(const json_t *object, const char *name);
const char *beacon_text(const json_t *object, const char *name);

enum { BEACON_WORDS = 32 };
/** beacon_bytes() - "1.4 GiB"; beacon_age() - "3 d 4 h", "12 s" */
const char *beacon_bytes(char to[BEACON_WORDS], uint64_t bytes);
const char *beacon_age(char to[BEACON_WORDS], uint64_t seconds);
