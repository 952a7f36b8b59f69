#include "cli/storecall.h"
#include "base/egressoption.h"
#include "link/web.h"
#include "net/egress.h"
#include "net/loop.h"
#include "wire/json.h"
#include <stdio.h>

enum { CALL_MS = 30000, PATIENCE_MS = 1000 };

struct storecall {
	struct loop *loop;
	struct egress *egress;
	struct web *web;
	struct secret *token;
	char *name_space;
	struct wheel_timer timer; /* of a pause, or of patience */
	const char *doing;	  /* what takes long; NULL: nothing, or told */
	bool pause;
};

/* What came, of one call. */
struct answer {
	struct web_call *sent; /* NULL once it is over */
	int status;	       /* 0: none came */
	char *body;	       /* NULL: no memory */
	size_t n;
	struct fault fault;
};

static const struct web_words words = {
	.who = "store",
	.address = "--secretstore-address",
	.address_form = "expected is https://HOST[:PORT][/PATH]",
	.ca = "--secretstore-ca",
	.reach = "check --secretstore-address, and that the store listens "
		 "there",
	.late = "check that the store runs and is not overloaded",
	.trust = "check --secretstore-ca and the names in the store's "
		 "certificate",
	.broke = "look into the store's log",
	.strange = "is this a store's HTTP API?",
};

static int no_memory(struct fault *fault)
{
	return fault_set(fault, -ENOMEM, NULL, "out of memory");
}

/* ---- opening ------------------------------------------------------------- */

int storecall_address(
    char out[STOREADDRESS_MOST + 1], const char *text, struct fault *fault)
{
	return storeaddress_complete(out, text, words.address, fault);
}

static int take_token(struct storecall *s,
    const struct storecall_config *config, struct fault *fault)
{
	const char *file = config->token_file;
	int r;

	if (!config->token == !file)
		return fault_set(fault, OPTION_E_BAD,
		    "Name a file with --secretstore-token-file; - is standard "
		    "input.",
		    file ? "two tokens for the store: --secretstore-token and "
			   "--secretstore-token-file"
			 : "no token for the store");
	if (!file) {
		r = secret_from(
		    &s->token, config->token, strlen(config->token));
		return r ? no_memory(fault) : 0;
	}
	r = secret_read_token(&s->token,
	    strcmp(file, "-") != 0 ? file : "/dev/stdin", VAULT_TOKEN_MOST);
	if (r)
		file_fault(fault, r, file, VAULT_TOKEN_MOST);
	return r > 0 ? -EINVAL : r;
}

/* A token goes into a header: nothing that could end it. */
static int check_token(const struct storecall *s, struct fault *fault)
{
	const char *token = secret_bytes(s->token);

	for (size_t i = 0; i < secret_size(s->token); i++)
		if (token[i] <= ' ' || token[i] == 0x7f)
			return fault_set(fault, -EINVAL, "A token is one word.",
			    "the token for the store has a character that none "
			    "has");
	return 0;
}

static int open_web(struct storecall *s, const struct storecall_config *config,
    struct fault *fault)
{
	char address[STOREADDRESS_MOST + 1];
	struct egress_words said;
	struct web_config web = {
		.words = &words,
		.agent = "pharos/" PHAROS_VERSION,
		.address = address,
		.takes_path = true,
		.ca_file = config->ca_file,
		.calls_most = 1,
		.connections_most = 1,
		.answer_most = VAULT_ANSWER_MOST,
		.call_ms = CALL_MS,
	};
	int r = storecall_address(address, config->address, fault);

	if (r)
		return r;
	egress_choose(&said, config->egress, getenv);
	r = said.url ? egress_new(&s->egress, &said, fault) : 0;
	web.egress = s->egress;
	return r ? r : web_open(&s->web, s->loop, &web, fault);
}

int storecall_open(struct storecall **out,
    const struct storecall_config *config, struct fault *fault)
{
	CLEANUP(storecall_closep)
	struct storecall *s = calloc(1, sizeof(*s));
	int r;

	vault_wipe_json();
	if (!s)
		return no_memory(fault);
	r = take_token(s, config, fault);
	if (!r)
		r = check_token(s, fault);
	if (r)
		return r;
	r = loop_new(&s->loop);
	if (!r && config->name_space) {
		s->name_space = strdup(config->name_space);
		r = s->name_space ? 0 : -ENOMEM;
	}
	if (!r)
		r = open_web(s, config, fault);
	if (r)
		return fault->code ? r : no_memory(fault);
	*out = STEAL(s);
	return 0;
}

