/* base/file.h: read a small file whole, within a bound, or write it: keys,
 * certificates, tokens, configuration.
 *
 * Read is a regular file or a pipe, so `--token-file <(command)` works; nothing
 * else is. A pipe that says nothing for FILE_PATIENCE_MS is given up.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"

enum {
	FILE_E_EMPTY = 1, /* nothing in it */
	FILE_E_TOO_BIG,	  /* more than the caller's bound */
	FILE_E_OPEN,	  /* FILE_PRIVATE, and others may read or write it */
	FILE_E_KIND,	  /* not a regular file or a pipe */
};
enum { FILE_PATIENCE_MS = 10000 };

enum file_guard {
	FILE_ANY,
	FILE_PRIVATE, /* no permission for others, and none for the group unless
		       * root owns the file (0640 root:ssl-cert, or a Kubernetes
		       * secret mounted with an fsGroup) */
};

struct file {
	int fd;
	int patience_ms; /* for a pipe */
	size_t most;
	size_t room; /* what file_fill() reads at most; never above most */
};

/** file_read() - the whole file, at least one and at most @most bytes
 * @out: on the heap, NUL-terminated; the caller frees it
 * @n:   its size without the NUL; may be NULL
 * Return: 0; FILE_E_*; -errno; -EAGAIN: it grew while being read; -ETIMEDOUT: a
 * pipe that stayed silent, or that nobody opened for writing. */
MUST_USE int file_read(char **out, size_t *n, const char *path, size_t most);

/** file_open() - the first half: open and check
 * @out: out->room says how much memory file_fill() needs
 * Return: as file_read(), and FILE_E_OPEN; the caller closes out->fd. */
MUST_USE int file_open(
    struct file *out, const char *path, enum file_guard guard, size_t most);
/** file_fill() - the second half: read to the end
 * @to: f->room bytes; what is there after a failure is undefined
 * Return: as file_read(). */
MUST_USE int file_fill(const struct file *f, void *to, size_t *n);

/** file_write() - all of it, however many calls that takes
 * Return: 0; -errno: a part may have been written. */
MUST_USE int file_write(int fd, const void *bytes, size_t n);

/** file_fault() - say in words what @code, from file_read() or
 * secret_read_file(), means for @path and @most
 * Return: @code. */
int file_fault(struct fault *f, int code, const char *path, size_t most);
