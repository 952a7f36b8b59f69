/* Writing: one buffer of a block, given to the sink when it is full. A peer
 * that is to be changed is written with update_only, so that one which somebody
 * else has removed meanwhile does not come back without its prefixes.
 *
 * Reading: line by line, from bytes that are cut anywhere. Of the keys those of
 * the table below are taken, each with one function; what a process of another
 * make adds (amneziawg-go its own parameters) is passed over. The state is the
 * process's word, which is to be checked like any other from outside: numbers
 * in their bounds, keys of their length, prefixes as networks.
 */
#include "wire/uapi.h"
#include "base/hex.h"
#include "base/number.h"
#include "base/secret.h"
#include <arpa/inet.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { LINE_OUT_MOST = 128, KEY_HEX = 2 * WGKEY_SIZE };

struct writer {
	char *block;
	size_t n;
	uapi_sink sink;
	void *ctx;
	int error; /* of the sink; nothing is written after it */
};

static void flush(struct writer *w)
{
	if (!w->error && w->n)
		w->error = w->sink(w->ctx, w->block, w->n);
	w->n = 0;
}

PRINTF_LIKE(2, 3) static void put(struct writer *w, const char *format, ...)
{
	va_list arguments;
	int n;

	if (UAPI_BLOCK - w->n < LINE_OUT_MOST)
		flush(w);
	va_start(arguments, format);
	n = vsnprintf(w->block + w->n, LINE_OUT_MOST, format, arguments);
	va_end(arguments);
	INVARIANT(n >= 0 && n < LINE_OUT_MOST);
	w->n += (size_t)n;
}

static void put_key(struct writer *w, const char *name, const uint8_t *key)
{
	char hex[KEY_HEX + 1];

	hex_encode(hex, key, WGKEY_SIZE);
	put(w, "%s=%s\n", name, hex);
	secret_wipe(hex, sizeof(hex));
}

static void put_prefixes(struct writer *w, const struct wgop *op)
{
	char text[PREFIX_TEXT_MOST + 1];

	for (size_t i = 0; i < op->n_prefixes; i++) {
		prefix_write(text, &op->prefixes[i]);
		put(w, "allowed_ip=%s\n", text);
	}
}

static void put_endpoint(struct writer *w, const struct wgendpoint *e)
{
	char host[INET6_ADDRSTRLEN];
	bool v6 = e->family == 6;

	INVARIANT(
	    inet_ntop(v6 ? AF_INET6 : AF_INET, e->address, host, sizeof(host)));
	put(w, v6 ? "endpoint=[%s]:%u\n" : "endpoint=%s:%u\n", host, e->port);
}

static void put_what(struct writer *w, const struct wgop *op)
{
	if (op->what & WGOP_PRESHARED)
		put_key(w, "preshared_key", op->peer->preshared);
	if (op->what & WGOP_ENDPOINT)
		put_endpoint(w, &op->peer->endpoint);
	if (op->what & WGOP_KEEPALIVE)
		put(w, "persistent_keepalive_interval=%u\n",
		    op->peer->keepalive);
	put_prefixes(w, op);
}

/* The steps of one operation, each a row. */
static void write_op(
    struct writer *w, const struct wgstate *desired, const struct wgop *op)
{
	switch (op->kind) {
	case WGOP_PRIVATE_KEY:
		put_key(w, "private_key", desired->private_key);
		break;
	case WGOP_PORT:
		put(w, "listen_port=%u\n", desired->port);
		break;
	case WGOP_MARK:
		put(w, "fwmark=%" PRIu32 "\n", desired->mark);
		break;
	case WGOP_REMOVE_PEER:
		put_key(w, "public_key", op->peer->key.bytes);
		put(w, "remove=true\n");
		break;
	case WGOP_TAKE:
		put_key(w, "public_key", WGPLAN_NOBODY.bytes);
		put_prefixes(w, op);
		put_key(w, "public_key", WGPLAN_NOBODY.bytes);
		put(w, "remove=true\n");
		break;
	case WGOP_ADD_PEER:
		put_key(w, "public_key", op->peer->key.bytes);
		put_what(w, op);
		break;
	case WGOP_CHANGE_PEER:
		put_key(w, "public_key", op->peer->key.bytes);
		put(w, "update_only=true\n");
		put_what(w, op);
		break;
	case WGOP_KINDS:
		INVARIANT(false);
	}
}

