/* tether/lastrules.h: the rules that were loaded last, as a file that outlives
 * the kernel's memory of them. For a start at which the codex or the keyring
 * cannot be read: what a zone names is closed by them all the same.
 *
 *   # pharos-tether rules 1 HASH     SHA-256 of what follows, hex
 *   table inet pharos_tether ...     as they were loaded; nft(8) takes it too
 *
 * It has the addresses of peers, and no key. Mode 0600, and nobody else may
 * write it: what it says is loaded.
 */
#pragma once
#include "base/fault.h"

#define LASTRULES_NAME "rules"

/* Every member of every zone (FIREWALL_MEMBERS_MOST), written out at full
 * length, is less. */
enum { LASTRULES_MOST = 32 * 1024 * 1024 };

/** lastrules_write() - into @folder; the old file or the new one, never less
 * @text: from wire/firewall.h
 * Return: 0; -ENOMEM; -errno (a full disk), the old one stands; with @fault. */
MUST_USE int lastrules_write(
    const char *folder, const char *text, struct fault *fault);
/** lastrules_read() - from @folder
 * @out: text for link/nft.h; the caller frees it
 * Return: 0; -ENOENT: there is none; -EINVAL: it is not as it was written, or
 * others may read or write it; -errno; with @fault (not NULL). */
MUST_USE int lastrules_read(
    char **out, const char *folder, struct fault *fault);
