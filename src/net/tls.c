/* net/tls.c: TLS as a leg over a leg.
 *
 *   owner     leg_read ^      | leg_write
 *   SSL       plaintext|      v records
 *   tlsbio       block `in`   block `out`      each held only while it has
 * bytes below     leg_read ^      | leg_write
 *
 * Nothing is kept here but SSL's own state: a session that is idle costs what
 * OpenSSL needs for it and this struct.
 *
 * The main invariant: SSL is called only while `out` has room for all that the
 * call can write. So no call stops half-way in a write, no record is ever kept
 * pending inside SSL, and the rules that a half-written record would bring
 * (retry with the same bytes, never shut down in between) have nothing to bind.
 * Writing needs room for a record; reading for the answer to a KeyUpdate, of
 * which there is at most one a call since SSL_MODE_AUTO_RETRY is off. A peer
 * that asks for KeyUpdates and reads none of the answers is not read any more
 * once `out` is full.
 *
 * Only the handshake may find `out` full; it goes on when that is flushed.
 *
 * Reading is optimistic. `dry` says that the leg below had nothing when SSL
 * last asked; while it is false LEG_READ holds, since bytes may lie in SSL, in
 * `in` or below, and only SSL_read() can tell whether they make a record. A
 * read that finds none makes it dry, and then the leg below is watched. A write
 * has to wait for a read in one case: the peer has sent one half of a handshake
 * message (a ticket, a KeyUpdate), and SSL takes no data until it has the
 * other.
 *
 * The way out: OPEN, ASKED (leg_finish or leg_close was called), NOTIFIED (our
 * close_notify is in `out`; SSL_shutdown() is called once, since a second call
 * would read), FINISHED (all is below, and the leg below is half-closed). The
 * way in ends with the peer's close_notify and with nothing else; what follows
 * it stays in the block `in`, since read-ahead is off. A leg whose ends have
 * agreed to shed TLS may go another way, which tlsshed.c tells.
 *
 * This leg is itself the owner of the one below, and sheds that one's TLS (if
 * there is any, and it may) when its own handshake is done and a record ends.
 * From then until a record has come in raw and proved good a failure may be the
 * doing of something on the way that does not let raw bytes through: it is told
 * as LEG_CUT_AT_SHED.
 *
 * A failure of the leg below is told at once, but what had come before it can
 * still be read; a failure of SSL ends reading too (`broken`). An alert that
 * SSL has written is sent on in either case, and leg_close() waits for it.
 */
#include "base/buf.h"
#include "base/slab.h"
#include "net/legkind.h"
#include "net/tlscontext.h"
#include "net/tlsfault.h"
#include "net/tlsleg.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

enum {
	/* the answer to a KeyUpdate, a close_notify or an alert */
	REPLY_ROOM = 512,
	/* a full record: header, 2^14 bytes, and what TLS may add to it (1.2
	 * more, but not with the ciphers that we take); before it a
	 * KeyUpdate's answer that is still owed; and after it a reply, or
	 * what the peer does not take would keep us from reading it */
	RECORD_ROOM = 5 + 16384 + 256 + 64 + REPLY_ROOM,
	NAME_ROOM = 254, /* of a host name, with its NUL */
};
static_assert((int)LOOP_BLOCK_ROOM >= 3 * (5 + 16384 + 17) + (int)RECORD_ROOM,
    "a block of bytes is written at once");

static struct slab slab = SLAB_OF(struct tls_leg);
static const struct leg_verbs tls_verbs;

static const struct tls_leg *tls_of_const(const struct leg *leg)
{
	INVARIANT(leg->verbs == &tls_verbs);
	return (const void *)leg; /* its first member */
}

void tlsleg_move(struct tls_leg *t, enum tls_way_out to)
{
	static const unsigned allowed[] = {
		[WAY_OPEN] = 1u << WAY_SHEDDING | 1u << WAY_ASKED,
		[WAY_SHEDDING] = 1u << WAY_RAW | 1u << WAY_ASKED,
		[WAY_RAW] = 1u << WAY_NOTIFIED,
		[WAY_ASKED] = 1u << WAY_NOTIFIED,
		[WAY_NOTIFIED] = 1u << WAY_FINISHED,
		[WAY_FINISHED] = 0,
	};

	INVARIANT(allowed[t->way_out] & 1u << to);
	t->way_out = to;
}

