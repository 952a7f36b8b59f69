/* bridge/registry.c: the record of one cluster, watched and written.
 *
 * There is one read of the record at most under way, begun every
 * REGISTRY_LOOK_MS, or, while the store does not answer, with back-off. What
 * the store says is the truth: another version, older or newer, replaces what
 * was known, and an entry that is gone is no registration any more. What it
 * does not say changes nothing: the last record goes on counting.
 *
 * Who writes has to know that nobody else did since he read. The store checks
 * the version; where it says no, the record is read again before the writer is
 * told, so that he judges by what there is now. A read that was begun before a
 * write was answered may bring what was there before it, so it is given up and
 * begun again; and a write's answer that comes after a newer version was read
 * is no news.
 *
 * Our certificate (bridge/ownleaf.h) and the keys at the JWT mount
 * (bridge/podkeys.h) each look after themselves, with the same account.
 */
#include "bridge/registry.h"
#include "base/backoff.h"
#include "base/log.h"
#include "bridge/ownleaf.h"
#include "bridge/podkeys.h"
#include "net/sign.h"
#include "net/loop.h"
#include "pki/ca.h"
#include "pki/cleanup.h"
#include "wire/json.h"
#include <stdio.h>

struct registry {
	struct loop *loop;
	const char *realm;
	const struct registry_events *events;
	void *ctx;
	struct space space;
	struct store *store;
	struct account *account;
	struct ownleaf *leaf;
	struct podkeys *keys;

	bool known; /* there is a record */
	struct registration record;
	unsigned long version;

	struct account_ask *look;
	struct wheel_timer timer;
	uint64_t looked_ms;
	unsigned failures;  /* in a row */
	bool answered;	    /* the store has said once what it knows */
	struct fault fault; /* of the record */

	struct registry_call *calls, *losers; /* losers wait for a look */
	size_t n_calls;
	struct registry_counts counts;
};

/* A write or a signature under way. */
struct registry_call {
	struct registry_call *next, **link;
	struct registry *registry;
	struct account_ask *ask; /* NULL: of a loser */
	void *ctx;

	registry_written_fn written;
	struct registration record;

	registry_signed_fn done;
	char name[ROLE_NAME_MOST + 1];
	EVP_PKEY *key;
	X509 *ca;
};

/* ---- calls under way ----------------------------------------------------- */

static void call_link(struct registry_call *c, struct registry_call **list)
{
	c->next = *list;
	c->link = list;
	if (c->next)
		c->next->link = &c->next;
	*list = c;
}

static void call_unlink(struct registry_call *c)
{
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
}

static int call_new(struct registry_call **out, struct registry *g, void *ctx)
{
	struct registry_call *c;

	if (g->n_calls >= REGISTRY_CALLS_MOST)
		return REGISTRY_E_AWAY;
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->registry = g;
	c->ctx = ctx;
	call_link(c, &g->calls);
	g->n_calls++;
	*out = c;
	return 0;
}

static void call_free(struct registry_call *c)
{
	call_unlink(c);
	c->registry->n_calls--;
	registration_deinit(&c->record);
	EVP_PKEY_free(c->key);
	X509_free(c->ca);
	free(c);
}

void registry_cancel(struct registry_call *c)
{
	if (!c)
		return;
	account_ask_cancel(c->ask);
	call_free(c);
}

static void tell_written(struct registry_call *c, enum registry_outcome outcome,
    const struct fault *fault)
{
	registry_written_fn fn = c->written;
	void *ctx = c->ctx;

	call_free(c);
	fn(ctx, outcome, fault);
}

/* ---- the record ---------------------------------------------------------- */

static void look(struct registry *g);

