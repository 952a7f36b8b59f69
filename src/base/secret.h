/* base/secret.h: the one type that holds tokens, keys and values.
 *
 * The bytes lie in locked, guarded, undumpable memory (libsodium's allocator)
 * and are wiped when the secret is freed. The struct is opaque, so no log field
 * and no format takes it; whoever needs the bytes says secret_bytes(), which is
 * easy to find in review.
 */
#pragma once
#include "base/err.h"
#include "base/file.h"

struct secret;

/** secret_new() - room for @room bytes, empty
 * Return: 0; -ENOMEM (no memory, or the lock limit RLIMIT_MEMLOCK). */
MUST_USE int secret_new(struct secret **out, size_t room);
/** secret_from() - a copy of @n bytes; the caller wipes its own */
MUST_USE int secret_from(struct secret **out, const void *bytes, size_t n);
/** secret_free() - wipes; NULL is fine */
void secret_free(struct secret *s);
void secret_freep(struct secret **s);

/** secret_append() - add bytes
 * Return: 0; -ENOBUFS: they do not fit, nothing was added. */
MUST_USE int secret_append(struct secret *s, const void *bytes, size_t n);
/** secret_bytes() - borrowed, followed by a NUL byte that does not count */
const char *secret_bytes(const struct secret *s);
size_t secret_size(const struct secret *s);
/** secret_equal() - constant time in the content; lengths are not hidden */
bool secret_equal(const struct secret *a, const void *bytes, size_t n);

/** secret_wipe() - overwrite @n bytes in a way that is never optimised away */
void secret_wipe(void *bytes, size_t n);

/** secret_seal_fd() - a descriptor holding the bytes
 * memfd_secret(2) where the kernel has it, else a memfd sealed against change.
 * @hidden: set to whether it is memfd_secret; may be NULL
 * A memfd_secret takes no read(2): map it, its size is fstat(2)'s.
 * Return: the descriptor (close-on-exec; the caller owns it); -errno. */
MUST_USE int secret_seal_fd(const struct secret *s, bool *hidden);

/** secret_read_file() - read a file of at most @most bytes; one trailing
 * newline is dropped
 * The file must be a regular one (or a pipe), not empty, and private as
 * FILE_PRIVATE (base/file.h) says. file_fault() puts the code in words.
 * Return: as file_read(), and FILE_E_OPEN; a newline alone is FILE_E_EMPTY. */
MUST_USE int secret_read_file(
    struct secret **out, const char *path, size_t most);
/** secret_read_token() - the same for a token whose mode the platform chose:
 * the kubelet writes a projected token 0644 when a pod names no user */
MUST_USE int secret_read_token(
    struct secret **out, const char *path, size_t most);
