/* bridge/account.c: our token at the store.
 *
 *   OUT      no token: the next login is due, or rests after a failure
 *   LOGIN    a login is under way; an older token may still be in use
 *   IN       there is a token; the timer says when to renew it
 *   RENEWAL  it is being renewed, and goes on being used
 *
 * A token stays in use until another one takes its place or its time is over,
 * whatever the store says of it: a 403 may as well mean that a right is
 * missing. So a token that is refused costs a login (or a look into the file),
 * but at most one in ACCOUNT_LOGIN_LEAST_MS, and nobody who asks is without a
 * token meanwhile.
 *
 * A token out of a file is renewed too, if the store lets us: where an agent
 * writes the file that does no harm, and where a person did it lives longer.
 * It cannot be got anew by us: when it ends, only the file helps.
 */
#include "bridge/account.h"
#include "base/backoff.h"
#include "base/log.h"
#include "net/loop.h"
#include "wire/json.h"
#include <assert.h>
#include <stdio.h>

enum account_state { OUT, LOGIN, IN, RENEWAL, STATES };

struct account {
	struct loop *loop;
	struct account_config config;
	char *login, *role_id, *token_file;
	struct secret *secret_id;

	enum account_state state;
	struct secret *token;
	uint64_t until_ms; /* of the token; 0: it does not end */
	long first_s;	   /* its life as it was first told */
	bool renewable;
	struct web_call *call;
	struct wheel_timer timer;
	unsigned failures; /* in a row */
	unsigned refusals; /* tokens in a row that were refused */
	uint64_t refused_ms, looked_ms;
	struct account_ask *asks;
	char trouble[FAULT_TEXT_MAX];
	struct account_counts counts;
};

static void account_move(struct account *a, enum account_state to)
{
#define TO(state) (1U << (state))
	static const unsigned moves[] = {
		[OUT] = TO(OUT) | TO(LOGIN) | TO(IN),
		[LOGIN] = TO(OUT) | TO(IN),
		[IN] = TO(IN) | TO(OUT) | TO(LOGIN) | TO(RENEWAL),
		[RENEWAL] = TO(IN) | TO(OUT),
	};
#undef TO
	static_assert(N_ELEMS(moves) == STATES, "a row each");

	INVARIANT(moves[a->state] & 1U << to);
	a->state = to;
}

static void on_timer(struct wheel_timer *t, uint64_t now);

static void in_ms(struct account *a, uint64_t ms)
{
	loop_after(a->loop, &a->timer, ms, on_timer);
}

static void rest(struct account *a)
{
	static const struct backoff_rule rule = { ACCOUNT_REST_LEAST_MS,
		ACCOUNT_REST_MOST_MS };

	a->failures++;
	in_ms(a,
	    backoff_ms(&rule, a->failures, loop_random(a->loop, UINT32_MAX)));
}

/* ---- what is said of it -------------------------------------------------- */

/* Once for each kind of trouble, however often it is met. */
static void trouble(struct account *a, const struct fault *fault)
{
	a->counts.failures++;
	if (!strcmp(a->trouble, fault->text))
		return;
	snprintf(a->trouble, sizeof(a->trouble), "%s", fault->text);
	log_warn("store account", LOG_STR("realm", a->config.realm),
	    LOG_STR("fault", fault->text), LOG_STR("hint", fault->hint));
}

static void answer_fault(const struct account *a, const struct web_answer *ans,
    const char *what, struct fault *fault)
{
	const struct vault_failure failure = {
		.store = store_address(a->config.store),
		.status = ans->status,
		.content_type = ans->content_type,
		.body = ans->body,
		.n = ans->n,
	};

	vault_fault(fault, &failure);
	if (what)
		fault_wrap(fault, "%s", what);
}

/* ---- having a token ------------------------------------------------------ */

