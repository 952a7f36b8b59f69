/* A file of tombstones: refused, or exactly what would be written. */
#include "fuzz.h"
#include "wire/tombstone.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct tombstones_source source = {
		.name = "f", .text = (const char *)bytes, .n = n
	};
	CLEANUP(free_p) char *again = NULL;
	struct fault fault = FAULT_NONE;
	struct tombstones t;
	size_t of_again;
	int r = tombstones_read(&t, &source, &fault);

	INVARIANT(r == fault.code);
	if (r)
		return 0;
	INVARIANT(!tombstones_write(&again, &of_again, &t));
	INVARIANT(of_again == n && !memcmp(again, bytes, n));
	tombstones_deinit(&t);
	return 0;
}