/* @record is taken; NULL: there is none. */
static void record_set(
    struct registry *g, struct registration *record, unsigned long version)
{
	registration_deinit(&g->record);
	g->known = record != NULL;
	g->version = record ? version : 0;
	if (record) {
		g->record = *record;
		*record = (struct registration){ .n_out = 0 };
	}
	g->counts.changes++;
	if (record)
		log_info("registration", LOG_STR("realm", g->realm),
		    LOG_STR("namespace", g->record.space),
		    LOG_STR("state", registration_state_text(g->record.state)),
		    LOG_UINT("version", version));
	else
		log_warn("the registration is gone from the store",
		    LOG_STR("realm", g->realm));
	podkeys_follow(g->keys, registry_record(g));
	g->events->record(g->ctx);
}

static void tell_losers(struct registry *g, const struct fault *fault)
{
	struct registry_call *told = STEAL(g->losers);

	if (told)
		told->link = &told;
	while (told)
		tell_written(
		    told, fault ? REGISTRY_AWAY : REGISTRY_LOST, fault);
}

static void on_timer(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	look(CONTAINER_OF(t, struct registry, timer));
}

static void look_in(struct registry *g, uint64_t ms)
{
	loop_after(g->loop, &g->timer, ms, on_timer);
}

/* @fault: what is in the entry is of no use; or NULL */
static void answered(struct registry *g, const struct fault *fault)
{
	uint64_t took = loop_now(g->loop) - g->looked_ms;

	if (g->counts.away)
		log_info("the store answers again", LOG_STR("realm", g->realm));
	g->counts.away = 0;
	g->counts.reads++;
	g->failures = 0;
	g->answered = true;
	look_in(g, took < REGISTRY_LOOK_MS ? REGISTRY_LOOK_MS - took : 0);
	tell_losers(g, fault);
}

/* No answer, or none that says what is in the entry. */
static void look_failed(struct registry *g, const struct fault *fault)
{
	static const struct backoff_rule rule = { REGISTRY_LOOK_MS,
		REGISTRY_REST_MOST_MS };

	if (!g->counts.away && fault->text[0])
		log_warn(g->known ? "the store does not tell the registration; "
				    "the last one counts"
				  : "the store does not tell the registration",
		    LOG_STR("realm", g->realm), LOG_STR("fault", fault->text),
		    LOG_STR("hint", fault->hint));
	g->counts.away = 1;
	g->counts.failures++;
	g->failures++;
	g->fault = *fault;
	look_in(g,
	    backoff_ms(&rule, g->failures, loop_random(g->loop, UINT32_MAX)));
	tell_losers(g, fault);
}

/* What is in the entry is no record of ours. */
static void malformed(struct registry *g, const struct fault *fault)
{
	if (strcmp(g->fault.text, fault->text) != 0)
		log_err("the registration cannot be read",
		    LOG_STR("realm", g->realm), LOG_STR("fault", fault->text),
		    LOG_STR("hint", fault->hint));
	g->fault = *fault;
	g->counts.failures++;
}

static int entry_version(unsigned long *out, const json_t *metadata)
{
	json_int_t n = json_integer_value(json_object_get(metadata, "version"));

	if (n <= 0 || (uint64_t)n > ULONG_MAX)
		return -EBADMSG;
	*out = (unsigned long)n;
	return 0;
}

static int read_entry(
    struct registry *g, const struct web_answer *a, struct fault *fault)
{
	JSON *j = json_read_object(a->body, a->n, 0);
	const json_t *data = json_object_get(j, "data");
	struct registration record = { .n_out = 0 };
	unsigned long version;
	int r = entry_version(&version, json_object_get(data, "metadata"));

	if (r)
		return fault_set(fault, r, NULL,
		    "the store's answer is not that of a KV version 2 mount");
	if (g->known && version == g->version) {
		g->fault = (struct fault)FAULT_NONE;
		return 0;
	}
	r = registration_read(&record, json_object_get(data, "data"), fault);
	if (r)
		return fault_wrap(fault, "version %lu", version);
	g->fault = (struct fault)FAULT_NONE;
	record_set(g, &record, version);
	return 0;
}

static void no_entry(struct registry *g)
{
	g->fault = (struct fault)FAULT_NONE;
	if (g->known)
		record_set(g, NULL, 0);
	else if (!g->answered)
		log_info("no registration in the store yet; waiting for it",
		    LOG_STR("realm", g->realm));
}

