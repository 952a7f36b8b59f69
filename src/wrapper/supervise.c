/* Theory. One process, one loop over three things: a signalfd, the socket of
 * the fetching process while there is one, and the earliest deadline. It is PID
 * 1 or stands right above the command, so it does little and knows little: no
 * TLS, no HTTP, no thread, no libuv; values are descriptors (value.h).
 *
 *   FETCHING   no command yet; fetches follow each other to the deadline
 *   RUNNING    the command runs; polls and leases go on beside it
 *   STOPPING   it was asked to end, so that it can start with new values; after
 *              grace_ms its whole group is killed
 *   ENDING     it has ended for good; at most one last fetch gives the token
 *              back
 *   OVER       leave the loop
 *
 * It starts nothing itself: what it may not do, a command that it started could
 * not do either. It asks the starter (starter.h), and is confined.
 *
 * A fetching process that lingers gives its token up: it is left to it for
 * SUPERVISE_REVOKE_MS, while the command starts. No other fetch begins
 * meanwhile, and the end waits for it.
 *
 * Every state but RUNNING has a deadline. What a fetch brought is put in place
 * at once and whole, or not at all; then, if a value is not what it was, the
 * plan's reaction runs. If files could not be written, or the hook still runs,
 * that is remembered and done at the next occasion: nothing is lost but time.
 *
 * Signals are blocked for good and read from the signalfd, so there is no
 * handler and no race. All but SIGCHLD go on to the command. It has a process
 * group of its own: a stop reaches all of it, and what the terminal sends
 * reaches it once, from the terminal.
 */
#include "wrapper/supervise.h"
#include "base/log.h"
#include "wrapper/child.h"
#include "wrapper/courier.h"
#include "wrapper/deliver.h"
#include "wrapper/schedule.h"
#include "wrapper/superviseprofile.h"
#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum state { FETCHING, RUNNING, STOPPING, ENDING, OVER, STATE_COUNT };
#define TO(s) (1u << (s))

static const unsigned moves[] = {
	[FETCHING] = TO(RUNNING) | TO(ENDING),
	[RUNNING] = TO(STOPPING) | TO(ENDING),
	[STOPPING] = TO(RUNNING) | TO(ENDING),
	[ENDING] = TO(OVER),
	[OVER] = 0,
};
static_assert(N_ELEMS(moves) == STATE_COUNT, "moves of each state");

struct supervise {
	const struct supervise_order *order;
	const struct plan *plan;
	enum state state;
	uint64_t now;
	uint64_t state_until_ms; /* STOPPING, ENDING */
	int signals;
	sigset_t mask; /* as it was at start: the command's */
	bool terminal;
	struct starter starter;
	pid_t self;
	bool told_to_end; /* while STOPPING */
	struct schedule schedule;
	struct courier courier;
	uint64_t courier_until_ms;
	pid_t command, hook;
	uint64_t hook_until_ms;
	bool undelivered; /* new values are held that the command lacks */
	struct value values[PLAN_ITEMS_MAX];
	struct value session;
	int exit_code;
};

static uint64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static uint32_t random_number(void)
{
	uint32_t n = 0;

	return getrandom(&n, sizeof(n), 0) == sizeof(n) ? n : 0;
}

static void log_fault(
    enum log_level level, const char *event, const struct fault *f)
{
	log_write(level, event, LOG_STR("why", f->text),
	    LOG_STR("hint", f->hint), LOG_END);
}

static void move(struct supervise *s, enum state to, uint64_t ms)
{
	INVARIANT(moves[s->state] & TO(to));
	s->state = to;
	s->state_until_ms = s->now + ms;
}

/* The command is over, or there will be none. */
static void end(struct supervise *s, int code)
{
	s->exit_code = code;
	if (!courier_leaving(&s->courier))
		courier_close(&s->courier);
	if (s->hook)
		kill(-s->hook, SIGKILL);
	move(s, ENDING, SUPERVISE_REVOKE_MS);
	deliver_clear(s->plan);
}

