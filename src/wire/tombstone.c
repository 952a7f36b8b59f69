/* wire/tombstone.c: a sorted array, and one line a stone.
 *
 *   pharos-tombstones 1
 *   KEY IPV4 IPV6 TIME NAME
 *
 * with '-' for the addresses where the peer lives on. A stone is looked for
 * whenever a key or an address is to be given, so the array is kept in order of
 * the keys; adding one moves those behind it. Lines stand in the same order.
 *
 * Every line must be what it would be written as, in order and once: a file
 * that was cut or altered is refused whole, with its line, and never read as
 * fewer stones.
 */
#include "wire/tombstone.h"
#include "wire/instant.h"
#include <stdio.h>

#define FIRST_LINE "pharos-tombstones 1"

enum { LINE_MOST = 256, FIELDS = 5 };

void tombstones_deinit(struct tombstones *t)
{
	free(t->items);
	*t = (struct tombstones){ .n = 0 };
}

/* Where @key stands or would stand. */
static size_t place_of(const struct tombstones *t, const struct wgkey *key)
{
	size_t low = 0, high = t->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(&t->items[middle].key, key, sizeof(*key)) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct tombstone *tombstones_find(
    const struct tombstones *t, const struct wgkey *key)
{
	size_t at = place_of(t, key);

	return at < t->n && wgkey_equal(&t->items[at].key, key) ? &t->items[at]
								: NULL;
}

static int make_room(struct tombstones *t)
{
	size_t room = t->room ? 2 * t->room : 16;
	struct tombstone *more;

	if (t->n == TOMBSTONES_MOST)
		return -ENOBUFS;
	if (t->n < t->room)
		return 0;
	more = reallocarray(t->items, room, sizeof(*more));
	if (!more)
		return -ENOMEM;
	t->items = more;
	t->room = room;
	return 0;
}

int tombstones_add(struct tombstones *t, const struct tombstone *one)
{
	size_t at = place_of(t, &one->key);
	int r;

	if (at < t->n && wgkey_equal(&t->items[at].key, &one->key)) {
		if (!t->items[at].v4.family)
			t->items[at].v4 = one->v4;
		if (!t->items[at].v6.family)
			t->items[at].v6 = one->v6;
		return 0;
	}
	r = make_room(t);
	if (r)
		return r;
	memmove(
	    &t->items[at + 1], &t->items[at], (t->n - at) * sizeof(*t->items));
	t->items[at] = *one;
	t->n++;
	return 0;
}

int tombstones_join(struct tombstones *t, const struct tombstones *more)
{
	int r = 0;

	for (size_t i = 0; !r && i < more->n; i++)
		r = tombstones_add(t, &more->items[i]);
	return r;
}

/* ---- one line ------------------------------------------------------------ */

static void address_text(
    char out[PREFIX_TEXT_MOST + 1], const struct prefix *address)
{
	if (address->family)
		prefix_write_host(out, address);
	else
		memcpy(out, "-", 2);
}

static void write_line(char out[LINE_MOST], const struct tombstone *one)
{
	char key[WGKEY_TEXT_SIZE + 1], at[INSTANT_TEXT_SIZE + 1];
	char v4[PREFIX_TEXT_MOST + 1], v6[PREFIX_TEXT_MOST + 1];

	wgkey_write(key, &one->key);
	address_text(v4, &one->v4);
	address_text(v6, &one->v6);
	instant_write(at, one->at);
	(void)snprintf(
	    out, LINE_MOST, "%s %s %s %s %s", key, v4, v6, at, one->name);
}

static bool read_address(struct prefix *out, const char *text, uint8_t family)
{
	return !strcmp(text, "-") ||
	       (!prefix_read_host(out, text) && out->family == family);
}

/* @line: of one line, without its end; is cut up */
static bool read_line(struct tombstone *out, char *line)
{
	struct tombstone one = { .at = 0 };
	char *field[FIELDS], again[LINE_MOST], was[LINE_MOST];
	size_t n = strlen(line);

	if (n >= sizeof(was))
		return false;
	memcpy(was, line, n + 1);
	for (size_t i = 0; i < FIELDS; i++) {
		field[i] = strsep(&line, " ");
		if (!field[i])
			return false;
	}
	if (line || wgkey_read(&one.key, field[0]) ||
	    !read_address(&one.v4, field[1], 4) ||
	    !read_address(&one.v6, field[2], 6) ||
	    instant_read(&one.at, field[3]) || !wgname_peer_ok(field[4]))
		return false;
	memcpy(one.name, field[4], strlen(field[4]) + 1);
	write_line(again, &one);
	if (strcmp(was, again) != 0)
		return false;
	*out = one;
	return true;
}

/* ---- the file ------------------------------------------------------------ */

static int refuse(struct fault *fault, const char *name, size_t line)
{
	return fault_set(fault, -EINVAL,
	    "Nothing is let in while it is not known who was revoked; put the "
	    "file back from a backup.",
	    "%s:%zu: not a line of a file of tombstones", name, line);
}

static int read_lines(
    struct tombstones *t, const char *name, char *text, struct fault *fault)
{
	char *line = strsep(&text, "\n");
	int r = 0;

	if (!text || strcmp(line, FIRST_LINE) != 0)
		return refuse(fault, name, 1);
	for (size_t number = 2; !r && *text; number++) {
		struct tombstone one;

		line = strsep(&text, "\n");
		if (!text || !read_line(&one, line) ||
		    (t->n && memcmp(&t->items[t->n - 1].key, &one.key,
				 sizeof(one.key)) >= 0))
			return refuse(fault, name, number);
		r = tombstones_add(t, &one);
	}
	return r ? fault_set(fault, r == -ENOBUFS ? -EINVAL : r, NULL, "%s: %s",
		       name,
		       r == -ENOBUFS ? "too many tombstones" : "out of memory")
		 : 0;
}

int tombstones_read(struct tombstones *out,
    const struct tombstones_source *source, struct fault *fault)
{
	struct tombstones t = { .n = 0 };
	CLEANUP(free_p) char *text = NULL;
	int r;

	if (source->n > TOMBSTONES_TEXT_MOST ||
	    memchr(source->text, '\0', source->n))
		return refuse(fault, source->name, 1);
	text = malloc(source->n + 1);
	if (!text)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	memcpy(text, source->text, source->n);
	text[source->n] = '\0';
	r = read_lines(&t, source->name, text, fault);
	if (r) {
		tombstones_deinit(&t);
		return r;
	}
	*out = t;
	return 0;
}

int tombstones_write(char **out, size_t *n, const struct tombstones *t)
{
	char line[LINE_MOST], *text = NULL;
	FILE *to = open_memstream(&text, n);
	bool bad;

	if (!to)
		return -ENOMEM;
	fputs(FIRST_LINE "\n", to);
	for (size_t i = 0; i < t->n; i++) {
		write_line(line, &t->items[i]);
		fprintf(to, "%s\n", line);
	}
	bad = ferror(to);
	if (fclose(to) || bad || !text) { /* glibc does not tell of the last */
		free(text);
		return -ENOMEM;
	}
	*out = text;
	return 0;
}
