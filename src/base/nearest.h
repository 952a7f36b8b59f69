/* base/nearest.h: which known name did a mistyped one mean?
 *
 *   struct nearest n;
 *   nearest_init(&n, word);
 *   for (each name)
 *           nearest_offer(&n, name);
 *   hint = nearest_best(&n);
 */
#pragma once
#include "base/err.h"

enum { NEAREST_MOST = 64 }; /* longer words and names never match */

struct nearest {
	const char *word, *best;
	size_t distance; /* of the best; beyond the bound while there is none */
};

/** nearest_init() - @word is borrowed until the last nearest_best() */
void nearest_init(struct nearest *n, const char *word);
/** nearest_offer() - one candidate, borrowed; the first of equals stays */
void nearest_offer(struct nearest *n, const char *name);
/** nearest_best() - the closest one, or NULL when none is close: a third of
 * the word's letters may be wrong, but at least one and at most three */
const char *nearest_best(const struct nearest *n);