static bool has_room(const struct tls_leg *t, size_t n)
{
	return tlsbio_room(&t->wire) >= n;
}

/* Has the leg below begun to pass our records as they are, and nothing yet
 * shown that they get through? */
static bool at_shed(const struct tls_leg *t)
{
	return (t->sheds_below || t->wire.below_shed) && !t->seen_below;
}

static void fail_at_shed(struct tls_leg *t, const char *text)
{
	leg_failed(&t->leg, LEG_CUT_AT_SHED,
	    "something on the way does not let it through; the next connection "
	    "keeps outer TLS",
	    "%s: broken where outer TLS was shed: %s", t->context->hop, text);
}

void tlsleg_fail_below(struct tls_leg *t, int code)
{
	const struct fault *below = leg_fault(t->wire.lower);
	const char *when =
	    t->leg.state == LEG_OPENING ? "handshake" : "session";

	if (t->leg.state == LEG_FAILED)
		return; /* somebody knew better */
	t->verdict.failure = TLS_FAILURE_CLOSED;
	if (at_shed(t))
		fail_at_shed(t, below->text[0] ? below->text : "cut");
	else if (code)
		leg_failed(&t->leg, code, below->hint[0] ? below->hint : NULL,
		    "%s: failed during the %s: %s", t->context->hop, when,
		    below->text[0] ? below->text : strerror(-code));
	else
		leg_failed(&t->leg, -ECONNRESET,
		    "the peer or something on the way has cut the connection; "
		    "the peer's log may say why",
		    "%s: the connection ended in the middle of the %s",
		    t->context->hop, when);
}

/* SSL has failed for good: say why, in the words of whoever knows best. */
static void fail_ssl(struct tls_leg *t)
{
	struct tls_reading r = tlsfault_read();
	const struct fault *verdict = t->verdict.fault;

	t->broken = true;
	if (verdict) {
		leg_failed(&t->leg, verdict->code,
		    verdict->hint[0] ? verdict->hint : NULL, "%s: %s",
		    t->context->hop, verdict->text);
		return;
	}
	if (t->wire.read_error || t->wire.ended) {
		tlsleg_fail_below(t, t->wire.read_error);
		return;
	}
	if (t->wire.too_long)
		r.text = "a handshake message is longer than 16 KiB";
	t->verdict.failure = r.failure;
	if (at_shed(t) && r.failure != TLS_FAILURE_TRUST)
		fail_at_shed(t, r.text);
	else
		leg_failed(
		    &t->leg, r.code, r.hint, "%s: %s", t->context->hop, r.text);
}

/* The leg below cannot be written any more. In TLS 1.3 a client learns only
 * after the handshake that its certificate was refused, and often by a reset
 * that follows the alert; so look for an alert before blaming the leg below. */
static void lower_gone(struct tls_leg *t, int code)
{
	char byte;
	size_t n;

	if (t->leg.state == LEG_OPEN && !t->broken && t->way_in == WAY_IN_TLS) {
		ERR_clear_error();
		if (!SSL_peek_ex(t->ssl, &byte, 1, &n) &&
		    SSL_get_error(t->ssl, 0) == SSL_ERROR_SSL)
			fail_ssl(t);
	}
	tlsleg_fail_below(t, code);
}

static void fail_closed(struct tls_leg *t)
{
	t->broken = true;
	t->verdict.failure = TLS_FAILURE_CLOSED;
	leg_failed(&t->leg, -ECONNRESET, "the peer's log may say why",
	    "%s: the peer closed in the middle of the handshake",
	    t->context->hop);
}

static void fail_alpn(struct tls_leg *t)
{
	t->broken = true;
	t->verdict.failure = TLS_FAILURE_ALPN;
	leg_failed(&t->leg, -EPROTO,
	    "check that address and port are those of the service that is "
	    "meant",
	    "%s: the server chose none of our protocols (ALPN)",
	    t->context->hop);
}

