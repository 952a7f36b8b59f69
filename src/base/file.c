#include "base/file.h"
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_private(const struct stat *st)
{
	mode_t barred = st->st_uid == 0 ? S_IRWXO : S_IRWXO | S_IRWXG;

	return !(st->st_mode & barred);
}

static int check(const struct stat *st, enum file_guard guard, size_t most)
{
	if (!S_ISREG(st->st_mode) && !S_ISFIFO(st->st_mode))
		return FILE_E_KIND;
	if (guard == FILE_PRIVATE && !is_private(st))
		return FILE_E_OPEN;
	if (S_ISREG(st->st_mode) && (uint64_t)st->st_size > most)
		return FILE_E_TOO_BIG;
	return 0;
}

int file_open(
    struct file *out, const char *path, enum file_guard guard, size_t most)
{
	/* without O_NONBLOCK a named pipe with no writer would hold us in
	 * open() */
	CLEANUP(close_p)
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	r = check(&st, guard, most);
	if (r)
		return r;
	out->fd = fd;
	out->most = most;
	out->patience_ms = FILE_PATIENCE_MS;
	/* a pipe, and a file of /proc, does not know its size */
	out->room = st.st_size > 0 ? (size_t)st.st_size : most;
	fd = -1;
	return 0;
}

/* Wait for bytes, then read some; 0 bytes at the end of the file. */
static int read_some(const struct file *f, void *to, size_t room, size_t *n)
{
	struct pollfd p = { .fd = f->fd, .events = POLLIN };
	ssize_t got;
	int ready;

	do
		ready = poll(&p, 1, f->patience_ms);
	while (ready < 0 && errno == EINTR);
	if (ready <= 0)
		return ready ? -errno : -ETIMEDOUT;
	do
		got = read(f->fd, to, room);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		return -errno;
	*n = (size_t)got;
	return 0;
}

int file_fill(const struct file *f, void *to, size_t *n)
{
	size_t used = 0, got = 0;
	char beyond;
	int r;

	do {
		bool full = used == f->room;

		r = full
			? read_some(f, &beyond, 1, &got)
			: read_some(f, (char *)to + used, f->room - used, &got);
		if (r)
			return r;
		if (full && got)
			return f->room < f->most ? -EAGAIN : FILE_E_TOO_BIG;
		used += got;
	} while (got);
	if (!used)
		return FILE_E_EMPTY;
	*n = used;
	return 0;
}

int file_read(char **out, size_t *n, const char *path, size_t most)
{
	struct file f = { .fd = -1 };
	CLEANUP(free_p) char *text = NULL;
	size_t used = 0;
	int r = file_open(&f, path, FILE_ANY, most);

	if (r)
		return r;
	text = malloc(f.room + 1);
	r = text ? file_fill(&f, text, &used) : -ENOMEM;
	close_p(&f.fd);
	if (r)
		return r;
	text[used] = '\0';
	*out = STEAL(text);
	if (n)
		*n = used;
	return 0;
}

int file_write(int fd, const void *bytes, size_t n)
{
	const char *at = bytes;

	while (n) {
		ssize_t put = write(fd, at, n);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		at += put;
		n -= (size_t)put;
	}
	return 0;
}

int file_fault(struct fault *f, int code, const char *path, size_t most)
{
	switch (code) {
	case FILE_E_EMPTY:
		return fault_set(f, code,
		    "check the path, and what was to write it", "%s is empty",
		    path);
	case FILE_E_TOO_BIG:
		return fault_set(f, code, "is it the right file?",
		    "%s has more than %zu bytes", path, most);
	case FILE_E_OPEN:
		return fault_set(f, code,
		    "chmod 600 it; for a Kubernetes volume, set defaultMode: "
		    "0400",
		    "%s can be read or written by others", path);
	case FILE_E_KIND:
		return fault_set(f, code, "give a file's path",
		    "%s is neither a file nor a pipe", path);
	default:
		return fault_set(f, code,
		    "check the path, and who may read the file",
		    "cannot read %s: %s", path,
		    strerror(code < 0 ? -code : code));
	}
}