void storecall_close(struct storecall *s)
{
	if (!s)
		return;
	web_close(s->web);
	egress_free(s->egress);
	loop_free(s->loop);
	secret_free(s->token);
	free(s->name_space);
	free(s);
}

void storecall_closep(struct storecall **s)
{
	storecall_close(*s);
}

/* ---- one call ------------------------------------------------------------ */

static void answer_clear(struct answer *a)
{
	if (a->body)
		secret_wipe(a->body, a->n);
	free(a->body);
	*a = (struct answer){ .sent = NULL };
}

static void on_answer(
    void *ctx, const struct web_answer *got, const struct fault *fault)
{
	struct answer *a = ctx;

	a->sent = NULL;
	if (!got) {
		a->fault = *fault;
		return;
	}
	a->status = got->status;
	a->body = malloc(got->n + 1);
	if (!a->body)
		return;
	memcpy(a->body, got->body, got->n + 1);
	a->n = got->n;
}

static void on_patience_end(struct wheel_timer *t, uint64_t now_ms)
{
	struct storecall *s = CONTAINER_OF(t, struct storecall, timer);

	(void)now_ms;
	if (s->doing)
		(void)fprintf(stderr, "%s …\n", s->doing);
	s->doing = NULL;
}

static void on_pause_end(struct wheel_timer *t, uint64_t now_ms)
{
	(void)now_ms;
	CONTAINER_OF(t, struct storecall, timer)->pause = false;
}

static void pause_ms(struct storecall *s, uint64_t ms)
{
	s->pause = true;
	loop_after(s->loop, &s->timer, ms, on_pause_end);
	while (s->pause)
		loop_wait(s->loop);
}

/* Of all calls here the namespace is the last header. */
static const char *where_or_own(const struct storecall *s, const char *where)
{
	const char *name = where ? where : s->name_space;

	return name && *name ? name : NULL;
}

/* @out: answer_clear() it; without an answer it has the fault.
 * Return: 0; -ENOMEM. */
static int ask(struct answer *out, struct storecall *s, const char *where,
    const struct vault_call *call)
{
	const char *name_space = where_or_own(s, where);
	const struct web_header headers[] = {
		{ "X-Vault-Request", "true" },
		{ "X-Vault-Token", secret_bytes(s->token) },
		{ "Content-Type", "application/json" },
		{ "X-Vault-Namespace", name_space },
	};
	const struct web_request request = { .method = call->method,
		.target = call->target,
		.headers = headers,
		.n_headers = N_ELEMS(headers) - !name_space,
		.body = call->body };
	int r;

	*out = (struct answer){ .status = 0 };
	r = web_send(&out->sent, s->web, &request, on_answer, out);
	if (r)
		return -ENOMEM; /* one call at a time is never too many */
	loop_after(s->loop, &s->timer, PATIENCE_MS, on_patience_end);
	while (out->sent)
		loop_wait(s->loop);
	loop_cancel(s->loop, &s->timer);
	s->doing = NULL;
	return out->body || out->fault.code ? 0 : -ENOMEM;
}

/* ---- failures ------------------------------------------------------------ */

/* A call, and where it was made. */
struct place {
	const char *name_space, *method, *path;
};

/* What the token may do there, as the store says: "read, list". */
static void ask_rights(
    char *to, size_t room, struct storecall *s, const struct place *at)
{
	JSON *body = json_pack("{s[s]}", "paths", at->path);
	struct vault_call call = { .body = NULL };
	struct answer a = { .sent = NULL };
	const json_t *list, *one;
	JSON *j = NULL;
	size_t i, used = 0;

	*to = '\0';
	if (!body ||
	    vault_call_plain(&call, "POST", "sys/capabilities-self", body))
		return;
	if (!ask(&a, s, at->name_space, &call) && a.status == 200)
		j = json_read_object(a.body, a.n, 0);
	list = json_object_get(json_object_get(j, "data"), at->path);
	json_array_foreach(list, i, one)
	{
		const char *name = json_string_value(one);

		if (name && used < room)
			used += (size_t)snprintf(to + used, room - used, "%s%s",
			    used ? ", " : "", name);
	}
	answer_clear(&a);
	vault_call_clear(&call);
}

