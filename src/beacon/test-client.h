/* beacon/test-client.h: the beacon on a network in memory, with real TLS and a
 * fake clock, and clients that say what a test wants.
 */
#pragma once
#include "beacon/session.h"
#include "beacon/gate.h"
#include "beacon/limits.h"
#include "base/buf.h"
#include "base/log.h"
#include "net/memleg.h"
#include "net/shake.h"
#include "net/test-support.h"
#include "pki/prove.h"
#include "pki/testpki.h"
#include "wire/proof.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

enum { START = 100000, CAPACITY = 65536, IN_MOST = 8192 };

static char trusted[] = "203.0.113.0/24"; /* proxies */
#define PROXY "203.0.113.7:4711"

struct client {
	struct tls_shake *shake;
	struct leg *raw; /* instead of TLS: nothing is said */
	struct leg *leg;
	uint8_t in[IN_MOST];
	size_t n_in;
	bool ended; /* the beacon closed in order */
	bool reset; /* or not */
};

static struct loop *loop;
static struct beacon *beacon;
static struct config config;
static struct testpki_ca server_ca, ca;
static struct identity *bridge, *broker;
static struct tls_context *outer;
static char folder[] = "/tmp/pharos-beacon-XXXXXX";
static char cert_file[64], key_file[64];
static struct client clients[300];
static size_t n_clients;

/* ---- the world ---- */

static inline void turns(void)
{
	for (int i = 0; i < 60; i++)
		loop_turn(loop);
}

/* Time passes; everything that is due on the way happens at its time. */
static inline void pass(uint64_t ms)
{
	uint64_t end = loop_now(loop) + ms;

	turns();
	while (loop_next_due(loop) < end) {
		if (loop_next_due(loop) > loop_now(loop))
			loop_set_now(loop, loop_next_due(loop));
		turns();
	}
	loop_set_now(loop, end);
	turns();
}

static inline int make_files(void **state)
{
	static const char *const alpn[] = { FRAME_ALPN, NULL };
	struct fault fault = FAULT_NONE;
	struct identity *server;

	(void)state;
	server_ca = testpki_ca_new("server");
	ca = testpki_ca_new("bridge");
	bridge = testpki_identity(&ca, ROLE_BRIDGE, "bridge", NULL);
	broker = testpki_identity(&ca, ROLE_BROKER, "broker", NULL);
	server = testpki_identity(&server_ca, ROLE_BRIDGE, "beacon", NULL);
	assert_non_null(mkdtemp(folder));
	snprintf(cert_file, sizeof(cert_file), "%s/crt", folder);
	snprintf(key_file, sizeof(key_file), "%s/key", folder);
	testpki_write_cert(cert_file, server->leaf);
	testpki_write_key(key_file, server->key);
	identity_free(server);
	return tls_context_new(&outer,
	    &(struct tls_config){ .end = TLS_CLIENT,
		.hop = "outer TLS",
		.alpn = alpn,
		.trust = TLS_TRUST_CA,
		.ca = server_ca.cert },
	    &fault);
}

static inline int remove_files(void **state)
{
	(void)state;
	unlink(cert_file);
	unlink(key_file);
	rmdir(folder);
	tls_context_free(outer);
	identity_free(bridge);
	identity_free(broker);
	testpki_ca_free(&ca);
	testpki_ca_free(&server_ca);
	return 0;
}

static inline int setup(void **state)
{
	static char *proxies[] = { trusted };
	struct fault fault = FAULT_NONE;

	(void)state;
	config = (struct config){ .tls_cert = cert_file,
		.tls_key = key_file,
		.proxy_protocol = { proxies, N_ELEMS(proxies) } };
	log_setup("beacon", LOG_FORMAT_TEXT, LOG_LEVEL_ERR);
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, START);
	if (beacon_new(&beacon, loop, &config, &fault))
		fail_msg("%s", fault.text);
	memset(clients, 0, sizeof(clients));
	n_clients = 0;
	return 0;
}

static inline int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < n_clients; i++) {
		tls_shake_cancel(clients[i].shake);
		leg_reset(clients[i].raw);
		leg_reset(clients[i].leg);
	}
	turns();
	assert_true(TAILQ_EMPTY(&beacon->sessions));
	assert_true(TAILQ_EMPTY(&beacon->pairs));
	assert_int_equal(switchboard_counts(beacon->board)->sources, 0);
	beacon_free(STEAL(beacon));
	turns();
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	loop_free(loop);
	return 0;
}

/* ---- a client ---- */

static inline void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	struct client *c = ctx;

	(void)why;
	(void)fault;
	c->shake = NULL;
	c->leg = leg;
	c->reset = !leg;
}

/* A connection from @source that does not speak TLS yet, over two ends of
 * something; NULL: it was shut, and they are reset. */
static inline struct client *connect_over(
    const char *source, struct leg *near, struct leg *far)
{
	struct client *c = &clients[n_clients];
	struct session *s = gate_enter(beacon, source);

	if (!s) {
		leg_reset(near);
		leg_reset(far);
		return NULL;
	}
	assert_true(n_clients++ < N_ELEMS(clients));
	c->raw = near;
	gate_start(s, far);
	return c;
}

static inline struct client *connect_raw_room(const char *source, size_t room)
{
	struct leg *near, *far;

	assert_int_equal(memleg_pair(&near, &far, loop, room), 0);
	return connect_over(source, near, far);
}

