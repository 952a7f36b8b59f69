/* base/number.h: decimal numbers in text from outside, within a stated bound.
 *
 * Digits only: no sign, no blank, no other base; strtol() takes all of these.
 */
#pragma once
#include "base/err.h"

/** number_start() - the number that @text begins with
 * @after: where its digits end
 * Return: 0; -EINVAL: @text does not begin with a digit; -ERANGE: above @most.
 */
MUST_USE int number_start(
    const char *text, uint64_t most, uint64_t *out, const char **after);
/** number_parse() - the number that @text is
 * Return: as number_start(); -EINVAL also when something follows. */
MUST_USE int number_parse(const char *text, uint64_t most, uint64_t *out);
