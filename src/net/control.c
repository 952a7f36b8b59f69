/* net/control.c
 *
 * Beside the socket stands PATH.lock, and who has its lock owns the path: it
 * alone looks what stands there, removes what nobody serves, and binds. So of
 * many that start at one moment over a socket that was left behind, one has the
 * path and the others are told. The lock goes with its process; the file stays.
 *
 * A daemon that goes down gives up the lock and goes on serving. The next one
 * finds a lock to be had and a socket that answers: it moves that one aside, by
 * renaming it, where it can still be asked. If that next one ends first, as
 * when it fails before it serves, it moves the socket back; once it has
 * confined itself it cannot, and the socket stays where it is. Where there has
 * never been a lock, the socket is another program's and is left alone.
 */
#include "net/control.h"
#include "base/log.h"
#include "net/listen.h"
#include "net/loop.h"
#include "net/tcp.h"
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { BACKLOG = 16 };
enum { ASIDE_ROOM = CONTROL_PATH_MOST + 32 }; /* though too long for use */

struct control {
	struct loop *loop;
	struct listener *listener;
	struct httpd *httpd;
	uint64_t refused;
	struct sockaddr_un at;
	int lock;     /* of the path; -1: given up */
	dev_t device; /* of the socket's entry in its folder */
	ino_t inode;
	char moved[ASIDE_ROOM]; /* where the one is that made room, or "" */
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

static int in_use(const char *path, struct fault *fault)
{
	return fault_set(fault, -EADDRINUSE,
	    "end that process, or choose another path",
	    "%s: another process serves there", path);
}

/* @found: it was there before. */
static int take_lock(
    int *out, bool *found, const char *path, struct fault *fault)
{
	enum { FLAGS = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK };
	char name[sizeof(((struct sockaddr_un *)NULL)->sun_path) + 8];
	CLEANUP(close_p) int fd = -1;

	(void)snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, FLAGS);
	*found = fd >= 0;
	if (fd < 0)
		fd = open(name, FLAGS | O_CREAT, 0600);
	if (fd < 0)
		return fault_set(fault, -errno,
		    "its folder has to exist and to be writable for this "
		    "user; if another user has left that file, remove it",
		    "%s: %s", name, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB))
		return in_use(path, fault);
	*out = steal_fd(&fd);
	return 0;
}

/* Does somebody answer there? What cannot be tried counts as yes.
 * @who: its process; 0: not known. */
static bool is_live(const struct sockaddr_un *at, pid_t *who)
{
	CLEANUP(close_p)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	struct ucred peer = { .pid = 0 };
	socklen_t size = sizeof(peer);

	*who = 0;
	if (fd < 0)
		return true;
	if (connect(fd, (const struct sockaddr *)at, sizeof(*at)))
		return errno != ECONNREFUSED;
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size))
		*who = peer.pid;
	return true;
}

/* Return: false: there is no such name. */
static bool aside_of(char to[ASIDE_ROOM], const char *path, pid_t who)
{
	int n = snprintf(to, ASIDE_ROOM, CONTROL_ASIDE, path, (int)who);

	return who > 0 && n < CONTROL_PATH_MOST;
}

static int step_over(struct control *c, pid_t who, struct fault *fault)
{
	const char *path = c->at.sun_path;
	char aside[ASIDE_ROOM];

	if (!aside_of(aside, path, who) || rename(path, aside))
		return in_use(path, fault);
	memcpy(c->moved, aside, sizeof(c->moved));
	log_info("control socket taken over", LOG_PLACE("address", path),
	    LOG_INT("draining", who), LOG_PLACE("which_is_at", aside));
	return 0;
}

/* Something stands at the path: a socket that nobody serves goes. */
static int make_room(struct control *c, bool ours, struct fault *fault)
{
	const char *path = c->at.sun_path;
	struct stat st;
	pid_t who;

	if (!lstat(path, &st) && !S_ISSOCK(st.st_mode))
		return fault_set(fault, -EEXIST, "choose another path",
		    "%s: there is something that is no socket", path);
	if (is_live(&c->at, &who))
		return ours ? step_over(c, who, fault) : in_use(path, fault);
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

/* @ours: what stands there is a socket of one of us. */
static int open_socket(
    int *out, struct control *c, bool ours, struct fault *fault)
{
	const struct sockaddr_un *at = &c->at;
	CLEANUP(close_p)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r = fd < 0 ? -errno : bind_to(fd, at);

	if (r == -EADDRINUSE) {
		r = make_room(c, ours, fault);
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
	bool found = false;
	int r = httpd_new(&c->httpd, c->loop, &served);

	if (!r)
		r = take_lock(&c->lock, &found, c->at.sun_path, fault);
	if (!r)
		r = open_socket(&fd, c, found, fault);
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
	c->lock = -1;
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

void control_give_up(struct control *c)
{
	close_p(&c->lock);
}

static void remove_if_ours(const struct control *c, const char *path)
{
	struct stat st;

	if (c->inode && !lstat(path, &st) && st.st_ino == c->inode &&
	    st.st_dev == c->device)
		(void)unlink(path);
}

/* Only who still has the lock may touch what is not its own; and if somebody
 * has bound the path in spite of it, link() leaves that alone. */
static void move_back(const struct control *c)
{
	if (c->moved[0] && c->lock >= 0 && !link(c->moved, c->at.sun_path))
		(void)unlink(c->moved);
}

void control_close(struct control *c)
{
	char aside[ASIDE_ROOM];

	if (!c)
		return;
	listen_close(c->listener);
	httpd_free(c->httpd);
	remove_if_ours(c, c->at.sun_path);
	if (aside_of(aside, c->at.sun_path, getpid()))
		remove_if_ours(c, aside);
	move_back(c);
	close_p(&c->lock);
	free(c);
}

uint64_t control_refused(const struct control *c)
{
	return c->refused;
}
