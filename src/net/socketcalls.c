/* net/socketcalls.c: see the header. */
#include "net/socketcalls.h"
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

static const struct isolate_call sockets[] = {
	{ "accept" },
	{ "accept4" },
	{ "recv" },
	{ "recvfrom" },
	{ "recvmsg" },
	{ "recvmmsg" },
	{ "send" },
	{ "sendto" },
	{ "sendmsg" },
	{ "sendmmsg" },
	{ "shutdown" },
	{ "getsockopt" },
	{ "setsockopt" },
	{ "getsockname" },
	{ "getpeername" },
	/* bytes that wait: to be read; to be acknowledged (SIOCOUTQ) */
	ISOLATE_ONLY("ioctl", ISOLATE_IS(1, FIONREAD)),
	ISOLATE_ONLY("ioctl", ISOLATE_IS(1, TIOCOUTQ)),
};
const struct isolate_calls socketcalls_open = { ISOLATE_CALLS(sockets) };

#define SOCKET(family, type, protocol)                                         \
	{                                                                      \
		.name = "socket", .n_tests = 3, .tests = {                     \
			ISOLATE_IS(0, family),                                 \
			ISOLATE_WITH(1, SOCK_TYPE, type),                      \
			ISOLATE_IS(2, protocol),                               \
		}                                                              \
	}
/* of socket()'s second argument: not SOCK_CLOEXEC and SOCK_NONBLOCK */
enum { SOCK_TYPE = 0xf };

static const struct isolate_call notify[] = {
	/* no stream: the sockets that control other daemons are streams */
	SOCKET(AF_UNIX, SOCK_DGRAM, 0),
};
const struct isolate_calls socketcalls_notify = { ISOLATE_CALLS(notify) };

/* The protocols are named, since Landlock's ports hold for TCP only: MPTCP and
 * SCTP would go around them. No netlink: glibc asks for the machine's addresses
 * there before a name's, and goes on without. */
static const struct isolate_call connecting[] = {
	SOCKET(AF_INET, SOCK_STREAM, 0),
	SOCKET(AF_INET, SOCK_STREAM, IPPROTO_TCP),
	SOCKET(AF_INET, SOCK_DGRAM, 0),
	SOCKET(AF_INET, SOCK_DGRAM, IPPROTO_UDP),
	SOCKET(AF_INET6, SOCK_STREAM, 0),
	SOCKET(AF_INET6, SOCK_STREAM, IPPROTO_TCP),
	SOCKET(AF_INET6, SOCK_DGRAM, 0),
	SOCKET(AF_INET6, SOCK_DGRAM, IPPROTO_UDP),
	{ "connect" },
};
const struct isolate_calls socketcalls_connect = { ISOLATE_CALLS(connecting) };
