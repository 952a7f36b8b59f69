/* wire/wgquick.c: the file is lines: a section's name in brackets, or NAME =
 * VALUE, in which capitals do not count; '#' begins a comment.
 *
 * Written is the least that a device needs, one form each, so that a QR code of
 * it stays small: no keepalive (the device speaks first), no DNS (a tether
 * leads to one host), and by default the host's own addresses alone as
 * AllowedIPs.
 *
 * Read is what stands on a host today. A file of wg-quick may hold commands,
 * and there are tools that live by them; they are told as what they are, with
 * their line, and not dropped in silence. Names that PiVPN and wg-easy keep in
 * comments are taken where they are good names:
 *
 *   ### begin NAME ###      PiVPN, before [Peer]
 *   #[disabled] LINE        PiVPN, a peer that is switched off
 *   # Client: NAME (ID)     wg-easy, before [Peer]
 *   ### Client NAME         another installer, before [Peer]
 *   # NAME                  people, before or behind [Peer]
 */
#include "wire/wgquick.h"
#include "base/number.h"
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

#define BLANKS " \t\r"

/* ---- writing ------------------------------------------------------------- */

static void say(struct secret *to, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void say(struct secret *to, const char *fmt, ...)
{
	char line[WGNAME_ENDPOINT_MOST + 160];
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(line, sizeof(line), fmt, args);
	va_end(args);
	INVARIANT(n >= 0 && (size_t)n < sizeof(line));
	INVARIANT(!secret_append(to, line, (size_t)n));
}

/* A line of a secret key, which no buffer of ours keeps. */
static int say_key(struct secret *to, const char *name, const uint8_t *bytes)
{
	CLEANUP(secret_freep) struct secret *key = NULL;
	CLEANUP(secret_freep) struct secret *text = NULL;
	int r = secret_from(&key, bytes, WGKEY_SIZE);

	if (!r)
		r = wgkey_secret_write(&text, key);
	if (r)
		return r;
	say(to, "%s = ", name);
	INVARIANT(!secret_append(to, secret_bytes(text), WGKEY_TEXT_SIZE));
	say(to, "\n");
	return 0;
}

static int say_interface(struct secret *to, const struct wgquick_order *order)
{
	char v4[PREFIX_TEXT_MOST + 1], v6[PREFIX_TEXT_MOST + 1];
	int r = 0;

	say(to, "[Interface]\n");
	if (order->private_key)
		r = say_key(to, "PrivateKey",
		    (const uint8_t *)secret_bytes(order->private_key));
	else
		say(to, "# PrivateKey is the device's own\n");
	prefix_write(v4, &order->peer->v4);
	prefix_write(v6, &order->peer->v6);
	say(to, "Address = %s, %s\n", v4, v6);
	if (order->codex->mtu)
		say(to, "MTU = %u\n", order->codex->mtu);
	return r;
}

static int say_host(struct secret *to, const struct wgquick_order *order)
{
	const struct codex *c = order->codex;
	const struct prefix v4 = c->peer_to_peer ? c->v4 : codex_host(&c->v4);
	const struct prefix v6 = c->peer_to_peer ? c->v6 : codex_host(&c->v6);
	char key[WGKEY_TEXT_SIZE + 1];
	char v4_text[PREFIX_TEXT_MOST + 1], v6_text[PREFIX_TEXT_MOST + 1];
	int r = 0;

	wgkey_write(key, &c->key);
	say(to, "\n[Peer]\nPublicKey = %s\n", key);
	if (order->shared)
		r = say_key(to, "PresharedKey", order->shared);
	prefix_write(v4_text, &v4);
	prefix_write(v6_text, &v6);
	say(to, "Endpoint = %s\nAllowedIPs = %s, %s\n", c->endpoint, v4_text,
	    v6_text);
	return r;
}

int wgquick_write(
    struct secret **out, const struct wgquick_order *order, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *text = NULL;
	int r;

	if (!*order->codex->endpoint)
		return fault_set(fault, -EINVAL,
		    "Write `endpoint: NAME:PORT` into the codex.",
		    "the tether has no endpoint, so no peer would find it");
	r = secret_new(&text, WGQUICK_WRITTEN_MOST);
	if (!r)
		r = say_interface(text, order);
	if (!r)
		r = say_host(text, order);
	if (r)
		return fault_set(fault, r, NULL, "out of memory");
	*out = STEAL(text);
	return 0;
}

/* ---- reading: lines ------------------------------------------------------ */

enum section { NOWHERE, INTERFACE, PEER };

struct reader {
	struct wgquick_host *host;
	enum section section;
	char name[WGNAME_PEER_MOST + 1]; /* of the last comment; or empty */
	unsigned seen;			 /* bit i: fields[i], in this section */
	bool disabled;			 /* of the line */
	const char *file;
	size_t line;
	struct fault *fault;
};

static int refuse(struct reader *r, const char *hint, const char *fmt, ...)
    PRINTF_LIKE(3, 4);
static int refuse(struct reader *r, const char *hint, const char *fmt, ...)
{
	char text[FAULT_TEXT_MAX];
	va_list args;

	va_start(args, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return fault_set(
	    r->fault, -EINVAL, hint, "%s:%zu: %s", r->file, r->line, text);
}

static struct wgquick_peer *peer_of(const struct reader *r)
{
	return &r->host->peers[r->host->n_peers - 1];
}

/* Cut the blanks off both ends of @text. */
static char *trim(char *text)
{
	size_t n;

	text += strspn(text, BLANKS);
	n = strlen(text);
	while (n && strchr(BLANKS, text[n - 1]))
		n--;
	text[n] = '\0';
	return text;
}

/* ---- reading: values, one function a name -------------------------------- */

/* A value may be a secret: no fault shows it. */
static int take_private(struct reader *r, char *value)
{
	int err =
	    wgkey_private_read(&r->host->private_key, value, strlen(value));

	return err > 0 ? refuse(r, NULL, "PrivateKey: the key is %s",
			     wgkey_says(err))
		       : err;
}

static int take_shared(struct reader *r, char *value)
{
	int err = wgkey_shared_read(&peer_of(r)->shared, value, strlen(value));

	return err > 0 ? refuse(r, NULL, "PresharedKey: the key is %s",
			     wgkey_says(err))
		       : err;
}

static int take_key(struct reader *r, char *value)
{
	int err = wgkey_read(&peer_of(r)->key, value);

	return err ? refuse(
			 r, NULL, "PublicKey: the key is %s", wgkey_says(err))
		   : 0;
}

/* One address of each family. */
static int take_pair(
    struct reader *r, char *value, struct prefix *v4, struct prefix *v6)
{
	while (value) {
		char *one = trim(strsep(&value, ","));
		struct prefix p, *to;

		if (prefix_read_address(&p, one))
			return refuse(
			    r, NULL, "expected an address, got '%.60s'", one);
		to = p.family == 4 ? v4 : v6;
		if (to->family)
			return refuse(r, NULL,
			    "a second address of IPv%u: '%.60s'", p.family,
			    one);
		*to = p;
	}
	return 0;
}

static int take_addresses(struct reader *r, char *value)
{
	return take_pair(r, value, &r->host->v4, &r->host->v6);
}

static int take_allowed(struct reader *r, char *value)
{
	struct wgquick_peer *p = peer_of(r);
	int err = take_pair(r, value, &p->v4, &p->v6);

	if (err)
		return err;
	if ((p->v4.family && p->v4.bits < prefix_width(&p->v4)) ||
	    (p->v6.family && p->v6.bits < prefix_width(&p->v6)))
		return refuse(r, "A peer of a tether is one device: /32, /128.",
		    "AllowedIPs: a network behind a peer, or a default route");
	return 0;
}

static int take_number(
    struct reader *r, const char *value, uint64_t least, uint16_t *to)
{
	uint64_t number;

	if (number_parse(value, UINT16_MAX, &number) || number < least)
		return refuse(r, NULL, "expected a number, got '%.40s'", value);
	*to = (uint16_t)number;
	return 0;
}

static int take_port(struct reader *r, char *value)
{
	return take_number(r, value, 1, &r->host->port);
}

static int take_mtu(struct reader *r, char *value)
{
	return take_number(r, value, CODEX_MTU_LEAST, &r->host->mtu);
}

/* A tether has no use for it, and nothing is lost. */
static int pass_over(struct reader *r, char *value)
{
	(void)r;
	(void)value;
	return 0;
}

static int refuse_command(struct reader *r, char *value)
{
	(void)value;
	return refuse(r,
	    "Take the line out. What it does for the firewall and for routes, "
	    "zones do here.",
	    "a command, which a tether never runs");
}

static int refuse_table(struct reader *r, char *value)
{
	(void)value;
	return refuse(r, "Take the line out.",
	    "a tether has no routing table or mark of its own");
}

static const struct field {
	enum section section;
	const char *name;
	int (*take)(struct reader *r, char *value);
} fields[] = {
	{ INTERFACE, "PrivateKey", take_private },
	{ INTERFACE, "Address", take_addresses },
	{ INTERFACE, "ListenPort", take_port },
	{ INTERFACE, "MTU", take_mtu },
	{ INTERFACE, "DNS", pass_over },
	{ INTERFACE, "SaveConfig", pass_over },
	{ INTERFACE, "Table", refuse_table },
	{ INTERFACE, "FwMark", refuse_table },
	{ INTERFACE, "PreUp", refuse_command },
	{ INTERFACE, "PostUp", refuse_command },
	{ INTERFACE, "PreDown", refuse_command },
	{ INTERFACE, "PostDown", refuse_command },
	{ PEER, "PublicKey", take_key },
	{ PEER, "PresharedKey", take_shared },
	{ PEER, "AllowedIPs", take_allowed },
	{ PEER, "PersistentKeepalive", pass_over },
	{ PEER, "Endpoint", pass_over },
};
enum { FIELD_PUBLIC_KEY = 12, FIELD_PRIVATE_KEY = 0 };

static int take_field(struct reader *r, char *name, char *value)
{
	for (size_t i = 0; i < N_ELEMS(fields); i++) {
		if (fields[i].section != r->section ||
		    strcasecmp(fields[i].name, name) != 0)
			continue;
		if (r->seen >> i & 1)
			return refuse(
			    r, NULL, "%s comes twice", fields[i].name);
		r->seen |= 1U << i;
		return fields[i].take(r, value);
	}
	return refuse(r, NULL, "'%.40s' is not known here", name);
}

/* ---- reading: sections --------------------------------------------------- */

static int end_section(struct reader *r)
{
	if (r->section == INTERFACE && !(r->seen >> FIELD_PRIVATE_KEY & 1))
		return refuse(r, NULL, "[Interface] has no PrivateKey");
	if (r->section == PEER && !(r->seen >> FIELD_PUBLIC_KEY & 1))
		return refuse(r, NULL, "[Peer] has no PublicKey");
	return 0;
}

static int begin_peer(struct reader *r)
{
	struct wgquick_host *h = r->host;
	struct wgquick_peer *more;

	if (h->n_peers == CODEX_PEERS_MOST)
		return refuse(r, NULL, "more than %d peers", CODEX_PEERS_MOST);
	if (!(h->n_peers & (h->n_peers - 1))) { /* 0, or a power of two */
		more = reallocarray(
		    h->peers, h->n_peers ? 2 * h->n_peers : 1, sizeof(*more));
		if (!more)
			return -ENOMEM;
		h->peers = more;
	}
	h->peers[h->n_peers++] =
	    (struct wgquick_peer){ .disabled = r->disabled };
	memcpy(peer_of(r)->name, r->name, sizeof(r->name));
	return 0;
}

static int take_section(struct reader *r, const char *name)
{
	bool first = r->section == NOWHERE;
	int err = end_section(r);

	if (err)
		return err;
	r->seen = 0;
	if (!strcasecmp(name, "[Interface]") && first) {
		r->section = INTERFACE;
	} else if (!strcasecmp(name, "[Peer]") && !first) {
		r->section = PEER;
		err = begin_peer(r);
	} else {
		return refuse(r,
		    "A host's file has one [Interface], then its [Peer]s.",
		    "'%.40s' does not belong here", name);
	}
	r->name[0] = '\0';
	return err;
}

/* ---- reading: comments --------------------------------------------------- */

/* The name in a comment; what is none is a comment. */
static void take_comment(struct reader *r, char *text)
{
	static const char *const before[] = { "begin ", "Client: ", "Client " };
	char *to = r->name;
	size_t n;

	text = trim(text + strspn(text, "#"));
	if (!strncmp(text, "end ", 4))
		return;
	for (size_t i = 0; i < N_ELEMS(before); i++)
		if (!strncmp(text, before[i], strlen(before[i]))) {
			text += strlen(before[i]);
			break;
		}
	n = strcspn(text, BLANKS);
	if (text[n] && text[n + 1] != '#' && text[n + 1] != '(')
		return;
	text[n] = '\0';
	if (!wgname_peer_ok(text))
		return;
	if (r->section == PEER && !*peer_of(r)->name && !r->seen)
		to = peer_of(r)->name;
	memcpy(to, text, n + 1);
}

static int take_line(struct reader *r, char *line)
{
	static const char disabled[] = "#[disabled]";
	char *comment, *value;

	line = trim(line);
	r->disabled = !strncmp(line, disabled, sizeof(disabled) - 1);
	if (r->disabled)
		line = trim(line + sizeof(disabled) - 1);
	if (*line == '#') {
		take_comment(r, line);
		return 0;
	}
	comment = strchr(line, '#');
	if (comment)
		*comment = '\0';
	line = trim(line);
	if (!*line)
		return 0;
	if (*line == '[')
		return take_section(r, line);
	value = strchr(line, '=');
	if (!value)
		return refuse(r, NULL, "neither [SECTION] nor NAME = VALUE");
	*value++ = '\0';
	return take_field(r, trim(line), trim(value));
}

/* ---- reading: the file --------------------------------------------------- */

void wgquick_host_deinit(struct wgquick_host *h)
{
	for (size_t i = 0; i < h->n_peers; i++)
		secret_free(h->peers[i].shared);
	free(h->peers);
	secret_free(h->private_key);
	*h = (struct wgquick_host){ .n_peers = 0 };
}

static int read_lines(struct reader *r, char *text)
{
	int err = 0;

	for (r->line = 1; !err && text; r->line++)
		err = take_line(r, strsep(&text, "\n"));
	r->line--;
	if (!err && r->section == NOWHERE)
		return refuse(r, NULL, "there is no [Interface]");
	return err ? err : end_section(r);
}

int wgquick_read(struct wgquick_host *out, const struct wgquick_source *source,
    struct fault *fault)
{
	struct wgquick_host host = { .n_peers = 0 };
	struct reader r = {
		.host = &host, .file = source->name, .line = 1, .fault = fault
	};
	char *text;
	int err;

	if (source->n > WGQUICK_TEXT_MOST ||
	    memchr(source->text, '\0', source->n))
		return refuse(&r, NULL, "too large, or no text");
	text = malloc(source->n + 1);
	if (!text)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	memcpy(text, source->text, source->n);
	text[source->n] = '\0';
	err = read_lines(&r, text);
	secret_wipe(text, source->n);
	free(text);
	if (err == -ENOMEM)
		(void)fault_set(fault, err, NULL, "out of memory");
	if (err) {
		wgquick_host_deinit(&host);
		return err;
	}
	*out = host;
	return 0;
}
