/* net/activation.h: listening sockets that the service manager holds and passes
 * in: sd_listen_fds(3), without its library.
 *
 * Such a socket outlives the program: while one goes and the next one comes the
 * kernel goes on taking connections, so none is refused.
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"

/** activation_find() - the socket for @name, which is what this program calls
 * its listener ("legs"). If one socket was passed in, it is that, however the
 * manager calls it; of several, the one whose FileDescriptorName is @name.
 * @out: the descriptor, close-on-exec from now on; -1: none was passed in
 * Return: 0; -EINVAL with @fault: the manager's words make no sense. */
MUST_USE int activation_find(int *out, const char *name, struct fault *fault);
