/* cli/tether_daemon.h: inside of `pharos tether`: what is asked of
 * pharos-tether, and what it says.
 */
#pragma once
#include "cli/tether.h"
#include <jansson.h>

/** tether_call() - see call_make(); without a daemon -ENOENT or -ECONNREFUSED
 */
MUST_USE int tether_call(json_t **out, const char *control, const char *method,
    const char *target, struct fault *fault);
/** tether_dry_run() - say what an apply would do
 * @output: enum verb_output
 * Return: 0; as tether_call(). */
MUST_USE int tether_dry_run(
    const char *control, int output, struct fault *fault);
/** tether_say_state() - a line of what "state" in @status is */
void tether_say_state(FILE *to, const json_t *status);