/* 403: which right is missing, where. */
static void tell_right(
    struct storecall *s, const struct place *at, struct fault *fault)
{
	const char *name_space = where_or_own(s, at->name_space);
	char has[60]; /* all there are: 46 */

	ask_rights(has, sizeof(has), s, at);
	(void)snprintf(fault->hint, sizeof(fault->hint),
	    "%sThe token needs %s on %.120s%s%.60s; %s%s.",
	    *has ? "" : "Is it the right token, and good still? ",
	    changes_right(at->method), at->path,
	    name_space ? " in the namespace " : "",
	    name_space ? name_space : "",
	    *has ? "it has: " : "what it has, the store does not tell it", has);
}

/* Where @call goes. Borrows from it. */
static struct place place_of(const char *where, const struct vault_call *call)
{
	static const char api[] = "/v1/";

	return (
	    struct place){ where, call->method, call->target + strlen(api) };
}

static struct vault_failure failure_of(
    const struct storecall *s, const struct answer *a)
{
	return (struct vault_failure){ .store = web_address(s->web),
		.status = a->status,
		.body = a->body,
		.n = a->n };
}

/* There is no such thing, and nothing more is said of it. */
static bool is_nothing(const struct storecall *s, const struct answer *a)
{
	const struct vault_failure failure = failure_of(s, a);
	char said[FAULT_TEXT_MAX];

	return a->status == 404 &&
	       !vault_errors(said, sizeof(said), a->body, a->n) &&
	       vault_is_nothing(&failure);
}

/* @a is not what was asked for. */
static int tell(struct storecall *s, const struct answer *a,
    const struct place *at, struct fault *fault)
{
	const struct vault_failure failure = failure_of(s, a);

	if (!a->status) {
		*fault = a->fault;
		return fault->code;
	}
	vault_fault(fault, &failure);
	if (a->status == 403)
		tell_right(s, at, fault);
	return fault_wrap(fault, "%s %.150s", at->method, at->path);
}

int storecall_read(json_t **out, struct storecall *s, const char *where,
    const struct vault_call *call, struct fault *fault)
{
	const struct place at = place_of(where, call);
	struct answer a;
	int r = ask(&a, s, where, call);

	if (r)
		return no_memory(fault);
	*out = NULL;
	if (a.status == 200) {
		*out = json_read_object(a.body, a.n, 0);
		if (!*out)
			r = fault_set(fault, -EBADMSG, words.strange,
			    "store %s: the answer is not JSON",
			    web_address(s->web));
	} else if (!is_nothing(s, &a)) {
		r = tell(s, &a, &at, fault);
	}
	answer_clear(&a);
	return r;
}

int storecall_ready(
    char *version, size_t room, struct storecall *s, struct fault *fault)
{
	const json_t *sealed, *said;
	struct vault_call call;
	JSON *j = NULL;
	int r = vault_call_plain(&call, "GET", STORECALL_STATUS, NULL);

	if (r)
		return no_memory(fault);
	r = storecall_read(&j, s, "", &call, fault);
	if (r)
		return r;
	sealed = json_object_get(j, "sealed");
	if (!json_is_boolean(sealed))
		return fault_set(fault, -EBADMSG,
		    "Is there another server or a proxy at this address?",
		    "store %s: it does not answer as a store",
		    web_address(s->web));
	if (!json_is_true(json_object_get(j, "initialized")))
		return fault_set(fault, -EAGAIN,
		    "Initialise it: bao operator init.",
		    "store %s: it is not initialised", web_address(s->web));
	if (json_is_true(sealed))
		return fault_set(fault, -EAGAIN,
		    "Unseal it: bao operator unseal, or its auto-unseal.",
		    "store %s: it is sealed", web_address(s->web));
	said = json_object_get(j, "version");
	(void)snprintf(version, room, "%s",
	    json_is_string(said) ? json_string_value(said) : "");
	return 0;
}

bool storecall_advisory(
    char out[ADVISORY_TEXT_MOST], struct storecall *s, const char *version)
{
	struct fault ignored = FAULT_NONE;
	struct vault_call call;
	JSON *health = NULL;

	if (!advisory_of(out, version, ADVISORY_UNSURE))
		return false;
	/* who does not answer has it told as it can be */
	if (vault_call_plain(&call, "GET", "sys/health", NULL) ||
	    storecall_read(&health, s, "", &call, &ignored))
		health = NULL;
	return advisory_of(out, version, advisory_store(health));
}

