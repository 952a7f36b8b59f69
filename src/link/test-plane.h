/* link/test-plane.h: a network namespace for a test of the data plane, and what
 * it needs there; the test is skipped, and says why, where there can be none.
 */
#pragma once
#include "base/err.h"
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* NULL; or why this cannot be tested here. */
static inline const char *plane_enter(void)
{
	if (unshare(CLONE_NEWNET))
		return "no right to make a network namespace";
	return NULL;
}

static inline const char *plane_needs_tun(void)
{
	int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return "no /dev/net/tun";
	close(fd);
	return access("/usr/bin/wireguard-go", X_OK) ? "no wireguard-go" : NULL;
}

/* In the form of TAP that cmocka does not know: all tests in one. */
#define PLANE_OR_SKIP(why)                                                     \
	do {                                                                   \
		const char *why_ = (why);                                      \
		if (why_) {                                                    \
			(void)printf("1..0 # SKIP %s\n", why_);                \
			return 0;                                              \
		}                                                              \
	} while (0)

/* A name that no other run has: sockets of such processes know no namespace. */
static inline void plane_name(char out[16], const char *what)
{
	(void)snprintf(out, 16, "%s%d", what, (int)(getpid() % 1000000));
}

/* Sets an interface of the namespace up. */
static inline int plane_up(const char *name)
{
	struct ifreq r = { .ifr_flags = IFF_UP };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int e;

	(void)snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
	e = ioctl(fd, SIOCSIFFLAGS, &r) ? -errno : 0;
	close(fd);
	return e;
}
