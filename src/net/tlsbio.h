/* net/tlsbio.h: ciphertext on its way between OpenSSL and the leg below; inner
 * part of net/tls.h.
 *
 * A BIO of our own that reads and writes the leg through pooled blocks, so that
 * several records cost one system call, and an idle session holds no buffer.
 */
#pragma once
#include "net/leg.h"
#include <openssl/bio.h>

struct pool_block;

/* The longest handshake message that is let through before encryption begins: a
 * ClientHello has a few hundred bytes, with post-quantum keys two thousand. SSL
 * would take 128 KiB, and make room for them on the word of nine bytes. */
enum { TLSBIO_MESSAGE_MOST = 16 * 1024 };

/* Where we are in the records that SSL reads, until encryption begins. TLS 1.3
 * shows that by the type of a record; TLS 1.2 does not, there tls.c says when.
 */
struct tlsbio_guard {
	uint8_t type;	     /* of the record */
	uint8_t header_left; /* of the record's header; its first bytes count */
	uint8_t length_left; /* of the message's header, which is four bytes */
	bool on;
	uint16_t record_left;
	uint32_t message_left;
};

struct tlsbio {
	struct leg *lower;
	struct pool_block *in;	/* from the peer; SSL has not read it yet */
	struct pool_block *out; /* from SSL; the leg below has not taken it */
	int read_error;		/* -errno that the leg below gave, */
	int write_error;	/* either way */
	bool ended;		/* nothing comes after what is in `in` */
	bool dry;		/* the leg below had nothing when last asked */
	bool too_long;		/* the guard has refused a message */
	bool shut;     /* our way out has ended: what SSL writes goes nowhere */
	bool may_shed; /* an end of the leg below may be leg_shed_in() */
	bool below_shed; /* it was; `in` was empty then */
	struct tlsbio_guard guard;
};

/** tlsbio_guard_start() - from the first byte on; for a server */
void tlsbio_guard_start(struct tlsbio *b);
/** tlsbio_method() - for BIO_new(); a BIO's data is its struct tlsbio
 * Return: NULL without memory; the caller frees with BIO_meth_free(). */
BIO_METHOD *tlsbio_method(void);
void tlsbio_deinit(struct tlsbio *b);
/** tlsbio_flush() - hand what SSL has written to the leg below
 * Return: 0: all of it; -EAGAIN: the leg takes no more now; other -errno: the
 * leg has failed, now or before; the rest is dropped. */
MUST_USE int tlsbio_flush(struct tlsbio *b);
/** tlsbio_take() - what SSL has not read and, after it, what the leg below has:
 * for the time when SSL reads no more
 * Return: as leg_read(). */
MUST_USE ssize_t tlsbio_take(struct tlsbio *b, void *to, size_t n);
static inline bool tlsbio_flushed(const struct tlsbio *b)
{
	return !b->out;
}
/** tlsbio_room() - bytes that SSL can write now without being turned away */
size_t tlsbio_room(const struct tlsbio *b);
