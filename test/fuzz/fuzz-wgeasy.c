/* wg-easy's file: refused with what is wrong, or what a tether can take: good
 * names, hosts for peers, times that can be written. */
#include "fuzz.h"
#include "wire/instant.h"
#include "wire/wgeasy.h"

static void check_peer(const struct wgquick_peer *p)
{
	INVARIANT(!*p->name || wgname_peer_ok(p->name));
	INVARIANT(!wgkey_check(&p->key));
	INVARIANT(p->v4.family == 4 && p->v4.bits == 32);
	INVARIANT(!p->v6.family);
	INVARIANT(!p->shared || secret_size(p->shared) == WGKEY_SIZE);
	INVARIANT(p->expires >= 0 && p->expires <= INSTANT_MOST);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct wgquick_source source = {
		.name = "f", .text = (const char *)bytes, .n = n
	};
	struct fault fault = FAULT_NONE;
	struct wgquick_host h;
	int r = wgeasy_read(&h, &source, &fault);

	INVARIANT(r == fault.code);
	if (r)
		return 0;
	INVARIANT(wgeasy_looks(&source));
	INVARIANT(secret_size(h.private_key) == WGKEY_SIZE);
	INVARIANT(h.v4.family == 4 && h.v4.bits == 24);
	for (size_t i = 0; i < h.n_peers; i++)
		check_peer(&h.peers[i]);
	wgquick_host_deinit(&h);
	return 0;
}
