#include "simbeacon.h"

enum { WAIT_EACH_MS = 60000, CONNECTOR_MS = 10000, SHAKE_MS = 10000 };
enum { DRAIN_MS = 1000 };

static void session_free(struct simbeacon_session *s)
{
	struct simbeacon_session **at = &s->beacon->sessions;

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	tls_shake_cancel(s->shake);
	loop_cancel(s->beacon->loop, &s->timer);
	free(s);
}

/* Frames are small and the sides read: what does not fit is a dead client. */
static bool send_frame(struct simbeacon_session *s, const struct frame *f)
{
	uint8_t bytes[FRAME_BUFFER];
	size_t n;

	INVARIANT(!frame_write(f, bytes, sizeof(bytes), &n));
	return leg_write(s->leg, bytes, n) == (ssize_t)n;
}

static void session_drop(struct simbeacon_session *s)
{
	leg_close(s->leg);
	session_free(s);
}

static void on_timer(struct wheel_timer *t, uint64_t now)
{
	struct simbeacon_session *s =
	    CONTAINER_OF(t, struct simbeacon_session, timer);

	(void)now;
	if (s->role == FRAME_LISTEN &&
	    send_frame(s, &(struct frame){ .type = FRAME_TYPE_WAIT,
			      .u.wait.ping_s = WAIT_EACH_MS / 1000 })) {
		loop_after(s->beacon->loop, t, WAIT_EACH_MS, on_timer);
		return;
	}
	if (s->role == FRAME_CONNECT)
		(void)send_frame(
		    s, &(struct frame){ .type = FRAME_TYPE_ERROR,
			   .u.error = { .code = FRAME_ERROR_NO_PEER,
			       .retry_ms = 1000 } });
	session_drop(s);
}

static void on_pump(void *ctx, const struct pump_result *result)
{
	struct simbeacon_pair *p = ctx;
	struct simbeacon_pair **at = &p->beacon->pairs;

	p->beacon->shed += result->shed;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	free(p);
}

static void pair_up(struct simbeacon_session *a, struct simbeacon_session *b)
{
	const bool sheds = a->sheds && b->sheds;
	const struct frame paired = { .type = FRAME_TYPE_PAIRED,
		.u.paired.flags = sheds ? FRAME_PAIRED_SHED : 0 };
	struct simbeacon *beacon = a->beacon;
	struct simbeacon_pair *p;
	struct leg *one = a->leg, *two = b->leg;

	if (!send_frame(a, &paired) || !send_frame(b, &paired)) {
		session_drop(a);
		session_drop(b);
		return;
	}
	if (sheds && !beacon->breaks_shed) {
		tls_leg_agree_shed(one);
		tls_leg_agree_shed(two);
	}
	session_free(a);
	session_free(b);
	p = calloc(1, sizeof(*p));
	INVARIANT(p);
	p->beacon = beacon;
	p->next = beacon->pairs;
	beacon->pairs = p;
	INVARIANT(!pump_start(&p->pump, one, two, 600000, on_pump, p));
}

/* The oldest that waits in the other role: the last of the list. */
static struct simbeacon_session *fitting(const struct simbeacon_session *s)
{
	struct simbeacon_session *found = NULL;

	for (struct simbeacon_session *o = s->beacon->sessions; o; o = o->next)
		if (o->role && o->role != s->role)
			found = o;
	return found;
}

static void on_hello(struct simbeacon_session *s, const struct frame *f)
{
	struct simbeacon_session *peer;

	uint8_t own[FRAME_EXPORTER];

	INVARIANT(!tls_leg_export(s->leg, FRAME_SHED_LABEL, own));
	s->role = f->u.hello.role;
	s->sheds = f->u.hello.has_shed;
	INVARIANT(!s->sheds || !memcmp(own, f->u.hello.shed, sizeof(own)));
	leg_want(s->leg, 0);
	if (s->beacon->draining) {
		(void)send_frame(
		    s, &(struct frame){ .type = FRAME_TYPE_ERROR,
			   .u.error = { .code = FRAME_ERROR_DRAINING,
			       .retry_ms = DRAIN_MS } });
		session_drop(s);
		return;
	}
	if (!send_frame(s, &(struct frame){ .type = FRAME_TYPE_WAIT,
			       .u.wait.ping_s = WAIT_EACH_MS / 1000 })) {
		session_drop(s);
		return;
	}
	peer = fitting(s);
	if (peer)
		pair_up(s, peer);
	else
		loop_after(s->beacon->loop, &s->timer,
		    s->role == FRAME_LISTEN ? WAIT_EACH_MS : CONNECTOR_MS,
		    on_timer);
}

static void on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct simbeacon_session *s = ctx;
	size_t need = 1;
	ssize_t n = 1;
	struct frame f;

	while (!(events & LEG_GONE)) {
		INVARIANT(!frame_need(s->in, s->n_in, &need));
		if (!need)
			break;
		n = leg_read(leg, s->in + s->n_in, need);
		if (n <= 0)
			break;
		s->n_in += (size_t)n;
	}
	if (!need) {
		INVARIANT(!frame_read(&f, s->in, s->n_in));
		on_hello(s, &f);
	} else if (n != -EAGAIN) {
		session_drop(s);
	}
}

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct simbeacon_session *s = ctx;

	(void)why;
	(void)fault;
	s->shake = NULL;
	s->leg = leg;
	if (!leg) {
		session_free(s);
		return;
	}
	leg_handle(leg, on_leg, s);
	leg_want(leg, LEG_READ);
}

void simbeacon_arrive(struct simbeacon *b, struct leg *leg)
{
	struct simbeacon_session *s = calloc(1, sizeof(*s));
	struct tls_shake_order order = { .lower = leg,
		.context = b->context,
		.ms = SHAKE_MS,
		.fn = on_shaken,
		.ctx = s };

	INVARIANT(s);
	s->beacon = b;
	s->next = b->sessions;
	b->sessions = s;
	INVARIANT(!tls_shake(&s->shake, &order));
}

void simbeacon_drain(struct simbeacon *b)
{
	struct simbeacon_session *next;

	b->draining = true;
	for (struct simbeacon_session *s = b->sessions; s; s = next) {
		next = s->next;
		if (!s->role)
			continue; /* it has not said HELLO */
		(void)send_frame(s, &(struct frame){ .type = FRAME_TYPE_GOAWAY,
					.u.goaway.reconnect_ms = DRAIN_MS });
		session_drop(s);
	}
}

void simbeacon_kill(struct simbeacon *b)
{
	while (b->sessions) {
		leg_reset(b->sessions->leg);
		session_free(b->sessions);
	}
	while (b->pairs) {
		struct simbeacon_pair *p = b->pairs;

		b->pairs = p->next;
		pump_stop(p->pump);
		free(p);
	}
}
