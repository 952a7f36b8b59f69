/* test/fuzz/fuzz.h: what a fuzz target is; see meson.build for how to add one.
 */
#pragma once
#include "base/err.h"

/** LLVMFuzzerTestOneInput() - try one input
 * @bytes: exactly @n bytes of heap memory, so that the sanitizer sees a read
 *         past the end
 * Return: 0. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/** fuzz_text() - @bytes as a C string on the heap; a NUL among them ends it */
static inline char *fuzz_text(const uint8_t *bytes, size_t n)
{
	char *text = malloc(n + 1);

	INVARIANT(text);
	if (n)
		memcpy(text, bytes, n);
	text[n] = '\0';
	return text;
}
