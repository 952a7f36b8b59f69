/* bridge/profile.h: what pharos-bridge may still do once it serves */
#pragma once
#include "base/profile.h"
#include "bridge/config.h"

/** bridge_profile() - for @config
 * Return: 0; -errno with @fault. In both cases the caller calls
 * profile_deinit(). */
MUST_USE int bridge_profile(
    struct profile *p, const struct config *config, struct fault *fault);
