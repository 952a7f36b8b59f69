#include "wrapper/batch.h"

int batch_new(
    struct batch **out, const struct plan *plan, const struct handoff_job *job)
{
	struct batch *b =
	    calloc(1, sizeof(*b) + plan->n_paths * sizeof(*b->secrets));

	if (!b)
		return -ENOMEM;
	INVARIANT(job->n_tasks <= plan->n_paths);
	b->plan = plan;
	b->session = (struct value)VALUE_NONE;
	for (size_t i = 0; i < N_ELEMS(b->values); i++)
		b->values[i] = (struct value)VALUE_NONE;
	for (size_t i = 0; i < job->n_tasks; i++)
		b->secrets[i].asked = job->tasks[i].verb;
	*out = b;
	return 0;
}

void batch_free(struct batch *b)
{
	if (!b)
		return;
	for (size_t i = 0; i < N_ELEMS(b->values); i++)
		value_deinit(&b->values[i]);
	value_deinit(&b->session);
	free(b);
}

void batch_freep(struct batch **b)
{
	batch_free(*b);
	*b = NULL;
}

/* The secret that may be spoken of now, or NULL. */
static struct batch_secret *open_secret(struct batch *b, size_t index)
{
	struct batch_secret *s;

	if (index >= b->plan->n_paths)
		return NULL;
	s = &b->secrets[index];
	return s->asked != HANDOFF_SKIP && s->outcome == BATCH_OPEN ? s : NULL;
}

static size_t count_values(const struct batch *b, size_t index)
{
	size_t n = 0;

	for (size_t i = 0; i < b->plan->n_items; i++)
		n += b->plan->items[i].secret == index && b->values[i].fd >= 0;
	return n;
}

static size_t count_items(const struct batch *b, size_t index)
{
	size_t n = 0;

	for (size_t i = 0; i < b->plan->n_items; i++)
		n += b->plan->items[i].secret == index;
	return n;
}

static int take_value(struct batch *b, const struct handoff_reply *r, int *fd)
{
	size_t item = r->u.value.item;
	int mine = *fd;

	if (item >= b->plan->n_items || b->values[item].fd >= 0 ||
	    !open_secret(b, b->plan->items[item].secret) || mine < 0)
		return HANDOFF_E_FORMAT;
	*fd = -1;
	return value_init(
	    &b->values[item], mine, r->u.value.size, r->u.value.hidden);
}

static int take_secret(struct batch *b, const struct handoff_reply *r, int *fd)
{
	struct batch_secret *s = open_secret(b, r->u.secret.index);
	size_t want;

	if (!s || *fd >= 0)
		return HANDOFF_E_FORMAT;
	if (r->u.secret.unchanged && s->asked == HANDOFF_READ)
		return HANDOFF_E_FORMAT;
	want = r->u.secret.unchanged ? 0 : count_items(b, r->u.secret.index);
	if (count_values(b, r->u.secret.index) != want)
		return HANDOFF_E_FORMAT;
	s->outcome = r->u.secret.unchanged ? BATCH_UNCHANGED : BATCH_FRESH;
	s->version = r->u.secret.version;
	s->made = r->u.secret.made;
	handoff_copy_lease(s->lease, r->u.secret.lease);
	s->lease_s = r->u.secret.lease_s;
	s->renewable = r->u.secret.renewable;
	return 0;
}

static int take_session(struct batch *b, const struct handoff_reply *r, int *fd)
{
	int mine = *fd;

	if (b->session.fd >= 0 || mine < 0)
		return HANDOFF_E_FORMAT;
	*fd = -1;
	b->session_s = r->u.session.lease_s;
	b->session_renewable = r->u.session.renewable;
	b->session_fresh = r->u.session.fresh;
	return value_init(
	    &b->session, mine, r->u.session.size, r->u.session.hidden);
}

static void set_fault(struct fault *f, const struct handoff_reply *r)
{
	fault_set(f, -EIO, r->u.fault.hint, "%s: %s",
	    handoff_hop_name(r->u.fault.hop), r->u.fault.text);
}

/* Values that came before the fault of their secret are not used. */
static void fail_secret(struct batch *b, const struct handoff_reply *r)
{
	size_t index = r->u.fault.index;
	struct batch_secret *s = &b->secrets[index];

	s->outcome = BATCH_FAILED;
	s->hop = r->u.fault.hop;
	s->retry = r->u.fault.retry;
	set_fault(&s->fault, r);
	for (size_t i = 0; i < b->plan->n_items; i++)
		if (b->plan->items[i].secret == index)
			value_deinit(&b->values[i]);
}

static int take_fault(struct batch *b, const struct handoff_reply *r, int *fd)
{
	if (*fd >= 0)
		return HANDOFF_E_FORMAT;
	if (r->u.fault.index != HANDOFF_WHOLE) {
		if (!open_secret(b, r->u.fault.index))
			return HANDOFF_E_FORMAT;
		fail_secret(b, r);
		return 0;
	}
	b->over = true;
	b->hop = r->u.fault.hop;
	b->retry = r->u.fault.retry;
	b->retry_ms = r->u.fault.retry_ms;
	set_fault(&b->fault, r);
	return 0;
}

static int take_done(struct batch *b, const struct handoff_reply *r, int *fd)
{
	for (size_t i = 0; i < b->plan->n_paths; i++)
		if (open_secret(b, i))
			return HANDOFF_E_FORMAT;
	if (*fd >= 0)
		return HANDOFF_E_FORMAT;
	b->over = true;
	b->lingers = r->u.done.lingers;
	return 0;
}

int batch_take(struct batch *b, const void *bytes, size_t n, int fd)
{
	static int (*const takers[])(
	    struct batch *, const struct handoff_reply *, int *) = {
		[HANDOFF_VALUE] = take_value,
		[HANDOFF_SECRET] = take_secret,
		[HANDOFF_SESSION] = take_session,
		[HANDOFF_FAULT] = take_fault,
		[HANDOFF_DONE] = take_done,
	};
	CLEANUP(close_p) int mine = fd;
	struct handoff_reply reply;

	if (b->over || handoff_read_reply(&reply, bytes, n))
		return HANDOFF_E_FORMAT;
	return takers[reply.type](b, &reply, &mine);
}
