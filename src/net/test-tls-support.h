/* net/test-tls-support.h: what the tests of TLS share: identities, an end that
 * sends and checks a pattern, and a peer that is bare OpenSSL and can do what
 * ours never would. Tests only. */
#pragma once
#include "base/buf.h"
#include "net/memleg.h"
#include "net/shake.h"
#include "net/test-support.h"
#include "net/tls.h"
#include "pki/testpki.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>

enum { WIDE = 256 * 1024 };

#define SERVER_NAME    "server.example"
#define SERVER_ADDRESS "192.0.2.7"

static struct loop *loop;
static struct testpki_ca ca, stranger_ca;
static struct identity *server_id, *client_id, *stranger_id;

static const char *const alpn_test[] = { "test/1", NULL };

static inline int tls_setup(void **state)
{
	(void)state;
	ca = testpki_ca_new("the CA");
	stranger_ca = testpki_ca_new("another CA");
	server_id = testpki_identity(&ca, ROLE_BRIDGE, "b", SERVER_NAME);
	client_id = testpki_identity(&ca, ROLE_BROKER, "k", SERVER_ADDRESS);
	stranger_id =
	    testpki_identity(&stranger_ca, ROLE_BRIDGE, "s", SERVER_NAME);
	return loop_new(&loop);
}

static inline int tls_teardown(void **state)
{
	(void)state;
	assert_int_equal(pool_lent(loop_pool(loop)), 0);
	loop_free(loop);
	identity_free(server_id);
	identity_free(client_id);
	identity_free(stranger_id);
	testpki_ca_free(&ca);
	testpki_ca_free(&stranger_ca);
	return 0;
}

static inline struct tls_config server_config(void)
{
	return (struct tls_config){ .end = TLS_SERVER,
		.hop = "TLS with the client",
		.alpn = alpn_test,
		.identity = server_id };
}

static inline struct tls_config client_config(void)
{
	return (struct tls_config){ .end = TLS_CLIENT,
		.hop = "TLS with the server",
		.alpn = alpn_test,
		.trust = TLS_TRUST_CA,
		.ca = ca.cert };
}

static inline struct tls_context *context_of(struct tls_config config)
{
	struct tls_context *c = NULL;
	struct fault fault = FAULT_NONE;

	if (tls_context_new(&c, &config, &fault))
		fail_msg("%s", fault.text);
	return c;
}

/* One end of a session: sends `to_send` bytes of a pattern, then ends its
 * direction; reads and checks what comes. */
struct end {
	struct leg *leg;
	size_t to_send, sent, got, read_most;
	bool keeps_open; /* does not end its direction */
	bool ended;	 /* has read the end */
	bool gone;
	ssize_t error; /* of a read or a write */
	int calls;
};

static inline uint8_t pattern(size_t i)
{
	return (uint8_t)((i * 2654435761u) >> 13);
}

static inline void end_read(struct end *e)
{
	uint8_t bytes[LOOP_BLOCK];
	size_t most = e->read_most ? e->read_most : sizeof(bytes);
	ssize_t n = leg_read(e->leg, bytes, most);

	for (ssize_t i = 0; i < n; i++)
		if (bytes[i] != pattern(e->got + (size_t)i))
			fail_msg("byte %zu differs", e->got + (size_t)i);
	if (n > 0)
		e->got += (size_t)n;
	e->ended |= n == 0;
	if (n < 0 && n != -EAGAIN)
		e->error = n;
}