int uapi_write_plan(
    const struct wgplan *p, char *scratch, uapi_sink sink, void *ctx)
{
	struct writer w = { .block = scratch, .sink = sink, .ctx = ctx };

	put(&w, "set=1\n");
	for (size_t i = 0; i < p->n_ops && !w.error; i++)
		write_op(&w, p->desired, &p->ops[i]);
	put(&w, "\n");
	flush(&w);
	secret_wipe(scratch, UAPI_BLOCK);
	return w.error;
}

/* ---- reading ------------------------------------------------------------- */

void uapi_reader_init(struct uapi_reader *r, struct wgstate *into)
{
	*r = (struct uapi_reader){ .into = into };
}

void uapi_reader_wipe(struct uapi_reader *r)
{
	secret_wipe(r->line, sizeof(r->line));
	r->n = 0;
}

static int take_private_key(struct uapi_reader *r, const char *value)
{
	return hex_decode(r->into->private_key, WGKEY_SIZE, value) ? UAPI_E_FORM
								   : 0;
}

static int take_number(const char *value, uint64_t most, uint64_t *out)
{
	return number_parse(value, most, out) ? UAPI_E_FORM : 0;
}

static int take_port(struct uapi_reader *r, const char *value)
{
	uint64_t n;

	if (take_number(value, UINT16_MAX, &n))
		return UAPI_E_FORM;
	r->into->port = (uint16_t)n;
	return 0;
}

static int take_mark(struct uapi_reader *r, const char *value)
{
	uint64_t n;

	if (take_number(value, UINT32_MAX, &n))
		return UAPI_E_FORM;
	r->into->mark = (uint32_t)n;
	return 0;
}

static int take_public_key(struct uapi_reader *r, const char *value)
{
	struct wgkey key;
	int e;

	if (hex_decode(key.bytes, WGKEY_SIZE, value))
		return UAPI_E_FORM;
	e = wgstate_add_peer(r->into, &key, &r->peer);
	return e > 0 ? UAPI_E_FULL : e;
}

static int take_preshared(struct uapi_reader *r, const char *value)
{
	return hex_decode(r->peer->preshared, WGKEY_SIZE, value) ? UAPI_E_FORM
								 : 0;
}

/* ADDRESS:PORT or [ADDRESS]:PORT; an IPv6 one may say its link, "%eth0", which
 * is not kept. */
static int take_endpoint(struct uapi_reader *r, const char *value)
{
	struct wgendpoint e = { .family = value[0] == '[' ? 6 : 4 };
	char host[UAPI_LINE_MOST];
	char *end;
	uint64_t port;
	bool v6 = e.family == 6;

	(void)snprintf(host, sizeof(host), "%s", value + v6);
	end = strrchr(host, ':');
	if (!end || take_number(end + 1, UINT16_MAX, &port) ||
	    (v6 && (end == host || end[-1] != ']')))
		return UAPI_E_FORM;
	end[v6 ? -1 : 0] = '\0';
	host[strcspn(host, "%")] = '\0';
	if (inet_pton(v6 ? AF_INET6 : AF_INET, host, e.address) != 1)
		return UAPI_E_FORM;
	e.port = (uint16_t)port;
	r->peer->endpoint = e;
	return 0;
}

static int take_handshake_s(struct uapi_reader *r, const char *value)
{
	uint64_t n;

	if (take_number(value, INT64_MAX, &n))
		return UAPI_E_FORM;
	r->peer->seen.handshake_s = (int64_t)n;
	return 0;
}

