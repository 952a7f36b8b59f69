#include "beacon/gate.h"
#include "base/log.h"
#include "beacon/session.h"
#include "net/cidr.h"
#include "net/listen.h"
#include "net/preamble.h"
#include "net/tcp.h"
#include <stdio.h>
#include <unistd.h>

/* Too many have not said HELLO; this one has taken longest of the source that
 * has most of them. */
static void push_out(struct limiter_guest *guest)
{
	struct session *s = CONTAINER_OF(guest, struct session, guest);

	log_debug("pushed out", LOG_STR("source", s->source));
	session_end(s);
}

/* Ask the limiter about s->source. Return: false: shut the door. */
static bool let_in(struct session *s)
{
	struct beacon *b = s->beacon;
	struct address_source source;
	struct limiter_answer answer;

	address_source_of(&source, s->source);
	answer =
	    limiter_arrive(b->limiter, &s->guest, &source, loop_now(b->loop));
	s->speech->retry_ms = answer.retry_ms;
	if (answer.verdict == LIMITER_SHUT) {
		log_debug("shut out", LOG_STR("source", s->source));
		return false;
	}
	if (answer.victim)
		push_out(answer.victim);
	return true;
}

/* ---- by a trusted proxy -------------------------------------------------- */

static bool is_trusted(const struct beacon *b, const char *source)
{
	struct address from;

	if (!b->n_proxies || address_parse(&from, source))
		return false;
	for (size_t i = 0; i < b->n_proxies; i++)
		if (cidr_has(&b->proxies[i], from.host))
			return true;
	return false;
}

/* It counts among the unfinished, for no source: the proxy brings many. */
static void hold(struct session *s)
{
	struct limiter_guest *victim =
	    limiter_hold(s->beacon->limiter, &s->guest);

	s->speech->proxied = true;
	if (victim)
		push_out(victim);
}

/* Return: false: shut the door. */
static bool take_name(struct session *s, const char *source)
{
	struct beacon *b = s->beacon;

	if (!source) { /* the proxy's own, so it stays among the held */
		b->meter.preambles[METER_NO_SOURCE]++;
		return true;
	}
	b->meter.preambles[METER_SOURCE]++;
	log_debug(
	    "proxied", LOG_STR("source", source), LOG_STR("proxy", s->source));
	(void)snprintf(s->source, sizeof(s->source), "%s", source);
	limiter_leave(b->limiter, &s->guest);
	return let_in(s);
}

static void on_preamble(
    void *ctx, struct leg *leg, const char *source, const struct fault *fault)
{
	struct session *s = ctx;

	s->speech->preamble = NULL;
	if (!leg) {
		s->beacon->meter.preambles[METER_REFUSED]++;
		log_debug("proxy refused", LOG_STR("proxy", s->source),
		    LOG_STR("fault", fault->text));
		session_end(s);
		return;
	}
	if (take_name(s, source)) {
		session_start(s, leg);
		return;
	}
	leg_close(leg);
	session_end(s);
}

int gate_trust(
    struct beacon *b, const struct option_list *proxies, struct fault *fault)
{
	if (!proxies->n_items)
		return 0;
	b->proxies = calloc(proxies->n_items, sizeof(*b->proxies));
	if (!b->proxies)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	for (; b->n_proxies < proxies->n_items; b->n_proxies++) {
		const char *text = proxies->items[b->n_proxies];

		if (cidr_parse(&b->proxies[b->n_proxies], text))
			return fault_set(fault, -EINVAL,
			    "write the network as \"192.0.2.0/28\" or "
			    "\"2001:db8::/64\", one machine as its address",
			    "--proxy-protocol %s: not a network", text);
	}
	return 0;
}

/* ---- the door ------------------------------------------------------------ */

struct session *gate_enter(struct beacon *b, const char *text)
{
	struct session *s = session_new(b, text);

	if (!s)
		return NULL;
	if (is_trusted(b, text)) {
		hold(s);
		return s;
	}
	if (let_in(s))
		return s;
	session_end(s);
	return NULL;
}

void gate_start(struct session *s, struct leg *lower)
{
	if (!s->speech->proxied)
		session_start(s, lower);
	else if (preamble_open(&s->speech->preamble, lower,
		     (unsigned)session_left_ms(s), on_preamble, s))
		session_end(s);
}

static void on_accept(void *ctx, int fd, const char *source)
{
	struct beacon *b = ctx;
	struct session *s = gate_enter(b, source);
	struct leg *leg;

	if (s && !tcp_leg_open(&leg, b->loop, fd, false)) {
		gate_start(s, leg);
		return;
	}
	close(fd);
	if (s)
		session_end(s);
}

int gate_open(struct beacon *b, const char *address, struct fault *fault)
{
	const struct listen_place place = { "legs", address };
	int r =
	    listen_named(&b->listener, b->loop, &place, on_accept, b, fault);

	if (r) {
		fault_wrap(fault, "--addr");
		return r;
	}
	log_info("listening", LOG_STR("what", "legs"),
	    LOG_PLACE("address", listen_address(b->listener)));
	return 0;
}

void gate_drain(struct beacon *b)
{
	if (b->listener && listen_is_adopted(b->listener))
		listen_close(STEAL(b->listener));
}