static inline void end_write(struct end *e)
{
	uint8_t bytes[50000];
	size_t n = e->to_send - e->sent;
	ssize_t put;

	if (n > sizeof(bytes))
		n = sizeof(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = pattern(e->sent + i);
	put = n ? leg_write(e->leg, bytes, n) : 0;
	if (put > 0)
		e->sent += (size_t)put;
	if (put < 0 && put != -EAGAIN)
		e->error = put;
	if (e->sent == e->to_send && !e->keeps_open)
		leg_finish(e->leg);
}

static inline void end_on_event(void *ctx, struct leg *leg, unsigned events)
{
	struct end *e = ctx;
	unsigned want = 0;

	e->calls++;
	e->gone |= (events & LEG_GONE) != 0;
	if (events & LEG_READ)
		end_read(e);
	if (events & LEG_WRITE)
		end_write(e);
	if (!e->ended && !e->error)
		want |= LEG_READ;
	if (e->sent < e->to_send && !e->error)
		want |= LEG_WRITE;
	leg_want(leg, want);
}

/** end_start() - from now on @leg is driven by @e; an end with nothing to send
 * and not keeps_open ends at once */
static inline void end_start(struct end *e, struct leg *leg)
{
	e->leg = leg;
	leg_handle(leg, end_on_event, e);
	leg_want(leg, LEG_READ | LEG_WRITE);
}

struct pair {
	struct tls_context *server_context, *client_context;
	struct leg *wire; /* one of the two legs below, for memleg_chop() */
	struct end server, client;
};

static inline void pair_open(struct pair *p, struct tls_config server,
    struct tls_config client, size_t capacity)
{
	struct leg *a, *b;

	p->server_context = context_of(server);
	p->client_context = context_of(client);
	assert_int_equal(memleg_pair(&a, &b, loop, capacity), 0);
	p->wire = a;
	assert_int_equal(tls_leg_open(&a, a, p->server_context, NULL), 0);
	assert_int_equal(
	    tls_leg_open(&b, b, p->client_context, SERVER_NAME), 0);
	end_start(&p->server, a);
	end_start(&p->client, b);
}

static inline bool end_open(const struct end *e)
{
	return leg_state(e->leg) == LEG_OPEN;
}

static inline void pair_free(struct pair *p)
{
	leg_close(p->server.leg);
	leg_close(p->client.leg);
	tls_context_free(p->server_context);
	tls_context_free(p->client_context);
	for (int i = 0; i < 4; i++)
		loop_turn(loop);
}

/** TURN_UNTIL() - for what needs no clock: turn the loop and do @step until
 * @condition holds */
#define TURN_UNTIL(condition, step)                                            \
	do {                                                                   \
		int turns_ = 0;                                                \
                                                                               \
		while (!(condition) && turns_++ < 100000) {                    \
			loop_turn(loop);                                       \
			step;                                                  \
		}                                                              \
		if (!(condition))                                              \
			fail_msg("never came: %s", #condition);                \
	} while (0)

/* A peer that is bare OpenSSL over one half of a pair in memory. */
struct raw {
	SSL_CTX *ctx;
	SSL *ssl;
	BIO *in, *out;
	struct leg *leg;
	bool below_ended;
	bool stops_reading; /* nothing is taken from the leg */
	size_t hold;	    /* of what SSL writes, this much may still be sent;
			       SIZE_MAX: all */
};

/* Take the first that is offered. */
static inline int raw_on_alpn(SSL *ssl, const unsigned char **out,
    unsigned char *n_out, const unsigned char *offer, unsigned n_offer,
    void *ctx)
{
	(void)ssl;
	(void)ctx;
	assert_true(n_offer > offer[0]);
	*out = offer + 1;
	*n_out = offer[0];
	return SSL_TLSEXT_ERR_OK;
}

static inline void raw_open(struct raw *r, struct leg *leg, bool server)
{
	*r = (struct raw){ .leg = leg, .hold = SIZE_MAX };
	r->ctx =
	    SSL_CTX_new(server ? TLS_server_method() : TLS_client_method());
	SSL_CTX_set_options(r->ctx, SSL_OP_NO_TICKET);
	SSL_CTX_set_num_tickets(r->ctx, 0);
	if (!server)
		return;
	SSL_CTX_set_alpn_select_cb(r->ctx, raw_on_alpn, NULL);
	assert_int_equal(SSL_CTX_use_cert_and_key(
			     r->ctx, server_id->leaf, server_id->key, NULL, 1),
	    1);
}

/** raw_start() - once r->ctx is as wished */
static inline void raw_start(struct raw *r, bool server)
{
	static const unsigned char alpn[] = "\6test/1";

	r->ssl = SSL_new(r->ctx);
	r->in = BIO_new(BIO_s_mem());
	r->out = BIO_new(BIO_s_mem());
	BIO_set_mem_eof_return(r->in, -1);
	SSL_set_bio(r->ssl, r->in, r->out);
	if (server) {
		SSL_set_accept_state(r->ssl);
	} else {
		SSL_set_connect_state(r->ssl);
		SSL_set_alpn_protos(r->ssl, alpn, sizeof(alpn) - 1);
	}
}

/** raw_move() - bytes between SSL's memory and the leg */
static inline void raw_move(struct raw *r)
{
	uint8_t bytes[4096], *at;
	ssize_t n = 1;
	size_t left;
	long held;

	while (!r->stops_reading && n > 0) {
		n = leg_read(r->leg, bytes, sizeof(bytes));
		if (n > 0)
			BIO_write(r->in, bytes, (int)n);
		r->below_ended |= n == 0;
	}
	held = BIO_get_mem_data(r->out, &at);
	left = (size_t)held < r->hold ? (size_t)held : r->hold;
	while (left) {
		n = leg_write(
		    r->leg, at, left < sizeof(bytes) ? left : sizeof(bytes));
		if (n <= 0)
			break;
		assert_int_equal(BIO_read(r->out, bytes, (int)n), n);
		if (r->hold != SIZE_MAX)
			r->hold -= (size_t)n;
		left -= (size_t)n;
		held = BIO_get_mem_data(r->out, &at);
	}
}

/** raw_shake() - one step; true once SSL is done */
static inline bool raw_shake(struct raw *r)
{
	bool done = SSL_do_handshake(r->ssl) == 1;

	ERR_clear_error();
	raw_move(r);
	return done;
}

static inline void raw_free(struct raw *r)
{
	SSL_free(r->ssl);
	SSL_CTX_free(r->ctx);
	leg_close(r->leg);
}
