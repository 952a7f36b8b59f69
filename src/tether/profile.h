/* tether/profile.h: what pharos-tether may still do once it serves */
#pragma once
#include "base/profile.h"
#include "tether/config.h"

/** tether_profile() - for @config
 * Return: 0; -errno with @fault. In both cases the caller calls
 * profile_deinit(). */
MUST_USE int tether_profile(
    struct profile *p, const struct config *config, struct fault *fault);
