/* Two back ends, a row each: how it is made, read, changed, removed.
 *
 * User space: the device is ours (link/tun.h), the process gets it as a
 * descriptor (link/wgchild.h), so addresses and routes outlive the process.
 * Where it has its socket depends on whose it is: the table of carriers says.
 */
#include "link/wg.h"
#include "link/rtnet.h"
#include "link/tun.h"
#include "link/wgchild.h"
#include "link/wgframe.h"
#include "link/wgnetlink.h"
#include "link/wguapi.h"
#include "net/loop.h"
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#define USUAL_PROGRAM "wireguard-go"

static const struct carrier {
	const char *program; /* the last part of its path */
	const char *folder;  /* of its sockets */
} carriers[] = {
	{ USUAL_PROGRAM, "/var/run/wireguard" },
	{ "amneziawg-go", "/var/run/amneziawg" },
};

struct backend {
	int (*make)(struct wg *w, struct fault *fault);
	int (*read)(
	    const struct wg *w, struct wgstate *out, struct fault *fault);
	int (*apply)(
	    const struct wg *w, const struct wgplan *plan, struct fault *fault);
	void (*remove)(struct wg *w); /* then has_closed() */
};

struct wg {
	struct loop *loop;
	struct wg_order order; /* texts are in the fields below */
	enum wg_driver driver;
	char name[RTNET_NAME_MOST + 1];
	char program[PATH_MAX];
	char socket[WGUAPI_PATH_MOST + 1];
	int device;	/* -1: none */
	unsigned index; /* of the kernel's; 0: not known */
	struct wgchild *child;
	struct loop_task task;
	void (*closed)(void *ctx);
	void *closed_ctx;
};

static void has_closed(struct wg *w)
{
	void (*closed)(void *ctx) = w->closed;
	void *ctx = w->closed_ctx;

	close_p(&w->device);
	wgchild_free(w->child);
	free(w);
	closed(ctx);
}

/* ---- the kernel ---------------------------------------------------------- */

static int make_in_kernel(struct wg *w, struct fault *fault)
{
	CLEANUP(rtnet_closep) struct rtnet *net = NULL;
	struct rtnet_link link;
	int r = rtnet_open(&net);

	if (!r)
		r = rtnet_make(net, w->name, "wireguard");
	if (!r && !rtnet_find(net, w->name, &link))
		w->index = link.index;
	if (r == -EEXIST)
		return fault_set(fault, r,
		    "choose another name, or remove that interface",
		    "interface %s: there is one of that name already", w->name);
	if (r == -EPERM)
		return fault_set(fault, r,
		    "run it as root, or with the capability CAP_NET_ADMIN",
		    "interface %s: not allowed to make it", w->name);
	if (r == -EOPNOTSUPP)
		return fault_set(fault, r,
		    "load the module wireguard, or use --driver user",
		    "interface %s: this kernel has no WireGuard", w->name);
	return r ? fault_set(fault, r, NULL, "interface %s: %s", w->name,
		       strerror(-r))
		 : 0;
}

static int read_kernel(
    const struct wg *w, struct wgstate *out, struct fault *fault)
{
	return wgnetlink_read(w->name, out, fault);
}

static int apply_kernel(
    const struct wg *w, const struct wgplan *plan, struct fault *fault)
{
	return wgnetlink_apply(w->name, plan, fault);
}

static void close_task(struct loop_task *t)
{
	has_closed(CONTAINER_OF(t, struct wg, task));
}

/* Whether it was still there or not, it is not there now; one of that name that
 * somebody else has made since stays. */
static void remove_from_kernel(struct wg *w)
{
	CLEANUP(rtnet_closep) struct rtnet *net = NULL;
	struct rtnet_link link;

	if (!rtnet_open(&net) && !rtnet_find(net, w->name, &link) &&
	    link.index == w->index)
		(void)!rtnet_remove(net, link.index);
	loop_post(w->loop, &w->task, close_task);
}

/* ---- user space ---------------------------------------------------------- */

