/* base/syscalls.h: system calls by purpose, from which the profiles of programs
 * are put together.
 *
 * What one program alone needs stands in its own profile. A call that opens,
 * makes or reaches something is tested by its arguments here; one that works on
 * what is open already is not.
 */
#pragma once
#include "base/isolate.h"

/* what libc, malloc, libsodium and OpenSSL call, whatever a program does; with
 * a sanitizer, its runtime too */
extern const struct isolate_calls syscalls_runtime;
/* calls with which newer C libraries begin: told that this kernel lacks them,
 * they take the older call, which a filter can look into */
extern const struct isolate_calls syscalls_probed;
/* the C library's newer ways to wait; harmless, and unknown to some libseccomp
 */
extern const struct isolate_calls syscalls_newer;
/* threads of this process, of its own user and name space: libuv's workers,
 * libcurl's resolver */
extern const struct isolate_calls syscalls_threads;
/* libuv's loop: wait, read, write, close */
extern const struct isolate_calls syscalls_loop;
/* open to read, and look at files; nothing that writes */
extern const struct isolate_calls syscalls_files;
/* hear of files that were replaced */
extern const struct isolate_calls syscalls_watch;
/* bytes from socket to socket through a pipe */
extern const struct isolate_calls syscalls_splice;
