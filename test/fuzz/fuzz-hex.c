#include "fuzz.h"
#include "base/hex.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) char *text = fuzz_text(bytes, n);
	CLEANUP(free_p) char *again = malloc(n + 2);
	CLEANUP(free_p) uint8_t *out = malloc(n / 2 + 1);

	INVARIANT(again && out);
	if (!hex_decode(out, n / 2, text)) {
		hex_encode(again, out, n / 2);
		INVARIANT(!strcasecmp(text, again));
	}
	/* and any bytes survive the way to text and back */
	hex_encode(again, bytes, n / 2);
	INVARIANT(!hex_decode(out, n / 2, again));
	INVARIANT(!n || !memcmp(out, bytes, n / 2));
	return 0;
}
