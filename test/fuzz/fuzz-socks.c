#include "fuzz.h"
#include "wire/socks.h"

static void check(enum socks_message kind, const uint8_t *bytes, size_t n)
{
	size_t have = 0, need = 0, used;
	uint8_t out[SOCKS_MOST];
	struct socks m, again;

	do {
		have += need;
		if (have > n || socks_need(kind, bytes, have, &need))
			return;
		INVARIANT(have + need <= SOCKS_MOST);
	} while (need);
	if (socks_read(&m, kind, bytes, have))
		return;
	INVARIANT(!socks_write(&m, out, sizeof(out), &used));
	INVARIANT(!socks_read(&again, kind, out, used));
}

/* The first byte says which message is to be read. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n)
		check((enum socks_message)(bytes[0] % SOCKS_MESSAGES),
		    bytes + 1, n - 1);
	return 0;
}
