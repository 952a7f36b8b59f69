#include "fuzz.h"
#include "wire/nlwalk.h"
#include "wire/nlwg.h"

static void same(const struct wgstate *a, const struct wgstate *b)
{
	INVARIANT(a->n_peers == b->n_peers && a->n_prefixes == b->n_prefixes);
	INVARIANT(!memcmp(a->private_key, b->private_key, WGKEY_SIZE));
	for (size_t i = 0; i < a->n_peers; i++)
		INVARIANT(a->peers[i].n_prefix == b->peers[i].n_prefix);
}

/* What was understood is written as requests, which are understood the same. */
static void write_and_read(const struct wgstate *s)
{
	static const struct nlwg_device device = { 40, "wg0" };
	_Alignas(struct nlmsghdr) char block[NLWG_BLOCK];
	struct wgstate none, again;
	struct wgplan p;
	struct nlwg_writer w = { .plan = &p, .device = &device };
	const struct nlmsghdr *head;

	wgstate_init(&none);
	wgstate_init(&again);
	INVARIANT(!wgstate_seal(&none, NULL));
	INVARIANT(!wgplan_make(&p, s, &none));
	while ((head = nlwg_write_plan(&w, block)))
		INVARIANT(!nlwg_read(&again, head));
	INVARIANT(!wgstate_seal(&again, NULL));
	same(s, &again);
	wgplan_deinit(&p);
	wgstate_deinit(&none);
	wgstate_deinit(&again);
}

/* Messages as a socket gives them, one after the other. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct nlwalk w = { .at = (const char *)bytes, .left = n };
	const struct nlmsghdr *head;
	struct wgstate s;
	int r = 0;

	wgstate_init(&s);
	while (!r && (head = nlwalk_message(&w)))
		r = nlwg_read(&s, head);
	if (!r && !wgstate_seal(&s, NULL))
		write_and_read(&s);
	wgstate_deinit(&s);
	return 0;
}
