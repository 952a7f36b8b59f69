/* A host's file of wg-quick: refused with its line, or what a tether can take:
 * good names, hosts for peers. */
#include "fuzz.h"
#include "wire/wgquick.h"

static void check_peer(const struct wgquick_peer *p)
{
	INVARIANT(!*p->name || wgname_peer_ok(p->name));
	INVARIANT(!wgkey_check(&p->key));
	INVARIANT(!p->v4.family || p->v4.bits == 32);
	INVARIANT(!p->v6.family || p->v6.bits == 128);
	INVARIANT(!p->shared || secret_size(p->shared) == WGKEY_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct wgquick_source source = {
		.name = "f", .text = (const char *)bytes, .n = n
	};
	struct fault fault = FAULT_NONE;
	struct wgquick_host h;
	int r = wgquick_read(&h, &source, &fault);

	INVARIANT(r == fault.code);
	if (r)
		return 0;
	INVARIANT(secret_size(h.private_key) == WGKEY_SIZE);
	for (size_t i = 0; i < h.n_peers; i++)
		check_peer(&h.peers[i]);
	wgquick_host_deinit(&h);
	return 0;
}