/* Two thirds of what is left. */
static void plan_renewal(struct account *a)
{
	uint64_t now = loop_now(a->loop);

	loop_cancel(a->loop, &a->timer);
	if (a->until_ms)
		in_ms(
		    a, a->until_ms > now ? (a->until_ms - now) * 2 / 3 + 1 : 1);
}

static void lasts(struct account *a, const struct vault_auth *auth)
{
	a->until_ms = auth->lease_s > 0
			  ? loop_now(a->loop) + (uint64_t)auth->lease_s * 1000
			  : 0;
	a->renewable = auth->renewable;
	a->failures = 0;
	a->trouble[0] = '\0';
	plan_renewal(a);
}

static void take(struct account *a, struct secret *token)
{
	bool first = !a->token;

	secret_free(a->token);
	a->token = token;
	account_move(a, IN);
	if (first && a->config.ready)
		a->config.ready(a->config.ctx);
}

static void drop_if_over(struct account *a)
{
	if (!a->token || !a->until_ms || loop_now(a->loop) < a->until_ms)
		return;
	secret_free(STEAL(a->token));
	a->until_ms = 0;
}

/* The call has brought nothing: on with what there is. */
static void failed(struct account *a, const struct fault *fault)
{
	trouble(a, fault);
	drop_if_over(a);
	account_move(a, a->token ? IN : OUT);
	rest(a);
}

/* ---- by AppRole ---------------------------------------------------------- */

static void login_refused(struct account *a, const struct web_answer *answer)
{
	struct fault fault = FAULT_NONE;

	answer_fault(a, answer, "login by AppRole", &fault);
	if (answer->status == 400)
		(void)snprintf(fault.hint, sizeof(fault.hint),
		    "is its secret id good still? `pharos source register` "
		    "with --credential writes a new one");
	failed(a, &fault);
}

static void on_login(
    void *ctx, const struct web_answer *answer, const struct fault *fault)
{
	struct account *a = ctx;
	struct vault_auth auth;

	a->call = NULL;
	if (!answer) {
		failed(a, fault);
		return;
	}
	if (answer->status != 200 ||
	    vault_read_auth(&auth, answer->body, answer->n)) {
		login_refused(a, answer);
		return;
	}
	if (!a->token || *a->trouble)
		log_info("logged in at the store",
		    LOG_STR("realm", a->config.realm),
		    LOG_INT("lease_s", auth.lease_s));
	a->counts.logins++;
	a->first_s = auth.lease_s;
	lasts(a, &auth);
	take(a, STEAL(auth.token));
	vault_auth_clear(&auth);
}

static int login_call(struct vault_call *out, const struct account *a)
{
	JSON *body = json_pack("{ss ss%}", "role_id", a->role_id, "secret_id",
	    secret_bytes(a->secret_id), secret_size(a->secret_id));

	if (!body)
		return -ENOMEM;
	return vault_call_plain(out, "POST", a->login, body);
}

/* The call could not even be made. */
static void unasked(struct account *a, int r)
{
	struct fault fault;

	fault_set(&fault, r, NULL, "the store cannot be asked: %s",
	    r == -ENOMEM ? "out of memory" : "too many calls are under way");
	failed(a, &fault);
}

static void login(struct account *a)
{
	struct vault_call call = { .method = NULL };
	int r = login_call(&call, a);

	loop_cancel(a->loop, &a->timer);
	account_move(a, LOGIN);
	if (!r)
		r = store_send(
		    &a->call, a->config.store, &call, NULL, on_login, a);
	vault_call_clear(&call);
	if (r)
		unasked(a, r);
}

/* ---- renewing ------------------------------------------------------------ */

/* The store will not renew it: by AppRole there is another way. */
static void not_renewed(struct account *a, const struct fault *fault)
{
	account_move(a, IN);
	if (a->role_id) {
		login(a);
		return;
	}
	trouble(a, fault);
	loop_cancel(a->loop, &a->timer);
}

