/* An address, a network: what is read has one text, and that is read as it. */
#include "fuzz.h"
#include "wire/prefix.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) char *text = fuzz_text(bytes, n);
	char once[PREFIX_TEXT_MOST + 1], twice[PREFIX_TEXT_MOST + 1];
	struct prefix p, back, network;

	if (prefix_read_address(&p, text)) {
		INVARIANT(prefix_read(&p, text) && prefix_read_host(&p, text));
		return 0;
	}
	INVARIANT(p.bits <= prefix_width(&p));
	prefix_write(once, &p);
	INVARIANT(!prefix_read_address(&back, once));
	INVARIANT(!prefix_compare(&p, &back));
	prefix_write(twice, &back);
	INVARIANT(!strcmp(once, twice));
	network = prefix_network(&p);
	INVARIANT(prefix_has(&network, &p) && prefix_overlaps(&p, &network));
	INVARIANT(!prefix_compare(&p, &network) == !prefix_read(&back, text));
	return 0;
}
