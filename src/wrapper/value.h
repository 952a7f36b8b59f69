/* wrapper/value.h: one value as the supervising process holds it: a descriptor.
 *
 * Its pages are memfd_secret's: in no address space but while value_open()
 * lasts, and not in the kernel's own map. Where the kernel has none of it, they
 * are a sealed memfd's, kept mapped so that they can be locked against swap.
 */
#pragma once
#include "base/err.h"

struct secret;

struct value {
	int fd; /* -1: there is none */
	size_t size;
	bool hidden;  /* memfd_secret */
	void *pinned; /* the locked mapping of what is not hidden, or NULL */
};

#define VALUE_NONE                                                             \
	{                                                                      \
		.fd = -1                                                       \
	}

/** value_init() - take over @fd, which is said to hold @size bytes
 * @fd is closed on failure too.
 * Return: 0; -EINVAL: it holds fewer; -errno. */
MUST_USE int value_init(struct value *out, int fd, size_t size, bool hidden);
/** value_deinit() - give it back; repeatable */
void value_deinit(struct value *v);

/* The bytes, readable from value_open() to value_close(). */
struct value_view {
	const char *bytes;
	size_t size;
	void *mapped;
};
MUST_USE int value_open(struct value_view *out, const struct value *v);
void value_close(struct value_view *view);

/** value_equal() - the same bytes? in constant time for equal sizes
 * Return: 1, 0; -errno. */
MUST_USE int value_equal(const struct value *a, const struct value *b);
/** value_locked() - is it kept out of swap? */
bool value_locked(const struct value *v);
