/* It changes the network, so it keeps the capability for that, and no other. It
 * starts a carrier and starts it again, which is under the same rules as it is:
 * so they allow what wireguard-go asks for, and a program only if it is the
 * carrier. What it writes is the tether, when a key takes its turn.
 *
 * TCP ports are left alone: Go's library binds one to see whether there is
 * IPv6, and whoever may change the firewall is not held by ports. */
#include "tether/profile.h"
#include "net/socketcalls.h"
#include "tether/tunnel.h"
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define SPACE_FLAGS                                                            \
	(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |         \
	    CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET)
#define NETLINK(protocol)                                                      \
	{                                                                      \
		.name = "socket", .n_tests = 2, .tests = {                     \
			ISOLATE_IS(0, AF_NETLINK),                             \
			ISOLATE_IS(2, protocol),                               \
		}                                                              \
	}

/* What it does itself: the network, and the files. */
static const struct isolate_call own_rows[] = {
	NETLINK(NETLINK_ROUTE),
	NETLINK(NETLINK_NETFILTER),
	NETLINK(NETLINK_GENERIC),
	/* the carrier's socket */
	ISOLATE_ONLY("socket", ISOLATE_IS(0, AF_UNIX)),
	{ "bind" },
	{ "listen" },
	{ "memfd_secret" },
	/* libnftables waits by it */
	{ "select" },
	{ "pselect6" },
	{ "pselect6_time64" },
	ISOLATE_ONLY("ioctl", ISOLATE_IS(1, TUNSETIFF)),
	/* the tether's files; Landlock says where */
	{ "open" },
	{ "openat" },
	{ "rename" },
	{ "renameat" },
	{ "renameat2" },
	{ "mkdir" },
	{ "mkdirat" },
	{ "unlink" },
	{ "unlinkat" },
	{ "fsync" },
	{ "fchmod" },
	{ "ftruncate" },
	{ "flock" },
};
static const struct isolate_calls own = { ISOLATE_CALLS(own_rows) };

/* Starting the carrier and following it. */
static const struct isolate_call starting_rows[] = {
	ISOLATE_ONLY("clone", ISOLATE_WITH(0, SPACE_FLAGS, 0)),
	{ "execve" },
	{ "pidfd_open" },
	{ "pidfd_send_signal" },
	{ "waitid" },
	{ "wait4" },
	{ "kill" }, /* Landlock keeps it to the carrier, from version 6 on */
	{ "pipe2" },
	{ "dup2" },
	{ "dup3" },
	{ "close_range" },
	ISOLATE_ONLY("fcntl", ISOLATE_IS(1, F_DUPFD)),
	ISOLATE_ONLY("prctl", ISOLATE_IS(0, PR_SET_PDEATHSIG)),
};
static const struct isolate_calls starting = { ISOLATE_CALLS(starting_rows) };

/* What the carrier does: the loader, and Go's runtime. */
static const struct isolate_call carrier_rows[] = {
	/* libraries; still no page that is written and run */
	ISOLATE_ONLY(
	    "mmap", ISOLATE_WITH(2, PROT_WRITE | PROT_EXEC, PROT_EXEC)),
	{ "arch_prctl" },
	{ "set_tid_address" },
	{ "sigaltstack" },
	{ "tgkill" },
	{ "umask" },
	{ "epoll_create1" },
	ISOLATE_ONLY("ioctl", ISOLATE_IS(1, TUNGETIFF)),
	ISOLATE_ONLY("ioctl", ISOLATE_IS(1, TUNSETOFFLOAD)),
	ISOLATE_ONLY("ioctl", ISOLATE_IS(1, SIOCGIFMTU)),
	ISOLATE_ONLY("ioctl", ISOLATE_IS(1, SIOCSIFMTU)),
	ISOLATE_ONLY("ioctl", ISOLATE_IS(1, SIOCGIFINDEX)),
};
static const struct isolate_calls carrier = { ISOLATE_CALLS(carrier_rows) };

static const struct isolate_calls *const calls[] = {
	SOCKETCALLS_SERVE,
	&syscalls_watch,
	&socketcalls_connect,
	&own,
	&starting,
	&carrier,
};

/* A folder that is made later would not be in the rules. Whether it can be made
 * is seen when it is needed. */
static void allow_sockets(struct profile *p)
{
	static const char *const folders[] = { "/var/run/wireguard",
		"/var/run/amneziawg" };

	for (size_t i = 0; i < N_ELEMS(folders); i++) {
		(void)mkdir(folders[i], 0755);
		profile_path(p, folders[i], ISOLATE_SOCKET);
	}
}

static void allow_carrier(struct profile *p, const struct config *config)
{
	static const char *const libraries[] = { "/lib", "/lib64", "/usr/lib",
		"/usr/lib64", "/etc/ld.so.cache" };
	char program[PATH_MAX];

	for (size_t i = 0; i < N_ELEMS(libraries); i++)
		profile_path(p, libraries[i], ISOLATE_RUN);
	profile_path(p, "/dev/net/tun", ISOLATE_DEVICE);
	profile_path(p, "/dev/null", ISOLATE_DEVICE);
	/* one that is missing is told of when it is needed */
	if (!wg_find_program(program, config->program))
		profile_copy(p, program, ISOLATE_RUN);
}

/* Names of what rules may say, which libnftables looks up. */
static void allow_names(struct profile *p)
{
	static const char *const files[] = { "/etc/nsswitch.conf",
		"/etc/protocols", "/etc/services", "/etc/iproute2",
		"/usr/share/iproute2" };

	for (size_t i = 0; i < N_ELEMS(files); i++)
		profile_path(p, files[i], ISOLATE_READ);
}

int tether_profile(
    struct profile *p, const struct config *config, struct fault *fault)
{
	static const int capabilities[] = { CAP_NET_ADMIN };

	profile_init(p, calls, N_ELEMS(calls));
	p->isolate.capabilities = capabilities;
	p->isolate.n_capabilities = N_ELEMS(capabilities);
	p->isolate.all_ports = true;
	profile_folder(p, config->codex, ISOLATE_WRITE);
	profile_path(p, config->state, ISOLATE_WRITE);
	if (config_control(config))
		profile_socket(p, config_control(config));
	allow_sockets(p);
	allow_names(p);
	if (config->driver != WG_KERNEL)
		allow_carrier(p, config);
	return profile_check(p, fault);
}
