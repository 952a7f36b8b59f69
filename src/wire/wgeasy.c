/* wire/wgeasy.c: one object:
 *
 *   { "server":  { "privateKey": KEY, "publicKey": KEY, "address": "10.8.0.1"
 * }, "clients": { ID: { "name": TEXT, "address": "10.8.0.2", "publicKey": KEY,
 *                        "privateKey": KEY, "preSharedKey": KEY,
 *                        "enabled": true, "expiredAt": TIME or null, … }, … } }
 *
 * The network is the /24 around the server's address: wg-easy writes that
 * length into every configuration and keeps no other. Port and MTU are not in
 * the file. What is not named above changes nothing for a tether and is passed
 * over; from version 15 on wg-easy keeps a database, which is none of these.
 *
 * Clients are taken in the order of the file.
 */
#include "wire/wgeasy.h"
#include "wire/instant.h"
#include "wire/json.h"
#include <stdarg.h>
#include <stdio.h>

enum { NETWORK_BITS = 24, WHAT_MOST = 80 };

struct reader {
	struct wgquick_host *host;
	const char *file;
	char what[WHAT_MOST]; /* "server", "client phone" */
	struct fault *fault;
};

static int refuse(const struct reader *r, const char *hint, const char *fmt,
    ...) PRINTF_LIKE(3, 4);
static int refuse(
    const struct reader *r, const char *hint, const char *fmt, ...)
{
	char text[200];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return fault_set(
	    r->fault, -EINVAL, hint, "%s: %s: %s", r->file, r->what, text);
}

/* ---- values -------------------------------------------------------------- */

/* A text without a NUL in it; NULL: it is none. */
static const char *text_of(const json_t *from, const char *name)
{
	const json_t *value = json_object_get(from, name);
	const char *text = json_string_value(value);

	return text && strlen(text) == json_string_length(value) ? text : NULL;
}

static int take_address(
    const struct reader *r, struct prefix *to, const json_t *from)
{
	const char *text = text_of(from, "address");

	if (!text || prefix_read_host(to, text) || to->family != 4)
		return refuse(r, NULL, "address: expected one of IPv4");
	return 0;
}

static int key_fault(const struct reader *r, const char *name, int code)
{
	return code == -ENOMEM ? code
			       : refuse(r, NULL, "%s: the key is %s", name,
				     wgkey_says(code));
}

static int take_private(const struct reader *r, const json_t *server)
{
	const char *text = text_of(server, "privateKey");
	int err;

	if (!text)
		return refuse(r, NULL, "privateKey is missing");
	err = wgkey_private_read(&r->host->private_key, text, strlen(text));
	return err ? key_fault(r, "privateKey", err) : 0;
}

static int take_public(
    const struct reader *r, struct wgkey *to, const json_t *client)
{
	const char *text = text_of(client, "publicKey");
	int err;

	if (!text)
		return refuse(r, NULL, "publicKey is missing");
	err = wgkey_read(to, text);
	return err ? key_fault(r, "publicKey", err) : 0;
}

/* Old ones have none, or an empty text. */
static int take_shared(
    const struct reader *r, struct secret **to, const json_t *client)
{
	const json_t *value = json_object_get(client, "preSharedKey");
	const char *text = text_of(client, "preSharedKey");
	int err;

	if (!value || json_is_null(value) || (text && !*text))
		return 0;
	if (!text)
		return refuse(r, NULL, "preSharedKey: expected a text");
	err = wgkey_shared_read(to, text, strlen(text));
	return err ? key_fault(r, "preSharedKey", err) : 0;
}

static int take_enabled(
    const struct reader *r, bool *disabled, const json_t *client)
{
	const json_t *value = json_object_get(client, "enabled");

	if (value && !json_is_boolean(value))
		return refuse(r, NULL, "enabled: expected true or false");
	*disabled = value && !json_is_true(value);
	return 0;
}

