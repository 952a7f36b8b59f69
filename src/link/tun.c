/* A TUN device of a name that exists is opened by the kernel as if made, when
 * it is a persistent one that nobody has open. IFF_TUN_EXCL refuses that, so a
 * device is always ours from the first packet.
 */
#include "link/tun.h"
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define DEVICE "/dev/net/tun"

static int refused(int code, const char *name, struct fault *fault)
{
	switch (code) {
	case -EBUSY:
		return fault_set(fault, code,
		    "choose another name, or remove that interface",
		    "interface %s: there is one of that name already", name);
	case -EPERM:
	case -EACCES:
		return fault_set(fault, code,
		    "run it as root, or with the capability CAP_NET_ADMIN",
		    "interface %s: not allowed to make it", name);
	default:
		return fault_set(fault, code, NULL, "interface %s: %s", name,
		    strerror(-code));
	}
}

static int no_device(int code, struct fault *fault)
{
	return fault_set(fault, code,
	    "load the module tun, or give the container the device " DEVICE,
	    DEVICE ": %s", strerror(-code));
}

int tun_open(int *out, const char *name, bool framed, struct fault *fault)
{
	CLEANUP(close_p) int fd = open(DEVICE, O_RDWR | O_CLOEXEC);
	const int flags = IFF_TUN | (framed ? 0 : IFF_NO_PI);
	struct ifreq r = { .ifr_flags = (short)(flags | (int)IFF_TUN_EXCL) };

	if (fd < 0)
		return no_device(-errno, fault);
	INVARIANT(strlen(name) < sizeof(r.ifr_name));
	memcpy(r.ifr_name, name, strlen(name) + 1);
	if (ioctl(fd, TUNSETIFF, &r))
		return refused(-errno, name, fault);
	*out = steal_fd(&fd);
	return 0;
}
