/* lib/turn.c
 *
 * The loop's own epoll descriptor says when its sockets are ready, but knows
 * nothing of its timers and posted tasks. So it stands, with a timerfd, in an
 * epoll of ours. The timer is never later than what is due; it may be earlier,
 * since moving it back would cost a call and an early turn does no harm.
 */
#include "lib/turn.h"
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

static int add(const struct turn *t, int fd)
{
	struct epoll_event event = { .events = EPOLLIN };

	return epoll_ctl(t->epoll, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int turn_init(struct turn *t, struct loop *loop)
{
	int r;

	*t = (struct turn){ .timer = -1, .armed = UINT64_MAX };
	t->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (t->epoll < 0)
		return -errno;
	t->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	r = t->timer < 0 ? -errno : add(t, t->timer);
	if (!r)
		r = add(t, uv_backend_fd(loop_uv(loop)));
	if (r)
		turn_deinit(t);
	return r;
}

void turn_deinit(struct turn *t)
{
	close_p(&t->timer);
	close_p(&t->epoll);
	t->timer = t->epoll = -1;
}

void turn_arm(struct turn *t, struct loop *loop)
{
	int ms = loop_due_in(loop);
	uint64_t due = ms < 0 ? UINT64_MAX : loop_now(loop) + (uint64_t)ms;
	struct itimerspec when = { .it_value.tv_nsec = 1 };

	if (due >= t->armed)
		return;
	if (ms)
		when.it_value = (struct timespec){ .tv_sec = ms / 1000,
			.tv_nsec = ms % 1000 * 1000000L };
	INVARIANT(!timerfd_settime(t->timer, 0, &when, NULL));
	t->armed = due;
}

void turn_clear(struct turn *t)
{
	uint64_t times;

	if (t->armed != UINT64_MAX && read(t->timer, &times, sizeof(times)) > 0)
		t->armed = UINT64_MAX;
}
