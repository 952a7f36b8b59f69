/* net/notify.h: tells the service manager how the daemon is: sd_notify(3),
 * without its library. Without a manager nothing is said to nobody.
 */
#pragma once
#include "net/loop.h"

struct notify;

/** notify_open() - find the manager by NOTIFY_SOCKET, and begin to feed its
 * watchdog if it keeps one (WATCHDOG_USEC): from the loop, at half the
 * interval, so that a loop that does not turn is noticed The variables are
 * removed. A manager that cannot be reached is a warning. To be called before
 * isolation. Return: 0; -ENOMEM. */
MUST_USE int notify_open(struct notify **out, struct loop *loop);
void notify_close(struct notify *n);

/** notify_ready() - it serves; also after a reload
 * notify_reloading() - it reads its configuration again
 * notify_stopping() - it goes, and needs up to @ms for it */
void notify_ready(struct notify *n);
void notify_reloading(struct notify *n);
void notify_stopping(struct notify *n, uint64_t ms);
/** notify_status() - one line for people, in `systemctl status` */
void notify_status(struct notify *n, const char *text);
