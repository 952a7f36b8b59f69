/* One secret is one allocation of libsodium: whole pages of its own between
 * guard pages, locked in memory, left out of core dumps, with a canary before
 * the bytes. That is 16 KiB of address space and one or more locked pages each,
 * so it suits tokens, keys and values and not bulk data. A page that cannot be
 * locked is a failure here (libsodium would go on): better to refuse one more
 * secret than to let it reach the swap.
 *
 * The bytes leave in three ways: secret_bytes() for code that computes with
 * them, secret_seal_fd() for another process, and wiped.
 */
#include "base/secret.h"
#include <fcntl.h>
#include <sodium.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447 /* younger than musl's list */
#endif

struct secret {
	size_t used, room;
	char *bytes; /* room + 1, the rest after used is zero */
};

int secret_new(struct secret **out, size_t room)
{
	CLEANUP(secret_freep) struct secret *s = NULL;

	INVARIANT(sodium_init() >= 0);
	s = calloc(1, sizeof(*s));
	if (!s || room == SIZE_MAX)
		return -ENOMEM;
	s->bytes = sodium_malloc(room + 1);
	if (!s->bytes || sodium_mlock(s->bytes, room + 1))
		return -ENOMEM;
	memset(s->bytes, 0, room + 1);
	s->room = room;
	*out = STEAL(s);
	return 0;
}

int secret_from(struct secret **out, const void *bytes, size_t n)
{
	struct secret *s;
	int r = secret_new(&s, n);

	if (r)
		return r;
	r = secret_append(s, bytes, n);
	INVARIANT(!r);
	*out = s;
	return 0;
}

void secret_free(struct secret *s)
{
	if (!s)
		return;
	sodium_free(s->bytes); /* wipes and unlocks */
	free(s);
}

void secret_freep(struct secret **s)
{
	secret_free(*s);
	*s = NULL;
}

int secret_append(struct secret *s, const void *bytes, size_t n)
{
	if (n > s->room - s->used)
		return -ENOBUFS;
	if (n)
		memcpy(s->bytes + s->used, bytes, n);
	s->used += n;
	return 0;
}

const char *secret_bytes(const struct secret *s)
{
	return s->bytes;
}

size_t secret_size(const struct secret *s)
{
	return s->used;
}

bool secret_equal(const struct secret *a, const void *bytes, size_t n)
{
	return a->used == n && !sodium_memcmp(a->bytes, bytes, n);
}

void secret_wipe(void *bytes, size_t n)
{
	sodium_memzero(bytes, n);
}

/* memfd_secret takes no write(2): its pages exist only in mappings. */
static int fill_by_mapping(int fd, const struct secret *s)
{
	void *at;

	if (ftruncate(fd, (off_t)s->used))
		return -errno;
	at = mmap(NULL, s->used, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		return -errno;
	memcpy(at, s->bytes, s->used);
	munmap(at, s->used);
	return 0;
}

static int fill_and_seal(int fd, const struct secret *s)
{
	int r = file_write(fd, s->bytes, s->used);

	if (r)
		return r;
	if (lseek(fd, 0, SEEK_SET) < 0 ||
	    fcntl(fd, F_ADD_SEALS,
		F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
		return -errno;
	return 0;
}

int secret_seal_fd(const struct secret *s, bool *hidden)
{
	CLEANUP(close_p) int fd = -1;
	bool hide = true;
	int r;

	if (s->used)
		fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	if (fd < 0) {
		hide = false;
		fd = memfd_create("secret", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	}
	if (fd < 0)
		return -errno;
	r = hide ? fill_by_mapping(fd, s) : fill_and_seal(fd, s);
	if (r)
		return r;
	if (hidden)
		*hidden = hide;
	r = fd;
	fd = -1;
	return r;
}

static int read_guarded(
    struct secret **out, const char *path, size_t most, enum file_guard guard)
{
	CLEANUP(secret_freep) struct secret *s = NULL;
	struct file f = { .fd = -1 };
	int r = file_open(&f, path, guard, most);

	if (r)
		return r;
	r = secret_new(&s, f.room);
	if (!r)
		r = file_fill(&f, s->bytes, &s->used);
	close_p(&f.fd);
	if (r)
		return r;
	if (s->bytes[s->used - 1] == '\n')
		s->bytes[--s->used] = '\0';
	if (!s->used)
		return FILE_E_EMPTY;
	*out = STEAL(s);
	return 0;
}

int secret_read_file(struct secret **out, const char *path, size_t most)
{
	return read_guarded(out, path, most, FILE_PRIVATE);
}

int secret_read_token(struct secret **out, const char *path, size_t most)
{
	return read_guarded(out, path, most, FILE_ANY);
}
