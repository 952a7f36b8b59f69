#include "beacon/gate.h"
#include "base/log.h"
#include "beacon/session.h"
#include "net/listen.h"
#include "net/tcp.h"
#include <unistd.h>

/* Too many have not said HELLO; this one has taken longest of the source that
 * has most of them. */
static void push_out(struct limiter_guest *guest)
{
	struct session *s = CONTAINER_OF(guest, struct session, guest);

	log_debug("pushed out", LOG_STR("source", s->source));
	session_end(s);
}

struct session *gate_enter(struct beacon *b, const char *text)
{
	struct session *s = session_new(b, text);
	struct address_source source;
	struct limiter_answer answer;

	if (!s)
		return NULL;
	address_source_of(&source, text);
	answer =
	    limiter_arrive(b->limiter, &s->guest, &source, loop_now(b->loop));
	s->retry_ms = answer.retry_ms;
	if (answer.verdict == LIMITER_SHUT) {
		log_debug("shut out", LOG_STR("source", text));
		session_end(s);
		return NULL;
	}
	if (answer.victim)
		push_out(answer.victim);
	return s;
}

static void on_accept(void *ctx, int fd, const char *source)
{
	struct beacon *b = ctx;
	struct session *s = gate_enter(b, source);
	struct leg *leg;

	if (s && !tcp_leg_open(&leg, b->loop, fd, false)) {
		session_start(s, leg);
		return;
	}
	close(fd);
	if (s)
		session_end(s);
}

int gate_open(struct beacon *b, const char *address, struct fault *fault)
{
	int r =
	    listen_open(&b->listener, b->loop, address, on_accept, b, fault);

	if (!r)
		log_info("listening", LOG_STR("what", "legs"),
		    LOG_STR("address", listen_address(b->listener)));
	return r;
}