/* The texts of the order, and a task for each path; verbs are SKIP. */
static void fill_job(const struct supervise *s, struct handoff_job *job)
{
	*job = *s->order->job;
	job->n_tasks = s->plan->n_paths;
	job->n_fields = s->plan->n_items;
	for (size_t i = 0; i < s->plan->n_items; i++) {
		struct handoff_task *t = &job->tasks[s->plan->items[i].secret];

		if (!t->n_fields++)
			t->first_item = i;
		job->fields[i] = s->plan->items[i].field;
	}
	for (size_t i = 0; i < s->plan->n_paths; i++) {
		job->tasks[i].path = s->plan->paths[i];
		job->tasks[i].lease = "";
	}
}

/* All that it had to say is taken. */
static void leave_courier(struct supervise *s)
{
	courier_leave(&s->courier);
	s->courier_until_ms = s->now + SUPERVISE_REVOKE_MS;
}

static void fetch_failed(
    struct supervise *s, const struct fault *f, bool retry, uint32_t retry_ms)
{
	if (!courier_leaving(&s->courier))
		courier_close(&s->courier);
	if (s->state == ENDING)
		return;
	if (s->schedule.have || retry) {
		schedule_failed(
		    &s->schedule, retry_ms, s->now, random_number());
		log_write(LOG_LEVEL_WARN,
		    s->schedule.have ? "fetch failed, the values stay"
				     : "fetch failed",
		    LOG_STR("why", f->text), LOG_STR("hint", f->hint),
		    LOG_UINT("again_ms", schedule_due(&s->schedule) - s->now),
		    LOG_END);
		return;
	}
	log_fault(LOG_LEVEL_ERR, "no values", f);
	end(s, SUPERVISE_EXIT_REFUSED);
}

static void start_courier(struct supervise *s, struct handoff_job *job)
{
	struct fault f = FAULT_NONE;
	struct courier_order order = { &s->starter, s->plan, job, &s->session };

	job->session_size = (uint32_t)s->session.size;
	job->session_hidden = s->session.hidden;
	s->courier_until_ms = s->now + job->deadline_ms + 1000;
	if (courier_open(&s->courier, &order, &f))
		fetch_failed(s, &f, true, 0);
}

static void start_fetch(struct supervise *s)
{
	CLEANUP(free_p) struct handoff_job *job = calloc(1, sizeof(*job));
	struct fault f = FAULT_NONE;

	if (!job) {
		fault_set(&f, -ENOMEM, NULL, "no memory for a fetch");
		fetch_failed(s, &f, true, 0);
		return;
	}
	fill_job(s, job);
	schedule_job(&s->schedule, s->now, job);
	if (!job->session)
		value_deinit(&s->session);
	start_courier(s, job);
}

/* The last one: only the session is given back. */
static void start_revoke(struct supervise *s)
{
	CLEANUP(free_p) struct handoff_job *job = calloc(1, sizeof(*job));

	if (!job)
		return;
	fill_job(s, job);
	job->session = true;
	job->deadline_ms = SUPERVISE_REVOKE_MS;
	start_courier(s, job);
}

/* ---- in a new process, which has the values that came with the job ---- */

static int prepare_command(void *ctx, char ***environment)
{
	return deliver_environment(ctx, environment);
}

static void become(void *ctx, const struct starter_job *job)
{
	const struct supervise *s = ctx;
	struct deliver d = { s->plan, job->values };
	bool hook = job->what == STARTER_HOOK;
	struct child_order order = {
		.argv = hook ? s->plan->hook : s->order->argv,
		.prepare = prepare_command,
		.ctx = &d,
		.mask = &s->mask,
		.terminal = s->terminal && !hook,
	};

	if (job->what == STARTER_FETCH)
		courier_become(s->order->program, job->fd, s->self);
	child_become(&order, job->fd);
}

/* ---- */