static void on_look(
    void *ctx, const struct web_answer *answer, const struct fault *fault)
{
	struct registry *g = ctx;
	struct fault own = FAULT_NONE;

	g->look = NULL;
	if (fault && fault->code != -ENOENT) {
		look_failed(g, fault);
		return;
	}
	if (fault)
		no_entry(g);
	else if (read_entry(g, answer, &own))
		malformed(g, &own);
	answered(g, own.code ? &own : NULL);
}

static void look(struct registry *g)
{
	struct vault_call call = { .method = NULL };
	struct fault fault = FAULT_NONE;
	char path[VAULT_PATH_MOST];
	int r;

	g->looked_ms = loop_now(g->loop);
	space_path(path, &g->space, SPACE_RECORD);
	r = vault_call_plain(&call, "GET", path, NULL);
	if (!r)
		r = account_ask(&g->look, g->account, &call, on_look, g);
	vault_call_clear(&call);
	if (!r)
		return;
	fault.code = -EAGAIN; /* without a text: the account has said why */
	look_failed(g, &fault);
}

/* Whatever is under way may bring what was there before. */
static void look_anew(struct registry *g)
{
	account_ask_cancel(STEAL(g->look));
	look(g);
}

/* ---- writing ------------------------------------------------------------- */

static bool is_lost(const struct web_answer *a)
{
	char text[FAULT_TEXT_MAX];

	return a && a->status == 400 &&
	       vault_errors(text, sizeof(text), a->body, a->n) &&
	       strstr(text, "check-and-set");
}

static void lost(struct registry_call *c)
{
	struct registry *g = c->registry;

	g->counts.lost++;
	call_unlink(c);
	call_link(c, &g->losers);
	look_anew(g);
}

static void on_written(
    void *ctx, const struct web_answer *answer, const struct fault *fault)
{
	struct registry_call *c = ctx;
	struct registry *g = c->registry;
	JSON *j = NULL;
	unsigned long version;

	c->ask = NULL;
	if (fault && is_lost(answer)) {
		lost(c);
		return;
	}
	if (fault) {
		tell_written(c, REGISTRY_AWAY, fault);
		return;
	}
	g->counts.writes++;
	j = json_read_object(answer->body, answer->n, 0);
	/* It was written, but nobody says as what, or what was written after it
	 * is known already: so look. */
	if (entry_version(&version, json_object_get(j, "data")) ||
	    version < g->version) {
		lost(c);
		return;
	}
	account_ask_cancel(STEAL(g->look));
	look_in(g, REGISTRY_LOOK_MS);
	record_set(g, &c->record, version);
	tell_written(c, REGISTRY_DONE, NULL);
}

static int write_call(struct vault_call *out, const struct registry *g,
    const struct registry_write *order)
{
	char path[VAULT_PATH_MOST];
	JSON *record = NULL;
	JSON *body = NULL;
	int r = registration_write(&record, order->record);

	if (r)
		return r;
	space_path(path, &g->space, SPACE_RECORD);
	body = json_pack("{s{sI} sO}", "options", "cas",
	    (json_int_t)order->version, "data", record);
	return body ? vault_call_plain(out, "POST", path, body) : -ENOMEM;
}

/* Send @call for @c; both are cleared if that fails. */
static int call_send(
    struct registry_call *c, struct vault_call *call, account_fn fn)
{
	int r = account_ask(&c->ask, c->registry->account, call, fn, c);

	vault_call_clear(call);
	return r > 0 ? REGISTRY_E_AWAY : r;
}

int registry_write(struct registry_call **out, struct registry *g,
    const struct registry_write *order)
{
	struct vault_call call = { .method = NULL };
	struct registry_call *c;
	int r = call_new(&c, g, order->ctx);

	if (r)
		return r;
	c->written = order->fn;
	registration_copy(&c->record, order->record);
	r = write_call(&call, g, order);
	if (!r)
		r = call_send(c, &call, on_written);
	if (r)
		call_free(c);
	else
		*out = c;
	return r;
}

