/* net/leg.h: one transport connection with back-pressure.
 *
 * A leg is TCP (net/tcp.h), TLS over any leg (net/tls.h), a stream of an HTTP
 * connection (net/http.h) or one half of a pair in memory (net/memleg.h). What
 * runs above never knows which. It says "readable", "writable", "gone"; each
 * side half-closes on its own.
 *
 * Readiness is level-triggered and asked for: leg_want() states the interest,
 * and while it stands the handler is called, from the loop and at most once a
 * turn, with the events that hold. LEG_GONE comes without being asked for, as
 * soon as the leg knows that the peer has reset it or that it failed (for a
 * reset that the kernel has not shown because nobody reads: at the next read or
 * write). Whoever gets LEG_GONE still has to leg_close() or leg_reset().
 *
 * Ownership: who opened a leg owns it; passing it to a taker (tls_leg_open,
 * pump_start, http_conn_open …) hands it over. leg_close() and leg_reset() end
 * ownership at once: no handler call comes after, and the memory goes when the
 * kernel is done with it.
 *
 * What may be called, per state (leg_state):
 *   OPENING   want, close, reset; read and write answer -EAGAIN
 *   OPEN      everything
 *   GONE      read (what had come before, then the error), close, reset
 */
#pragma once
#include "base/err.h"
#include "base/fault.h"

struct leg;
struct loop;

enum { LEG_READ = 1, LEG_WRITE = 2, LEG_GONE = 4 };
enum leg_state { LEG_OPENING, LEG_OPEN, LEG_FAILED };

typedef void (*leg_handler)(void *ctx, struct leg *leg, unsigned events);

/** leg_handle() - who is told; replaces the one before. @ctx is borrowed. */
void leg_handle(struct leg *leg, leg_handler fn, void *ctx);
/** leg_want() - the interest from now on: LEG_READ | LEG_WRITE, or 0
 * LEG_READ holds when bytes, the end or an error can be read; LEG_WRITE when
 * leg_write() would take something (so, first, when the leg is open). */
void leg_want(struct leg *leg, unsigned events);

/** leg_read() - up to @n bytes
 * Return: how many; 0: the peer has ended its direction, after its last byte;
 * -EAGAIN: nothing now; -ECONNRESET: reset, or cut without a proper end;
 * other -errno: see leg_fault(). */
MUST_USE ssize_t leg_read(struct leg *leg, void *to, size_t n);
/** leg_write() - up to @n bytes
 * Return: how many were taken; -EAGAIN: none now; -EPIPE: after leg_finish(),
 * or the peer takes no more; other -errno as above. */
MUST_USE ssize_t leg_write(struct leg *leg, const void *bytes, size_t n);

/** leg_splices() - can the kernel move its bytes? Then, as leg_read() and
 * leg_write():
 * leg_splice_in() - up to @n bytes of the leg into @pipe, which is empty
 * leg_splice_out() - up to @n bytes out of @pipe, which holds as many
 * Both, besides: -EOPNOTSUPP: the kernel does not do it here; nothing was
 * moved, and the leg can still be read and written. */
bool leg_splices(const struct leg *leg);
MUST_USE ssize_t leg_splice_in(struct leg *leg, int pipe, size_t n);
MUST_USE ssize_t leg_splice_out(struct leg *leg, int pipe, size_t n);
/** leg_gather() - LEG_READ is to be told only once @least bytes are there, or
 * the peer's end or a failure, or when the kernel has room for no more; 1: at
 * once, as a leg begins. A wish: kinds that are no descriptor of the kernel's
 * do not know it. What is there can be read at any time. */
void leg_gather(struct leg *leg, size_t least);

/** leg_finish() - half-close: the peer reads the end after the last byte that
 * leg_write() took; reading goes on; repeatable */
void leg_finish(struct leg *leg);
/* Shedding: a leg that protects bytes can stop doing so, one direction at a
 * time, once what it carries protects itself, if both ends have agreed on it
 * (tls_leg_agree_shed()). Any other leg has nothing to shed.
 *
 * leg_shed_out() - what is written from here on goes out as it is; before it,
 * the peer reads an authenticated end of the protection. To be called where a
 * record of the protocol that is carried ends. Repeatable.
 * Return: true: so it is; false: this leg does not shed. */
bool leg_shed_out(struct leg *leg);
/** leg_shed_in() - leg_read() has given 0: was that the end of the peer's
 * protection only?
 * Return: true: yes, and from here on leg_read() gives what the peer sends as
 * it is; false: it was the end. */
MUST_USE bool leg_shed_in(struct leg *leg);
/** leg_bare() - the leg itself; or, when it has shed both ways and holds
 * nothing more, the one below, which is the caller's then in its place: without
 * a handler. @leg is gone. */
MUST_USE struct leg *leg_bare(struct leg *leg);
/* The code of a failure that came with or right after shedding: the connection
 * was cut or garbled before a byte of the peer's was seen to come through. */
#define LEG_CUT_AT_SHED (-ENOLINK)

/** leg_close() - orderly end of both directions: what leg_write() took is still
 * delivered, for at most LEG_LINGER_MS; unread bytes are dropped
 * leg_reset() - end at once; the peer sees a reset where the kind has one
 * NULL is fine for both. */
enum { LEG_LINGER_MS = 2000 };
void leg_close(struct leg *leg);
/** leg_reset() - end at once; the peer sees a reset where the kind has one.
 * NULL is fine, here as for leg_close() */
void leg_reset(struct leg *leg);

enum leg_state leg_state(const struct leg *leg);
/** leg_fault() - why the leg failed, for people; empty text if it did not */
const struct fault *leg_fault(const struct leg *leg);
/** leg_source() - the peer's address as text, "192.0.2.7:4711" or "[::1]:4711";
 * of the lowest leg under this one; "memory" for a pair in memory. Borrowed. */
const char *leg_source(const struct leg *leg);
/** leg_loop() - the loop that it was made on */
struct loop *leg_loop(const struct leg *leg);
/** leg_lower() - the leg under this one, or NULL (TLS over TCP: the TCP leg) */
struct leg *leg_lower(const struct leg *leg);