static void on_shaken(struct tls_leg *t)
{
	const struct tls_context *c = t->context;

	if (c->alpn && !c->alpn_optional && !tls_leg_alpn(&t->leg)[0]) {
		fail_alpn(t);
		return;
	}
	t->wire.may_shed = true;
	leg_opened(&t->leg);
}

static void shake(struct tls_leg *t)
{
	int r, error;

	do {
		ERR_clear_error();
		r = SSL_do_handshake(t->ssl);
		error = SSL_get_error(t->ssl, r);
	} while (error == SSL_ERROR_WANT_WRITE && !tlsbio_flush(&t->wire));
	switch (error) {
	case SSL_ERROR_NONE:
		on_shaken(t);
		break;
	case SSL_ERROR_WANT_READ:
	case SSL_ERROR_WANT_WRITE:
		if (SSL_version(t->ssl) == TLS1_2_VERSION)
			t->wire.guard.on = false;
		break;
	case SSL_ERROR_ZERO_RETURN:
		fail_closed(t);
		break;
	default:
		fail_ssl(t);
	}
}

/* Is SSL in the middle of a message that the peer has begun? It takes neither
 * data nor an end before the rest has come. */
static bool in_message(struct tls_leg *t)
{
	int r;

	if (!SSL_in_init(t->ssl))
		return false;
	ERR_clear_error();
	r = SSL_do_handshake(t->ssl);
	if (r != 1 && SSL_get_error(t->ssl, r) != SSL_ERROR_WANT_READ)
		fail_ssl(t);
	return r != 1;
}

/* Our close_notify, once nothing keeps SSL from writing it. */
static void notify(struct tls_leg *t)
{
	if (t->broken || !has_room(t, REPLY_ROOM) || in_message(t))
		return;
	ERR_clear_error();
	(void)SSL_shutdown(t->ssl);
	ERR_clear_error();
	t->wire.shut = true;
	tlsleg_move(t, t->way_out == WAY_SHEDDING ? WAY_RAW : WAY_NOTIFIED);
}

/* Does our close_notify wait for its turn? */
static bool notifies(const struct tls_leg *t)
{
	return t->way_out == WAY_ASKED || t->way_out == WAY_SHEDDING;
}

/* Send what there is, and go on with an end that was asked for. All of it
 * being sent, a record of ours ends here: from now on we protect ourselves. */
static int push(struct tls_leg *t)
{
	int r = tlsbio_flush(&t->wire);

	if (notifies(t)) {
		notify(t);
		r = tlsbio_flush(&t->wire);
	}
	if (!r && t->way_out == WAY_OPEN && t->leg.state == LEG_OPEN &&
	    !t->sheds_below)
		t->sheds_below = leg_shed_out(t->wire.lower);
	if (!r && t->way_out == WAY_NOTIFIED) {
		leg_finish(t->wire.lower);
		tlsleg_move(t, WAY_FINISHED);
	}
	return r;
}

static bool needs_bytes(const struct tls_leg *t)
{
	if (t->broken)
		return false;
	if (notifies(t) && SSL_in_init(t->ssl))
		return true;
	if (t->owner_is_gone)
		return false;
	if (t->leg.state == LEG_OPENING)
		return true;
	return (t->leg.wanted & LEG_READ && t->way_in != WAY_IN_ENDED) ||
	       (t->leg.wanted & LEG_WRITE && t->write_waits);
}

void tlsleg_want_below(struct tls_leg *t)
{
	unsigned want = 0;

	if (!tlsbio_flushed(&t->wire) ||
	    (t->raw_full && t->leg.wanted & LEG_WRITE))
		want |= LEG_WRITE;
	if (t->wire.dry && needs_bytes(t))
		want |= LEG_READ;
	leg_want(t->wire.lower, want);
}

static void on_lower(void *ctx, struct leg *lower, unsigned events);

/* The leg below may have become one with the leg below it. */
static void look_below(struct tls_leg *t)
{
	struct leg *below = leg_bare(t->wire.lower);

	if (below == t->wire.lower)
		return;
	t->wire.lower = below;
	leg_handle(below, on_lower, t);
}