static void renewed(struct account *a, const struct vault_auth *auth)
{
	a->counts.renewals++;
	account_move(a, IN);
	if (!a->first_s)
		a->first_s = auth->lease_s;
	lasts(a, auth);
	/* near the end of all renewing each one brings less */
	if (a->role_id && auth->lease_s < a->first_s / 2)
		a->renewable = false;
}

static void on_renewal(
    void *ctx, const struct web_answer *answer, const struct fault *fault)
{
	struct account *a = ctx;
	struct vault_auth auth;
	struct fault own = FAULT_NONE;

	a->call = NULL;
	if (!answer) {
		failed(a, fault);
		return;
	}
	if (answer->status == 200 &&
	    !vault_read_auth(&auth, answer->body, answer->n)) {
		renewed(a, &auth);
		vault_auth_clear(&auth);
		return;
	}
	answer_fault(a, answer, "renewing our token", &own);
	if (own.code == -EAGAIN || own.code == -EBADMSG)
		failed(a, &own);
	else
		not_renewed(a, &own);
}

static void renew(struct account *a)
{
	struct vault_call call = { .method = NULL };
	int r = vault_call_renew_self(&call, 0);

	loop_cancel(a->loop, &a->timer);
	account_move(a, RENEWAL);
	if (!r)
		r = store_send(
		    &a->call, a->config.store, &call, a->token, on_renewal, a);
	vault_call_clear(&call);
	if (r)
		unasked(a, r);
}

/* ---- out of a file ------------------------------------------------------- */

static int from_file(struct account *a, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *token = NULL;
	int r = secret_read_file(&token, a->token_file, VAULT_TOKEN_MOST);

	if (r) {
		file_fault(fault, r, a->token_file, VAULT_TOKEN_MOST);
		fault_wrap(fault, "--store-token-file");
		return r < 0 ? r : -EINVAL;
	}
	if (a->token &&
	    secret_equal(a->token, secret_bytes(token), secret_size(token)))
		return 0;
	if (a->call) { /* of the old one */
		web_cancel(STEAL(a->call));
		account_move(a, IN);
	}
	a->first_s = 0;
	a->until_ms = 0;
	a->trouble[0] = '\0';
	a->counts.logins++;
	take(a, STEAL(token));
	renew(a); /* how long it lasts is told with that */
	return 0;
}

static void look_into_file(struct account *a)
{
	struct fault fault = FAULT_NONE;

	if (!from_file(a, &fault))
		return;
	trouble(a, &fault);
	rest(a);
}

/* ---- ----------------------------------------------------------------------
 */

static void get_anew(struct account *a)
{
	a->looked_ms = loop_now(a->loop);
	if (a->role_id)
		login(a);
	else
		look_into_file(a);
}

static void on_timer(struct wheel_timer *t, uint64_t now)
{
	struct account *a = CONTAINER_OF(t, struct account, timer);

	(void)now;
	drop_if_over(a);
	if (!a->token && a->state == IN)
		account_move(a, OUT);
	if (!a->token || (a->role_id && !a->renewable))
		get_anew(a);
	else
		renew(a);
}

/* A token that is refused though it is new was not the reason, and most likely
 * the next one is not either: each costs twice the time of the one before. */
static void refused(struct account *a)
{
	uint64_t now = loop_now(a->loop), wait;

	if (a->state != IN || a->failures)
		return;
	if (now - a->refused_ms > ACCOUNT_CALM_MS)
		a->refusals = 0;
	a->refused_ms = now;
	wait = (uint64_t)ACCOUNT_LOGIN_LEAST_MS << a->refusals;
	if (now - a->looked_ms < wait)
		return;
	if (a->refusals < ACCOUNT_REFUSALS_MOST)
		a->refusals++;
	get_anew(a);
}

/* ---- calls of others ----------------------------------------------------- */

struct account_ask {
	struct account_ask *next, **link;
	struct account *account;
	struct web_call *call;
	account_fn fn;
	void *ctx;
};

static void ask_free(struct account_ask *k)
{
	*k->link = k->next;
	if (k->next)
		k->next->link = k->link;
	free(k);
}

