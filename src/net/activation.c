/* net/activation.c: LISTEN_PID is whom the sockets are meant for; LISTEN_FDS
 * says how many there are, from descriptor 3 on; LISTEN_FDNAMES has a name for
 * each, with colons between. */
#include "net/activation.h"
#include "base/number.h"
#include <fcntl.h>
#include <unistd.h>

enum { FIRST = 3, SOCKETS_MOST = 64, PID_MOST = 1 << 22 };

static int read_number(uint64_t *out, const char *variable, uint64_t most)
{
	const char *text = getenv(variable);

	return text ? number_parse(text, most, out) : -ENOENT;
}

/* Which of @count names is @name; -1: none. Two of them: -2. */
static int find_name(const char *name, uint64_t count)
{
	const char *at = getenv("LISTEN_FDNAMES");
	size_t n = strlen(name);
	int found = -1;

	for (uint64_t i = 0; at && i < count; i++) {
		size_t here = strcspn(at, ":");

		if (here == n && !memcmp(at, name, n)) {
			if (found >= 0)
				return -2;
			found = (int)i;
		}
		at = at[here] ? at + here + 1 : NULL;
	}
	return found;
}

static int pick(int *out, const char *name, uint64_t count, struct fault *fault)
{
	int which = count == 1 ? 0 : find_name(name, count);

	if (which < 0)
		return fault_set(fault, -EINVAL,
		    "the socket unit has to pass one socket, or to call one "
		    "of them so: FileDescriptorName=",
		    "%u sockets were passed in, and %s is called \"%s\"",
		    (unsigned)count, which == -1 ? "none" : "more than one",
		    name);
	if (fcntl(FIRST + which, F_SETFD, FD_CLOEXEC))
		return fault_set(fault, -errno, NULL,
		    "the descriptor %d that was passed in: %s", FIRST + which,
		    strerror(errno));
	*out = FIRST + which;
	return 0;
}

int activation_find(int *out, const char *name, struct fault *fault)
{
	uint64_t pid = 0, count = 0;
	int r = read_number(&pid, "LISTEN_PID", PID_MOST);

	if (!r && pid == (uint64_t)getpid())
		r = read_number(&count, "LISTEN_FDS", SOCKETS_MOST);
	else if (!r)
		r = -ENOENT; /* meant for a parent of ours */
	if (r == -ENOENT || (!r && !count)) {
		*out = -1;
		return 0;
	}
	if (r)
		return fault_set(fault, -EINVAL, NULL,
		    "LISTEN_PID and LISTEN_FDS are no numbers that make sense");
	return pick(out, name, count, fault);
}
