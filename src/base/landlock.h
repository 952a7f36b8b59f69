/* base/landlock.h: inside of isolate: its Landlock stage
 */
#pragma once
#include "base/isolate.h"

/** landlock_version() - of the kernel's interface
 * Return: 1 and up; -errno: this kernel has none, or does not let us */
int landlock_version(void);
/** landlock_enter() - confine the calling thread to @profile's paths and ports
 * @version: of landlock_version()
 * Return: 0; -errno with @fault. */
MUST_USE int landlock_enter(
    const struct isolate_profile *profile, int version, struct fault *fault);
