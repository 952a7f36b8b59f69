/* broker/profile.h: what pharos-broker may still do once it serves */
#pragma once
#include "base/profile.h"
#include "broker/config.h"
#include "broker/cluster.h"

/** broker_profile() - for @config and the cluster that it asks
 * Return: 0; -errno with @fault. In both cases the caller calls
 * profile_deinit(). */
MUST_USE int broker_profile(struct profile *p, const struct config *config,
    const struct cluster *cluster, struct fault *fault);