static int run(struct supervise *s, enum starter_what what, const char *command,
    pid_t *pid, struct fault *f)
{
	struct starter_job job = {
		.what = what, .values = s->values, .n_values = s->plan->n_items
	};

	return child_start(pid, &s->starter, &job, command, f);
}

static void start_command(struct supervise *s)
{
	struct fault f = FAULT_NONE;
	int r = run(s, STARTER_COMMAND, s->order->argv[0], &s->command, &f);

	if (r) {
		log_fault(LOG_LEVEL_ERR, "the command did not start", &f);
		end(s, r == CHILD_E_PREPARE ? SUPERVISE_EXIT_DELIVER
					    : child_start_code(r));
		return;
	}
	move(s, RUNNING, 0);
	log_debug("command started", LOG_INT("pid", s->command),
	    LOG_STR("command", s->order->argv[0]));
}

static bool put_files(struct supervise *s)
{
	struct deliver d = { s->plan, s->values };
	struct fault f = FAULT_NONE;

	if (s->plan->deliver != PLAN_DELIVER_FILE || !deliver_files(&d, &f))
		return true;
	log_fault(LOG_LEVEL_ERR, "the values could not be delivered", &f);
	return false;
}

static void start_hook(struct supervise *s)
{
	struct fault f = FAULT_NONE;

	if (run(s, STARTER_HOOK, s->plan->hook[0], &s->hook, &f))
		log_fault(
		    LOG_LEVEL_ERR, "the rotation command did not start", &f);
	else
		s->hook_until_ms = s->now + SUPERVISE_HOOK_MS;
}

static void stop_command(struct supervise *s)
{
	log_info("restarting the command with new values",
	    LOG_INT("pid", s->command));
	kill(-s->command, SIGTERM);
	kill(-s->command, SIGCONT); /* a stopped one would not see it */
	move(s, STOPPING, s->order->grace_ms);
}

/* New values are held; the command is to have them. */
static void rotate(struct supervise *s)
{
	if (s->hook || s->state != RUNNING || !put_files(s))
		return; /* undelivered: at the next occasion */
	s->undelivered = false;
	switch (s->plan->rotate) {
	case PLAN_ROTATE_SIGNAL:
		kill(s->command, s->plan->signal);
		log_info("command signalled",
		    LOG_STR("signal", plan_signal_name(s->plan->signal)));
		break;
	case PLAN_ROTATE_EXEC:
		start_hook(s);
		break;
	case PLAN_ROTATE_RESTART:
		stop_command(s);
		break;
	case PLAN_ROTATE_NONE:
	case PLAN_ROTATE_COUNT:
	default:
		break;
	}
}

static void log_failed_secrets(const struct supervise *s)
{
	const struct batch *b = s->courier.batch;

	for (size_t i = 0; i < s->plan->n_paths; i++)
		if (b->secrets[i].outcome == BATCH_FAILED)
			log_warn("secret not read, its values stay",
			    LOG_STR("path", s->plan->paths[i]),
			    LOG_STR("why", b->secrets[i].fault.text),
			    LOG_STR("hint", b->secrets[i].fault.hint));
}

/* Take what is fresh; true if a value is not what it was. */
static bool take_values(struct supervise *s, struct batch *b)
{
	bool changed = false;

	for (size_t i = 0; i < s->plan->n_items; i++) {
		if (b->values[i].fd < 0)
			continue;
		if (s->values[i].fd < 0 ||
		    value_equal(&s->values[i], &b->values[i]) != 1)
			changed = true;
		value_deinit(&s->values[i]);
		s->values[i] = b->values[i];
		b->values[i] = (struct value)VALUE_NONE;
	}
	if (b->session.fd >= 0) {
		value_deinit(&s->session);
		s->session = b->session;
		b->session = (struct value)VALUE_NONE;
	}
	return changed;
}

static const struct batch_secret *first_failed(const struct supervise *s)
{
	const struct batch *b = s->courier.batch;

	for (size_t i = 0; i < s->plan->n_paths; i++)
		if (b->secrets[i].outcome == BATCH_FAILED)
			return &b->secrets[i];
	return NULL;
}

