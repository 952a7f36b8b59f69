/* beacon/profile.h: what pharos-beacon may still do once it serves */
#pragma once
#include "base/profile.h"
#include "beacon/config.h"

/** beacon_profile() - for @config
 * Return: 0; -errno with @fault. In both cases the caller calls
 * profile_deinit(). */
MUST_USE int beacon_profile(
    struct profile *p, const struct config *config, struct fault *fault);