/* "2026-12-31T23:59:59.000Z"; what is below a second does not count. */
static int take_expires(
    const struct reader *r, int64_t *to, const json_t *client)
{
	const json_t *value = json_object_get(client, "expiredAt");
	const char *text = text_of(client, "expiredAt");
	char whole[INSTANT_TEXT_SIZE + 1];
	size_t n;

	if (!value || json_is_null(value))
		return 0;
	n = text ? strlen(text) : 0;
	if (n != 20 && n != 24)
		return refuse(r, NULL, "expiredAt: expected a time");
	memcpy(whole, text, INSTANT_TEXT_SIZE - 1);
	whole[INSTANT_TEXT_SIZE - 1] = 'Z';
	whole[INSTANT_TEXT_SIZE] = '\0';
	if (text[n - 1] != 'Z' || instant_read(to, whole) || *to < 1)
		return refuse(r, NULL, "expiredAt: expected a time");
	return 0;
}

/* ---- clients ------------------------------------------------------------- */

/* People name theirs "Ann's phone": it is "Ann-s-phone" here. */
static void take_name(char to[WGNAME_PEER_MOST + 1], const char *text)
{
	size_t n = 0;

	for (; *text && n < WGNAME_PEER_MOST; text++) {
		char one[2] = { *text, '\0' };

		if (wgname_peer_ok(one))
			to[n++] = *text;
		else if (n && (*text == '.' || *text == '_'))
			to[n++] = *text;
		else if (n && to[n - 1] != '-')
			to[n++] = '-';
	}
	while (n && to[n - 1] == '-')
		n--;
	to[n] = '\0';
	INVARIANT(!n || wgname_peer_ok(to));
}

static int take_client(
    struct reader *r, struct wgquick_peer *p, const json_t *client)
{
	const char *name = text_of(client, "name");
	int err;

	take_name(p->name, name ? name : "");
	(void)snprintf(r->what, sizeof(r->what), "client %s", p->name);
	err = take_address(r, &p->v4, client);
	if (!err)
		err = take_public(r, &p->key, client);
	if (!err)
		err = take_shared(r, &p->shared, client);
	if (!err)
		err = take_enabled(r, &p->disabled, client);
	return err ? err : take_expires(r, &p->expires, client);
}

static int take_clients(struct reader *r, json_t *clients)
{
	struct wgquick_host *h = r->host;
	const size_t n = json_object_size(clients);
	const char *id;
	json_t *client;

	(void)snprintf(r->what, sizeof(r->what), "clients");
	if (!json_is_object(clients))
		return refuse(r, NULL, "expected an object");
	if (n > CODEX_PEERS_MOST)
		return refuse(r, NULL, "more than %d", CODEX_PEERS_MOST);
	h->peers = calloc(n ? n : 1, sizeof(*h->peers));
	if (!h->peers)
		return -ENOMEM;
	json_object_foreach(clients, id, client)
	{
		int err = take_client(r, &h->peers[h->n_peers++], client);

		if (err)
			return err;
	}
	return 0;
}

static int take_server(struct reader *r, const json_t *server)
{
	int err;

	(void)snprintf(r->what, sizeof(r->what), "server");
	if (!json_is_object(server))
		return refuse(r, "It is wg0.json of wg-easy, up to version 14.",
		    "expected an object");
	err = take_private(r, server);
	if (!err)
		err = take_address(r, &r->host->v4, server);
	r->host->v4.bits = NETWORK_BITS;
	return err;
}

bool wgeasy_looks(const struct wgquick_source *source)
{
	size_t at = 0;

	while (at < source->n && strchr(" \t\r\n", source->text[at]) &&
	       source->text[at])
		at++;
	return at < source->n && source->text[at] == '{';
}

int wgeasy_read(struct wgquick_host *out, const struct wgquick_source *source,
    struct fault *fault)
{
	struct wgquick_host host = { .n_peers = 0 };
	struct reader r = {
		.host = &host, .file = source->name, .fault = fault
	};
	JSON *j = source->n > WGQUICK_TEXT_MOST
		      ? NULL
		      : json_read_object(source->text, source->n, 0);
	int err;

	if (!j)
		return fault_set(fault, -EINVAL, NULL,
		    "%s: not one JSON object", source->name);
	err = take_server(&r, json_object_get(j, "server"));
	if (!err)
		err = take_clients(&r, json_object_get(j, "clients"));
	if (err == -ENOMEM)
		(void)fault_set(fault, err, NULL, "out of memory");
	if (err) {
		wgquick_host_deinit(&host);
		return err;
	}
	*out = host;
	return 0;
}
