/* wire/mobileconfig.h: a configuration profile of Apple's systems, that the
 * WireGuard app there takes: a device is set up by opening one file.
 */
#pragma once
#include "wire/wgquick.h"

enum { MOBILECONFIG_MOST = 4096 };

/* The app has another name on each. */
enum mobileconfig_system { MOBILECONFIG_IOS, MOBILECONFIG_MACOS };

/** mobileconfig_write() - the profile of a peer
 * One made later of the same peer takes the place of the former on the device.
 * Return: 0; -ENODATA: there is no private key, and the app takes no profile
 * without; -EINVAL, -ENOMEM: as wgquick_write(); all with @fault. */
MUST_USE int mobileconfig_write(struct secret **out,
    const struct wgquick_order *order, enum mobileconfig_system system,
    struct fault *fault);
