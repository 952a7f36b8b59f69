#include "fuzz.h"
#include "wire/frame.h"

/* Whatever is read can be written, and reads the same then. */
static void check_again(const struct frame *f)
{
	uint8_t first[FRAME_BUFFER], second[FRAME_BUFFER];
	size_t n_first, n_second;
	struct frame again;

	INVARIANT(!frame_write(f, first, sizeof(first), &n_first));
	INVARIANT(!frame_read(&again, first, n_first));
	INVARIANT(again.type == f->type);
	INVARIANT(!frame_write(&again, second, sizeof(second), &n_second));
	INVARIANT(n_first == n_second && !memcmp(first, second, n_first));
}

/* As a leg does it: only what frame_need() asks for, frame after frame. */
static size_t read_one(const uint8_t *bytes, size_t n)
{
	size_t have = 0, need = 0;
	struct frame f;

	do {
		if (have > n || frame_need(bytes, have, &need))
			return n;
		have += need;
		INVARIANT(have <= FRAME_BUFFER);
	} while (need && have <= n);
	if (have > n)
		return n; /* the rest never comes */
	if (!frame_read(&f, bytes, have))
		check_again(&f);
	return have;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct frame f;

	if (!frame_read(&f, bytes, n))
		check_again(&f);
	while (n) {
		size_t used = read_one(bytes, n);

		bytes += used;
		n -= used;
	}
	return 0;
}