static void first_values(struct supervise *s)
{
	log_info("secrets fetched", LOG_UINT("paths", s->plan->n_paths),
	    LOG_UINT("values", s->plan->n_items));
	if (s->order->report)
		shield_report(
		    s->order->shield, s->plan, s->values, s->session.fd >= 0);
	if (put_files(s))
		start_command(s);
	else
		end(s, SUPERVISE_EXIT_DELIVER);
}

static void log_versions(const struct supervise *s)
{
	const struct batch *b = s->courier.batch;

	for (size_t i = 0; i < s->plan->n_paths; i++)
		if (b->secrets[i].outcome == BATCH_FRESH)
			log_info("new version",
			    LOG_STR("path", s->plan->paths[i]),
			    LOG_UINT("version", b->secrets[i].version));
}

/* A lease that ends and whose values nobody can replace is said in time. */
static void warn_of_leases(const struct supervise *s)
{
	for (size_t i = 0; i < s->plan->n_paths; i++) {
		const struct schedule_secret *secret = &s->schedule.secrets[i];

		if (*secret->lease && secret->due_ms == SCHEDULE_NEVER &&
		    secret->lease_ms)
			log_warn(
			    "a lease will end; the command keeps its value",
			    LOG_STR("path", s->plan->paths[i]),
			    LOG_UINT(
				"in_s", (secret->until_ms - s->now) / 1000),
			    LOG_STR("hint",
				"--on-rotate restart gets it a new one"));
	}
}

static void take_batch(struct supervise *s)
{
	struct batch *b = s->courier.batch;
	const struct batch_secret *failed = first_failed(s);
	bool first = !s->schedule.have;

	if (first && failed) {
		struct fault f = failed->fault;
		bool retry = failed->retry;

		leave_courier(s);
		fetch_failed(s, &f, retry, 0);
		return;
	}
	schedule_done(&s->schedule, b, s->now, random_number());
	log_failed_secrets(s);
	if (!first)
		log_versions(s);
	if (take_values(s, b))
		s->undelivered = true;
	leave_courier(s);
	warn_of_leases(s);
	if (first) {
		s->undelivered = false;
		first_values(s);
	} else if (s->undelivered) {
		rotate(s);
	}
}

static void hear_courier(struct supervise *s)
{
	struct fault f = FAULT_NONE;
	int r;

	if (courier_leaving(&s->courier)) {
		courier_close(&s->courier);
		return;
	}
	r = courier_hear(&s->courier, &f);
	if (!r)
		return;
	if (s->state == ENDING) {
		if (r == COURIER_E_OVER)
			leave_courier(s);
		else
			courier_close(&s->courier);
		return;
	}
	if (r == COURIER_E_LOST) {
		fetch_failed(s, &f, true, 0);
		return;
	}
	if (s->courier.batch->fault.code) {
		f = s->courier.batch->fault;
		fetch_failed(
		    s, &f, s->courier.batch->retry, s->courier.batch->retry_ms);
		return;
	}
	take_batch(s);
}

/* Ctrl-Z stops the command; we stop too, so that the shell has its turn, and go
 * on together. As PID 1 there is no shell to wait for. */
static void stop_with_command(struct supervise *s)
{
	if (!s->terminal || getpid() == 1)
		return;
	child_give_terminal(getpgrp());
	kill(getpid(), SIGSTOP);
	child_give_terminal(s->command);
	kill(-s->command, SIGCONT);
}

static void command_ended(struct supervise *s, int status)
{
	pid_t group = s->command;

	s->command = 0;
	if (s->state != STOPPING || s->told_to_end) {
		log_debug(
		    "command ended", LOG_INT("code", child_exit_code(status)));
		end(s, child_exit_code(status));
		return;
	}
	kill(-group, SIGKILL); /* nothing of it keeps the old values */
	s->undelivered = s->undelivered && !put_files(s);
	start_command(s);
}

