/* wire/socks.h: SOCKS version 5 (RFC 1928) with user and password (RFC 1929),
 * as far as one opens a connection with it: the messages, both ends.
 *
 *   client                       server
 *   GREETING  which methods  ->
 *                            <-  CHOICE   of them, or none
 *   LOGIN                    ->           if it chose user and password
 *                            <-  VERDICT
 *   REQUEST   CONNECT, where ->
 *                            <-  REPLY    then the target's bytes
 *
 * A reader never takes a byte past the message that it asked for (socks_need).
 * Names go to the server as they are: it is who looks them up.
 */
#pragma once
#include "base/err.h"

enum {
	SOCKS_MOST = 520,	/* of any message: LOGIN has 513 */
	SOCKS_LOGIN_MOST = 255, /* bytes of the user, and of the password */
	SOCKS_HOST_MOST = 255,
};

enum socks_message {
	SOCKS_GREETING,
	SOCKS_CHOICE,
	SOCKS_LOGIN,
	SOCKS_VERDICT,
	SOCKS_REQUEST,
	SOCKS_REPLY,
	SOCKS_MESSAGES
};

/* RFC 1928, 3 */
enum socks_method { SOCKS_OPEN = 0, SOCKS_PASSWORD = 2, SOCKS_NONE = 255 };

struct socks_login {
	char user[SOCKS_LOGIN_MOST + 1], password[SOCKS_LOGIN_MOST + 1];
};

struct socks_request {
	char host[SOCKS_HOST_MOST + 1]; /* name or address; no brackets */
	uint16_t port;
};

/* One of them, as the kind says. */
struct socks {
	enum socks_message kind;
	union {
		bool password;	 /* GREETING: this method too; OPEN always is */
		uint8_t choice;	 /* enum socks_method, or what was seen */
		uint8_t verdict; /* 0: welcome */
		uint8_t reply;	 /* 0: connected; RFC 1928, 6 */
		struct socks_login login;
		struct socks_request request;
	} u;
};

enum {
	SOCKS_E_VERSION = 1, /* not SOCKS 5 */
	SOCKS_E_FORM,
};

/** socks_need() - how many bytes to read next so as never to read too far
 * @kind: what is to come
 * @have: bytes of it that have come, at @bytes; never above SOCKS_MOST
 * @need: set to how many more to read; 0: it is complete
 * Return: 0; SOCKS_E_*. */
MUST_USE int socks_need(
    enum socks_message kind, const void *bytes, size_t have, size_t *need);

/** socks_read() - a complete message of exactly @n bytes
 * The address in a REPLY is skipped; of a GREETING's methods those that we do
 * not know are too.
 * Return: 0; SOCKS_E_*. */
MUST_USE int socks_read(
    struct socks *out, enum socks_message kind, const void *bytes, size_t n);

/** socks_write() - into @to of @room bytes; SOCKS_MOST is always enough. The
 * caller wipes a LOGIN.
 * Return: 0; -ENOBUFS; -EINVAL: an empty or too long text. */
MUST_USE int socks_write(
    const struct socks *m, void *to, size_t room, size_t *used);

/** socks_reply_text() - what a REPLY says, for people: "connection refused" */
const char *socks_reply_text(uint8_t reply);