static const char *last_part(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* A name is looked for where PATH says, a path is itself. */
int wg_find_program(char *out, const char *program)
{
	const char *at = getenv("PATH");
	size_t n;

	if (!program)
		program = USUAL_PROGRAM;
	if (strchr(program, '/')) {
		if (strlen(program) >= PATH_MAX)
			return -ENAMETOOLONG;
		(void)snprintf(out, PATH_MAX, "%s", program);
		return access(out, X_OK) ? -errno : 0;
	}
	if (!at)
		at = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin";
	for (;; at += n + 1) {
		n = strcspn(at, ":");
		if (n && at[0] == '/' && n + strlen(program) + 2 <= PATH_MAX) {
			(void)snprintf(
			    out, PATH_MAX, "%.*s/%s", (int)n, at, program);
			if (!access(out, X_OK))
				return 0;
		}
		if (!at[n])
			return -ENOENT;
	}
}

static int find_carrier(struct wg *w, const char *program, struct fault *fault)
{
	const char *name = last_part(program);
	const char *folder = NULL;
	int r = wg_find_program(w->program, program);

	if (r)
		return fault_set(fault, r,
		    "install it (Debian: wireguard-go), or name another one",
		    "%s: %s", program, strerror(-r));
	for (size_t i = 0; i < N_ELEMS(carriers); i++)
		if (!strcmp(name, carriers[i].program))
			folder = carriers[i].folder;
	if (!folder)
		return fault_set(fault, -EINVAL,
		    "it is told by its name which protocol it speaks",
		    "%s: neither wireguard-go nor amneziawg-go", program);
	(void)snprintf(
	    w->socket, sizeof(w->socket), "%s/%s.sock", folder, w->name);
	return 0;
}

static void on_again(void *ctx)
{
	struct wg *w = ctx;

	w->order.again(w->order.ctx);
}

static void on_failed(void *ctx, const struct fault *why)
{
	struct wg *w = ctx;

	w->order.failed(w->order.ctx, why);
}

static void on_ended(void *ctx)
{
	has_closed(ctx);
}

static int make_in_user_space(struct wg *w, struct fault *fault)
{
	struct wgchild_order order = {
		.program = w->program,
		.name = w->name,
		.socket = w->socket,
		.again = on_again,
		.failed = on_failed,
		.ended = on_ended,
		.ctx = w,
	};
	const char *program =
	    w->order.program ? w->order.program : USUAL_PROGRAM;
	bool framed = false;
	int r = find_carrier(w, program, fault);

	if (!r)
		r = wgframe_of(&framed, w->program, fault);
	if (!r)
		r = tun_open(&w->device, w->name, framed, fault);
	order.device = w->device;
	return r ? r : wgchild_new(&w->child, w->loop, &order, fault);
}

static int read_user(
    const struct wg *w, struct wgstate *out, struct fault *fault)
{
	return wguapi_read(w->socket, out, fault);
}

static int apply_user(
    const struct wg *w, const struct wgplan *plan, struct fault *fault)
{
	return wguapi_apply(w->socket, plan, fault);
}

static void remove_from_user_space(struct wg *w)
{
	wgchild_end(w->child);
}

/* ---- either -------------------------------------------------------------- */

static const struct backend backends[] = {
	[WG_KERNEL] = { make_in_kernel, read_kernel, apply_kernel,
	    remove_from_kernel },
	[WG_USER] = { make_in_user_space, read_user, apply_user,
	    remove_from_user_space },
};

int wg_open(struct wg **out, struct loop *l, const struct wg_order *order,
    struct fault *fault)
{
	struct wg *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return fault_set(fault, -ENOMEM, NULL, "no memory");
	INVARIANT(strlen(order->name) < sizeof(w->name));
	*w = (struct wg){ .loop = l, .order = *order, .device = -1 };
	(void)snprintf(w->name, sizeof(w->name), "%s", order->name);
	w->driver = order->driver;
	if (w->driver == WG_ANY)
		w->driver = wgnetlink_probe() ? WG_USER : WG_KERNEL;
	r = backends[w->driver].make(w, fault);
	if (r) {
		close_p(&w->device);
		free(w);
		return r;
	}
	*out = w;
	return 0;
}

void wg_close(struct wg *w, void (*closed)(void *ctx), void *ctx)
{
	w->closed = closed;
	w->closed_ctx = ctx;
	backends[w->driver].remove(w);
}

int wg_read(const struct wg *w, struct wgstate *out, struct fault *fault)
{
	return backends[w->driver].read(w, out, fault);
}

int wg_apply(const struct wg *w, const struct wgplan *plan, struct fault *fault)
{
	return backends[w->driver].apply(w, plan, fault);
}

enum wg_driver wg_driver(const struct wg *w)
{
	return w->driver;
}

const char *wg_carrier(const struct wg *w)
{
	return w->driver == WG_KERNEL ? "kernel" : w->program;
}

pid_t wg_pid(const struct wg *w)
{
	return w->child ? wgchild_pid(w->child) : 0;
}

unsigned wg_restarts(const struct wg *w)
{
	return w->child ? wgchild_restarts(w->child) : 0;
}
