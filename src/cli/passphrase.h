/* cli/passphrase.h: a passphrase, of a file or of the person at the terminal.
 */
#pragma once
#include "base/secret.h"

struct passphrase_order {
	const char *path;   /* of --passphrase-file; NULL: the terminal */
	size_t least, most; /* bytes */
	bool twice;	    /* asked for once more, for a new one */
};
/** passphrase_get() - a file is private, and its last line's end does not
 * count; at the terminal nothing that is typed is shown Return: 0;
 * OPTION_E_BAD: too short or long, or not the same twice; -ENOTTY: there is no
 * terminal; -errno; with @fault. */
MUST_USE int passphrase_get(struct secret **out,
    const struct passphrase_order *order, struct fault *fault);
