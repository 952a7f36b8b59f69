/* net/memleg.c
 *
 * One heap object holds both halves and, for each half, the ring of bytes on
 * their way to it. It goes when both halves are closed. It behaves as TCP does
 * where that can be seen: what was written before an end or a reset can still
 * be read after it; writing to a half that was closed is a failure.
 */
#include "net/memleg.h"
#include "net/legkind.h"

struct ring {
	uint8_t *bytes;
	size_t size, start, used;
	bool ended; /* nothing comes after what is here */
};

struct half {
	struct leg leg;
	struct half *peer;
	struct memory *memory;
	struct ring in; /* what the peer has written */
	bool closed;
};

struct memory {
	struct half half[2];
	size_t chop;
	uint32_t seed;
};

static struct half *half_of(struct leg *leg)
{
	return CONTAINER_OF(leg, struct half, leg);
}

/* How many of @n bytes this call takes; xorshift32 when chopping. */
static size_t chopped(struct memory *m, size_t n)
{
	size_t most;

	if (!m->chop)
		return n;
	m->seed ^= m->seed << 13;
	m->seed ^= m->seed >> 17;
	m->seed ^= m->seed << 5;
	most = 1 + m->seed % m->chop;
	return n < most ? n : most;
}

static size_t ring_take(struct ring *r, uint8_t *to, size_t n)
{
	size_t done = 0;

	if (n > r->used)
		n = r->used;
	while (done < n) {
		size_t run = r->size - r->start;

		if (run > n - done)
			run = n - done;
		memcpy(to + done, r->bytes + r->start, run);
		r->start = (r->start + run) % r->size;
		done += run;
	}
	r->used -= n;
	return n;
}

static size_t ring_put(struct ring *r, const uint8_t *from, size_t n)
{
	size_t done = 0;

	if (n > r->size - r->used)
		n = r->size - r->used;
	while (done < n) {
		size_t end = (r->start + r->used) % r->size;
		size_t run = r->size - end;

		if (run > n - done)
			run = n - done;
		memcpy(r->bytes + end, from + done, run);
		r->used += run;
		done += run;
	}
	return n;
}

static void memleg_want(struct leg *leg)
{
	(void)leg;
}

static unsigned memleg_ready(struct leg *leg)
{
	struct half *h = half_of(leg);
	unsigned events = 0;

	if (h->in.used || h->in.ended || leg->state == LEG_FAILED)
		events |= LEG_READ;
	if (leg->state == LEG_OPEN && !h->peer->in.ended &&
	    h->peer->in.used < h->peer->in.size)
		events |= LEG_WRITE;
	return events;
}

static ssize_t memleg_read(struct leg *leg, void *to, size_t n)
{
	struct half *h = half_of(leg);
	size_t got;

	if (!h->in.used && leg->state == LEG_FAILED)
		return leg_error(leg);
	if (!h->in.used)
		return h->in.ended ? 0 : -EAGAIN;
	got = ring_take(&h->in, to, chopped(h->memory, n));
	if (!h->peer->closed)
		leg_ready(&h->peer->leg);
	return (ssize_t)got;
}

static ssize_t memleg_write(struct leg *leg, const void *bytes, size_t n)
{
	struct half *h = half_of(leg);
	size_t put;

	if (h->peer->in.ended)
		return -EPIPE;
	if (h->peer->closed) {
		leg_failed(leg, -ECONNRESET, NULL, "memory: the peer is gone");
		return -ECONNRESET;
	}
	put = ring_put(&h->peer->in, bytes, chopped(h->memory, n));
	if (!put)
		return n ? -EAGAIN : 0;
	leg_ready(&h->peer->leg);
	return (ssize_t)put;
}

static void memleg_finish(struct leg *leg)
{
	struct half *h = half_of(leg);

	if (h->peer->in.ended)
		return;
	h->peer->in.ended = true;
	if (!h->peer->closed)
		leg_ready(&h->peer->leg);
}

static void half_close(struct half *h)
{
	struct memory *m = h->memory;

	h->closed = true;
	if (!h->peer->closed)
		return;
	free(m->half[0].in.bytes);
	free(m->half[1].in.bytes);
	free(m);
}

static void memleg_close(struct leg *leg)
{
	struct half *h = half_of(leg);

	memleg_finish(leg);
	h->in.used = 0; /* a writer that waits for room finds out */
	if (!h->peer->closed)
		leg_ready(&h->peer->leg);
	half_close(h);
}

static void memleg_reset(struct leg *leg)
{
	struct half *h = half_of(leg);

	if (!h->peer->closed)
		leg_failed(&h->peer->leg, -ECONNRESET, NULL,
		    "memory: reset by the peer");
	half_close(h);
}

static const char *memleg_source(const struct leg *leg)
{
	(void)leg;
	return "memory";
}

static const struct leg_verbs memleg_verbs = {
	.name = "memory",
	.want = memleg_want,
	.ready = memleg_ready,
	.read = memleg_read,
	.write = memleg_write,
	.finish = memleg_finish,
	.close = memleg_close,
	.reset = memleg_reset,
	.source = memleg_source,
};

static int half_init(struct memory *m, int i, struct loop *loop, size_t size)
{
	struct half *h = &m->half[i];

	leg_init(&h->leg, &memleg_verbs, loop);
	h->memory = m;
	h->peer = &m->half[1 - i];
	h->in.size = size;
	h->in.bytes = malloc(size);
	return h->in.bytes ? 0 : -ENOMEM;
}

int memleg_pair(
    struct leg **a, struct leg **b, struct loop *loop, size_t capacity)
{
	struct memory *m = calloc(1, sizeof(*m));

	INVARIANT(capacity);
	if (!m)
		return -ENOMEM;
	if (half_init(m, 0, loop, capacity) ||
	    half_init(m, 1, loop, capacity)) {
		free(m->half[0].in.bytes);
		free(m->half[1].in.bytes);
		free(m);
		return -ENOMEM;
	}
	leg_opened(&m->half[0].leg);
	leg_opened(&m->half[1].leg);
	*a = &m->half[0].leg;
	*b = &m->half[1].leg;
	return 0;
}

void memleg_chop(struct leg *leg, size_t most, uint32_t seed)
{
	struct memory *m = half_of(leg)->memory;

	m->chop = most;
	m->seed = seed ? seed : 1;
}
