#include "load/visit.h"
#include "base/hex.h"
#include "load/tally.h"
#include <stdio.h>

enum { SHAKE_MS = 30000 };

#define TRANSIT_OK "ok\n"
#define STRELAY_OK "\0\0\0\0\0\0\0\7success" /* and a NUL: code, message */

/* Of strelaysrv's protocol, in XDR: magic, kind, length; then the body. */
static const uint8_t strelay_join[] = { 0x9e, 0x79, 0xbc, 0x40, 0, 0, 0, 3, 0,
	0, 0, 4 + FRAME_HASH, 0, 0, 0, FRAME_HASH };
enum { STRELAY_HEAD = 12 };

const char *const visit_ways[] = { "beacon", "transit", "strelay", "tls", "tcp",
	NULL };

static void visit_move(struct visit *v, enum visit_state to)
{
	static const bool allowed[VISIT_STATES][VISIT_STATES] = {
		[VISIT_IDLE] = { [VISIT_DIALLING] = true },
		[VISIT_DIALLING] = { [VISIT_SHAKING] = true,
		    [VISIT_SECURED] = true },
		[VISIT_SHAKING] = { [VISIT_SECURED] = true },
		[VISIT_SECURED] = { [VISIT_GREETING] = true },
		[VISIT_GREETING] = { [VISIT_ASKED] = true },
		[VISIT_ASKED] = { [VISIT_PAIRED] = true },
	};

	INVARIANT(allowed[v->state][to]);
	v->state = to;
}

static void visit_fail(struct visit *v, const char *text)
{
	v->plan->failed(v, text);
}

static void visit_paired(struct visit *v)
{
	visit_move(v, VISIT_PAIRED);
	v->paired = tally_now();
	leg_want(v->leg, 0);
	leg_handle(v->leg, NULL, NULL);
	v->plan->paired(v);
}

/* ---- what the relay says; never read past it */

/* Return: true when there is more to read. */
static bool take_frame(struct visit *v)
{
	struct frame f;

	if (frame_read(&f, v->bytes, v->n_bytes)) {
		visit_fail(v, "a malformed frame");
		return false;
	}
	v->n_bytes = 0;
	if (f.type == FRAME_TYPE_WAIT) {
		if (v->plan->waiting)
			v->plan->waiting(v);
		return true;
	}
	if (f.type == FRAME_TYPE_PAIRED) {
		memcpy(v->pair, f.u.paired.pair, sizeof(v->pair));
		visit_paired(v);
		return false;
	}
	visit_fail(v, f.type == FRAME_TYPE_ERROR
			  ? frame_error_name(f.u.error.code)
			  : "a frame that was not expected");
	return false;
}

static bool take_ok(struct visit *v)
{
	bool transit = v->plan->way == VISIT_TRANSIT;
	bool ok = transit ? !memcmp(v->bytes, TRANSIT_OK, strlen(TRANSIT_OK))
			  : !memcmp(v->bytes + STRELAY_HEAD, STRELAY_OK,
				sizeof(STRELAY_OK));

	if (ok)
		visit_paired(v);
	else
		visit_fail(v, "the relay refused to join");
	return false;
}

static int visit_need(const struct visit *v, size_t *need)
{
	size_t all = v->plan->way == VISIT_TRANSIT
			 ? strlen(TRANSIT_OK)
			 : STRELAY_HEAD + sizeof(STRELAY_OK);

	if (v->plan->way == VISIT_BEACON)
		return frame_need(v->bytes, v->n_bytes, need);
	*need = all - v->n_bytes;
	return 0;
}

/* Return: true when there may be more to read. */
static bool read_some(struct visit *v)
{
	size_t need = 0;
	ssize_t n;

	if (visit_need(v, &need)) {
		visit_fail(v, "something that is not a frame");
		return false;
	}
	if (!need)
		return v->plan->way == VISIT_BEACON ? take_frame(v)
						    : take_ok(v);
	n = leg_read(v->leg, v->bytes + v->n_bytes, need);
	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		visit_fail(v, n ? leg_fault(v->leg)->text : "closed");
		return false;
	}
	v->n_bytes += (size_t)n;
	return true;
}