static int take_handshake_ns(struct uapi_reader *r, const char *value)
{
	uint64_t n;

	if (take_number(value, 999999999, &n))
		return UAPI_E_FORM;
	r->peer->seen.handshake_ns = (uint32_t)n;
	return 0;
}

static int take_received(struct uapi_reader *r, const char *value)
{
	return take_number(value, UINT64_MAX, &r->peer->seen.received);
}

static int take_sent(struct uapi_reader *r, const char *value)
{
	return take_number(value, UINT64_MAX, &r->peer->seen.sent);
}

static int take_keepalive(struct uapi_reader *r, const char *value)
{
	uint64_t n;

	if (take_number(value, UINT16_MAX, &n))
		return UAPI_E_FORM;
	r->peer->keepalive = (uint16_t)n;
	return 0;
}

static int take_allowed_ip(struct uapi_reader *r, const char *value)
{
	struct prefix p;
	int e;

	if (prefix_read(&p, value))
		return UAPI_E_FORM;
	e = wgstate_add_prefix(r->into, &p);
	return e > 0 ? UAPI_E_FULL : e;
}

static int take_verdict(struct uapi_reader *r, const char *value)
{
	bool minus = value[0] == '-';
	uint64_t n;

	if (take_number(value + minus, INT32_MAX, &n))
		return UAPI_E_FORM;
	r->verdict = -(int)n;
	r->verdict_seen = true;
	return 0;
}

enum place { IN_DEVICE, IN_PEER, ANYWHERE };

static const struct line_kind {
	const char *key;
	enum place place;
	int (*take)(struct uapi_reader *r, const char *value);
} kinds[] = {
	{ "private_key", IN_DEVICE, take_private_key },
	{ "listen_port", IN_DEVICE, take_port },
	{ "fwmark", IN_DEVICE, take_mark },
	{ "public_key", ANYWHERE, take_public_key },
	{ "preshared_key", IN_PEER, take_preshared },
	{ "endpoint", IN_PEER, take_endpoint },
	{ "last_handshake_time_sec", IN_PEER, take_handshake_s },
	{ "last_handshake_time_nsec", IN_PEER, take_handshake_ns },
	{ "rx_bytes", IN_PEER, take_received },
	{ "tx_bytes", IN_PEER, take_sent },
	{ "persistent_keepalive_interval", IN_PEER, take_keepalive },
	{ "allowed_ip", IN_PEER, take_allowed_ip },
	{ "errno", ANYWHERE, take_verdict },
};

static int take_pair(struct uapi_reader *r, const char *key, const char *value)
{
	for (size_t i = 0; i < N_ELEMS(kinds); i++) {
		const struct line_kind *k = &kinds[i];

		if (strcmp(key, k->key) != 0)
			continue;
		if (k->take != take_verdict &&
		    (!r->into || (k->place == IN_PEER && !r->peer) ||
			(k->place == IN_DEVICE && r->peer)))
			return UAPI_E_FORM;
		return k->take(r, value);
	}
	return 0;
}

/* A line of r->n characters, its LF taken off. */
static int take_line(struct uapi_reader *r)
{
	char *equals;

	r->line[r->n] = '\0';
	if (!r->n) {
		r->done = r->verdict_seen;
		return r->done ? 0 : UAPI_E_FORM;
	}
	equals = strchr(r->line, '=');
	if (r->verdict_seen || !equals || strlen(r->line) != r->n)
		return UAPI_E_FORM;
	*equals = '\0';
	return take_pair(r, r->line, equals + 1);
}

int uapi_reader_feed(struct uapi_reader *r, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int e;

		if (r->done || r->n == sizeof(r->line) - 1)
			return UAPI_E_FORM;
		if (bytes[i] != '\n') {
			r->line[r->n++] = bytes[i];
			continue;
		}
		e = take_line(r);
		if (e)
			return e;
		r->n = 0;
	}
	return 0;
}
