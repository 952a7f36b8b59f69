/* wrapper/superviseprofile.h: what the supervising process may still do once
 * there is a starter
 */
#pragma once
#include "base/profile.h"
#include "wrapper/plan.h"

/** supervise_profile() - for @plan; the caller calls profile_deinit() */
void supervise_profile(struct profile *p, const struct plan *plan);