static void hook_ended(struct supervise *s, int status)
{
	s->hook = 0;
	if (child_exit_code(status))
		log_warn("the rotation command failed",
		    LOG_INT("code", child_exit_code(status)));
	else
		log_info("rotation command done");
	if (s->undelivered)
		rotate(s);
}

static void reap(struct supervise *s)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG | WUNTRACED)) > 0) {
		if (WIFSTOPPED(status)) {
			if (pid == s->command)
				stop_with_command(s);
			continue;
		}
		if (courier_reaped(&s->courier, pid, status))
			continue;
		if (pid == s->command)
			command_ended(s, status);
		else if (pid == s->hook)
			hook_ended(s, status);
	}
}

static bool ends_a_process(int number)
{
	return number == SIGTERM || number == SIGINT || number == SIGHUP ||
	       number == SIGQUIT;
}

static void on_signal(struct supervise *s, int number)
{
	if (number == SIGCHLD) {
		reap(s);
		return;
	}
	if (s->command) {
		kill(s->command, number);
		if (s->state == STOPPING && ends_a_process(number))
			s->told_to_end = true;
		return;
	}
	if (!ends_a_process(number))
		return;
	if (s->state == FETCHING)
		end(s, 128 + number);
	else if (s->state == ENDING)
		courier_close(&s->courier); /* no time for a farewell */
}

static void read_signals(struct supervise *s)
{
	struct signalfd_siginfo info;

	while (read(s->signals, &info, sizeof(info)) == sizeof(info))
		on_signal(s, (int)info.ssi_signo);
}

static void on_courier_deadline(struct supervise *s)
{
	struct fault f = FAULT_NONE;

	if (courier_leaving(&s->courier)) {
		courier_close(&s->courier);
		return;
	}
	fault_set(&f, -ETIMEDOUT,
	    "see whether broker, beacon and bridge are reachable",
	    "the fetching process did not end in time");
	fetch_failed(s, &f, true, 0);
}

static void on_state_deadline(struct supervise *s)
{
	if (s->state == STOPPING) {
		log_warn("the command did not end in time and is killed",
		    LOG_INT("pid", s->command));
		kill(-s->command, SIGKILL);
		s->state_until_ms = SCHEDULE_NEVER; /* SIGKILL is certain */
	} else if (s->state == ENDING) {
		courier_close(&s->courier);
	}
}

static void on_hook_deadline(struct supervise *s)
{
	log_warn("the rotation command did not end in time and is killed");
	kill(-s->hook, SIGKILL);
	s->hook_until_ms = SCHEDULE_NEVER;
}

static bool may_fetch(const struct supervise *s)
{
	return s->courier.fd < 0 &&
	       (s->state == FETCHING || s->state == RUNNING);
}

static void give_up(struct supervise *s)
{
	log_err("no values within the deadline",
	    LOG_STR("hint", "the lines above say which hop failed"));
	end(s, SUPERVISE_EXIT_TIMEOUT);
}

/* All that is due now. */
static void on_time(struct supervise *s)
{
	if (s->courier.fd >= 0 && s->now >= s->courier_until_ms)
		on_courier_deadline(s);
	if (s->hook && s->now >= s->hook_until_ms)
		on_hook_deadline(s);
	if ((s->state == STOPPING || s->state == ENDING) &&
	    s->now >= s->state_until_ms)
		on_state_deadline(s);
	if (may_fetch(s) && schedule_given_up(&s->schedule, s->now))
		give_up(s);
	if (may_fetch(s) && s->now >= schedule_due(&s->schedule))
		start_fetch(s);
}

static uint64_t next_time(const struct supervise *s)
{
	uint64_t due = SCHEDULE_NEVER;

	if (s->courier.fd >= 0)
		due = s->courier_until_ms;
	else if (may_fetch(s))
		due = schedule_due(&s->schedule);
	if (may_fetch(s) && !s->schedule.have && s->schedule.give_up_ms < due)
		due = s->schedule.give_up_ms;
	if (s->hook && s->hook_until_ms < due)
		due = s->hook_until_ms;
	if ((s->state == STOPPING || s->state == ENDING) &&
	    s->state_until_ms < due)
		due = s->state_until_ms;
	return due;
}

