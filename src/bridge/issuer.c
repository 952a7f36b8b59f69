/* bridge/issuer.c: reads a public issuer again and again.
 *
 *   RESTING    until the timer; looks if the record has a public issuer
 *   DISCOVERY  its discovery document is asked for: what it says it is, and
 *              where its keys are
 *   KEYS       these are asked for
 *   WRITING    they are others than those stored: the record is written
 *
 * A read that fails changes nothing but that issuer_is_read() is false: then a
 * token under an unknown key makes the record stale, as where the issuer is not
 * public at all, and a person hears of it. Each replica of a bridge reads for
 * itself; who writes second finds that nothing is left to change.
 *
 * Each document is fetched over a connection of its own. That is closed from a
 * task, since libcurl is not done with it while it tells us of its answer.
 */
#include "bridge/issuer.h"
#include "base/log.h"
#include "bridge/registry.h"
#include "link/web.h"
#include "net/loop.h"
#include "wire/json.h"
#include "wire/jwt.h"
#include <stdio.h>
#include <strings.h>

enum {
	URL_MOST = FINGERPRINT_ISSUER_MOST + 64, /* and what stands behind */
	HOST_MOST = 253,
};
#define SCHEME "https://"
#define BEHIND "/.well-known/openid-configuration"

enum stage { RESTING, DISCOVERY, KEYS, WRITING, STAGES };

struct issuer {
	struct loop *loop;
	struct issuer_config config;
	enum stage stage;
	struct wheel_timer timer;		/* RESTING */
	struct loop_task task;			/* the next stage's beginning */
	struct web *web;			/* DISCOVERY, KEYS */
	struct registry_call *call;		/* WRITING */
	char name[FINGERPRINT_ISSUER_MOST + 1]; /* the record's, when begun */
	char keys_url[URL_MOST + 1];
	bool good;	     /* the last read of `name` went well */
	uint64_t not_before; /* of a read that somebody wants soon */
	struct issuer_counts counts;
};

static void on_timer(struct wheel_timer *t, uint64_t now);

static void issuer_move(struct issuer *i, enum stage to)
{
	static const unsigned allowed[STAGES] = {
		[RESTING] = 1u << DISCOVERY,
		[DISCOVERY] = 1u << KEYS | 1u << RESTING,
		[KEYS] = 1u << WRITING | 1u << RESTING,
		[WRITING] = 1u << RESTING,
	};

	INVARIANT(allowed[i->stage] & 1u << to);
	i->stage = to;
}

/* ---- which URLs ---------------------------------------------------------- */

/* Names that lead nowhere from outside, whoever asks. */
static bool is_private(const char *label)
{
	static const char *const known[] = { "svc", "local", "internal",
		"localhost", "localdomain", "lan", "home", "corp", "intranet",
		"private", "arpa", "onion" };

	for (size_t i = 0; i < N_ELEMS(known); i++)
		if (!strcasecmp(label, known[i]))
			return true;
	return false;
}

static bool host_is_public(const char *text, size_t n)
{
	static const char allowed[] = "abcdefghijklmnopqrstuvwxyz"
				      "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-";
	char host[HOST_MOST + 1];
	const char *last;

	if (!n || n > HOST_MOST)
		return false;
	memcpy(host, text, n);
	host[n] = '\0';
	last = strrchr(host, '.');
	return strspn(host, allowed) == n && last && last != host && last[1] &&
	       !strchr("0123456789-", last[1]) && !is_private(last + 1);
}

bool issuer_is_public(const char *url)
{
	const char *host = url + sizeof(SCHEME) - 1;
	size_t n;

	if (strncmp(url, SCHEME, sizeof(SCHEME) - 1) != 0 ||
	    strlen(url) > URL_MOST)
		return false;
	for (const char *at = host; *at; at++)
		if (*at <= ' ' || *at > '~' || *at == '#')
			return false;
	n = strcspn(host, ":/?");
	if (!host_is_public(host, n))
		return false;
	if (!strncmp(host + n, ":443", 4))
		n += 4;
	return !host[n] || host[n] == '/';
}

/* ---- a read's end -------------------------------------------------------- */

static void on_task(struct loop_task *task);

