/* link/wguapi.h: a user space WireGuard process (wireguard-go, amneziawg-go),
 * spoken to on its socket.
 *
 * Each call is one connection with one request, and waits for the answer: call
 * it from a thread that may. It knows the process by its socket alone; starting
 * one is link/wgchild.h's.
 */
#pragma once
#include "base/fault.h"
#include "wire/wgplan.h"

enum {
	WGUAPI_PATH_MOST = 107, /* sun_path, without its NUL */
	WGUAPI_MS = 30000, /* for a whole call; 10,000 peers take seconds */
};

/** wguapi_read() - the state that @path's interface has, sealed
 * @out: to be freed with wgstate_deinit()
 * Return: 0; -errno with @fault. */
MUST_USE int wguapi_read(
    const char *path, struct wgstate *out, struct fault *fault);

/** wguapi_apply() - do what @plan says; nothing is sent for an empty one
 * Return: 0; -errno with @fault: a part may have been done. */
MUST_USE int wguapi_apply(
    const char *path, const struct wgplan *plan, struct fault *fault);

/** wguapi_listen() - the socket that a process is to be given, at @path
 * A socket that is left there, with nobody behind it, is replaced; its folder
 * is made.
 * @out: listening, close-on-exec; the caller owns it
 * Return: 0; -EADDRINUSE: somebody answers there; -errno; with @fault. */
MUST_USE int wguapi_listen(int *out, const char *path, struct fault *fault);
