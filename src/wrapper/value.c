#include "wrapper/value.h"
#include <sodium.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* memfd_secret maps shared only; what is sealed against writing, on kernels
 * before 6.7, private only. */
static int map(void **out, const struct value *v)
{
	int kind = v->hidden ? MAP_SHARED : MAP_PRIVATE;
	void *at = mmap(NULL, v->size, PROT_READ, kind, v->fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	*out = at;
	return 0;
}

/* Best effort: what could not be locked is said by value_locked(). */
static void pin(struct value *v)
{
	void *at = NULL;

	if (v->hidden || !v->size || map(&at, v))
		return;
	if (mlock(at, v->size))
		munmap(at, v->size);
	else
		v->pinned = at;
}

int value_init(struct value *out, int fd, size_t size, bool hidden)
{
	CLEANUP(close_p) int mine = fd;
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (st.st_size < 0 || (uint64_t)st.st_size < size)
		return -EINVAL;
	*out = (struct value){ .fd = fd, .size = size, .hidden = hidden };
	mine = -1;
	pin(out);
	return 0;
}

void value_deinit(struct value *v)
{
	if (v->pinned)
		munmap(v->pinned, v->size);
	close_p(&v->fd);
	*v = (struct value)VALUE_NONE;
}

int value_open(struct value_view *out, const struct value *v)
{
	struct value_view view = { .bytes = "", .size = v->size };
	int r;

	if (v->size && v->pinned) {
		view.bytes = v->pinned;
	} else if (v->size) {
		r = map(&view.mapped, v);
		if (r)
			return r;
		view.bytes = view.mapped;
	}
	*out = view;
	return 0;
}

void value_close(struct value_view *view)
{
	if (view->mapped)
		munmap(view->mapped, view->size);
	*view = (struct value_view){ .bytes = "" };
}

int value_equal(const struct value *a, const struct value *b)
{
	struct value_view x, y;
	int r;

	if (a->size != b->size)
		return 0;
	r = value_open(&x, a);
	if (r)
		return r;
	r = value_open(&y, b);
	if (!r) {
		r = !sodium_memcmp(x.bytes, y.bytes, x.size);
		value_close(&y);
	}
	value_close(&x);
	return r;
}

bool value_locked(const struct value *v)
{
	return v->hidden || v->pinned || !v->size;
}