static void read_over(struct issuer *i, bool good)
{
	issuer_move(i, RESTING);
	i->good = good;
	loop_after(i->loop, &i->timer, good ? ISSUER_READ_MS : ISSUER_AGAIN_MS,
	    on_timer);
	loop_post(i->loop, &i->task, on_task);
}

static void read_failed(struct issuer *i, const char *what)
{
	i->counts.failures++;
	log_warn("cluster's issuer cannot be read", LOG_STR("issuer", i->name),
	    LOG_STR("fault", what),
	    LOG_STR("hint",
		"until it can, the keys that are stored go on counting; new "
		"ones need `pharos source approve`"));
	read_over(i, false);
}

/* ---- writing ------------------------------------------------------------- */

static void on_written(
    void *ctx, enum registry_outcome outcome, const struct fault *fault)
{
	struct issuer *i = ctx;

	i->call = NULL;
	if (outcome == REGISTRY_AWAY) {
		read_failed(i, fault->text);
		return;
	}
	if (outcome == REGISTRY_DONE) {
		i->counts.changes++;
		log_info("cluster has other keys", LOG_STR("issuer", i->name));
	}
	read_over(i, true);
	if (outcome == REGISTRY_LOST)
		loop_after(i->loop, &i->timer, ISSUER_LOOK_MS, on_timer);
}

static bool is_ours(const struct registration *r, const char *name)
{
	return r &&
	       (r->state == REGISTRATION_ACTIVE ||
		   r->state == REGISTRATION_STALE) &&
	       !strcmp(r->issuer, name);
}

/* Could a token be checked with them? A set without any would shut the cluster
 * out. */
static bool are_keys(const char *text, size_t n)
{
	CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;

	return !jwt_keys_new(&keys) && !jwt_keys_add_jwks(keys, text, n, NULL);
}

/* @text: the issuer's keys. They are written if they are others. */
static void take_keys(struct issuer *i, const char *text, size_t n)
{
	const struct registration *r = registry_record(i->config.registry);
	CLEANUP(registration_deinit) struct registration fresh = { .n_out = 0 };
	const struct registry_write order = { .record = &fresh,
		.version = registry_version(i->config.registry),
		.fn = on_written,
		.ctx = i };

	if (!is_ours(r, i->name)) { /* it has changed in between */
		read_over(i, false);
		return;
	}
	registration_copy(&fresh, r);
	if (!are_keys(text, n) || registration_keys(&fresh, text, n)) {
		read_failed(i, "what it gives are no keys that we use");
		return;
	}
	if (json_equal(fresh.jwks, r->jwks)) {
		read_over(i, true);
		return;
	}
	if (registry_write(&i->call, i->config.registry, &order)) {
		read_failed(i, "the store does not take the new keys now");
		return;
	}
	issuer_move(i, WRITING);
	loop_post(i->loop, &i->task, on_task);
}

/* ---- the two documents --------------------------------------------------- */

static void on_document(
    void *ctx, const struct web_answer *answer, const struct fault *fault);

static const struct web_words words = {
	.who = "issuer",
	.address = "issuer",
	.address_form = "https://HOST",
	.reach = "is it reachable from here?",
	.late = "it is tried again",
	.trust = "its certificate has to be good for the system's CAs",
	.broke = "it is tried again",
	.strange = "is it a cluster's issuer?",
};

/* Ask for @url. Return: 0; -EINVAL; -ENOMEM; WEB_E_BUSY cannot be. */
static int fetch(struct issuer *i, const char *url)
{
	size_t n = strcspn(url + sizeof(SCHEME) - 1, "/") + sizeof(SCHEME) - 1;
	CLEANUP(free_p) char *origin = strndup(url, n);
	struct web_config config = { .words = &words,
		.agent = "pharos-bridge/" PHAROS_VERSION,
		.address = origin,
		.public_only = true,
		.calls_most = 1,
		.connections_most = 1,
		.answer_most = JWT_KEYS_TEXT_MOST,
		.call_ms = ISSUER_CALL_MS,
		.egress = i->config.egress };
	const struct web_request request = { .method = "GET",
		.target = url[n] ? url + n : "/" };
	struct web_call *call;
	struct fault fault = FAULT_NONE;
	int r = origin ? 0 : -ENOMEM;

	if (!r)
		r = web_open(&i->web, i->loop, &config, &fault);
	if (!r)
		r = web_send(&call, i->web, &request, on_document, i);
	return r;
}

