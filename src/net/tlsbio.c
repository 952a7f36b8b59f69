#include "net/tlsbio.h"
#include "base/buf.h"
#include "net/loop.h"

static struct pool *pool_of(const struct tlsbio *b)
{
	return loop_pool(leg_loop(b->lower));
}

static void give_in(struct tlsbio *b)
{
	pool_give(pool_of(b), STEAL(b->in));
}

/* Make sure that `in` holds something.
 * Return: 0; -EAGAIN: the leg below has nothing; -ENODATA: it has ended; other
 * -errno: it has failed. */
static int fill(struct tlsbio *b)
{
	struct pool *pool = pool_of(b);
	ssize_t n;

	if (b->in)
		return 0;
	if (b->ended)
		return -ENODATA;
	b->in = pool_take(pool);
	if (!b->in)
		return -ENOMEM;
	n = leg_read(b->lower, b->in->data, pool_block_size(pool));
	if (n == 0 && b->may_shed && leg_shed_in(b->lower)) {
		b->below_shed = true;
		n = leg_read(b->lower, b->in->data, pool_block_size(pool));
	}
	if (n > 0) {
		b->in->end = (uint32_t)n;
		return 0;
	}
	give_in(b);
	if (n == 0)
		b->ended = true;
	return n ? (int)n : -ENODATA;
}

enum { RECORD_HEADER = 5, MESSAGE_HEADER = 4 };
enum { HANDSHAKE = 22, APPLICATION_DATA = 23 };

void tlsbio_guard_start(struct tlsbio *b)
{
	b->guard = (struct tlsbio_guard){
		.on = true,
		.header_left = RECORD_HEADER,
		.length_left = MESSAGE_HEADER,
	};
}

/* RFC 8446, 5.1: type, version, length. */
static void guard_header(struct tlsbio_guard *g, uint8_t byte)
{
	if (g->header_left == RECORD_HEADER)
		g->type = byte;
	g->record_left = (uint16_t)(g->record_left << 8 | byte);
	if (--g->header_left)
		return;
	g->on = g->type != APPLICATION_DATA;
	if (!g->record_left)
		g->header_left = RECORD_HEADER;
}

/* RFC 8446, 4: type, length, and that many bytes; a message may go on in the
 * next record of its type.
 * Return: false when it is too long. */
static bool guard_message(struct tlsbio_guard *g, uint8_t byte)
{
	if (g->length_left) {
		g->message_left = (g->message_left << 8 | byte) & 0xffffff;
		g->length_left--;
	} else {
		g->message_left--;
	}
	if (g->length_left)
		return true;
	if (!g->message_left)
		g->length_left = MESSAGE_HEADER;
	return g->message_left <= TLSBIO_MESSAGE_MOST;
}

static bool guard_body(struct tlsbio_guard *g, uint8_t byte)
{
	if (!--g->record_left)
		g->header_left = RECORD_HEADER;
	return g->type != HANDSHAKE || guard_message(g, byte);
}

static bool guard_passes(struct tlsbio *b, const uint8_t *bytes, size_t n)
{
	struct tlsbio_guard *g = &b->guard;

	for (size_t i = 0; g->on && i < n; i++) {
		if (g->header_left)
			guard_header(g, bytes[i]);
		else if (!guard_body(g, bytes[i]))
			return false;
	}
	return true;
}

/* Up to @n bytes of `in`, which holds some. */
static size_t take_in(struct tlsbio *b, void *to, size_t n)
{
	size_t held = b->in->end - b->in->start;

	if (n > held)
		n = held;
	memcpy(to, b->in->data + b->in->start, n);
	b->in->start += (uint32_t)n;
	if (n == held)
		give_in(b);
	return n;
}

static int on_read(BIO *bio, char *to, int room)
{
	struct tlsbio *b = BIO_get_data(bio);
	size_t n;
	int r = fill(b);

	BIO_clear_retry_flags(bio);
	if (r == -EAGAIN) {
		b->dry = true;
		BIO_set_retry_read(bio);
		return -1;
	}
	if (r == -ENODATA)
		return 0;
	if (r) {
		b->read_error = r;
		return -1;
	}
	n = b->in->end - b->in->start;
	if (n > (size_t)room)
		n = (size_t)room;
	b->too_long = !guard_passes(b, b->in->data + b->in->start, n);
	if (b->too_long)
		return -1;
	return (int)take_in(b, to, n);
}

/* What SSL wants to say after our close_notify (the answer to a KeyUpdate, an
 * alert) must not follow it: it is taken and dropped, so that SSL can go on
 * reading. */
static int on_write(BIO *bio, const char *bytes, int n)
{
	struct tlsbio *b = BIO_get_data(bio);
	size_t room;

	BIO_clear_retry_flags(bio);
	if (b->shut)
		return n;
	if (!b->out && !(b->out = pool_take(pool_of(b)))) {
		b->write_error = -ENOMEM;
		return -1;
	}
	room = tlsbio_room(b);
	if (!room) {
		BIO_set_retry_write(bio);
		return -1;
	}
	if ((size_t)n > room)
		n = (int)room;
	memcpy(b->out->data + b->out->end, bytes, (size_t)n);
	b->out->end += (uint32_t)n;
	return n;
}

/* A flush must never ask for a retry: OpenSSL 3.0 loses that flag under the
 * buffer that it puts over us while it answers a KeyUpdate, and then takes the
 * session for broken. The loop flushes. */
static long on_control(BIO *bio, int command, long number, void *ptr)
{
	struct tlsbio *b = BIO_get_data(bio);

	(void)number;
	(void)ptr;
	switch (command) {
	case BIO_CTRL_FLUSH:
		return 1;
	case BIO_CTRL_EOF:
		return b->ended;
	default:
		return 0;
	}
}

BIO_METHOD *tlsbio_method(void)
{
	BIO_METHOD *m = BIO_meth_new(BIO_TYPE_SOURCE_SINK, "leg");

	if (m && BIO_meth_set_read(m, on_read) &&
	    BIO_meth_set_write(m, on_write) && BIO_meth_set_ctrl(m, on_control))
		return m;
	BIO_meth_free(m);
	return NULL;
}

void tlsbio_deinit(struct tlsbio *b)
{
	give_in(b);
	pool_give(pool_of(b), STEAL(b->out));
}

ssize_t tlsbio_take(struct tlsbio *b, void *to, size_t n)
{
	if (!b->in)
		return leg_read(b->lower, to, n);
	return (ssize_t)take_in(b, to, n);
}

int tlsbio_flush(struct tlsbio *b)
{
	struct pool_block *out = b->out;
	ssize_t n = 0;

	if (!out)
		return b->write_error;
	while (out->start < out->end) {
		n = leg_write(
		    b->lower, out->data + out->start, out->end - out->start);
		if (n == -EAGAIN)
			return -EAGAIN;
		if (n < 0)
			break;
		out->start += (uint32_t)n;
	}
	pool_give(pool_of(b), STEAL(b->out));
	if (n < 0)
		b->write_error = (int)n;
	return b->write_error;
}

size_t tlsbio_room(const struct tlsbio *b)
{
	return pool_block_size(pool_of(b)) - (b->out ? b->out->end : 0);
}
