/* net/loop.c
 *
 * libuv runs, in each iteration: its timers, idle handles, prepare handles, the
 * poll for descriptors, check handles, close callbacks. A turn of ours is laid
 * over that:
 *
 *   prepare  decides how long the poll may wait: not at all while something is
 *            posted (the idle handle is the switch for that), else until the
 *            wheel's next due time (the one uv timer, whose callback is empty:
 *            it only wakes the poll)
 *   poll     descriptors; modules of net/ get their uv callbacks here
 *   check    the wheel is advanced to the time of this turn, then posted tasks
 *            run, round by round
 *
 * So every timer and every task runs in the check phase, with nothing of an
 * owner on the stack but the loop itself. A round takes the whole queue away
 * and runs it; what is posted meanwhile is the next round. After ROUNDS_MOST
 * rounds the rest waits for the next turn, and descriptors are looked at first:
 * two objects that post each other cannot starve the sockets. What is posted
 * by loop_post_next() joins the queue only when the next turn's check begins.
 *
 * With a fake clock the wheel is driven by loop_set_now() alone and the uv
 * timer is never armed, so a simulation runs as fast as it can.
 */
#include "net/loop.h"
#include "base/buf.h"
#include "base/metric.h"
#include "net/pipes.h"

#include <limits.h>
#include <sys/random.h>
#include <time.h>

enum { NS_A_US = 1000, US_A_MS = 1000 };
enum { ROUNDS_MOST = 64, POOL_KEEP = 64, CLOSE_TURNS = 1000 };

struct task_list {
	struct loop_task *first, **last;
};

struct signal_watch {
	struct signal_watch *next;
	uv_signal_t uv;
	int signum;
	void (*fn)(void *ctx, int signum);
	void *ctx;
};

struct loop {
	uv_loop_t uv;
	uv_timer_t timer;
	uv_idle_t idle;
	uv_prepare_t prepare;
	uv_check_t check;
	struct wheel *wheel;
	struct pool *pool;
	struct pipes *pipes;
	struct task_list tasks, next, running;
	struct loop_lingerer *lingerers;
	struct signal_watch *signals;
	size_t jobs;
	uint64_t turns;
	uint64_t timer_due; /* of the uv timer; UINT64_MAX: not armed */
	uint64_t fake_now;
	uint64_t random;
	uint64_t turn_ns, idle_ns; /* when this turn began; idle until then */
	struct metric_histogram lag;
	bool fake, stopping;
	struct dial_network *network;
	const struct egress *egress;
};

