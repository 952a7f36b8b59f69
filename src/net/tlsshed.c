/* net/tlsshed.c: a TLS leg that stops being one.
 *
 * The bytes between two ends that shed, one direction:
 *
 *   TLS records … | close_notify, one record | raw bytes … | FIN
 *
 * The close_notify is authenticated, so nobody else can say where TLS ends; the
 * raw bytes protect themselves (they are the records of a TLS session inside).
 * The ways out and in go over by themselves, in either order:
 *
 *   out  OPEN -> SHEDDING -> RAW    at RAW our close_notify is in `out`, and
 *                                   what SSL still wants to say is dropped
 *                                   (tlsbio.shut): it would stand among the
 *                                   raw bytes. SHEDDING lasts while SSL cannot
 *                                   write it; nothing else is written then.
 *   in   TLS -> ENDED -> RAW        ENDED: leg_read() gives 0, and the owner
 *                                   says by leg_shed_in() that it expected it.
 *                                   Without that it is the end.
 *
 * What must not go wrong:
 *   - SSL_shutdown() is called once. A second call reads, and the bytes that it
 *     finds after the peer's close_notify are not records.
 *   - SSL reads nothing after that close_notify, not even for a handshake
 *     message that has come in part; and it has read nothing, since read-ahead
 *     is off. What came with it lies in the block `in`.
 *   - raw bytes wait until `out` is sent on: they come after the close_notify.
 *
 * When both ways are raw SSL goes; when also `in` and `out` are gone this leg
 * is nothing but a copy of the one below, and leg_bare() gives that.
 */
#include "net/tlsleg.h"

#include <openssl/err.h>

bool tlsshed_out(struct leg *leg)
{
	struct tls_leg *t = tls_leg_of(leg);

	if (!t->may_shed)
		return false;
	if (t->way_out == WAY_OPEN) {
		tlsleg_move(t, WAY_SHEDDING);
		tlsleg_settle(t);
	}
	return true;
}

bool tlsshed_in(struct leg *leg)
{
	struct tls_leg *t = tls_leg_of(leg);

	if (!t->may_shed || t->broken || t->way_in != WAY_IN_ENDED ||
	    SSL_in_init(t->ssl) || SSL_has_pending(t->ssl))
		return false;
	t->way_in = WAY_IN_RAW;
	t->wire.dry = false;
	tlsleg_settle(t);
	return true;
}

/* Does neither way need SSL any more? */
static bool is_raw(const struct tls_leg *t)
{
	return t->way_in == WAY_IN_RAW &&
	       (t->way_out == WAY_RAW || t->way_out == WAY_FINISHED);
}

void tlsshed_settle(struct tls_leg *t)
{
	if (!t->ssl || !is_raw(t))
		return;
	SSL_free(STEAL(t->ssl));
	ERR_clear_error();
}

struct leg *tlsshed_bare(struct leg *leg)
{
	struct tls_leg *t = tls_leg_of(leg);
	struct leg *lower = t->wire.lower;

	if (!is_raw(t) || t->wire.in || !tlsbio_flushed(&t->wire))
		return leg;
	leg_want(lower, 0);
	leg_handle(lower, NULL, NULL);
	tlsleg_destroy(t);
	return lower;
}

ssize_t tlsshed_read(struct tls_leg *t, void *to, size_t n)
{
	ssize_t got = tlsbio_take(&t->wire, to, n);

	if (got == -EAGAIN) {
		t->wire.dry = true;
		tlsleg_want_below(t);
	} else if (got < 0) {
		tlsleg_fail_below(t, (int)got);
		return leg_error(&t->leg);
	}
	return got;
}

ssize_t tlsshed_write(struct tls_leg *t, const void *bytes, size_t n)
{
	ssize_t put = -EAGAIN;

	if (!tlsbio_flush(&t->wire)) {
		put = leg_write(t->wire.lower, bytes, n);
		t->raw_full = put < (ssize_t)n;
	}
	tlsleg_settle(t);
	if (put < 0 && put != -EAGAIN) {
		tlsleg_fail_below(t, (int)put);
		return leg_error(&t->leg);
	}
	return put;
}
