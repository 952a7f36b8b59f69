#include "beacon/allow.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/table.h"

enum { FILE_MOST = ALLOW_HASHES_MOST * 100 };

struct entry {
	struct table_node node;
	uint8_t hash[FRAME_HASH];
};

struct allow {
	struct table hashes;
};

static void forget(struct table_node *n, void *ctx)
{
	struct allow *a = ctx;

	table_remove(&a->hashes, n);
	free(CONTAINER_OF(n, struct entry, node));
}

void allow_free(struct allow *a)
{
	if (!a)
		return;
	table_each(&a->hashes, forget, a);
	free(a);
}

void allow_freep(struct allow **a)
{
	allow_free(*a);
}

bool allow_has(const struct allow *a, const uint8_t hash[FRAME_HASH])
{
	return !a || table_find(&a->hashes, hash, FRAME_HASH);
}

static int add(struct allow *a, const uint8_t hash[FRAME_HASH])
{
	struct entry *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return -ENOMEM;
	memcpy(e->hash, hash, FRAME_HASH);
	r = table_add(&a->hashes, &e->node, e->hash, FRAME_HASH);
	if (r)
		free(e);
	if (r == TABLE_E_FULL)
		return -E2BIG;
	return r == TABLE_E_TAKEN ? 0 : r;
}

/* @line has no comment and no line break. */
static int add_line(struct allow *a, char *line)
{
	static const char blank[] = " \t\r";
	uint8_t hash[FRAME_HASH];
	size_t n;

	line += strspn(line, blank);
	n = strcspn(line, blank);
	if (!n)
		return 0;
	if (line[n + strspn(line + n, blank)])
		return -EINVAL;
	line[n] = '\0';
	if (hex_decode(hash, sizeof(hash), line))
		return -EINVAL;
	return add(a, hash);
}

static int add_all(
    struct allow *a, char *text, const char *path, struct fault *fault)
{
	unsigned number = 0;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		int r;

		number++;
		line[strcspn(line, "#")] = '\0';
		r = add_line(a, line);
		if (r == -EINVAL)
			return fault_set(fault, r,
			    "`pharos pki info-hash FILE` prints one",
			    "%s:%u: not an info hash (64 hex digits)", path,
			    number);
		if (r)
			return fault_set(fault, r, NULL, "%s:%u: %s", path,
			    number,
			    r == -E2BIG ? "too many info hashes"
					: "out of memory");
	}
	return 0;
}

int allow_load(struct allow **out, const char *path, struct fault *fault)
{
	CLEANUP(allow_freep) struct allow *a = calloc(1, sizeof(*a));
	CLEANUP(free_p) char *text = NULL;
	size_t n;
	int r;

	if (!a)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	table_init(&a->hashes, ALLOW_HASHES_MOST);
	r = file_read(&text, &n, path, FILE_MOST);
	if (r) {
		file_fault(fault, r, path, FILE_MOST);
		return ERR_FOLD(r);
	}
	if (memchr(text, '\0', n))
		return fault_set(fault, -EINVAL, NULL, "%s: not a text", path);
	r = add_all(a, text, path, fault);
	if (!r)
		*out = STEAL(a);
	return r;
}