void tlsleg_settle(struct tls_leg *t)
{
	int r = push(t);

	tlsshed_settle(t);
	look_below(t);
	if (r && r != -EAGAIN && t->leg.state != LEG_FAILED)
		lower_gone(t, r);
	tlsleg_want_below(t);
	leg_ready(&t->leg);
}

void tlsleg_destroy(struct tls_leg *t)
{
	loop_cancel(t->leg.loop, &t->linger_timer);
	loop_unlinger(&t->lingerer);
	leg_forget(&t->leg);
	SSL_free(t->ssl);
	ERR_clear_error();
	tls_context_free(t->context);
	free(t->verdict.fault);
	slab_give(&slab, t);
}

/* The last of a leg whose owner has closed it. */
static void end_below(struct tls_leg *t, bool orderly)
{
	tlsbio_deinit(&t->wire);
	if (orderly)
		leg_close(t->wire.lower);
	else
		leg_reset(t->wire.lower);
	tlsleg_destroy(t);
}

/* Return: true when the leg is gone. */
static bool close_on(struct tls_leg *t)
{
	int r = push(t);
	bool says_more = t->leg.state == LEG_OPEN && !t->broken &&
			 t->way_out != WAY_FINISHED;

	if (r == -EAGAIN || (!r && says_more)) {
		tlsleg_want_below(t);
		return false;
	}
	end_below(t, true);
	return true;
}

static void on_lower(void *ctx, struct leg *lower, unsigned events)
{
	struct tls_leg *t = ctx;

	if (events & (LEG_READ | LEG_GONE))
		t->wire.dry = false;
	if (events & LEG_WRITE)
		t->raw_full = false;
	if (t->owner_is_gone) {
		if (events & LEG_GONE)
			end_below(t, true);
		else
			(void)close_on(t);
		return;
	}
	if (t->leg.state == LEG_OPENING)
		shake(t);
	if (events & LEG_GONE && t->leg.state != LEG_FAILED)
		lower_gone(t, leg_error(lower));
	tlsleg_settle(t);
}

static void tls_want(struct leg *leg)
{
	tlsleg_want_below(tls_leg_of(leg));
}

static unsigned tls_ready(struct leg *leg)
{
	struct tls_leg *t = tls_leg_of(leg);
	bool writes, reads;

	if (leg->state == LEG_FAILED)
		return LEG_READ;
	reads = t->way_in == WAY_IN_ENDED ||
		(!t->wire.dry &&
		    (t->way_in == WAY_IN_RAW || has_room(t, REPLY_ROOM)));
	writes =
	    (t->way_out == WAY_OPEN && has_room(t, RECORD_ROOM) &&
		!(t->write_waits && t->wire.dry)) ||
	    (t->way_out == WAY_RAW && tlsbio_flushed(&t->wire) && !t->raw_full);
	return (reads ? LEG_READ : 0u) | (writes ? LEG_WRITE : 0u);
}

/* At most one record's bytes.
 * Return: as leg_read(). */
static ssize_t read_some(struct tls_leg *t, void *to, size_t n)
{
	size_t got;

	while (has_room(t, REPLY_ROOM)) {
		ERR_clear_error();
		if (SSL_read_ex(t->ssl, to, n, &got)) {
			t->seen_below = t->wire.below_shed;
			return (ssize_t)got;
		}
		switch (SSL_get_error(t->ssl, 0)) {
		case SSL_ERROR_WANT_READ:
			if (t->wire.dry)
				return -EAGAIN;
			break; /* a message that was none of data */
		case SSL_ERROR_ZERO_RETURN:
			t->way_in = WAY_IN_ENDED;
			return 0;
		default:
			fail_ssl(t);
			return leg_error(&t->leg);
		}
	}
	return -EAGAIN;
}

static ssize_t tls_read(struct leg *leg, void *to, size_t n)
{
	struct tls_leg *t = tls_leg_of(leg);
	size_t done = 0;
	ssize_t got = 0;

	if (t->way_in == WAY_IN_ENDED)
		return 0;
	if (t->way_in == WAY_IN_RAW)
		return tlsshed_read(t, to, n);
	if (t->broken)
		return leg_error(leg);
	while (done < n) {
		got = read_some(t, (char *)to + done, n - done);
		if (got <= 0)
			break;
		done += (size_t)got;
	}
	tlsleg_settle(t);
	return done ? (ssize_t)done : got;
}

