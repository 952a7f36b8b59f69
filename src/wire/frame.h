/* wire/frame.h: beacon/1 frames, spoken between a client and a beacon until
 * they are paired. doc/wire/beacon.md is the specification.
 *
 *   u16 length | u8 type | body        length counts type and body
 *
 * HELLO, WAIT, PAIRED and GOAWAY may carry TLVs `u8 type | u16 length | value`
 * after their fixed fields. An unknown TLV is skipped; with the top bit of its
 * type set it is refused. A reader never takes a byte past the frame that it
 * asked for (frame_need), since after PAIRED the bytes belong to the peer.
 *
 * Only the beacon sends PING, only a client sends PONG: a PING of the client's
 * that crossed PAIRED could not be told from the peer's bytes.
 */
#pragma once
#include "base/err.h"

enum {
	FRAME_LENGTH_SIZE = 2,
	FRAME_MOST = 1024,	 /* length of any frame but HELLO */
	FRAME_HELLO_MOST = 4096, /* length of a HELLO */
	FRAME_BUFFER = FRAME_LENGTH_SIZE + FRAME_HELLO_MOST,
	FRAME_HASH = 32,     /* an info hash */
	FRAME_EXPORTER = 32, /* shed TLV */
	FRAME_ID = 16,	     /* instance and pair ids */
	FRAME_PING = 8,
	FRAME_NAME_MOST = 64,
	FRAME_TEXT_MOST = 512,
	FRAME_PROOF_PART_MOST = 1536, /* leaf, CA */
	FRAME_SIGNATURE_MOST = 512,   /* RSA with 4096 bits */
	FRAME_VERSION = 1,
};

#define FRAME_ALPN "beacon/1"
/* of the exporter of the outer session in the shed TLV */
#define FRAME_SHED_LABEL "EXPORTER-pharos-shed"

enum frame_type {
	FRAME_TYPE_HELLO = 1,
	FRAME_TYPE_WAIT,
	FRAME_TYPE_PING,
	FRAME_TYPE_PONG,
	FRAME_TYPE_PAIRED,
	FRAME_TYPE_ERROR,
	FRAME_TYPE_GOAWAY,
};

enum frame_role { FRAME_LISTEN = 1, FRAME_CONNECT = 2 };

/* Codes of ERROR; frame_error_name() gives the names of the specification,
 * which logs and metrics use too. */
enum frame_error {
	FRAME_ERROR_RATE_LIMIT = 1,
	FRAME_ERROR_BAD_HELLO,
	FRAME_ERROR_VERSION,
	FRAME_ERROR_FEATURE,
	FRAME_ERROR_SOURCE_BUSY,
	FRAME_ERROR_HASH_BUSY,
	FRAME_ERROR_NO_PEER,
	FRAME_ERROR_DRAINING,
	FRAME_ERROR_UNPROVEN,
	FRAME_ERROR_TIMEOUT,
	FRAME_ERROR_COUNT,
};

enum { FRAME_PAIRED_SHED = 1 }; /* flags of PAIRED */

/* Spans are borrowed from the bytes that were read. */
struct frame_span {
	const uint8_t *bytes;
	size_t n;
};

struct frame_proof {
	struct frame_span leaf, ca; /* DER */
	struct frame_span signature;
};

struct frame_hello {
	uint8_t version;
	enum frame_role role;
	uint8_t hash[FRAME_HASH];
	bool has_shed;
	uint8_t shed[FRAME_EXPORTER];
	bool require_proven;
	char name[FRAME_NAME_MOST + 1]; /* safe to show; "" when not given */
	bool has_proof;
	struct frame_proof proof;
};

struct frame_wait {
	uint8_t instance[FRAME_ID];
	uint16_t ping_s;
	uint32_t position; /* 0 unless the cap holds the pair back */
};

struct frame_ping {
	uint8_t opaque[FRAME_PING];
};

struct frame_paired {
	uint8_t pair[FRAME_ID];
	uint32_t flags; /* FRAME_PAIRED_* */
};

struct frame_err {
	uint16_t code; /* enum frame_error, or one of a later version */
	uint32_t retry_ms;
	char text[FRAME_TEXT_MOST + 1]; /* safe to show */
};

struct frame_goaway {
	uint32_t reconnect_ms;
};

struct frame {
	enum frame_type type;
	union {
		struct frame_hello hello;
		struct frame_wait wait;
		struct frame_ping ping; /* PING and PONG */
		struct frame_paired paired;
		struct frame_err error;
		struct frame_goaway goaway;
	} u;
};

enum {
	FRAME_E_LENGTH = 1, /* zero, or more than the type allows */
	FRAME_E_TYPE,	    /* unknown */
	FRAME_E_BODY,	    /* short, long or a field out of its range */
	FRAME_E_VERSION,    /* HELLO of another version (the rest is unread) */
	FRAME_E_FEATURE,    /* an unknown TLV that must be understood */
};

/** frame_need() - how many bytes to read next so as never to read too far
 * @have: bytes of the current frame that have come, at @bytes; what is asked
 *        for never lets it grow past FRAME_BUFFER
 * @need: set to how many more to read; 0: the frame is complete
 * Return: 0; FRAME_E_LENGTH: no frame is that long; FRAME_E_TYPE. */
MUST_USE int frame_need(const void *bytes, size_t have, size_t *need);

/** frame_read() - a complete frame; spans in @out borrow from @bytes
 * @n: exactly its size
 * Return: 0; FRAME_E_*. */
MUST_USE int frame_read(struct frame *out, const void *bytes, size_t n);

/** frame_write() - into @to of @room bytes; FRAME_BUFFER is always enough
 * @used: set to the size.
 * Return: 0; -ENOBUFS; -EINVAL: a field is out of its range. */
MUST_USE int frame_write(
    const struct frame *f, void *to, size_t room, size_t *used);

/** frame_error_name() - "rateLimit"; "unknown" for codes not of this version */
const char *frame_error_name(unsigned code);
