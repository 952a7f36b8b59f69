#include "net/shake.h"
#include "net/loop.h"
#include "net/tlscontext.h"

struct tls_shake {
	struct loop *loop;
	struct leg *leg;
	struct tls_context *context;
	struct wheel_timer timer;
	unsigned ms;
	tls_shake_fn fn;
	void *ctx;
};

static void shake_free(struct tls_shake *s)
{
	loop_cancel(s->loop, &s->timer);
	tls_context_free(s->context);
	free(s);
}

/* The last act: the owner is told when nothing of us is left. */
static void shake_tell(struct tls_shake *s, struct leg *leg,
    enum tls_failure why, const struct fault *fault)
{
	tls_shake_fn fn = s->fn;
	void *ctx = s->ctx;

	shake_free(s);
	fn(ctx, leg, why, fault);
}

static void on_leg(void *ctx, struct leg *leg, unsigned events)
{
	struct tls_shake *s = ctx;
	enum tls_failure why = tls_leg_failure(leg);
	struct fault fault;

	if (!(events & LEG_GONE)) {
		leg_want(leg, 0);
		leg_handle(leg, NULL, NULL);
		shake_tell(s, leg, why, NULL);
		return;
	}
	fault = *leg_fault(leg);
	leg_close(leg);
	shake_tell(s, NULL, why, &fault);
}

static void on_deadline(struct wheel_timer *timer, uint64_t now)
{
	struct tls_shake *s = CONTAINER_OF(timer, struct tls_shake, timer);
	struct fault fault;

	(void)now;
	fault_set(&fault, -ETIMEDOUT,
	    "the peer does not speak TLS, or it or the network is overloaded",
	    "%s: the handshake was not done after %u ms", s->context->hop,
	    s->ms);
	leg_reset(s->leg);
	shake_tell(s, NULL, TLS_FAILURE_TIMEOUT, &fault);
}

int tls_shake(struct tls_shake **out, const struct tls_shake_order *order)
{
	struct tls_shake *s = calloc(1, sizeof(*s));
	int r;

	if (!s) {
		leg_close(order->lower);
		return -ENOMEM;
	}
	s->loop = leg_loop(order->lower);
	r = tls_leg_open(&s->leg, order->lower, order->context, order->name);
	if (r) {
		free(s);
		return r;
	}
	s->context = tls_context_ref(order->context);
	s->ms = order->ms;
	s->fn = order->fn;
	s->ctx = order->ctx;
	leg_handle(s->leg, on_leg, s);
	leg_want(s->leg, LEG_WRITE);
	loop_after(s->loop, &s->timer, s->ms, on_deadline);
	*out = s;
	return 0;
}

void tls_shake_again(struct tls_shake *s, unsigned ms)
{
	s->ms = ms;
	loop_after(s->loop, &s->timer, s->ms, on_deadline);
}

struct leg *tls_shake_release(struct tls_shake *s)
{
	struct leg *lower = tls_leg_release(s->leg);

	shake_free(s);
	return lower;
}

void tls_shake_cancel(struct tls_shake *s)
{
	if (!s)
		return;
	leg_reset(s->leg);
	shake_free(s);
}
