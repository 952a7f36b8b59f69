#include "net/notify.h"
#include "base/log.h"
#include "base/number.h"
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { MESSAGE_MOST = 512, US_A_MS = 1000 };
/* The manager shall not kill what is about to end by itself. */
enum { SLACK_MS = 10000 };
static const uint64_t us_most = UINT64_C(1) << 53;

struct notify {
	struct loop *loop;
	int fd; /* connected; -1: nobody listens */
	uint64_t feed_ms;
	struct wheel_timer feed;
};

/* A message that cannot be sent is not sent: the manager is slow or gone, and
 * nobody can do anything about it here. */
static void say(const struct notify *n, const char *message)
{
	if (n->fd >= 0)
		(void)send(n->fd, message, strlen(message), MSG_NOSIGNAL);
}

/* ---- finding the manager */

/* Return: the size of @out; 0: no such address. */
static socklen_t address_of(struct sockaddr_un *out, const char *path)
{
	size_t n = strlen(path);

	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (n < 2 || n >= sizeof(out->sun_path) ||
	    (path[0] != '/' && path[0] != '@'))
		return 0;
	memcpy(out->sun_path, path, n);
	if (path[0] == '@')
		out->sun_path[0] = '\0'; /* in the abstract namespace */
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
}

/* Return: a descriptor; -errno. */
static int reach(const char *path)
{
	struct sockaddr_un sa;
	socklen_t size = address_of(&sa, path);
	CLEANUP(close_p) int fd = -1;

	if (!size)
		return -EINVAL;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || connect(fd, (const struct sockaddr *)&sa, size))
		return -errno;
	return steal_fd(&fd);
}

static void find_manager(struct notify *n)
{
	const char *path = getenv("NOTIFY_SOCKET");

	if (!path || !*path)
		return;
	n->fd = reach(path);
	if (n->fd < 0)
		log_warn("service manager is not reached",
		    LOG_STR("socket", path),
		    LOG_STR("fault", strerror(-n->fd)));
	unsetenv("NOTIFY_SOCKET");
}

/* ---- the watchdog */

static void on_feed(struct wheel_timer *t, uint64_t now_ms)
{
	struct notify *n = CONTAINER_OF(t, struct notify, feed);

	(void)now_ms;
	say(n, "WATCHDOG=1");
	loop_after(n->loop, t, n->feed_ms, on_feed);
}

static bool is_for_us(const char *pid)
{
	uint64_t number;

	return !pid || (!number_parse(pid, us_most, &number) &&
			   number == (uint64_t)getpid());
}

static void find_watchdog(struct notify *n)
{
	const char *interval = getenv("WATCHDOG_USEC");
	uint64_t us = 0;

	if (n->fd >= 0 && interval && is_for_us(getenv("WATCHDOG_PID")) &&
	    !number_parse(interval, us_most, &us))
		n->feed_ms = us / 2 / US_A_MS;
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	if (n->feed_ms)
		loop_after(n->loop, &n->feed, 0, on_feed);
}

int notify_open(struct notify **out, struct loop *loop)
{
	struct notify *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->loop = loop;
	n->fd = -1;
	find_manager(n);
	find_watchdog(n);
	*out = n;
	return 0;
}

void notify_close(struct notify *n)
{
	if (!n)
		return;
	loop_cancel(n->loop, &n->feed);
	if (n->fd >= 0)
		close(n->fd);
	free(n);
}

/* ---- what is said */

void notify_ready(struct notify *n)
{
	say(n, "READY=1\nSTATUS=serving");
}

void notify_reloading(struct notify *n)
{
	char message[MESSAGE_MOST];

	(void)snprintf(message, sizeof(message),
	    "RELOADING=1\nMONOTONIC_USEC=%llu",
	    (unsigned long long)loop_us(n->loop));
	say(n, message);
}

void notify_stopping(struct notify *n, uint64_t ms)
{
	char message[MESSAGE_MOST];

	(void)snprintf(message, sizeof(message),
	    "STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=%llu",
	    (unsigned long long)(ms + SLACK_MS) * US_A_MS);
	say(n, message);
}

void notify_status(struct notify *n, const char *text)
{
	char message[MESSAGE_MOST];

	(void)snprintf(message, sizeof(message), "STATUS=%s", text);
	for (char *c = strchr(message, '\n'); c; c = strchr(c, '\n'))
		*c = ' '; /* a line of its own would be another message */
	say(n, message);
}
