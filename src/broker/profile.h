/* broker/profile.h: what pharos-broker may still do once it serves */
#pragma once
#include "base/profile.h"

struct broker_order;

/** broker_profile() - for what @order says; it stays until profile_deinit()
 * Return: 0; -errno with @fault. In both cases the caller calls
 * profile_deinit(). */
MUST_USE int broker_profile(
    struct profile *p, const struct broker_order *order, struct fault *fault);