static int wait_ms(const struct supervise *s)
{
	uint64_t due = next_time(s);

	if (due == SCHEDULE_NEVER)
		return -1;
	if (due <= s->now)
		return 0;
	return due - s->now > INT32_MAX ? INT32_MAX : (int)(due - s->now);
}

static void turn(struct supervise *s)
{
	struct pollfd watched[] = {
		{ .fd = s->signals, .events = POLLIN },
		{ .fd = s->courier.fd, .events = POLLIN }, /* -1: ignored */
	};
	int n = poll(watched, N_ELEMS(watched), wait_ms(s));

	s->now = clock_ms();
	if (n > 0 && watched[1].revents)
		hear_courier(s);
	if (n > 0 && watched[0].revents)
		read_signals(s);
	on_time(s);
}

/* At the end: give the token back, if there is one and there is time. */
static void farewell(struct supervise *s)
{
	while (s->courier.fd >= 0)
		turn(s);
	if (s->session.fd >= 0)
		start_revoke(s);
	while (s->courier.fd >= 0)
		turn(s);
	move(s, OVER, 0);
}

static int set_up(struct supervise *s)
{
	sigset_t taken;

	child_signals(&taken);
	if (sigprocmask(SIG_BLOCK, &taken, &s->mask))
		return -errno;
	s->signals = signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK);
	if (s->signals < 0)
		return -errno;
	if (getpid() != 1 && prctl(PR_SET_CHILD_SUBREAPER, 1))
		return -errno;
	s->terminal = tcgetpgrp(STDIN_FILENO) == getpgrp();
	return 0;
}

/* Once the starter is there, this process needs little. */
static int confine(struct supervise *s, struct fault *fault)
{
	CLEANUP(profile_deinit) struct profile profile;
	struct isolate_report report;
	int r = starter_open(&s->starter);

	if (r)
		return fault_set(fault, r, NULL,
		    "no process to start others with: %s", strerror(-r));
	supervise_profile(&profile, s->plan);
	r = isolate_enter(&profile.isolate, &report, fault);
	if (!r)
		isolate_log(&profile.isolate, &report);
	return r;
}

static void tear_down(struct supervise *s)
{
	for (size_t i = 0; i < N_ELEMS(s->values); i++)
		value_deinit(&s->values[i]);
	value_deinit(&s->session);
	courier_close(&s->courier);
	close_p(&s->signals);
	starter_close(&s->starter);
	sigprocmask(SIG_SETMASK, &s->mask, NULL);
}

static int begin(struct supervise *s, struct fault *fault)
{
	int r = set_up(s);

	if (r)
		return fault_set(fault, r, NULL, "%s", strerror(-r));
	return s->order->sandbox ? confine(s, fault) : 0;
}

int supervise(const struct supervise_order *order)
{
	struct supervise s = {
		.order = order,
		.plan = order->plan,
		.now = clock_ms(),
		.signals = -1,
		.courier = COURIER_NONE,
		.starter = { .fd = -1, .become = become, .ctx = &s },
		.self = getpid(),
		.session = VALUE_NONE,
		.exit_code = SUPERVISE_EXIT_ITSELF,
	};
	struct fault fault = FAULT_NONE;

	for (size_t i = 0; i < N_ELEMS(s.values); i++)
		s.values[i] = (struct value)VALUE_NONE;
	schedule_init(&s.schedule, order->plan, order->poll_ms,
	    order->deadline_ms, s.now);
	if (begin(&s, &fault)) {
		log_fault(LOG_LEVEL_ERR, "cannot begin", &fault);
		tear_down(&s);
		return SUPERVISE_EXIT_ITSELF;
	}
	while (s.state != ENDING)
		turn(&s);
	farewell(&s);
	tear_down(&s);
	return s.exit_code;
}
