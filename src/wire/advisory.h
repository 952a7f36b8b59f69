/* wire/advisory.h: versions of OpenBao with known holes that matter here: which
 * let one namespace, and so one cluster's part, into another, or give tokens to
 * who should have none. Pure; the only list of them.
 */
#pragma once
#include "base/err.h"

enum { ADVISORY_TEXT_MOST = 200 };

/** advisory_of() - what is known of that version
 * @version: as the store says it: "2.5.1". Vault's own numbers begin with 1 or
 * have "+ent" behind them; of those, and of what is no version, nothing is
 * known here
 * @out: "2.5.1: known holes, mended in 2.6.2: GHSA-…, GHSA-…"
 * Return: is there any? */
bool advisory_of(char out[ADVISORY_TEXT_MOST], const char *version);

/* what is to be done about it */
#define ADVISORY_REMEDY "Upgrade the store to the version that mends them all."
