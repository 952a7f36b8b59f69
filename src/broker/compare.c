/* broker/compare.c
 *
 *   committed   POST commitment -> theirs
 *   revealed    POST nonce      -> theirs, and the CA that they say
 *   agreed      their certificate is a bridge's of that CA
 *
 * The states are those of struct words, which never goes back. Whoever is in
 * the middle passes all of this, with words of his own: what is checked here is
 * that he could not choose them, and that the CA that a person confirms by
 * these words is the one whose bridge this session is with.
 */
#include "broker/compare.h"
#include "net/httpc.h"
#include "net/tls.h"
#include "net/tunnel.h"
#include "pki/cleanup.h"
#include "pki/identity.h"
#include "wire/bootwords.h"
#include <sodium.h>

struct compare {
	struct http_conn *conn;
	unsigned ms;
	const struct compare_events *events;
	void *ctx;
	struct httpc_call *post;
	struct words words;
};

#define IN_BETWEEN                                                             \
	"Somebody may stand between this broker and the bridge: use a beacon " \
	"that you trust, or a join string."

static void compare_free(struct compare *c)
{
	sodium_memzero(&c->words, sizeof(c->words));
	free(c);
}

static void fail(struct compare *c, const struct fault *fault)
{
	const struct compare_events *events = c->events;
	void *ctx = c->ctx;

	compare_free(c);
	events->failed(ctx, fault);
}

static void refused(struct compare *c, const struct boot_answer *answer)
{
	const struct compare_events *events = c->events;
	void *ctx = c->ctx;

	compare_free(c);
	events->refused(ctx, answer);
}

/* ---- one request --------------------------------------------------------- */

static int say(struct compare *c, enum bootwords_kind kind,
    const uint8_t bytes[BOOTWORDS_SIZE], httpc_fn fn, struct fault *fault)
{
	static const struct http_field json = { "content-type",
		"application/json" };
	CLEANUP(free_p) char *text = NULL;
	struct bootwords said = { .kind = kind };
	struct httpc_request request = { .method = "POST",
		.authority = TUNNEL_BRIDGE_NAME,
		.target = BOOTWORDS_PATH,
		.fields = &json,
		.n_fields = 1,
		.most = BOOT_ANSWER_MOST,
		.ms = c->ms };
	int r;

	memcpy(said.bytes, bytes, sizeof(said.bytes));
	r = bootwords_write(&text, &said);
	if (r)
		return r;
	request.body = text;
	request.n_body = strlen(text);
	r = httpc_send(&c->post, c->conn, &request, fn, c);
	return r > 0 ? fault_set(fault, -ECONNRESET, NULL,
			   "six words: the bridge has ended the session")
		     : r;
}

/* An answer that is not 200: the code and the words of a boot session. */
static void take_refusal(struct compare *c, const struct httpc_answer *answer)
{
	struct boot_answer a = { .n_certs = 0 };
	struct fault fault;

	if (boot_answer_read(&a, answer->body, answer->n_body, &fault)) {
		fault_wrap(&fault, "six words: the bridge answered %d",
		    answer->status);
		fail(c, &fault);
	} else if (a.code == BOOT_SIGNED) {
		fault_set(&fault, -EPROTO, NULL,
		    "six words: the bridge answered %d", answer->status);
		fail(c, &fault);
	} else {
		refused(c, &a);
	}
	boot_answer_deinit(&a);
}

/* Return: true: @out is to be looked at; false: the end was told. */
static bool heard(struct compare *c, struct bootwords *out,
    enum bootwords_kind kind, struct httpc_answer *answer,
    const struct fault *broken)
{
	struct fault fault;

	c->post = NULL;
	if (!answer) {
		fault = *broken;
		fault_wrap(&fault, "six words");
		fail(c, &fault);
		return false;
	}
	if (answer->status != 200)
		take_refusal(c, answer);
	else if (bootwords_read(
		     out, kind, answer->body, answer->n_body, &fault))
		fail(c, &fault);
	else
		return true;
	return false;
}

/* ---- the nonce and the CA ------------------------------------------------ */

