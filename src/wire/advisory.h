/* wire/advisory.h: versions of OpenBao with known holes that matter here: which
 * let one namespace, and so one cluster's part, into another, or give tokens to
 * who should have none. Pure; the only list of them.
 */
#pragma once
#include "base/err.h"
#include <jansson.h>

enum { ADVISORY_TEXT_MOST = 230 };

/* Vault has numbers that are OpenBao's too, and other holes. */
enum advisory_store { ADVISORY_UNSURE, ADVISORY_OPENBAO, ADVISORY_VAULT };

/** advisory_store() - whose numbers they are, by what sys/health has answered:
 * Vault says there since 1.16, so in every version 2, if it is the enterprise
 * one, and OpenBao, which has one edition, does not
 * @health: NULL, or not what a store answers: nobody can tell */
enum advisory_store advisory_store(const json_t *health);

/** advisory_of() - what is known of that version
 * @version: as the store says it: "2.5.1". Of a number that begins with 1 or
 * has "+ent" behind it, which are Vault's, and of what is no version, nothing
 * is known here, and of ADVISORY_VAULT neither
 * @out: "2.5.1: known holes, mended in 2.6.2: GHSA-…, GHSA-…"; of one that is
 * unsure with "if it is OpenBao"
 * Return: is there any? */
bool advisory_of(char out[ADVISORY_TEXT_MOST], const char *version,
    enum advisory_store store);

/* what is to be done about it */
#define ADVISORY_REMEDY "Upgrade the store to the version that mends them all."