static void task_list_init(struct task_list *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void task_list_append(struct task_list *list, struct loop_task *t)
{
	t->next = NULL;
	t->link = list->last;
	*list->last = t;
	list->last = &t->next;
}

static void task_list_remove(struct task_list *list, struct loop_task *t)
{
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	if (list->last == &t->next)
		list->last = t->link;
	t->next = NULL;
	t->link = NULL;
}

/* All of @from to the end of @to. */
static void task_list_join(struct task_list *to, struct task_list *from)
{
	if (!from->first)
		return;
	*to->last = from->first;
	from->first->link = to->last;
	to->last = from->last;
	task_list_init(from);
}

static void run_round(struct loop *l)
{
	struct loop_task *t;

	task_list_join(&l->running, &l->tasks);
	while ((t = l->running.first)) {
		task_list_remove(&l->running, t);
		t->fn(t);
	}
}

static void run_tasks(struct loop *l)
{
	for (int i = 0; i < ROUNDS_MOST && l->tasks.first; i++)
		run_round(l);
}

static void on_idle(uv_idle_t *handle)
{
	(void)handle;
}

static void on_timer(uv_timer_t *handle)
{
	struct loop *l = handle->data;

	l->timer_due = UINT64_MAX;
}

static void arm_uv_timer(struct loop *l)
{
	uint64_t due = l->fake ? UINT64_MAX : wheel_next(l->wheel);
	uint64_t now = uv_now(&l->uv);

	if (due == l->timer_due)
		return;
	l->timer_due = due;
	if (due == UINT64_MAX)
		uv_timer_stop(&l->timer);
	else
		INVARIANT(!uv_timer_start(
		    &l->timer, on_timer, due > now ? due - now : 0, 0));
}

/* The time since the turn before, but for what the poll waited. */
static void measure_turn(struct loop *l)
{
	uint64_t now_ns = uv_hrtime(), idle_ns = uv_metrics_idle_time(&l->uv);
	uint64_t took_ns = now_ns - l->turn_ns,
		 waited_ns = idle_ns - l->idle_ns;

	if (l->turns)
		metric_observe(&l->lag,
		    took_ns > waited_ns ? (took_ns - waited_ns) / NS_A_US : 0);
	l->turn_ns = now_ns;
	l->idle_ns = idle_ns;
}

static void on_prepare(uv_prepare_t *handle)
{
	struct loop *l = handle->data;

	measure_turn(l);
	l->turns++;
	task_list_join(&l->tasks, &l->next);
	if (l->tasks.first)
		INVARIANT(!uv_idle_start(&l->idle, on_idle));
	else
		uv_idle_stop(&l->idle);
	arm_uv_timer(l);
}

static void on_check(uv_check_t *handle)
{
	struct loop *l = handle->data;

	wheel_advance(l->wheel, loop_now(l));
	run_tasks(l);
}

static void start_handles(struct loop *l)
{
	INVARIANT(!uv_loop_configure(&l->uv, UV_METRICS_IDLE_TIME));
	INVARIANT(!uv_timer_init(&l->uv, &l->timer));
	INVARIANT(!uv_idle_init(&l->uv, &l->idle));
	INVARIANT(!uv_prepare_init(&l->uv, &l->prepare));
	INVARIANT(!uv_check_init(&l->uv, &l->check));
	l->timer.data = l->prepare.data = l->check.data = l;
	INVARIANT(!uv_prepare_start(&l->prepare, on_prepare));
	INVARIANT(!uv_check_start(&l->check, on_check));
}

static void seed_random(struct loop *l)
{
	if (getrandom(&l->random, sizeof(l->random), GRND_NONBLOCK) !=
	    (ssize_t)sizeof(l->random))
		l->random = uv_hrtime();
}

int loop_new(struct loop **out)
{
	CLEANUP(free_p) struct loop *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return -ENOMEM;
	r = pool_new(&l->pool, LOOP_BLOCK_ROOM, POOL_KEEP);
	if (r)
		return r;
	r = pipes_new(&l->pipes);
	if (r) {
		pool_free(l->pool);
		return r;
	}
	r = uv_loop_init(&l->uv);
	if (!r) {
		r = wheel_new(&l->wheel, uv_now(&l->uv));
		if (r)
			INVARIANT(!uv_loop_close(&l->uv));
	}
	if (r) {
		pool_free(l->pool);
		pipes_free(l->pipes);
		return r;
	}
	task_list_init(&l->tasks);
	task_list_init(&l->next);
	task_list_init(&l->running);
	l->timer_due = UINT64_MAX;
	seed_random(l);
	start_handles(l);
	*out = STEAL(l);
	return 0;
}

static void end_lingerers(struct loop *l)
{
	struct loop_lingerer *one;

	while ((one = l->lingerers)) {
		loop_unlinger(one);
		one->end(one);
	}
}

static void close_handles(struct loop *l)
{
	while (l->signals)
		loop_unsignal(l, l->signals->signum);
	uv_close((uv_handle_t *)&l->timer, NULL);
	uv_close((uv_handle_t *)&l->idle, NULL);
	uv_close((uv_handle_t *)&l->prepare, NULL);
	uv_close((uv_handle_t *)&l->check, NULL);
}

void loop_free(struct loop *l)
{
	int r = UV_EBUSY;

	if (!l)
		return;
	end_lingerers(l);
	INVARIANT(!l->tasks.first && !l->next.first);
	INVARIANT(!l->jobs);
	close_handles(l);
	for (int i = 0; i < CLOSE_TURNS && r == UV_EBUSY; i++) {
		uv_run(&l->uv, UV_RUN_NOWAIT);
		r = uv_loop_close(&l->uv);
	}
	INVARIANT(!r);
	wheel_free(l->wheel);
	pipes_free(l->pipes);
	pool_free(l->pool);
	free(l);
}

void loop_freep(struct loop **l)
{
	loop_free(*l);
}

void loop_run(struct loop *l)
{
	while (!l->stopping)
		loop_wait(l);
	l->stopping = false;
}

void loop_turn(struct loop *l)
{
	uv_run(&l->uv, UV_RUN_NOWAIT);
}

void loop_wait(struct loop *l)
{
	uv_run(&l->uv, UV_RUN_ONCE);
}

void loop_stop(struct loop *l)
{
	l->stopping = true;
}

int loop_due_in(struct loop *l)
{
	uint64_t due = wheel_next(l->wheel), now;
	int ms = uv_backend_timeout(&l->uv);

	if (l->tasks.first || l->next.first || !ms)
		return 0;
	loop_refresh(l);
	now = loop_now(l);
	if (due <= now)
		return 0;
	if (due == UINT64_MAX)
		return ms;
	due -= now;
	if (due > INT_MAX)
		due = INT_MAX;
	return ms > 0 && (uint64_t)ms < due ? ms : (int)due;
}

void loop_refresh(struct loop *l)
{
	uv_update_time(&l->uv);
}

uint64_t loop_now(const struct loop *l)
{
	return l->fake ? l->fake_now : uv_now(&l->uv);
}

uint64_t loop_us(const struct loop *l)
{
	return l->fake ? l->fake_now * US_A_MS : uv_hrtime() / NS_A_US;
}

const struct metric_histogram *loop_lag(const struct loop *l)
{
	return &l->lag;
}

int64_t loop_wall(const struct loop *l)
{
	(void)l;
	return (int64_t)time(NULL);
}

uint64_t loop_turns(const struct loop *l)
{
	return l->turns;
}

void loop_fake_clock(struct loop *l, uint64_t now_ms)
{
	INVARIANT(!wheel_count(l->wheel));
	wheel_free(l->wheel);
	INVARIANT(!wheel_new(&l->wheel, now_ms));
	l->fake = true;
	l->fake_now = now_ms;
	l->random = now_ms;
}

void loop_set_now(struct loop *l, uint64_t now_ms)
{
	INVARIANT(l->fake && now_ms >= l->fake_now);
	l->fake_now = now_ms;
}

uint64_t loop_next_due(const struct loop *l)
{
	return wheel_next(l->wheel);
}

struct pipes *loop_pipes(struct loop *l)
{
	return l->pipes;
}

struct pool *loop_pool(struct loop *l)
{
	return l->pool;
}

uv_loop_t *loop_uv(struct loop *l)
{
	return &l->uv;
}

void loop_set_network(struct loop *l, struct dial_network *network)
{
	l->network = network;
}

struct dial_network *loop_network(const struct loop *l)
{
	return l->network;
}

void loop_set_egress(struct loop *l, const struct egress *egress)
{
	l->egress = egress;
}

const struct egress *loop_egress(const struct loop *l)
{
	return l->egress;
}

void loop_after(struct loop *l, struct wheel_timer *t, uint64_t ms, wheel_fn fn)
{
	wheel_arm(l->wheel, t, loop_now(l) + ms, fn);
}

void loop_cancel(struct loop *l, struct wheel_timer *t)
{
	wheel_disarm(l->wheel, t);
}

void loop_post(
    struct loop *l, struct loop_task *t, void (*fn)(struct loop_task *))
{
	if (t->link)
		return;
	t->fn = fn;
	task_list_append(&l->tasks, t);
}

void loop_post_next(
    struct loop *l, struct loop_task *t, void (*fn)(struct loop_task *))
{
	if (t->link)
		return;
	t->fn = fn;
	task_list_append(&l->next, t);
}

/* Which of the lists it is on shows only at its end, where `last` points. */
void loop_unpost(struct loop *l, struct loop_task *t)
{
	struct task_list *list = &l->tasks;

	if (!t->link)
		return;
	if (l->next.last == &t->next)
		list = &l->next;
	else if (l->running.last == &t->next)
		list = &l->running;
	task_list_remove(list, t);
}

static void on_work(uv_work_t *request)
{
	struct loop_job *j = CONTAINER_OF(request, struct loop_job, request);

	j->work(j);
}

static void on_worked(uv_work_t *request, int status)
{
	struct loop_job *j = CONTAINER_OF(request, struct loop_job, request);

	(void)status; /* never cancelled */
	j->loop->jobs--;
	j->done(j);
}

int loop_work(struct loop *l, struct loop_job *j,
    void (*work)(struct loop_job *), void (*done)(struct loop_job *))
{
	int r;

	j->loop = l;
	j->work = work;
	j->done = done;
	r = uv_queue_work(&l->uv, &j->request, on_work, on_worked);
	if (!r)
		l->jobs++;
	return r;
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct signal_watch *s = handle->data;

	s->fn(s->ctx, signum);
}

static void on_signal_closed(uv_handle_t *handle)
{
	free(handle->data);
}

int loop_signal(
    struct loop *l, int signum, void (*fn)(void *ctx, int signum), void *ctx)
{
	struct signal_watch *s;
	int r;

	loop_unsignal(l, signum);
	s = calloc(1, sizeof(*s));
	if (!s)
		return -ENOMEM;
	s->signum = signum;
	s->fn = fn;
	s->ctx = ctx;
	s->uv.data = s;
	INVARIANT(!uv_signal_init(&l->uv, &s->uv));
	r = uv_signal_start(&s->uv, on_signal, signum);
	if (r) {
		uv_close((uv_handle_t *)&s->uv, on_signal_closed);
		return r;
	}
	s->next = l->signals;
	l->signals = s;
	return 0;
}

void loop_unsignal(struct loop *l, int signum)
{
	for (struct signal_watch **at = &l->signals; *at; at = &(*at)->next) {
		struct signal_watch *s = *at;

		if (s->signum != signum)
			continue;
		*at = s->next;
		uv_close((uv_handle_t *)&s->uv, on_signal_closed);
		return;
	}
}

void loop_linger(struct loop *l, struct loop_lingerer *one,
    void (*end)(struct loop_lingerer *))
{
	INVARIANT(!one->link);
	one->end = end;
	one->next = l->lingerers;
	one->link = &l->lingerers;
	if (one->next)
		one->next->link = &one->next;
	l->lingerers = one;
}

bool loop_lingers(const struct loop *l)
{
	return l->lingerers != NULL;
}

void loop_unlinger(struct loop_lingerer *one)
{
	if (!one->link)
		return;
	*one->link = one->next;
	if (one->next)
		one->next->link = one->link;
	one->next = NULL;
	one->link = NULL;
}

/* splitmix64: good enough to spread, and never used for a secret. */
uint32_t loop_random(struct loop *l, uint32_t bound)
{
	uint64_t z = l->random += 0x9e3779b97f4a7c15u;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	z ^= z >> 31;
	return (uint32_t)(((z >> 32) * bound) >> 32);
}
