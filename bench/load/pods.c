/* load-pods: many pods that start at once, and each fetches one secret.
 *
 * A pod connects from an address of its own, and is where pharos-wrapper is:
 * TLS with the broker, CONNECT, TLS with the bridge in it, by the wrapper's own
 * code (wrapper/fetchway.h). With --way straight it is TLS with the store
 * instead, with a context of its own, as another process would have. Then a
 * login with a JWT, and one read. It is served when the secret is there; who is
 * told to come again does, after the time that was named, as the wrapper would,
 * and its time goes on.
 */
#include "load/setup.h"
#include "load/tally.h"
#include "net/httpc.h"
#include "net/shake.h"
#include "wire/vault.h"
#include "wrapper/fetchway.h"
#include <stdio.h>

enum {
	STEP_MS = 60000,
	AGAIN_MS = 500, /* when no time is named */
	TOKENS_MOST = 64 * 1024 * 1024,
	READY = 200,
};

enum way { RELAYED, STRAIGHT };
static const char *const ways[] = { "relayed", "straight", NULL };

struct config {
	struct load_options load;
	int way;
	long pods, patience;
	char *bridge_ca, *jwt_file, *role, *path, *broker_tokens;
};

#define AT(m)	LOAD_AT(struct config, m)
#define TEXT(n) .name = (n), .metavar = "TEXT", .type = OPTION_TEXT

static const struct option_row rows[] = {
	LOAD_ROWS(struct config, load),
	{ .name = "way",
	    .metavar = "KIND",
	    .help = "by the broker, or straight to the store",
	    .type = OPTION_CHOICE,
	    .initial = "relayed",
	    .choices = ways,
	    AT(way) },
	{ LOAD_NUMBER("pods", "1000", 1, 10000), .help = "that start at once",
	    AT(pods) },
	{ LOAD_TIME("patience", "60s"), .help = "until one is lost",
	    AT(patience) },
	{ TEXT("bridge-ca"), .help = "file of the bridge's CA", AT(bridge_ca) },
	{ TEXT("jwt-file"), .help = "to log in with", .flags = OPTION_REQUIRED,
	    AT(jwt_file) },
	{ TEXT("role"), .help = "of the login", .flags = OPTION_REQUIRED,
	    AT(role) },
	{ TEXT("path"), .help = "of the secret", .flags = OPTION_REQUIRED,
	    AT(path) },
	{ TEXT("broker-tokens"),
	    .help = "file with a token for the broker a line, one for each pod",
	    AT(broker_tokens) },
};

