/* link/wgnetlink.h: the kernel's WireGuard, by generic netlink. As in
 * link/wguapi.h, each call waits for its answer.
 */
#pragma once
#include "base/fault.h"
#include "wire/wgplan.h"

/** wgnetlink_probe() - has this kernel WireGuard? Its module is loaded if it is
 * there.
 * Return: 0; -ENOENT: it has none; -errno. */
MUST_USE int wgnetlink_probe(void);

/** wgnetlink_read() - the state of the interface @name, sealed
 * @out: to be freed with wgstate_deinit()
 * Return: 0; -errno with @fault. */
MUST_USE int wgnetlink_read(
    const char *name, struct wgstate *out, struct fault *fault);

/** wgnetlink_apply() - do what @plan says
 * Return: 0; -errno with @fault: a part may have been done. */
MUST_USE int wgnetlink_apply(
    const char *name, const struct wgplan *plan, struct fault *fault);