/* At most one record.
 * Return: as leg_write(). */
static ssize_t write_some(struct tls_leg *t, const void *bytes, size_t n)
{
	size_t put;

	if (!has_room(t, RECORD_ROOM) && tlsbio_flush(&t->wire))
		return -EAGAIN; /* tlsleg_settle() sees why */
	ERR_clear_error();
	t->write_waits = false;
	if (SSL_write_ex(t->ssl, bytes, n, &put))
		return (ssize_t)put;
	if (SSL_get_error(t->ssl, 0) == SSL_ERROR_WANT_READ) {
		t->write_waits = true;
		return -EAGAIN;
	}
	fail_ssl(t);
	return leg_error(&t->leg);
}

static ssize_t tls_write(struct leg *leg, const void *bytes, size_t n)
{
	struct tls_leg *t = tls_leg_of(leg);
	size_t done = 0;
	ssize_t put = 0;

	if (t->way_out == WAY_RAW)
		return tlsshed_write(t, bytes, n);
	if (t->way_out == WAY_SHEDDING)
		return -EAGAIN;
	if (t->way_out != WAY_OPEN)
		return -EPIPE;
	while (done < n) {
		put = write_some(t, (const char *)bytes + done, n - done);
		if (put <= 0)
			break;
		done += (size_t)put;
	}
	tlsleg_settle(t);
	return done ? (ssize_t)done : put;
}

static void end_way_out(struct tls_leg *t)
{
	if (t->leg.state != LEG_OPEN)
		return;
	if (t->way_out == WAY_OPEN || t->way_out == WAY_SHEDDING)
		tlsleg_move(t, WAY_ASKED);
	else if (t->way_out == WAY_RAW)
		tlsleg_move(t, WAY_NOTIFIED);
}

static void tls_finish(struct leg *leg)
{
	struct tls_leg *t = tls_leg_of(leg);

	end_way_out(t);
	tlsleg_settle(t);
}

static void on_linger_timer(struct wheel_timer *timer, uint64_t now)
{
	(void)now;
	end_below(CONTAINER_OF(timer, struct tls_leg, linger_timer), false);
}

static void on_linger_end(struct loop_lingerer *one)
{
	end_below(CONTAINER_OF(one, struct tls_leg, lingerer), false);
}

static void tls_close(struct leg *leg)
{
	struct tls_leg *t = tls_leg_of(leg);

	if (leg->state == LEG_OPENING) {
		end_below(t, true);
		return;
	}
	t->owner_is_gone = true;
	end_way_out(t);
	if (close_on(t))
		return;
	loop_after(leg->loop, &t->linger_timer, LEG_LINGER_MS, on_linger_timer);
	loop_linger(leg->loop, &t->lingerer, on_linger_end);
}

static void tls_reset(struct leg *leg)
{
	end_below(tls_leg_of(leg), false);
}

static const char *tls_source(const struct leg *leg)
{
	return leg_source(tls_of_const(leg)->wire.lower);
}

static struct leg *tls_lower(const struct leg *leg)
{
	return tls_of_const(leg)->wire.lower;
}

static const struct leg_verbs tls_verbs = {
	.name = "tls",
	.want = tls_want,
	.ready = tls_ready,
	.read = tls_read,
	.write = tls_write,
	.finish = tls_finish,
	.close = tls_close,
	.reset = tls_reset,
	.source = tls_source,
	.lower = tls_lower,
	.shed_out = tlsshed_out,
	.shed_in = tlsshed_in,
	.bare = tlsshed_bare,
};

static bool name_ok(const char *name)
{
	size_t n = strlen(name);

	return n > 0 && n < NAME_ROOM &&
	       strspn(name,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		   "0123456789._-") == n;
}

/* The server's name, for a client: an address is verified, a host name also
 * sent. */