/* ---- signing ------------------------------------------------------------- */

static struct sign_order order_of(const struct registry_call *c)
{
	return (struct sign_order){
		.space = &c->registry->space,
		.ca = c->ca,
		.role = ROLE_BROKER,
		.name = c->name,
		.key = c->key,
		.seconds = REGISTRY_LEAF_S,
	};
}

static void tell_signed(
    struct registry_call *c, const char *pem, const struct fault *fault)
{
	registry_signed_fn fn = c->done;
	void *ctx = c->ctx;

	call_free(c);
	fn(ctx, pem, fault);
}

static void on_signed(
    void *ctx, const struct web_answer *answer, const struct fault *fault)
{
	struct registry_call *c = ctx;
	const struct sign_order order = order_of(c);
	CLEANUP(x509_p) X509 *leaf = NULL;
	CLEANUP(free_p) char *pem = NULL;
	struct fault own = FAULT_NONE;
	int r;

	c->ask = NULL;
	if (fault) {
		tell_signed(c, NULL, fault);
		return;
	}
	r = sign_read(&leaf, &order, answer->body, answer->n, &own);
	if (!r)
		r = pki_cert_pem(&pem, leaf);
	if (!r)
		c->registry->counts.signatures++;
	else if (!own.code)
		fault_set(&own, r, NULL, "out of memory");
	tell_signed(c, pem, r ? &own : NULL);
}

/* The names that pods know the broker by: of its Service, in the namespace of
 * the ServiceAccount that may be the broker. */
enum { SERVICE_NAMES = 2, SERVICE_NAME_MOST = 256 };

static void service_names(
    char to[SERVICE_NAMES][SERVICE_NAME_MOST], const struct registration *r)
{
	static const char *const domains[] = { "svc", "svc.cluster.local" };
	const char *service = *r->service ? r->service : REGISTRATION_SERVICE;
	const char *end = strrchr(r->subject, ':'), *home = end;

	INVARIANT(end);
	while (home > r->subject && home[-1] != ':')
		home--;
	for (size_t i = 0; i < SERVICE_NAMES; i++)
		snprintf(to[i], SERVICE_NAME_MOST, "%s.%.*s.%s", service,
		    (int)(end - home), home, domains[i]);
}

static int sign_send(struct registry_call *c, const char *csr)
{
	char names[SERVICE_NAMES][SERVICE_NAME_MOST];
	const char *const hosts[] = { names[0], names[1] };
	struct vault_call call = { .method = NULL };
	struct sign_order order = order_of(c);
	int r = pki_csr_key(&c->key, csr, strlen(csr), NULL);

	if (r)
		return r;
	service_names(names, &c->registry->record);
	order.key = c->key;
	order.csr = csr;
	order.hosts = hosts;
	order.n_hosts = N_ELEMS(hosts);
	r = sign_call(&call, &order);
	return r ? r : call_send(c, &call, on_signed);
}

int registry_sign(struct registry_call **out, struct registry *g,
    const struct registry_sign *order)
{
	const struct identity *own = registry_identity(g);
	struct registry_call *c;
	int r;

	if (!role_name_ok(order->name))
		return -EINVAL;
	if (!own || !g->known)
		return REGISTRY_E_AWAY;
	r = call_new(&c, g, order->ctx);
	if (r)
		return r;
	c->done = order->fn;
	snprintf(c->name, sizeof(c->name), "%s", order->name);
	X509_up_ref(own->ca);
	c->ca = own->ca;
	r = sign_send(c, order->csr);
	if (r)
		call_free(c);
	else
		*out = c;
	return r;
}

/* ---- what is known ------------------------------------------------------- */

const struct registration *registry_record(const struct registry *g)
{
	return g->known ? &g->record : NULL;
}

unsigned long registry_version(const struct registry *g)
{
	return g->version;
}

const struct identity *registry_identity(const struct registry *g)
{
	return ownleaf_identity(g->leaf);
}

