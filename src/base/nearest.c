#include "base/nearest.h"

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Letters to insert, delete, change or swap with their neighbour: the
 * restricted Damerau distance, three rows at a time. */
static size_t edit_distance(const char *a, const char *b)
{
	size_t row[3][NEAREST_MOST + 1];
	size_t *before = row[0], *last = row[1], *now = row[2];
	size_t n_a = strlen(a), n_b = strlen(b);

	for (size_t j = 0; j <= n_b; j++) {
		before[j] = 0;
		last[j] = j;
	}
	for (size_t i = 1; i <= n_a; i++) {
		size_t *oldest = before;

		now[0] = i;
		for (size_t j = 1; j <= n_b; j++) {
			bool same = a[i - 1] == b[j - 1];

			now[j] = least(last[j], now[j - 1]) + 1;
			now[j] = least(now[j], last[j - 1] + !same);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				now[j] = least(now[j], before[j - 2] + 1);
		}
		before = last;
		last = now;
		now = oldest;
	}
	return last[n_b];
}

void nearest_init(struct nearest *n, const char *word)
{
	size_t bound = strlen(word) / 3;

	bound = bound > 3 ? 3 : bound;
	*n = (struct nearest){ .word = word,
		.distance = (bound ? bound : 1) + 1 };
}

void nearest_offer(struct nearest *n, const char *name)
{
	size_t distance;

	if (strlen(n->word) > NEAREST_MOST || strlen(name) > NEAREST_MOST)
		return;
	distance = edit_distance(n->word, name);
	if (distance < n->distance) {
		n->distance = distance;
		n->best = name;
	}
}

const char *nearest_best(const struct nearest *n)
{
	return n->best;
}
