#include "net/preamble.h"
#include "net/address.h"
#include "net/loop.h"
#include "wire/proxyproto.h"

#include <netinet/in.h>

enum { STEPS_A_TURN = 64 };

struct preamble {
	struct leg *leg;
	struct wheel_timer deadline;
	preamble_fn fn;
	void *ctx;
	size_t have;
	uint8_t bytes[PROXYPROTO_MOST];
};

void preamble_cancel(struct preamble *p)
{
	if (!p)
		return;
	loop_cancel(leg_loop(p->leg), &p->deadline);
	leg_close(p->leg);
	free(p);
}

static void fail(struct preamble *p, int code, const char *what)
{
	preamble_fn fn = p->fn;
	void *ctx = p->ctx;
	struct fault fault = FAULT_NONE;

	fault_set(&fault, code,
	    "does that proxy speak the PROXY protocol to us (HAProxy: "
	    "send-proxy)?",
	    "preamble of the proxy: %s", what);
	preamble_cancel(p);
	fn(ctx, NULL, NULL, &fault);
}

static void on_deadline(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	fail(CONTAINER_OF(t, struct preamble, deadline), -ETIMEDOUT,
	    "did not come in time");
}

/* Return: whether there is an address. */
static bool source_text(
    char out[ADDRESS_TEXT_MOST], const struct proxyproto *said)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET,
		.sin_port = htons(said->source.port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
		.sin6_port = htons(said->source.port) };

	memcpy(&v4.sin_addr, said->source.host, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, said->source.host, sizeof(v6.sin6_addr));
	if (said->kind == PROXYPROTO_TCP4)
		address_text(out, (const struct sockaddr *)&v4);
	else
		address_text(out, (const struct sockaddr *)&v6);
	return said->kind != PROXYPROTO_LOCAL;
}

static void complete(struct preamble *p)
{
	preamble_fn fn = p->fn;
	void *ctx = p->ctx;
	struct leg *leg;
	struct proxyproto said;
	char source[ADDRESS_TEXT_MOST];

	if (proxyproto_read(&said, p->bytes, p->have)) {
		fail(p, -EPROTO, "malformed");
		return;
	}
	leg = p->leg;
	leg_want(leg, 0);
	leg_handle(leg, NULL, NULL);
	loop_cancel(leg_loop(leg), &p->deadline);
	free(p);
	fn(ctx, leg, source_text(source, &said) ? source : NULL, NULL);
}

static const char *words_of(int code)
{
	switch (code) {
	case PROXYPROTO_E_NONE:
		return "missing, something else came";
	case PROXYPROTO_E_LENGTH:
		return "too long";
	default:
		return "malformed";
	}
}

/* One read. Return: read on? If not, @p may be gone. */
static bool read_some(struct preamble *p)
{
	size_t need = 0;
	int r = proxyproto_need(p->bytes, p->have, &need);
	ssize_t n;

	if (r) {
		fail(p, -EPROTO, words_of(r));
		return false;
	}
	if (!need) {
		complete(p);
		return false;
	}
	n = leg_read(p->leg, p->bytes + p->have, need);
	if (n == -EAGAIN)
		return false;
	if (n <= 0) {
		fail(p, n ? (int)n : -ECONNRESET, "the connection was closed");
		return false;
	}
	p->have += (size_t)n;
	return true;
}

static void on_leg(void *ctx, struct leg *leg, unsigned events)
{
	(void)leg;
	(void)events;
	for (int i = 0; i < STEPS_A_TURN; i++)
		if (!read_some(ctx))
			break;
}

int preamble_open(struct preamble **out, struct leg *leg, unsigned ms,
    preamble_fn fn, void *ctx)
{
	struct preamble *p = calloc(1, sizeof(*p));

	if (!p) {
		leg_reset(leg);
		return -ENOMEM;
	}
	p->leg = leg;
	p->fn = fn;
	p->ctx = ctx;
	loop_after(leg_loop(leg), &p->deadline, ms, on_deadline);
	leg_handle(leg, on_leg, p);
	leg_want(leg, LEG_READ);
	*out = p;
	return 0;
}