/* Return: 0; -EINVAL, -EACCES with @fault; -ENOMEM. */
static int take_ca(
    X509 **out, const struct compare *c, const char *pem, struct fault *fault)
{
	CLEANUP(x509_p) X509 *ca = NULL;
	X509 *leaf = tls_leg_peer(http_conn_leg(c->conn));
	struct expectation bridge = { .role = ROLE_BRIDGE, .as_server = true };
	struct subject seen;
	struct fault own = FAULT_NONE;
	int r = pki_read_cert(&ca, pem, &own);

	if (!r && X509_check_ca(ca) != 1)
		r = fault_set(&own, -EINVAL, NULL, "it is no CA's");
	bridge.ca = ca;
	if (!r && leaf)
		r = pki_expect(&bridge, leaf, 0, &seen, &own);
	if (!r && leaf) {
		*out = STEAL(ca);
		return 0;
	}
	return fault_set(fault, r ? r : -EACCES, IN_BETWEEN,
	    "six words: the CA that was shown is not that of this session's "
	    "bridge: %s",
	    leaf ? own.text : "it showed no certificate");
}

static void agree(struct compare *c, const char *pem)
{
	const struct compare_events *events = c->events;
	struct compare_result result = { .ca = NULL };
	struct fault fault = FAULT_NONE;
	void *ctx = c->ctx;

	if (take_ca(&result.ca, c, pem, &fault)) {
		fail(c, &fault);
		return;
	}
	result.words = c->words;
	compare_free(c);
	events->agreed(ctx, &result);
	sodium_memzero(&result.words, sizeof(result.words));
	X509_free(result.ca);
}

static void on_nonce(
    void *ctx, struct httpc_answer *answer, const struct fault *broken)
{
	struct compare *c = ctx;
	struct bootwords theirs = { .ca = NULL };
	struct fault fault;

	if (heard(c, &theirs, BOOTWORDS_ANSWER, answer, broken)) {
		if (!words_revealed(&c->words, theirs.bytes)) {
			agree(c, theirs.ca);
		} else {
			fault_set(&fault, -EACCES, IN_BETWEEN,
			    "six words: the nonce that came is not the one "
			    "that was promised");
			fail(c, &fault);
		}
	}
	bootwords_deinit(&theirs);
	if (answer)
		free(answer->body);
}

/* ---- the commitment ------------------------------------------------------ */

static void reveal(struct compare *c)
{
	struct fault fault = FAULT_NONE;
	int r = say(c, BOOTWORDS_NONCE, c->words.nonce, on_nonce, &fault);

	if (r && !fault.code)
		fault_set(&fault, r, NULL, "out of memory");
	if (r)
		fail(c, &fault);
}

static void on_commitment(
    void *ctx, struct httpc_answer *answer, const struct fault *broken)
{
	struct compare *c = ctx;
	struct bootwords theirs = { .ca = NULL };
	struct fault fault;

	if (heard(c, &theirs, BOOTWORDS_COMMITMENT, answer, broken)) {
		if (!words_committed(&c->words, theirs.bytes)) {
			reveal(c);
		} else {
			fault_set(&fault, -EACCES, IN_BETWEEN,
			    "six words: our own commitment was sent back");
			fail(c, &fault);
		}
	}
	bootwords_deinit(&theirs);
	if (answer)
		free(answer->body);
}

/* ---- its life ------------------------------------------------------------ */

static int commit(struct compare *c, struct fault *fault)
{
	uint8_t exported[WORDS_EXPORTED], nonce[WORDS_NONCE];
	uint8_t commitment[WORDS_COMMITMENT];

	INVARIANT(sodium_init() >= 0);
	if (tls_leg_export(http_conn_leg(c->conn), WORDS_EXPORTER, exported))
		return fault_set(fault, -ECONNRESET, NULL,
		    "six words: the bridge has ended the session");
	randombytes_buf(nonce, sizeof(nonce));
	words_init(&c->words, WORDS_BROKER, exported, nonce);
	words_commitment(commitment, &c->words);
	return say(c, BOOTWORDS_COMMITMENT, commitment, on_commitment, fault);
}

int compare_begin(struct compare **out, struct http_conn *conn, unsigned ms,
    const struct compare_events *events, void *ctx, struct fault *fault)
{
	struct compare *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return -ENOMEM;
	c->conn = conn;
	c->ms = ms;
	c->events = events;
	c->ctx = ctx;
	r = commit(c, fault);
	if (r)
		compare_free(c);
	else
		*out = c;
	return r;
}

void compare_cancel(struct compare *c)
{
	if (!c)
		return;
	httpc_cancel(c->post);
	compare_free(c);
}
