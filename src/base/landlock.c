/* base/landlock.c: see the header.
 *
 * Landlock refuses what a ruleset *handles* and no rule allows. Each version of
 * the kernel's interface knows more than the last; naming what it does not know
 * is an error, so the handled set is cut to the running kernel's. Making
 * devices and pipes is handled and never allowed, executing and device control
 * only where a profile names the file; binding a TCP port is not allowed, or
 * not handled: whoever listens has bound before.
 *
 * What it does not see: descriptors that are open already, stat(2), UDP, and
 * sockets that have a path. For these there is the filter.
 */
#include "base/landlock.h"
#include <fcntl.h>
#include <linux/landlock.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The names of the newer ones are not in every kernel header that we build
 * against. */
#define FS_TRUNCATE    (UINT64_C(1) << 14)
#define FS_IOCTL_DEV   (UINT64_C(1) << 15)
#define NET_BIND       (UINT64_C(1) << 0)
#define NET_CONNECT    (UINT64_C(1) << 1)
#define SCOPE_ABSTRACT (UINT64_C(1) << 0)
#define SCOPE_SIGNAL   (UINT64_C(1) << 1)
enum { RULE_PORT = 2 };

/* landlock_ruleset_attr and landlock_net_port_attr as they are since version 6
 * and 4. An older kernel takes the longer one if what it does not know is 0. */
struct ruleset {
	uint64_t files, network, scopes;
};
struct port_rule {
	uint64_t access, port;
};

/* What each version brought. */
static const struct {
	int version;
	struct ruleset handled;
} since[] = {
	{ 1, { .files = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1 } },
	{ 2, { .files = LANDLOCK_ACCESS_FS_REFER } },
	{ 3, { .files = FS_TRUNCATE } },
	{ 4, { .network = NET_BIND | NET_CONNECT } },
	{ 5, { .files = FS_IOCTL_DEV } },
	{ 6, { .scopes = SCOPE_ABSTRACT | SCOPE_SIGNAL } },
};

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define FS_WRITE                                                               \
	(FS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE |               \
	    LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR |        \
	    LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR |   \
	    LANDLOCK_ACCESS_FS_REFER)

static const uint64_t allowed[ISOLATE_ACCESS_COUNT] = {
	[ISOLATE_READ] = FS_READ,
	[ISOLATE_WRITE] = FS_WRITE,
	[ISOLATE_LINK] = FS_WRITE | LANDLOCK_ACCESS_FS_MAKE_SYM,
	[ISOLATE_SOCKET] =
	    LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_REMOVE_FILE,
	[ISOLATE_RUN] = FS_READ | LANDLOCK_ACCESS_FS_EXECUTE,
	[ISOLATE_DEVICE] = LANDLOCK_ACCESS_FS_READ_FILE |
			   LANDLOCK_ACCESS_FS_WRITE_FILE | FS_IOCTL_DEV,
};
/* what a rule for a file, not a folder, may name */
static const uint64_t allowed_of_files =
    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
    LANDLOCK_ACCESS_FS_EXECUTE | FS_TRUNCATE | FS_IOCTL_DEV;

int landlock_version(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return version < 0 ? -errno : (int)version;
}

static struct ruleset handled_by(
    const struct isolate_profile *profile, int version)
{
	struct ruleset all = { .files = 0 };

	for (size_t i = 0; i < N_ELEMS(since); i++) {
		if (version < since[i].version)
			continue;
		all.files |= since[i].handled.files;
		all.network |= since[i].handled.network;
		all.scopes |= since[i].handled.scopes;
	}
	if (profile->abstract_sockets)
		all.scopes &= ~SCOPE_ABSTRACT;
	if (profile->signals)
		all.scopes &= ~SCOPE_SIGNAL;
	if (profile->all_ports)
		all.network = 0;
	return all;
}

/* What cannot be reached now need not be allowed. */
static bool out_of_reach(int error)
{
	return error == ENOENT || error == ENOTDIR || error == EACCES;
}

static int allow_path(
    int ruleset, const struct isolate_path *path, uint64_t handled)
{
	CLEANUP(close_p) int fd = open(path->path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .parent_fd = fd };
	struct stat status;

	if (fd < 0)
		return out_of_reach(errno) ? 0 : -errno;
	if (fstat(fd, &status))
		return -errno;
	rule.allowed_access = allowed[path->access] & handled;
	if (!S_ISDIR(status.st_mode))
		rule.allowed_access &= allowed_of_files;
	if (rule.allowed_access && syscall(SYS_landlock_add_rule, ruleset,
				       LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
		return -errno;
	return 0;
}

static int failed(struct fault *fault, int code, const char *what)
{
	return fault_set(fault, code,
	    "--no-sandbox starts without isolation, for debugging.",
	    "isolation: Landlock: %s: %s", what, strerror(-code));
}

static int allow_paths(int ruleset, const struct isolate_profile *profile,
    uint64_t handled, struct fault *fault)
{
	for (size_t i = 0; i < profile->n_paths; i++) {
		int r = allow_path(ruleset, &profile->paths[i], handled);

		if (r)
			return failed(fault, r, profile->paths[i].path);
	}
	return 0;
}

static int allow_ports(
    int ruleset, const struct isolate_profile *profile, struct fault *fault)
{
	for (size_t i = 0; i < profile->n_ports; i++) {
		struct port_rule rule = { NET_CONNECT, profile->ports[i] };

		if (syscall(
			SYS_landlock_add_rule, ruleset, RULE_PORT, &rule, 0))
			return failed(fault, -errno, "a port to connect to");
	}
	return 0;
}

int landlock_enter(
    const struct isolate_profile *profile, int version, struct fault *fault)
{
	struct ruleset handled = handled_by(profile, version);
	CLEANUP(close_p)
	int ruleset = (int)syscall(
	    SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
	int r;

	if (ruleset < 0)
		return failed(fault, -errno, "making the rules");
	r = allow_paths(ruleset, profile, handled.files, fault);
	if (!r && handled.network)
		r = allow_ports(ruleset, profile, fault);
	if (!r && syscall(SYS_landlock_restrict_self, ruleset, 0))
		r = failed(fault, -errno, "entering");
	return r;
}