static const struct option_table table = {
	.program = "load-pods",
	.about = "many pods that start at once and fetch a secret each",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

struct run {
	struct load *load;
	const struct config *config;
	char url[96], target[64];
	struct secret *jwt;
	struct pod *pods;
	uint64_t began;
	long over, lost, again;
	struct fault first;
	struct tally served;
};

struct pod {
	struct run *run;
	struct secret *broker_token, *token;
	struct fetchway_order order;
	struct fetchway *way;
	/* straight */
	struct tls_context *tls;
	struct dial *dial;
	struct tls_shake *shake;
	struct http_conn *store;

	struct http_conn *conn; /* one of the two; NULL until open */
	struct httpc_call *call;
	struct loop_task end;
	struct wheel_timer later;
	unsigned again_ms; /* 0: it is over */
	bool ending;
};

/* ---- the end of a try */

static void pod_begin(struct pod *p);

static void on_later(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	pod_begin(CONTAINER_OF(t, struct pod, later));
}

/* Not from within a callback of what is closed here. */
static void pod_close(struct loop_task *task)
{
	struct pod *p = CONTAINER_OF(task, struct pod, end);
	struct run *run = p->run;

	httpc_cancel(STEAL(p->call));
	fetchway_close(STEAL(p->way));
	tls_shake_cancel(STEAL(p->shake));
	dial_cancel(STEAL(p->dial));
	if (p->store)
		http_conn_cut(STEAL(p->store));
	tls_context_free(STEAL(p->tls));
	p->conn = NULL;
	secret_free(STEAL(p->token));
	p->ending = false;
	if (p->again_ms) {
		loop_after(run->load->loop, &p->later, p->again_ms, on_later);
		return;
	}
	if (++run->over == run->config->pods)
		loop_stop(run->load->loop);
}

static void pod_end(struct pod *p, unsigned again_ms)
{
	if (p->ending)
		return;
	p->ending = true;
	p->again_ms = again_ms;
	loop_post(p->run->load->loop, &p->end, pod_close);
}

static void pod_lose(struct pod *p, const struct fault *fault)
{
	if (p->ending)
		return;
	if (!p->run->lost++)
		p->run->first = *fault;
	pod_end(p, 0);
}

static void pod_lose_text(struct pod *p, const char *text, int number)
{
	struct fault f = FAULT_NONE;

	fault_set(&f, -EPROTO, NULL, "%s %d", text, number);
	pod_lose(p, &f);
}

static void pod_retry(struct pod *p, unsigned ms, const struct fault *fault)
{
	uint64_t taken = tally_now() - p->run->began;

	if (taken / 1000000 >= (uint64_t)p->run->config->patience) {
		pod_lose(p, fault);
		return;
	}
	if (!p->ending && !p->run->again++ && !p->run->lost)
		p->run->first = *fault;
	pod_end(p, ms ? ms : AGAIN_MS);
}

/* ---- what it asks */

static int ask(struct pod *p, struct vault_call *call, httpc_fn fn)
{
	struct http_field fields[3] = { { "x-vault-request", "true" } };
	struct httpc_request request = {
		.method = call->method,
		.authority = "bridge.pharos",
		.target = call->target,
		.fields = fields,
		.n_fields = 1,
		.most = VAULT_ANSWER_MOST,
		.ms = STEP_MS,
	};
	int r;

	if (call->needs_token)
		fields[request.n_fields++] =
		    (struct http_field){ "x-vault-token",
			    secret_bytes(p->token) };
	if (call->body) {
		fields[request.n_fields++] =
		    (struct http_field){ "content-type", "application/json" };
		request.body = secret_bytes(call->body);
		request.n_body = secret_size(call->body);
	}
	r = httpc_send(&p->call, p->conn, &request, fn, p);
	vault_call_clear(call);
	return r;
}

/* Return: whether it is one with 200; else the pod was told. */
static bool is_good(
    struct pod *p, const struct httpc_answer *answer, const struct fault *fault)
{
	struct fault f = FAULT_NONE;

	p->call = NULL;
	if (!answer) {
		pod_retry(p, 0, fault);
		return false;
	}
	if (answer->status == 429 || answer->status >= 500) {
		fault_set(&f, -EAGAIN, NULL, "answered %d: %.200s",
		    answer->status, answer->body);
		pod_retry(p, 0, &f);
	} else if (answer->status != READY)
		pod_lose_text(p, "answered", answer->status);
	return answer->status == READY;
}

static void on_read(
    void *ctx, struct httpc_answer *answer, const struct fault *fault)
{
	struct pod *p = ctx;

	if (is_good(p, answer, fault)) {
		tally_add(&p->run->served, tally_now() - p->run->began);
		pod_end(p, 0);
	}
	if (answer)
		free(answer->body);
}

static void on_login(
    void *ctx, struct httpc_answer *answer, const struct fault *fault)
{
	struct pod *p = ctx;
	struct vault_auth auth = { .token = NULL };
	struct vault_call call = { .body = NULL };

	if (!is_good(p, answer, fault)) {
		if (answer)
			free(answer->body);
		return;
	}
	if (vault_read_auth(&auth, answer->body, answer->n_body)) {
		pod_lose_text(p, "no token in a login", answer->status);
	} else {
		p->token = STEAL(auth.token);
		if (vault_call_get(&call, p->run->config->path, 0) ||
		    ask(p, &call, on_read))
			pod_lose_text(p, "cannot ask for", 1);
	}
	vault_auth_clear(&auth);
	free(answer->body);
}

static void on_open(void *ctx, struct http_conn *conn)
{
	struct pod *p = ctx;
	struct vault_call call = { .body = NULL };

	p->conn = conn;
	if (vault_call_login(&call, "jwt", p->run->config->role, p->run->jwt) ||
	    ask(p, &call, on_login))
		pod_lose_text(p, "cannot log in", 1);
}

/* ---- the way there */

static void on_lost(void *ctx, const struct fetchway_failure *why)
{
	if (why->retry)
		pod_retry(ctx, why->retry_ms, why->fault);
	else
		pod_lose(ctx, why->fault);
}

static void on_store_gone(void *ctx, const struct fault *fault)
{
	struct pod *p = ctx;

	p->store = NULL;
	pod_retry(p, 0, fault);
}

static void on_shaken(
    void *ctx, struct leg *leg, enum tls_failure why, const struct fault *fault)
{
	static const struct http_conn_events events = { .gone = on_store_gone };
	struct pod *p = ctx;
	struct http_conn_config config = { .version = HTTP_2,
		.end = HTTP_CLIENT,
		.events = &events,
		.ctx = p };

	(void)why;
	p->shake = NULL;
	if (!leg)
		pod_retry(p, 0, fault);
	else if (http_conn_open(&p->store, leg, &config))
		pod_lose_text(p, "no memory", ENOMEM);
	else
		on_open(p, p->store);
}

static void on_dialled(void *ctx, struct leg *leg, const struct fault *fault)
{
	struct pod *p = ctx;
	struct tls_shake_order order = {
		.lower = leg,
		.context = p->tls,
		.name = "127.0.0.1",
		.ms = STEP_MS,
		.fn = on_shaken,
		.ctx = p,
	};

	p->dial = NULL;
	if (!leg)
		pod_retry(p, 0, fault);
	else if (tls_shake(&p->shake, &order))
		pod_lose_text(p, "no memory", ENOMEM);
}

static int open_straight(struct pod *p, struct fault *fault)
{
	static const char *const alpn[] = { "h2", NULL };
	struct run *run = p->run;
	struct tls_config store = {
		.end = TLS_CLIENT,
		.hop = "TLS with the store",
		.alpn = alpn,
		.trust = TLS_TRUST_CA,
		.ca_file = run->config->load.relay_ca,
	};
	int r = tls_context_new(&p->tls, &store, fault);

	return r ? r
		 : dial_open(&p->dial, run->load->loop, run->target, STEP_MS,
		       on_dialled, p, fault);
}

static void pod_begin(struct pod *p)
{
	static const struct fetchway_events events = { on_open, on_lost };
	struct run *run = p->run;
	struct fault fault = FAULT_NONE;
	int r;

	p->order =
	    (struct fetchway_order){ run->url, run->config->load.relay_ca,
		    run->config->bridge_ca, p->broker_token, NULL };
	r = run->config->way == STRAIGHT
		? open_straight(p, &fault)
		: fetchway_open(
		      &p->way, run->load->loop, &p->order, &events, p, &fault);
	if (r)
		pod_lose(p, &fault);
}

/* ---- all of them */

static int take_tokens(struct run *run, struct fault *fault)
{
	const char *file = run->config->broker_tokens;
	CLEANUP(free_p) char *text = NULL;
	char *rest = NULL;
	size_t n;
	int r = file ? file_read(&text, &n, file, TOKENS_MOST) : 0;

	if (r)
		return file_fault(fault, r, file, TOKENS_MOST);
	for (long i = 0; file && i < run->config->pods; i++) {
		char *line = strtok_r(i ? NULL : text, "\n", &rest);

		if (!line)
			return fault_set(fault, -EINVAL, NULL,
			    "%s: %ld tokens for %ld pods", file, i,
			    run->config->pods);
		r = secret_from(&run->pods[i].broker_token, line, strlen(line));
		if (r)
			return r;
	}
	return 0;
}

static int prepare(struct run *run, struct fault *fault)
{
	const struct config *c = run->config;
	int r = secret_read_token(&run->jwt, c->jwt_file, VAULT_TOKEN_MOST);

	if (r)
		return file_fault(fault, r, c->jwt_file, VAULT_TOKEN_MOST);
	(void)snprintf(
	    run->target, sizeof(run->target), "127.0.0.1:%ld", c->load.port);
	(void)snprintf(run->url, sizeof(run->url), "https://%s", run->target);
	run->pods = calloc((size_t)c->pods, sizeof(*run->pods));
	return run->pods ? take_tokens(run, fault) : -ENOMEM;
}

/* As JSON: what stands in its way is left out. */
static void print_text(const char *text)
{
	putchar('"');
	for (; *text; text++)
		if (*text != '"' && *text != '\\' && *text >= ' ')
			putchar(*text);
	putchar('"');
}

static void report(struct run *run)
{
	printf("{\"pods\": %ld, \"lost\": %ld, \"again\": %ld, "
	       "\"seconds\": %.3f, ",
	    run->config->pods, run->lost, run->again,
	    (double)(tally_now() - run->began) / 1e9);
	tally_print(&run->served, "served_ms");
	printf(", \"first_fault\": ");
	print_text(run->lost || run->again ? run->first.text : "");
	printf("}\n");
}

static int run_all(struct load *load, const void *from, struct fault *fault)
{
	struct run run = { .load = load, .config = from };
	int r = prepare(&run, fault);

	if (!r) {
		run.began = tally_now();
		for (long i = 0; i < run.config->pods; i++) {
			run.pods[i].run = &run;
			pod_begin(&run.pods[i]);
		}
		loop_run(load->loop);
		report(&run);
	}
	for (long i = 0; run.pods && i < run.config->pods; i++)
		secret_free(run.pods[i].broker_token);
	free(run.pods);
	secret_free(run.jwt);
	tally_deinit(&run.served);
	return r;
}

int main(int argc, char **argv)
{
	struct config config = { .way = RELAYED };

	(void)argc;
	return load_main(&table, &config, &config.load, run_all, argv);
}