static void take_discovery(struct issuer *i, const char *text, size_t n)
{
	char name[FINGERPRINT_ISSUER_MOST + 1];
	JSON *j = json_read_object(text, n, 0);

	if (!j || fingerprint_issuer(name, text, n, NULL) ||
	    strcmp(name, i->name) != 0) {
		read_failed(i, "its discovery document is not its own");
		return;
	}
	if (json_copy_text(i->keys_url, sizeof(i->keys_url),
		json_object_get(j, "jwks_uri")) ||
	    !issuer_is_public(i->keys_url)) {
		read_failed(i, "it has its keys where nobody else can read");
		return;
	}
	loop_post(i->loop, &i->task, on_task);
}

static void on_document(
    void *ctx, const struct web_answer *answer, const struct fault *fault)
{
	struct issuer *i = ctx;
	char text[64];

	if (!answer) {
		read_failed(i, fault->text);
		return;
	}
	if (answer->status != 200) {
		(void)snprintf(
		    text, sizeof(text), "it answers %d", answer->status);
		read_failed(i, text);
		return;
	}
	if (i->stage == DISCOVERY)
		take_discovery(i, answer->body, answer->n);
	else
		take_keys(i, answer->body, answer->n);
}

/* What was fetched is done with; fetch what is next, if anything is. */
static void on_task(struct loop_task *task)
{
	struct issuer *i = CONTAINER_OF(task, struct issuer, task);

	web_close(STEAL(i->web));
	if (i->stage != DISCOVERY)
		return;
	issuer_move(i, KEYS);
	if (fetch(i, i->keys_url))
		read_failed(i, "out of memory");
}

static void begin(struct issuer *i, const struct registration *r)
{
	size_t n = strlen(r->issuer);
	char url[URL_MOST + 1];

	memcpy(i->name, r->issuer, n + 1);
	n -= i->name[n - 1] == '/';
	(void)snprintf(url, sizeof(url), "%.*s" BEHIND, (int)n, i->name);
	i->not_before = loop_now(i->loop) + ISSUER_HURRY_MS;
	i->counts.reads++;
	issuer_move(i, DISCOVERY);
	if (fetch(i, url))
		read_failed(i, "out of memory");
}

static void on_timer(struct wheel_timer *t, uint64_t now)
{
	struct issuer *i = CONTAINER_OF(t, struct issuer, timer);
	const struct registration *r = registry_record(i->config.registry);

	(void)now;
	if (r && is_ours(r, r->issuer) && issuer_is_public(r->issuer)) {
		begin(i, r);
		return;
	}
	i->good = false;
	loop_after(i->loop, &i->timer, ISSUER_LOOK_MS, on_timer);
}

/* ---- the whole ----------------------------------------------------------- */

int issuer_new(
    struct issuer **out, struct loop *loop, const struct issuer_config *config)
{
	struct issuer *i = calloc(1, sizeof(*i));

	if (!i)
		return -ENOMEM;
	i->loop = loop;
	i->config = *config;
	loop_after(loop, &i->timer, ISSUER_LOOK_MS, on_timer);
	*out = i;
	return 0;
}

void issuer_free(struct issuer *i)
{
	if (!i)
		return;
	loop_cancel(i->loop, &i->timer);
	loop_unpost(i->loop, &i->task);
	registry_cancel(i->call);
	web_close(i->web);
	free(i);
}

bool issuer_is_read(const struct issuer *i)
{
	return i->good && is_ours(registry_record(i->config.registry), i->name);
}

void issuer_hurry(struct issuer *i)
{
	uint64_t now = loop_now(i->loop);

	if (i->stage != RESTING || !i->good)
		return; /* it is read already, or soon */
	loop_after(i->loop, &i->timer,
	    i->not_before > now ? i->not_before - now : 0, on_timer);
}

const struct issuer_counts *issuer_counts(const struct issuer *i)
{
	return &i->counts;
}