static void on_answer(void *ctx, struct leg *leg, unsigned events)
{
	struct visit *v = ctx;

	(void)leg, (void)events;
	while (read_some(v))
		;
}

/* ---- what it is told */

static void write_hello(struct visit *v)
{
	struct frame f = { .type = FRAME_TYPE_HELLO };

	f.u.hello.version = FRAME_VERSION;
	f.u.hello.role = v->role;
	memcpy(f.u.hello.hash, v->key, sizeof(v->key));
	INVARIANT(!frame_write(&f, v->bytes, sizeof(v->bytes), &v->n_bytes));
}

static void write_line(struct visit *v)
{
	char token[2 * FRAME_HASH + 1];
	int n;

	hex_encode(token, v->key, sizeof(v->key));
	n = snprintf((char *)v->bytes, sizeof(v->bytes),
	    "please relay %s for side %016x\n", token, (unsigned)v->role);
	v->n_bytes = (size_t)n;
}

static void write_join(struct visit *v)
{
	memcpy(v->bytes, strelay_join, sizeof(strelay_join));
	memcpy(v->bytes + sizeof(strelay_join), v->key, sizeof(v->key));
	v->n_bytes = sizeof(strelay_join) + sizeof(v->key);
}

static void on_greeting(void *ctx, struct leg *leg, unsigned events)
{
	struct visit *v = ctx;
	ssize_t n;

	if (events & LEG_GONE) {
		visit_fail(v, leg_fault(leg)->text);
		return;
	}
	if (!v->sent)
		v->greeted = tally_now();
	n = leg_write(leg, v->bytes + v->sent, v->n_bytes - v->sent);
	if (n > 0)
		v->sent += (size_t)n;
	if (v->sent < v->n_bytes)
		return;
	v->n_bytes = 0;
	visit_move(v, VISIT_ASKED);
	leg_handle(leg, on_answer, v);
	leg_want(leg, LEG_READ);
	if (v->plan->way == VISIT_TRANSIT && v->plan->waiting)
		v->plan->waiting(v);
}

void visit_greet(struct visit *v)
{
	visit_move(v, VISIT_GREETING);
	if (v->plan->way == VISIT_BEACON)
		write_hello(v);
	else if (v->plan->way == VISIT_TRANSIT)
		write_line(v);
	else
		write_join(v);
	leg_handle(v->leg, on_greeting, v);
	leg_want(v->leg, LEG_WRITE);
}

/* ---- on the way to it */

static void visit_secured(struct visit *v)
{
	visit_move(v, VISIT_SECURED);
	v->secured = tally_now();
	v->plan->secured(v);
}

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct visit *v = ctx;

	(void)why;
	v->shake = NULL;
	if (!leg) {
		visit_fail(v, fault->text);
		return;
	}
	v->leg = leg;
	visit_secured(v);
}

static void on_connected(void *ctx, struct leg *leg, unsigned events)
{
	struct visit *v = ctx;
	struct tls_shake_order order = { .lower = leg,
		.context = v->plan->outer,
		.name = "127.0.0.1",
		.ms = SHAKE_MS,
		.fn = on_shaken,
		.ctx = v };

	if (events & LEG_GONE) {
		visit_fail(v, leg_fault(leg)->text);
		return;
	}
	leg_want(leg, 0);
	leg_handle(leg, NULL, NULL);
	if (v->plan->way != VISIT_BEACON && v->plan->way != VISIT_TLS) {
		visit_secured(v);
		return;
	}
	visit_move(v, VISIT_SHAKING);
	v->leg = NULL;
	INVARIANT(!tls_shake(&v->shake, &order));
}

int visit_start(struct visit *v)
{
	int r;

	v->began = tally_now();
	r = crowd_dial(v->plan->crowd, &v->leg);
	if (r)
		return r;
	visit_move(v, VISIT_DIALLING);
	leg_handle(v->leg, on_connected, v);
	leg_want(v->leg, LEG_WRITE);
	return 0;
}

void visit_deinit(struct visit *v)
{
	tls_shake_cancel(STEAL(v->shake));
	leg_close(STEAL(v->leg));
}
