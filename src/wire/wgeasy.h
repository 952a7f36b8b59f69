/* wire/wgeasy.h: the file in which wg-easy, up to its version 14, keeps a host
 * and its clients (wg0.json), read for a host that is to become a tether.
 */
#pragma once
#include "wire/wgquick.h"

/** wgeasy_looks() - is it JSON, and so none of wg-quick's? */
bool wgeasy_looks(const struct wgquick_source *source);
/** wgeasy_read() - as wgquick_read(), with what that file says besides: when
 * access ends, and who is disabled
 * A client's name becomes a good one: what such a name cannot have is '-'
 * there. Private keys of clients are passed over. vault_wipe_json() is the
 * caller's to have called.
 * Return: 0; -EINVAL with @fault, which names the client; -ENOMEM. */
MUST_USE int wgeasy_read(struct wgquick_host *out,
    const struct wgquick_source *source, struct fault *fault);
