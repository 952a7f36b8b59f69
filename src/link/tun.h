/* link/tun.h: makes a TUN device, for a process that carries a tunnel in user
 * space. The device lives as long as its descriptor, so whoever keeps that
 * keeps addresses and routes while the process is started again.
 */
#pragma once
#include "base/fault.h"

/** tun_open() - make the device @name (wire/wgname.h has checked it)
 * @framed: with four bytes before each packet (link/wgframe.h)
 * @out: its descriptor, close-on-exec; the caller owns it
 * Return: 0; -EBUSY: there is an interface of that name; -EPERM: no right to
 * make one; -ENOENT, -ENODEV: the system has no TUN; -errno; with @fault. */
MUST_USE int tun_open(
    int *out, const char *name, bool framed, struct fault *fault);
