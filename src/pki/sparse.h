/* pki/sparse.h: OpenSSL for a process that lives for a moment.
 *
 * At its first use OpenSSL reads the system's configuration and fills tables of
 * names with every cipher and digest that it has, for keys in files, CMS and
 * programs of its older interface. That is a fifth of what a process spends
 * that makes one TLS session. TLS itself looks none of it up.
 */
#pragma once
#include "base/err.h"

/** sparse_begin() - before anything else of OpenSSL: no configuration is read,
 * no cipher has a name in the tables, and of the digests those that may sign a
 * certificate (SHA-2, SHA-3)
 * Not for who reads keys in files: one that is encrypted names its cipher.
 * Return: 0; -ENOMEM. */
MUST_USE int sparse_begin(void);
