/* base/replace.h: a small file replaced whole: whoever reads it, also after a
 * crash at any point, has the old one or the new one.
 */
#pragma once
#include "base/err.h"
#include <sys/types.h>

/** replace_file() - write @path, with @mode, and bring it to the disk. It is
 * written as "@path.new" first, which nobody else may be writing.
 * Return: 0; -ENAMETOOLONG; -errno (a full disk): the old one stands, or the
 * new one did not surely reach the disk. */
MUST_USE int replace_file(
    const char *path, const void *bytes, size_t n, mode_t mode);
