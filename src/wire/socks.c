/* One row a message: how long it is, how it is read, how it is written. None of
 * them says its length in one place, so the length is found as the bytes come:
 * each `size` function looks at what is there and says how many bytes the
 * message has at the least. It is complete when it has come so far.
 */
#include "wire/socks.h"
#include "base/rd.h"
#include "base/wr.h"
#include <arpa/inet.h>

enum {
	VERSION = 5,
	LOGIN_VERSION = 1, /* RFC 1929, 2 */
	COMMAND_CONNECT = 1,
	IPV4 = 1,
	NAME = 3,
	IPV6 = 4,
	V4 = 4,
	V6 = 16,
	PORT = 2,
};

struct kind {
	size_t (*size)(const uint8_t *at, size_t have);
	bool (*read)(struct rd *r, struct socks *m);
	bool (*write)(struct wr *w, const struct socks *m);
	uint8_t version;
};

static size_t pair_size(const uint8_t *at, size_t have)
{
	(void)at;
	(void)have;
	return 2;
}

/* A text with its length before it; not empty. */
static bool take_text(struct rd *r, char *to)
{
	size_t n = rd_u8(r);

	rd_copy(r, to, n);
	to[n] = '\0';
	return rd_ok(r) && n && strlen(to) == n;
}

static bool put_text(struct wr *w, const char *text, size_t most)
{
	size_t n = strnlen(text, most + 1);

	if (!n || n > most)
		return false;
	wr_u8(w, (uint8_t)n);
	wr_bytes(w, text, n);
	return true;
}

/* ---- methods ------------------------------------------------------------- */

static size_t greeting_size(const uint8_t *at, size_t have)
{
	return have < 2 ? 2 : 2U + at[1];
}

static bool read_greeting(struct rd *r, struct socks *m)
{
	bool open = false;

	for (unsigned left = rd_u8(r); left && rd_ok(r); left--) {
		uint8_t method = rd_u8(r);

		open |= method == SOCKS_OPEN;
		m->u.password |= method == SOCKS_PASSWORD;
	}
	return open || m->u.password;
}

static bool write_greeting(struct wr *w, const struct socks *m)
{
	wr_u8(w, m->u.password ? 2 : 1);
	wr_u8(w, SOCKS_OPEN);
	if (m->u.password)
		wr_u8(w, SOCKS_PASSWORD);
	return true;
}

static bool read_choice(struct rd *r, struct socks *m)
{
	m->u.choice = rd_u8(r);
	return true;
}

static bool write_choice(struct wr *w, const struct socks *m)
{
	wr_u8(w, m->u.choice);
	return true;
}

/* ---- user and password --------------------------------------------------- */

static size_t login_size(const uint8_t *at, size_t have)
{
	size_t user = have < 2 ? 0 : at[1];

	if (have < 3 + user)
		return 3 + user;
	return 3 + user + at[2 + user];
}

static bool read_login(struct rd *r, struct socks *m)
{
	return take_text(r, m->u.login.user) &&
	       take_text(r, m->u.login.password);
}

static bool write_login(struct wr *w, const struct socks *m)
{
	return put_text(w, m->u.login.user, SOCKS_LOGIN_MOST) &&
	       put_text(w, m->u.login.password, SOCKS_LOGIN_MOST);
}

static bool read_verdict(struct rd *r, struct socks *m)
{
	m->u.verdict = rd_u8(r);
	return true;
}

static bool write_verdict(struct wr *w, const struct socks *m)
{
	wr_u8(w, m->u.verdict);
	return true;
}

/* ---- where --------------------------------------------------------------- */

/* REQUEST and REPLY have the same form: three bytes, address, port. */
static size_t address_size(const uint8_t *at, size_t have)
{
	size_t head = 4;

	if (have < head + 1)
		return head + 1 +
		       PORT; /* the shortest: a name without a byte */
	switch (at[3]) {
	case IPV4:
		return head + V4 + PORT;
	case IPV6:
		return head + V6 + PORT;
	default:
		return head + 1 + at[4] + PORT;
	}
}

static bool take_host(struct rd *r, char *to)
{
	const uint8_t *bytes;

	switch (rd_u8(r)) {
	case IPV4:
		bytes = rd_bytes(r, V4);
		return bytes && inet_ntop(AF_INET, bytes, to, SOCKS_HOST_MOST);
	case IPV6:
		bytes = rd_bytes(r, V6);
		return bytes && inet_ntop(AF_INET6, bytes, to, SOCKS_HOST_MOST);
	case NAME:
		return take_text(r, to);
	default:
		return false;
	}
}