int storecall_compare(
    struct storecall *s, const struct changes *p, size_t i, struct fault *fault)
{
	struct changes_step step;
	struct vault_call call;
	struct place at;
	struct answer a;
	int r;

	changes_step(&step, p, i);
	r = vault_call_plain(&call, "GET", step.look, NULL);
	if (!r)
		r = ask(&a, s, step.name_space, &call);
	if (r)
		return no_memory(fault);
	at = place_of(step.name_space, &call);
	r = changes_compare(p, i, a.status, a.body, a.n);
	if (r == CHANGES_E_REFUSED)
		(void)tell(s, &a, &at, fault);
	answer_clear(&a);
	return r;
}

/* ---- changes ------------------------------------------------------------- */

static void tell_step(const struct changes_step *step)
{
	switch (step->outcome) {
	case CHANGES_DONE:
		(void)fprintf(stderr, "done, and stays so: %s %s\n",
		    step->method, step->path);
		break;
	case CHANGES_UNDONE:
		(void)fprintf(
		    stderr, "undone: %s is as it was before\n", step->what);
		break;
	case CHANGES_LEFT:
		if (step->replaced) {
			(void)fprintf(stderr,
			    "left as it is now: %s, at /v1/%s; what it was "
			    "cannot be written again\n",
			    step->what, step->path);
			break;
		}
		(void)fprintf(stderr,
		    "left behind: %s; %s /v1/%s may have been done; do this "
		    "again, or DELETE it\n",
		    step->what, step->method, step->path);
		break;
	default:
		break;
	}
}

/* What step of @p the call that is next belongs to. */
static const char *doing(const struct changes *p)
{
	struct changes_step step;

	for (size_t i = 0; i < changes_size(p); i++) {
		changes_step(&step, p, i);
		if (step.outcome == CHANGES_WAITS)
			return step.what;
	}
	return "undoing";
}

static int tell_unfit(
    const char *what, const struct place *at, struct fault *fault)
{
	return fault_set(fault, -EEXIST,
	    "Pharos does not change what it has not made: remove it, or take "
	    "another namespace.",
	    "%s: at %s something of another kind is there already", what,
	    at->path);
}

/* One call of @p, as often as the store wants it.
 * Return: 0; -errno with @fault: it has failed there. */
static int advance(struct storecall *s, struct changes *p, struct fault *fault)
{
	struct vault_call call = *changes_call(p);
	const struct place at = place_of(changes_where(p), &call);
	const char *what = doing(p);
	uint64_t began = loop_now(s->loop);
	struct answer a = { .sent = NULL };
	int r;

	for (;;) {
		s->doing = what;
		if (ask(&a, s, at.name_space, changes_call(p)))
			return no_memory(fault);
		r = changes_answer(p, a.status, a.body, a.n);
		if (r != CHANGES_E_AGAIN)
			break;
		answer_clear(&a);
		pause_ms(s, CHANGES_WAIT_MS);
		if (what && loop_now(s->loop) - began > PATIENCE_MS) {
			(void)fprintf(
			    stderr, "%s: the store is not ready …\n", what);
			what = NULL;
		}
	}
	if (r == CHANGES_E_REFUSED)
		r = tell(s, &a, &at, fault);
	else if (r == CHANGES_E_UNFIT)
		r = tell_unfit(what ? what : "store", &at, fault);
	else if (r)
		r = no_memory(fault);
	answer_clear(&a);
	return r;
}

static void tell_steps(const struct changes *p)
{
	for (size_t i = 0; i < changes_size(p); i++) {
		struct changes_step step;

		changes_step(&step, p, i);
		tell_step(&step);
	}
}

int storecall_run(struct storecall *s, struct changes *p, struct fault *fault)
{
	int result = 0;

	while (changes_call(p)) {
		struct fault seen = FAULT_NONE;
		int r = advance(s, p, &seen);

		if (r && !result) {
			result = r;
			*fault = seen;
		}
		if (r == -ENOMEM)
			break;
	}
	if (result)
		tell_steps(p);
	return result;
}

void storecall_undo(struct storecall *s, struct changes *p)
{
	struct fault ignored = FAULT_NONE;

	changes_fail(p);
	while (changes_call(p))
		if (advance(s, p, &ignored) == -ENOMEM)
			break;
	tell_steps(p);
}
