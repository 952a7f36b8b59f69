/* net/control.h: HTTP on a unix socket, for root and the program's own user.
 *
 * The socket has mode 0600, its folder 0700 when it is made here; and who
 * connects is asked of the kernel (SO_PEERCRED), so that a mode that somebody
 * has changed opens nothing. Others are closed before a byte is read, counted
 * and logged. `curl --unix-socket PATH http://x/v1/status` works as well as the
 * command that it is for.
 */
#pragma once
#include "base/fault.h"
#include "net/httpd.h"

struct control;

enum {
	CONTROL_CONNECTIONS_MOST = 16, /* one more is closed */
	CONTROL_PATH_MOST = 108,       /* of a socket, with the NUL */
};
/* Where a socket is found that has made room: path, process. */
#define CONTROL_ASIDE "%s.draining-%d"

struct control_config {
	const char *path;
	const struct httpd_route *routes; /* borrowed */
	size_t n_routes;
	void *ctx; /* of the routes */
};

/** control_open() - make the socket and serve
 * A socket at @path where nobody answers is replaced; one that was given up is
 * moved to CONTROL_ASIDE; a missing folder is made, but not the one above it.
 * Beside the socket, an empty file @path.lock is made, and stays.
 * @out: control_close() it.
 * Return: 0; -errno with @fault: -EADDRINUSE: somebody serves there; -EEXIST:
 * what stands there is no socket; -ENAMETOOLONG. */
MUST_USE int control_open(struct control **out, struct loop *loop,
    const struct control_config *config, struct fault *fault);
/** control_give_up() - serve on, but let the next one have the path */
void control_give_up(struct control *c);
/** control_close() - cut connections, remove the socket if it is still ours;
 * NULL is fine */
void control_close(struct control *c);
/** control_refused() - connections of other users, and above the limit */
uint64_t control_refused(const struct control *c);