static bool put_host(struct wr *w, const char *host)
{
	uint8_t address[V6];

	if (inet_pton(AF_INET, host, address) == 1) {
		wr_u8(w, IPV4);
		wr_bytes(w, address, V4);
		return true;
	}
	if (inet_pton(AF_INET6, host, address) == 1) {
		wr_u8(w, IPV6);
		wr_bytes(w, address, V6);
		return true;
	}
	wr_u8(w, NAME);
	return put_text(w, host, SOCKS_HOST_MOST);
}

static bool read_request(struct rd *r, struct socks *m)
{
	uint8_t command = rd_u8(r), reserved = rd_u8(r);
	bool good = command == COMMAND_CONNECT && !reserved &&
		    take_host(r, m->u.request.host);

	m->u.request.port = rd_u16(r);
	return good;
}

static bool write_request(struct wr *w, const struct socks *m)
{
	bool good;

	wr_u8(w, COMMAND_CONNECT);
	wr_u8(w, 0);
	good = put_host(w, m->u.request.host);
	wr_u16(w, m->u.request.port);
	return good;
}

/* The address is where the server connects from; it may be empty. */
static bool read_reply(struct rd *r, struct socks *m)
{
	uint8_t kind;

	m->u.reply = rd_u8(r);
	(void)rd_u8(r);
	kind = rd_u8(r);
	(void)rd_bytes(r, kind == IPV4 ? V4 : kind == IPV6 ? V6 : rd_u8(r));
	(void)rd_u16(r);
	return kind == IPV4 || kind == IPV6 || kind == NAME;
}

static bool write_reply(struct wr *w, const struct socks *m)
{
	static const uint8_t nowhere[V4 + PORT];

	wr_u8(w, m->u.reply);
	wr_u8(w, 0);
	wr_u8(w, IPV4);
	wr_bytes(w, nowhere, sizeof(nowhere));
	return true;
}

/* ---- all of them --------------------------------------------------------- */

static const struct kind kinds[SOCKS_MESSAGES] = {
	[SOCKS_GREETING] = { greeting_size, read_greeting, write_greeting,
	    VERSION },
	[SOCKS_CHOICE] = { pair_size, read_choice, write_choice, VERSION },
	[SOCKS_LOGIN] = { login_size, read_login, write_login, LOGIN_VERSION },
	[SOCKS_VERDICT] = { pair_size, read_verdict, write_verdict,
	    LOGIN_VERSION },
	[SOCKS_REQUEST] = { address_size, read_request, write_request,
	    VERSION },
	[SOCKS_REPLY] = { address_size, read_reply, write_reply, VERSION },
};

int socks_need(
    enum socks_message kind, const void *bytes, size_t have, size_t *need)
{
	const uint8_t *at = bytes;
	size_t size;

	if (have && at[0] != kinds[kind].version)
		return SOCKS_E_VERSION;
	size = kinds[kind].size(at, have);
	if (have > size)
		return SOCKS_E_FORM;
	*need = size - have;
	return 0;
}

int socks_read(
    struct socks *out, enum socks_message kind, const void *bytes, size_t n)
{
	struct rd r = rd_over(bytes, n);
	struct socks m = { .kind = kind };
	size_t need = 0;
	int error = n ? socks_need(kind, bytes, n, &need) : SOCKS_E_FORM;

	if (error)
		return error;
	(void)rd_u8(&r);
	if (need || !kinds[kind].read(&r, &m) || !rd_done(&r))
		return SOCKS_E_FORM;
	*out = m;
	return 0;
}

int socks_write(const struct socks *m, void *to, size_t room, size_t *used)
{
	struct wr w = wr_over(to, room);

	wr_u8(&w, kinds[m->kind].version);
	if (!kinds[m->kind].write(&w, m))
		return -EINVAL;
	if (!wr_ok(&w))
		return -ENOBUFS;
	*used = w.used;
	return 0;
}

const char *socks_reply_text(uint8_t reply)
{
	static const char *const texts[] = { "connected",
		"the SOCKS server failed", "not allowed by its rules",
		"network unreachable", "host unreachable", "connection refused",
		"TTL expired", "command not supported",
		"address type not supported" };

	return reply < N_ELEMS(texts) ? texts[reply] : "an unknown reply";
}