int registry_admits(
    const struct registry *g, const char *broker, struct fault *fault)
{
	if (!g->known)
		return fault_set(fault, -EACCES,
		    "pharos source register makes one",
		    "its cluster is not registered in the store");
	if (g->record.state == REGISTRATION_REVOKED)
		return fault_set(fault, -EACCES, NULL,
		    "its cluster's registration is revoked");
	if (registration_is_out(&g->record, broker))
		return fault_set(
		    fault, -EACCES, NULL, "it is revoked by its name");
	return 0;
}

const char *registry_trouble(const struct registry *g)
{
	if (*account_trouble(g->account) && !account_ready(g->account))
		return account_trouble(g->account);
	if (!g->known && g->fault.text[0])
		return g->fault.text;
	if (!g->known)
		return g->answered ? "no registration in the store yet"
				   : "the store has not answered yet";
	if (!registry_identity(g))
		return *ownleaf_trouble(g->leaf) ? ownleaf_trouble(g->leaf)
						 : "no certificate yet";
	return NULL;
}

struct account *registry_account(struct registry *g)
{
	return g->account;
}

const struct registry_counts *registry_counts(const struct registry *g)
{
	return &g->counts;
}

/* ---- the whole ----------------------------------------------------------- */

static void on_ready(void *ctx)
{
	struct registry *g = ctx;

	ownleaf_hurry(g->leaf);
	if (!g->look)
		look(g);
}

static void on_renewed(void *ctx)
{
	struct registry *g = ctx;

	g->events->identity(g->ctx);
}

static int open_account(struct registry *g,
    const struct registry_config *config, struct fault *fault)
{
	char login[VAULT_PATH_MOST];
	struct account_config account = {
		.store = g->store,
		.realm = g->realm,
		.login = login,
		.role_id = config->role_id,
		.secret_id = config->secret_id,
		.token_file = config->token_file,
		.ready = on_ready,
		.ctx = g,
	};

	space_path(login, &g->space, SPACE_LOGIN);
	return account_open(&g->account, g->loop, &account, fault);
}

static int open_parts(struct registry *g, const struct registry_config *config,
    struct fault *fault)
{
	const struct store_config store = {
		.address = config->address,
		.ca_file = config->ca_file,
		.pin_hex = config->pin_hex,
		.name_space = *g->space.name_space ? g->space.name_space : NULL,
		.call_ms = REGISTRY_ANSWER_MS,
		.egress = config->egress,
	};
	struct ownleaf_config leaf = {
		.space = &g->space,
		.name = config->name,
		.renewed = on_renewed,
		.ctx = g,
	};
	int r = store_open(&g->store, g->loop, &store, fault);

	if (!r)
		r = open_account(g, config, fault);
	leaf.account = g->account;
	if (!r)
		r = ownleaf_open(&g->leaf, &leaf);
	if (!r)
		r = podkeys_open(
		    &g->keys, g->account, &g->space, &g->counts.keys_pushed);
	return r;
}

int registry_open(struct registry **out, struct loop *loop,
    const struct registry_config *config, struct fault *fault)
{
	struct registry *g = calloc(1, sizeof(*g));
	int r;

	if (!g)
		return -ENOMEM;
	g->loop = loop;
	g->realm = config->realm;
	g->events = config->events;
	g->ctx = config->ctx;
	g->space = *config->space;
	r = open_parts(g, config, fault);
	if (r) {
		registry_close(g);
		return r;
	}
	if (account_ready(g->account))
		look_in(g, 0);
	*out = g;
	return 0;
}

void registry_close(struct registry *g)
{
	if (!g)
		return;
	while (g->calls)
		registry_cancel(g->calls);
	while (g->losers)
		registry_cancel(g->losers);
	if (g->account)
		account_ask_cancel(g->look);
	loop_cancel(g->loop, &g->timer);
	podkeys_close(g->keys);
	ownleaf_close(g->leaf);
	account_close(g->account);
	store_close(g->store);
	registration_deinit(&g->record);
	free(g);
}