static inline struct client *connect_raw(const char *source)
{
	return connect_raw_room(source, CAPACITY);
}

static inline struct client *shake(struct client *c)
{
	if (!c)
		return NULL;
	assert_int_equal(tls_shake(&c->shake,
			     &(struct tls_shake_order){ .lower = STEAL(c->raw),
				 .context = outer,
				 .ms = 60000,
				 .fn = on_shaken,
				 .ctx = c }),
	    0);
	turns();
	return c;
}

static inline struct client *connect_tls(const char *source)
{
	return shake(connect_raw(source));
}

/* What comes before TLS. */
static inline void say_raw(struct client *c, const char *bytes, size_t n)
{
	assert_int_equal(leg_write(c->raw, bytes, n), (ssize_t)n);
	turns();
}

static inline void say_bytes(struct client *c, const void *bytes, size_t n)
{
	assert_int_equal(leg_write(c->leg, bytes, n), (ssize_t)n);
	turns();
}

static inline void say(struct client *c, const struct frame *f)
{
	uint8_t bytes[FRAME_BUFFER];
	size_t n;

	assert_int_equal(frame_write(f, bytes, sizeof(bytes), &n), 0);
	say_bytes(c, bytes, n);
}

static inline void read_all(struct client *c)
{
	ssize_t n;

	if (!c->leg || c->ended || c->reset)
		return;
	while ((n = leg_read(c->leg, c->in + c->n_in, IN_MOST - c->n_in)) > 0)
		c->n_in += (size_t)n;
	c->ended = n == 0;
	c->reset = n < 0 && n != -EAGAIN;
}

/* Everything that has come; several times, since a narrow connection brings it
 * in pieces. */
static inline void hear(struct client *c)
{
	for (int i = 0; i < 4; i++) {
		turns();
		read_all(c);
	}
}

static inline bool hear_frame(struct client *c, struct frame *out)
{
	size_t have = 0, need = 0;

	hear(c);
	do {
		if (frame_need(c->in, have, &need) || have + need > c->n_in)
			return false;
		have += need;
	} while (need);
	assert_int_equal(frame_read(out, c->in, have), 0);
	c->n_in -= have;
	memmove(c->in, c->in + have, c->n_in);
	return true;
}

static inline struct frame expect(struct client *c, enum frame_type type)
{
	struct frame f = { .type = 0 };

	if (!hear_frame(c, &f))
		fail_msg("no frame came (wanted type %d)", (int)type);
	if (f.type != type)
		fail_msg("type %d came, not %d: %s", (int)f.type, (int)type,
		    f.type == FRAME_TYPE_ERROR ? f.u.error.text : "");
	return f;
}

/* ERROR, and the orderly end after it. */
static inline struct frame_err expect_error(
    struct client *c, enum frame_error code)
{
	struct frame f = expect(c, FRAME_TYPE_ERROR);
	uint64_t counted = beacon->meter.refusals[code];

	if (f.u.error.code != code)
		fail_msg(
		    "%s: %s", frame_error_name(f.u.error.code), f.u.error.text);
	hear(c);
	assert_true(c->ended && !c->n_in);
	assert_true(f.u.error.text[0]);
	assert_true(counted > 0);
	return f.u.error;
}

static inline void expect_text(struct client *c, const char *text)
{
	hear(c);
	assert_int_equal(c->n_in, strlen(text));
	assert_memory_equal(c->in, text, c->n_in);
	c->n_in = 0;
}

static inline struct frame bare_hello(enum frame_role role)
{
	struct frame f = { .type = FRAME_TYPE_HELLO };

	f.u.hello.version = FRAME_VERSION;
	f.u.hello.role = role;
	assert_int_equal(realm_of(f.u.hello.hash, ca.cert), 0);
	return f;
}

static inline struct client *arrive(const char *source, enum frame_role role)
{
	struct client *c = connect_tls(source);
	struct frame hello = bare_hello(role);

	assert_non_null(c);
	say(c, &hello);
	return c;
}

static inline struct frame proven_hello(struct client *c, enum frame_role role,
    const struct identity *id, struct prove_material *m)
{
	uint8_t exporter[FRAME_EXPORTER], bytes[PROOF_SIGNED_SIZE];
	struct frame f = bare_hello(role);

	assert_int_equal(
	    tls_leg_export(c->leg, PROOF_EXPORTER_LABEL, exporter), 0);
	proof_signed_bytes(bytes, exporter, f.u.hello.hash, role);
	assert_int_equal(prove_sign(m, id, bytes, sizeof(bytes)), 0);
	f.u.hello.has_proof = true;
	f.u.hello.proof = (struct frame_proof){ { m->leaf, m->n_leaf },
		{ m->ca, m->n_ca }, { m->signature, m->n_signature } };
	return f;
}

static inline struct client *arrive_proven(
    const char *source, enum frame_role role)
{
	struct client *c = connect_tls(source);
	struct prove_material m;
	struct frame f =
	    proven_hello(c, role, role == FRAME_LISTEN ? bridge : broker, &m);

	f.u.hello.require_proven = true;
	say(c, &f);
	return c;
}

static inline void make_pair(struct client **a, struct client **b)
{
	*a = arrive("192.0.2.1:1", FRAME_LISTEN);
	expect(*a, FRAME_TYPE_WAIT);
	*b = arrive("192.0.2.2:1", FRAME_CONNECT);
	expect(*a, FRAME_TYPE_PAIRED);
	expect(*b, FRAME_TYPE_PAIRED);
}
