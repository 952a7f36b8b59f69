/* link/wg.h: a WireGuard interface, whatever carries it: the kernel, or a
 * process in user space that is kept running.
 *
 *   wg_open()   makes the interface: down, without a key, a peer, an address
 *   wg_read()   its state, for wire/wgplan.h
 *   wg_apply()  a plan
 *   wg_close()  removes it
 *
 * No command of others is ever run for it (wg, wg-quick, ip, a shell): keys and
 * prefixes are values until they are bytes of a protocol.
 *
 * wg_read() and wg_apply() wait, up to seconds for thousands of peers: they are
 * for a thread that may (loop_work()), one of them at a time. All else is for
 * the loop's thread.
 */
#pragma once
#include "base/fault.h"
#include "wire/wgplan.h"

struct loop;
struct wg;

enum wg_driver {
	WG_ANY,	   /* the kernel's where there is one */
	WG_KERNEL, /* generic netlink */
	WG_USER,   /* a process, by its socket */
};

struct wg_order {
	enum wg_driver driver;
	const char *name; /* of the interface; wire/wgname.h has checked it */
	const char *program; /* for WG_USER: a path, or a name that PATH has;
				NULL: wireguard-go */
	/* The process has begun anew and knows no key and no peer: read, plan
	 * and apply. Never for WG_KERNEL. */
	void (*again)(void *ctx);
	/* It ended by itself and comes again after a while. */
	void (*failed)(void *ctx, const struct fault *why);
	void *ctx;
};

/** wg_open() - make the interface
 * Return: 0; -EBUSY, -EEXIST: there is one of that name; -EADDRINUSE: another
 * process has one of that name, maybe elsewhere; -EPERM; -ENOENT: nothing here
 * can carry it; -errno; with @fault. */
MUST_USE int wg_open(struct wg **out, struct loop *l,
    const struct wg_order *order, struct fault *fault);
/** wg_close() - remove it; @w is gone when @closed is called, from the loop,
 * once, within WGCHILD_END_MS or so */
void wg_close(struct wg *w, void (*closed)(void *ctx), void *ctx);

/** wg_read() - its state, sealed; to be freed with wgstate_deinit()
 * wg_apply() - do what @plan says; after a failure a part of it may be done
 * Return: 0; -errno with @fault. */
MUST_USE int wg_read(
    const struct wg *w, struct wgstate *out, struct fault *fault);
MUST_USE int wg_apply(
    const struct wg *w, const struct wgplan *plan, struct fault *fault);

/** wg_find_program() - what wg_order.program means
 * @out: PATH_MAX bytes
 * Return: 0; -errno. */
MUST_USE int wg_find_program(char *out, const char *program);

/** wg_driver() - which one it is, never WG_ANY
 * wg_carrier() - for people: "kernel", or the program's path
 * wg_pid() - of the process; 0: none, or none now
 * wg_restarts() - how often the process was started again */
enum wg_driver wg_driver(const struct wg *w);
const char *wg_carrier(const struct wg *w);
pid_t wg_pid(const struct wg *w);
unsigned wg_restarts(const struct wg *w);
