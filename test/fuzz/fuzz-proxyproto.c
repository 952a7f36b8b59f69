#include "fuzz.h"
#include "wire/proxyproto.h"

/* Whatever is read can be written, in both versions, and says the same. */
static void check_again(const struct proxyproto *p)
{
	uint8_t bytes[PROXYPROTO_LINE_MOST + 1];
	struct proxyproto again;
	size_t n;

	for (unsigned version = 1; version <= 2; version++) {
		INVARIANT(
		    !proxyproto_write(p, version, bytes, sizeof(bytes), &n));
		INVARIANT(!proxyproto_read(&again, bytes, n));
		INVARIANT(again.kind == p->kind);
		INVARIANT(again.source.port == p->source.port);
		INVARIANT(!memcmp(
		    again.source.host, p->source.host, sizeof(p->source.host)));
	}
}

/* As a leg does it: only what is asked for; what is complete then is either
 * read or refused. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	size_t have = 0, need = 0;
	struct proxyproto p;

	do {
		have += need;
		if (have > n || proxyproto_need(bytes, have, &need))
			break;
		INVARIANT(have + need <= PROXYPROTO_MOST);
	} while (need);
	if (have <= n && !proxyproto_read(&p, bytes, have))
		check_again(&p);
	if (!proxyproto_read(&p, bytes, n))
		check_again(&p);
	return 0;
}