static void on_answer(
    void *ctx, const struct web_answer *answer, const struct fault *fault)
{
	struct account_ask *k = ctx;
	struct account *a = k->account;
	account_fn fn = k->fn;
	void *its = k->ctx;
	struct fault own = FAULT_NONE;

	ask_free(k);
	if (!answer || answer->status / 100 == 2) {
		fn(its, answer, fault);
		return;
	}
	answer_fault(a, answer, NULL, &own);
	if (answer->status == 403)
		refused(a);
	fn(its, answer, &own);
}

int account_ask(struct account_ask **out, struct account *a,
    const struct vault_call *call, account_fn fn, void *ctx)
{
	struct account_ask *k;
	int r;

	if (!a->token)
		return ACCOUNT_E_OUT;
	k = calloc(1, sizeof(*k));
	if (!k)
		return -ENOMEM;
	*k = (struct account_ask){ a->asks, &a->asks, a, NULL, fn, ctx };
	if (k->next)
		k->next->link = &k->next;
	a->asks = k;
	r = store_send(&k->call, a->config.store, call, a->token, on_answer, k);
	if (r)
		ask_free(k);
	else
		*out = k;
	return r == WEB_E_BUSY ? ACCOUNT_E_BUSY : r;
}

void account_ask_cancel(struct account_ask *k)
{
	if (!k)
		return;
	web_cancel(k->call);
	ask_free(k);
}

/* ---- the whole ----------------------------------------------------------- */

static int copy_text(char **to, const char *text)
{
	*to = text ? strdup(text) : NULL;
	return text && !*to ? -ENOMEM : 0;
}

int account_replace(
    struct account *a, const char *role_id, const struct secret *secret_id)
{
	CLEANUP(secret_freep) struct secret *id = NULL;
	CLEANUP(free_p) char *role = strdup(role_id);
	int r = role ? 0 : -ENOMEM;

	if (!r)
		r = secret_from(
		    &id, secret_bytes(secret_id), secret_size(secret_id));
	if (r)
		return r;
	free(a->role_id);
	a->role_id = STEAL(role);
	secret_free(a->secret_id);
	a->secret_id = STEAL(id);
	if (a->call) {
		web_cancel(STEAL(a->call));
		account_move(a, a->token ? IN : OUT);
	}
	login(a);
	return 0;
}

int account_reload(struct account *a, struct fault *fault)
{
	return a->token_file ? from_file(a, fault) : 0;
}

static int begin(struct account *a, struct fault *fault)
{
	const struct account_config *c = &a->config;
	int r = copy_text(&a->login, c->login);

	if (!r && c->token_file) {
		r = copy_text(&a->token_file, c->token_file);
		return r ? r : from_file(a, fault);
	}
	return r ? r : account_replace(a, c->role_id, c->secret_id);
}

int account_open(struct account **out, struct loop *loop,
    const struct account_config *config, struct fault *fault)
{
	struct account *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return -ENOMEM;
	a->loop = loop;
	a->config = *config;
	a->config.ready = NULL; /* not from in here */
	r = begin(a, fault);
	a->config.ready = config->ready;
	if (r)
		account_close(a);
	else
		*out = a;
	return r;
}

void account_close(struct account *a)
{
	if (!a)
		return;
	while (a->asks)
		account_ask_cancel(a->asks);
	web_cancel(a->call);
	loop_cancel(a->loop, &a->timer);
	secret_free(a->token);
	secret_free(a->secret_id);
	free(a->login);
	free(a->role_id);
	free(a->token_file);
	free(a);
}

bool account_ready(const struct account *a)
{
	return a->token;
}

const char *account_trouble(const struct account *a)
{
	return a->trouble;
}

const struct account_counts *account_counts(const struct account *a)
{
	return &a->counts;
}

struct loop *account_loop(const struct account *a)
{
	return a->loop;
}

const char *account_realm(const struct account *a)
{
	return a->config.realm;
}
