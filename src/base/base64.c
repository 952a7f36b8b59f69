#include "base/base64.h"
#include <sodium.h>

#define BLANKS " \t\r\n"

static bool all_ascii(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] > 127)
			return false;
	return true;
}

ssize_t base64_read(
    enum base64 kind, void *to, size_t most, const char *text, size_t n_text)
{
	int variant = kind == BASE64_URL
			  ? sodium_base64_VARIANT_URLSAFE_NO_PADDING
			  : sodium_base64_VARIANT_ORIGINAL;
	const char *ignored = kind == BASE64_LINES ? BLANKS : NULL;
	size_t n = 0;

	/* Without a place for the end, what follows the last digit is refused
	 * too. */
	if (!all_ascii(text, n_text) || sodium_base642bin(to, most, text,
					    n_text, ignored, &n, NULL, variant))
		return -EINVAL;
	return (ssize_t)n;
}