static int set_name(struct tls_leg *t, const char *name)
{
	X509_VERIFY_PARAM *param = SSL_get0_param(t->ssl);
	char copy[NAME_ROOM]; /* OpenSSL's macro takes no const */

	if (!name)
		return 0;
	if (X509_VERIFY_PARAM_set1_ip_asc(param, name))
		return 0;
	ERR_clear_error();
	if (!name_ok(name))
		return -EINVAL;
	X509_VERIFY_PARAM_set_hostflags(
	    param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
		       X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
	memcpy(copy, name, strlen(name) + 1);
	return SSL_set_tlsext_host_name(t->ssl, copy) &&
		       X509_VERIFY_PARAM_set1_host(param, name, 0)
		   ? 0
		   : -ENOMEM;
}

static int set_up(struct tls_leg *t, const char *name)
{
	BIO *bio = BIO_new(t->context->bio);

	t->ssl = SSL_new(t->context->ssl);
	if (!t->ssl || !bio) {
		BIO_free(bio);
		return -ENOMEM;
	}
	BIO_set_data(bio, &t->wire);
	BIO_set_init(bio, 1);
	SSL_set_bio(t->ssl, bio, bio);
	SSL_set_app_data(t->ssl, &t->verdict);
	if (t->context->end == TLS_CLIENT) {
		SSL_set_connect_state(t->ssl);
		return set_name(t, name);
	}
	SSL_set_accept_state(t->ssl);
	tlsbio_guard_start(&t->wire);
	return 0;
}

int tls_leg_open(struct leg **out, struct leg *lower,
    struct tls_context *context, const char *name)
{
	struct tls_leg *t = slab_take(&slab);
	int r;

	if (!t) {
		leg_close(lower);
		return -ENOMEM;
	}
	leg_init(&t->leg, &tls_verbs, leg_loop(lower));
	t->wire.lower = lower;
	t->context = tls_context_ref(context);
	r = set_up(t, name);
	if (r) {
		end_below(t, true);
		return r;
	}
	leg_handle(lower, on_lower, t);
	shake(t);
	tlsleg_settle(t);
	*out = &t->leg;
	return 0;
}

struct leg *tls_leg_release(struct leg *leg)
{
	struct tls_leg *t = tls_leg_of(leg);
	struct leg *lower = t->wire.lower;

	INVARIANT(leg->state == LEG_OPENING && !t->wire.in);
	tlsbio_deinit(&t->wire);
	tlsleg_destroy(t);
	leg_want(lower, 0);
	leg_handle(lower, NULL, NULL);
	return lower;
}

const char *tls_leg_alpn(const struct leg *leg)
{
	const struct tls_leg *t = tls_of_const(leg);
	const unsigned char *name;
	unsigned n;

	if (!t->ssl)
		return "";
	SSL_get0_alpn_selected(t->ssl, &name, &n);
	return tls_context_alpn(t->context, name, n);
}

int tls_leg_export(const struct leg *leg, const char *label, uint8_t out[32])
{
	const struct tls_leg *t = tls_of_const(leg);

	if (leg->state != LEG_OPEN || !t->ssl)
		return -EPROTO;
	return SSL_export_keying_material(
		   t->ssl, out, 32, label, strlen(label), NULL, 0, 0) == 1
		   ? 0
		   : -EPROTO;
}

X509 *tls_leg_peer(const struct leg *leg)
{
	const struct tls_leg *t = tls_of_const(leg);

	return t->ssl ? SSL_get0_peer_certificate(t->ssl) : NULL;
}

int tls_leg_check(const struct leg *leg, struct fault *fault)
{
	const struct tls_context *c = tls_of_const(leg)->context;
	X509 *leaf = tls_leg_peer(leg);

	if (!leaf)
		return fault_set(
		    fault, -EACCES, NULL, "the peer has shown no certificate");
	return c->check ? c->check(c->check_ctx, leaf, fault) : 0;
}

void tls_leg_agree_shed(struct leg *leg)
{
	INVARIANT(tls_leg_is(leg));
	tls_leg_of(leg)->may_shed = true;
}

bool tls_leg_is(const struct leg *leg)
{
	return leg->verbs == &tls_verbs;
}

enum tls_failure tls_leg_failure(const struct leg *leg)
{
	return tls_of_const(leg)->verdict.failure;
}
