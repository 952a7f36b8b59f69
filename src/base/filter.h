/* base/filter.h: inside of isolate: its seccomp stage
 */
#pragma once
#include "base/isolate.h"

/** filter_missing() - has this kernel filters, and may we set one?
 * Return: 0: yes; -errno: what it said */
int filter_missing(void);
/** filter_enter() - allow the calls of @profile to the calling thread, refuse
 * all others with EPERM
 * Return: 0; -errno with @fault. */
MUST_USE int filter_enter(
    const struct isolate_profile *profile, struct fault *fault);
