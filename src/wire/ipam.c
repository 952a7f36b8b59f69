#include "wire/ipam.h"

void ipam_taken_deinit(struct ipam_taken *t)
{
	free(t->items);
	*t = (struct ipam_taken){ .n = 0 };
}

int ipam_taken_add(struct ipam_taken *t, const struct prefix *p)
{
	size_t room = t->room ? 2 * t->room : 64;
	struct prefix *more;

	if (t->n == t->room) {
		more = reallocarray(t->items, room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		t->items = more;
		t->room = room;
	}
	t->items[t->n++] = *p;
	return 0;
}

static int by_address(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

/* ---- the next address ---------------------------------------------------- */

/* Set the bits of @p behind its length, up to @until. */
static void fill(struct prefix *p, unsigned until)
{
	for (unsigned i = p->bits; i < until; i++)
		p->address[i / 8] |= (uint8_t)(0x80U >> i % 8);
}

/* Return: false: that was the last address of its family. */
static bool step(struct prefix *p)
{
	for (size_t i = prefix_width(p) / 8; i-- > 0;)
		if (++p->address[i])
			return true;
	return false;
}

/* The last address of @network that may be given. */
static struct prefix last_of(const struct prefix *network)
{
	struct prefix last = *network;
	unsigned width = prefix_width(network);

	fill(&last, width);
	if (network->family == 4)
		last.address[3] &= 0xfe; /* the broadcast's neighbour */
	return prefix_host(&last);
}

/* What is taken, in order of its first addresses, moves @at behind itself where
 * it has it. What lies within another comes behind it, and changes nothing. */
int ipam_next(
    struct prefix *out, const struct prefix *network, struct ipam_taken *taken)
{
	struct prefix at = prefix_host(network), last = last_of(network);

	if (taken->n)
		qsort(
		    taken->items, taken->n, sizeof(*taken->items), by_address);
	if (!step(&at))
		return IPAM_E_FULL;
	for (size_t i = 0; i < taken->n; i++) {
		struct prefix behind = taken->items[i];

		if (!prefix_has(&taken->items[i], &at))
			continue;
		fill(&behind, prefix_width(&behind));
		behind = prefix_host(&behind);
		if (!step(&behind))
			return IPAM_E_FULL;
		at = behind;
	}
	if (!prefix_has(network, &at) || prefix_compare(&at, &last) > 0)
		return IPAM_E_FULL;
	*out = at;
	return 0;
}

/* ---- a network ----------------------------------------------------------- */

int ipam_network(struct prefix *out, const struct ipam_wanted *wanted,
    const struct ipam_taken *held)
{
	for (size_t i = 0; i < wanted->n; i++) {
		bool free_one = true;

		for (size_t j = 0; j < held->n; j++)
			free_one &= !prefix_overlaps(
			    &wanted->items[i], &held->items[j]);
		if (!free_one)
			continue;
		*out = wanted->items[i];
		return 0;
	}
	return IPAM_E_FULL;
}

struct prefix ipam_local_v6(const uint8_t random[5])
{
	struct prefix p = { .family = 6, .bits = 64, .address = { 0xfd } };

	memcpy(p.address + 1, random, 5);
	return p;
}
