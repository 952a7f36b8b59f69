/* Theory. Until the first values have come, a fetch follows a fetch with
 * back-off (full jitter) to the deadline. Then three things ask for one:
 *   the poll    at its interval, +-10 %, so that pods that started together do
 *               not stay together
 *   a lease     at two thirds of its time: renewed; read anew when it cannot
 * be, or when a renewal gave less than two thirds of the first time, which
 * means that the store's max TTL is near the session at two thirds of its time:
 * renewed; else the next fetch logs in again, and reads every lease anew, since
 * a lease ends with the token that made it The earliest wins, but after a
 * failure not before the back-off. One fetch does all that is due.
 *
 * A lease that cannot be renewed asks for new values. If the command could not
 * be given them (delivery and reaction allow no change), nothing is asked: the
 * lease is left to end.
 */
#include "wrapper/schedule.h"

static bool can_change(const struct plan *p)
{
	return p->deliver == PLAN_DELIVER_FILE || p->rotate != PLAN_ROTATE_NONE;
}

static uint64_t two_thirds(uint64_t ms)
{
	return ms / 3 * 2;
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void schedule_init(struct schedule *s, const struct plan *plan,
    uint64_t poll_ms, uint64_t deadline_ms, uint64_t now)
{
	*s = (struct schedule){
		.plan = plan,
		.poll_ms = poll_ms,
		.give_up_ms = now + deadline_ms,
		.retry_due_ms = now,
		.poll_due_ms = SCHEDULE_NEVER,
		.session_due_ms = SCHEDULE_NEVER,
	};
	for (size_t i = 0; i < N_ELEMS(s->secrets); i++)
		s->secrets[i].due_ms = SCHEDULE_NEVER;
}

static bool any_lease(const struct schedule *s)
{
	for (size_t i = 0; i < s->plan->n_paths; i++)
		if (*s->secrets[i].lease)
			return true;
	return false;
}

uint64_t schedule_due(const struct schedule *s)
{
	uint64_t due = s->poll_due_ms;

	if (!s->have)
		return s->retry_due_ms;
	for (size_t i = 0; i < s->plan->n_paths; i++)
		due = earlier(due, s->secrets[i].due_ms);
	if (s->session && any_lease(s))
		due = earlier(due, s->session_due_ms);
	if (s->failures && due < s->retry_due_ms)
		return s->retry_due_ms;
	return due;
}

static enum handoff_verb verb_of(
    const struct schedule *s, size_t i, uint64_t now)
{
	const struct schedule_secret *secret = &s->secrets[i];

	if (!s->have)
		return HANDOFF_READ;
	if (!*secret->lease)
		return now >= s->poll_due_ms ? HANDOFF_CHECK : HANDOFF_SKIP;
	if (s->anew && can_change(s->plan))
		return HANDOFF_READ;
	if (now < secret->due_ms)
		return HANDOFF_SKIP;
	return secret->renewable ? HANDOFF_RENEW : HANDOFF_READ;
}

static uint32_t attempt_ms(const struct schedule *s, uint64_t now)
{
	uint64_t ms = SCHEDULE_ATTEMPT_MS;

	if (!s->have)
		ms = earlier(ms, now < s->give_up_ms ? s->give_up_ms - now : 1);
	return (uint32_t)ms;
}

void schedule_job(struct schedule *s, uint64_t now, struct handoff_job *job)
{
	bool session_due = s->session && now >= s->session_due_ms;

	if (session_due && !s->session_renewable) {
		s->session = false;
		s->anew = true;
	}
	job->session = s->session;
	job->renew_s =
	    s->session && session_due ? (uint32_t)(s->session_ms / 1000) : 0;
	job->keep_session = s->plan->poll || any_lease(s);
	job->all = !s->have;
	job->deadline_ms = attempt_ms(s, now);
	for (size_t i = 0; i < job->n_tasks; i++) {
		const struct schedule_secret *secret = &s->secrets[i];
		struct handoff_task *t = &job->tasks[i];

		t->verb = verb_of(s, i, now);
		t->version = secret->version;
		t->made = secret->made;
		t->lease = secret->lease;
		t->increment = (uint32_t)(secret->lease_ms / 1000);
	}
}

/* After a read: a new lease, or none. */
static void note_fresh(
    struct schedule *s, size_t i, const struct batch_secret *seen, uint64_t now)
{
	struct schedule_secret *secret = &s->secrets[i];

	secret->version = seen->version;
	secret->made = seen->made;
	handoff_copy_lease(secret->lease, seen->lease);
	secret->renewable = seen->renewable;
	secret->lease_ms = (uint64_t)seen->lease_s * 1000;
	secret->until_ms = now + secret->lease_ms;
	secret->due_ms = SCHEDULE_NEVER;
	if (*seen->lease && secret->lease_ms &&
	    (seen->renewable || can_change(s->plan)))
		secret->due_ms = now + two_thirds(secret->lease_ms);
}

static void note_unchanged(
    struct schedule *s, size_t i, const struct batch_secret *seen, uint64_t now)
{
	struct schedule_secret *secret = &s->secrets[i];
	uint64_t given = (uint64_t)seen->lease_s * 1000;

	if (!*secret->lease)
		return;
	secret->until_ms = now + given;
	secret->renewable = given >= two_thirds(secret->lease_ms);
	secret->due_ms = SCHEDULE_NEVER;
	if (secret->renewable || can_change(s->plan))
		secret->due_ms = now + two_thirds(given);
}

static void note_session(
    struct schedule *s, const struct batch *b, uint64_t now)
{
	uint64_t given = (uint64_t)b->session_s * 1000;

	if (b->session.fd < 0)
		return; /* none, or still the one that is held */
	s->session = true;
	if (b->session_fresh)
		s->session_ms = given;
	s->session_renewable =
	    b->session_renewable && given >= two_thirds(s->session_ms);
	s->session_due_ms = given ? now + two_thirds(given) : SCHEDULE_NEVER;
}

/* Between nine tenths and eleven tenths of @ms. */
static uint64_t jittered(uint64_t ms, uint32_t random)
{
	return ms - ms / 10 + random % (ms / 5 + 1);
}

static uint64_t backoff(unsigned failures, uint32_t random)
{
	uint64_t most = SCHEDULE_BACKOFF_FIRST_MS;

	for (unsigned i = 1; i < failures && most < SCHEDULE_BACKOFF_MOST_MS;
	     i++)
		most *= 2;
	most = earlier(most, SCHEDULE_BACKOFF_MOST_MS);
	return most / 10 + random % (most - most / 10 + 1);
}

/* A lease that could not be looked after is tried again with back-off. What was
 * not there may come back under the same version (a KV secret that was deleted
 * with its metadata starts at 1 again), so its version is forgotten. */
static void note_failed(
    struct schedule *s, size_t i, uint64_t now, uint32_t random)
{
	struct schedule_secret *secret = &s->secrets[i];

	secret->version = 0;
	if (*secret->lease && secret->due_ms <= now)
		secret->due_ms =
		    now + jittered(SCHEDULE_BACKOFF_MOST_MS, random);
}

void schedule_done(
    struct schedule *s, const struct batch *b, uint64_t now, uint32_t random)
{
	bool polled = !s->have || now >= s->poll_due_ms;

	for (size_t i = 0; i < s->plan->n_paths; i++) {
		const struct batch_secret *seen = &b->secrets[i];

		if (seen->outcome == BATCH_FRESH)
			note_fresh(s, i, seen, now);
		else if (seen->outcome == BATCH_UNCHANGED)
			note_unchanged(s, i, seen, now);
		else if (seen->outcome == BATCH_FAILED)
			note_failed(s, i, now, random);
	}
	note_session(s, b, now);
	s->anew = false;
	s->have = true;
	s->failures = 0;
	if (polled && s->plan->poll)
		s->poll_due_ms = now + jittered(s->poll_ms, random);
}

void schedule_failed(
    struct schedule *s, uint32_t retry_ms, uint64_t now, uint32_t random)
{
	uint64_t wait = backoff(++s->failures, random);
	uint64_t asked = earlier(retry_ms, SCHEDULE_RETRY_MOST_MS);

	s->retry_due_ms = now + (wait > asked ? wait : asked);
}

bool schedule_given_up(const struct schedule *s, uint64_t now)
{
	return !s->have && now >= s->give_up_ms;
}
