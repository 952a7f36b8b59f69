#include "net/control.h"
#include "base/log.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/tcp.h"
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16 };

struct control {
	struct loop *loop;
	struct listener *listener;
	struct httpd *httpd;
	uint64_t refused;
	struct sockaddr_un at;
	dev_t device; /* of the socket's entry in its folder */
	ino_t inode;
};

/* ---- who may come in ---- */

static bool may_enter(int fd, struct ucred *who)
{
	socklen_t size = sizeof(*who);

	*who = (struct ucred){ .uid = (uid_t)-1 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, who, &size))
		return false;
	return who->uid == 0 || who->uid == geteuid();
}

static bool admit(struct control *c, int fd)
{
	struct ucred who;

	if (!may_enter(fd, &who)) {
		log_warn("control refused", LOG_UINT("user", who.uid),
		    LOG_INT("process", who.pid));
		return false;
	}
	return httpd_connections(c->httpd) < CONTROL_CONNECTIONS_MOST;
}

static void on_accept(void *ctx, int fd, const char *source)
{
	struct control *c = ctx;
	struct leg *leg;

	(void)source;
	if (!admit(c, fd) || tcp_leg_open(&leg, c->loop, fd, false)) {
		c->refused++;
		close(fd);
		return;
	}
	httpd_serve(c->httpd, leg, HTTP_1);
}

/* ---- the socket ---- */

static int path_set(
    struct sockaddr_un *out, const char *path, struct fault *fault)
{
	*out = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (strlen(path) >= sizeof(out->sun_path))
		return fault_set(fault, -ENAMETOOLONG,
		    "choose a path of at most 107 bytes", "%s: too long", path);
	memcpy(out->sun_path, path, strlen(path));
	return 0;
}

/* Its folder, when it is missing. */
static void make_folder(const char *path)
{
	char folder[PATH_MAX];
	const char *end = strrchr(path, '/');
	size_t n = end ? (size_t)(end - path) : 0;

	if (!n || n >= sizeof(folder))
		return;
	memcpy(folder, path, n);
	folder[n] = '\0';
	(void)mkdir(folder, 0700); /* bind() says what is wrong */
}

/* Does somebody answer there? What cannot be tried counts as yes. */
static bool is_live(const struct sockaddr_un *at)
{
	CLEANUP(close_p)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return true;
	return !connect(fd, (const struct sockaddr *)at, sizeof(*at)) ||
	       errno != ECONNREFUSED;
}

/* Something stands at the path: a socket that nobody serves goes. */
static int make_room(const struct sockaddr_un *at, struct fault *fault)
{
	const char *path = at->sun_path;
	struct stat st;

	if (!lstat(path, &st) && !S_ISSOCK(st.st_mode))
		return fault_set(fault, -EEXIST, "choose another path",
		    "%s: there is something that is no socket", path);
	if (is_live(at))
		return fault_set(fault, -EADDRINUSE,
		    "end that process, or choose another path",
		    "%s: another process serves there", path);
	if (unlink(path) && errno != ENOENT)
		return fault_set(fault, -errno, NULL,
		    "%s: an old socket that cannot be removed: %s", path,
		    strerror(errno));
	return 0;
}

static int bind_to(int fd, const struct sockaddr_un *at)
{
	/* the mode is that of the socket's own inode, from the first moment */
	if (fchmod(fd, 0600) ||
	    bind(fd, (const struct sockaddr *)at, sizeof(*at)))
		return -errno;
	return 0;
}

static int open_socket(
    int *out, const struct sockaddr_un *at, struct fault *fault)
{
	CLEANUP(close_p)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r = fd < 0 ? -errno : bind_to(fd, at);

	if (r == -EADDRINUSE) {
		r = make_room(at, fault);
		if (r)
			return r;
		r = bind_to(fd, at);
	}
	if (!r && listen(fd, BACKLOG))
		r = -errno;
	if (r)
		return fault_set(fault, r,
		    "its folder has to exist and to be "
		    "writable for this user",
		    "%s: %s", at->sun_path, strerror(-r));
	*out = steal_fd(&fd);
	return 0;
}

static void remember(struct control *c)
{
	struct stat st;

	if (lstat(c->at.sun_path, &st))
		return;
	c->device = st.st_dev;
	c->inode = st.st_ino;
}

static int serve(
    struct control *c, const struct control_config *config, struct fault *fault)
{
	const struct httpd_config served = {
		.routes = config->routes,
		.n_routes = config->n_routes,
		.ctx = config->ctx,
	};
	CLEANUP(close_p) int fd = -1;
	int r = httpd_new(&c->httpd, c->loop, &served);

	if (!r)
		r = open_socket(&fd, &c->at, fault);
	if (r)
		return r;
	remember(c);
	r = listen_adopt(&c->listener, c->loop, fd, on_accept, c, fault);
	if (!r)
		steal_fd(&fd);
	return r;
}

int control_open(struct control **out, struct loop *loop,
    const struct control_config *config, struct fault *fault)
{
	struct control *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	c->loop = loop;
	r = path_set(&c->at, config->path, fault);
	if (!r) {
		make_folder(config->path);
		r = serve(c, config, fault);
	}
	if (r)
		control_close(c);
	else
		*out = c;
	return r;
}

/* Another process may have put its own there meanwhile. */
static void remove_socket(const struct control *c)
{
	struct stat st;

	if (c->inode && !lstat(c->at.sun_path, &st) && st.st_ino == c->inode &&
	    st.st_dev == c->device)
		(void)unlink(c->at.sun_path);
}

void control_close(struct control *c)
{
	if (!c)
		return;
	listen_close(c->listener);
	httpd_free(c->httpd);
	remove_socket(c);
	free(c);
}

uint64_t control_refused(const struct control *c)
{
	return c->refused;
}
