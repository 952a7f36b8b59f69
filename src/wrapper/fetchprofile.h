/* wrapper/fetchprofile.h: what the fetching process may still do once it has
 * its job
 */
#pragma once
#include "base/profile.h"
#include "wrapper/handoff.h"

struct egress;

/** fetch_profile() - for @job; @egress: by which it goes out, or NULL
 * Return: 0; -errno with @fault. In both cases the caller calls
 * profile_deinit(). */
MUST_USE int fetch_profile(struct profile *p, const struct handoff_job *job,
    const struct egress *egress, struct fault *fault);
