#include "bridge/store.h"
#include "wire/storeaddress.h"

struct store {
	struct web *web;
	char *name_space;
	struct metric_row rows[5];
	struct metric_table metrics;
};

static const struct web_words words = {
	.who = "store",
	.address = "--vault-addr",
	.address_form = "expected is https://HOST[:PORT][/PATH]",
	.ca = "--vault-ca",
	.pin = "--vault-pin",
	.reach = "check --vault-addr, and that the store listens there",
	.late = "check that the store runs and is not overloaded",
	.trust = "check --vault-ca (or --vault-pin) and the names in the "
		 "store's certificate",
	.broke = "look into the store's log",
	.strange = "is this a store's HTTP API?",
};

int store_send(struct web_call **out, struct store *s,
    const struct vault_call *call, const struct secret *token, web_fn fn,
    void *ctx)
{
	struct web_header headers[3] = { { "X-Vault-Request", "true" } };
	struct web_request request = { .method = call->method,
		.target = call->target,
		.headers = headers,
		.n_headers = 1,
		.body = call->body };

	if (token)
		headers[request.n_headers++] =
		    (struct web_header){ "X-Vault-Token", secret_bytes(token) };
	if (s->name_space)
		headers[request.n_headers++] =
		    (struct web_header){ "X-Vault-Namespace", s->name_space };
	return web_send(out, s->web, &request, fn, ctx);
}

#define CALLS "pharos_bridge_store_calls"

static void metrics_init(struct store *s)
{
	const struct web_counts *counts = web_counts(s->web);
	const struct metric_row rows[] = {
		{ .name = CALLS "_total",
		    .labels = "result=\"answered\"",
		    .help = "Calls to the store.",
		    .value = &counts->answered },
		{ .name = CALLS "_total",
		    .labels = "result=\"failed\"",
		    .value = &counts->failed },
		{ .name = CALLS "_total",
		    .labels = "result=\"busy\"",
		    .value = &counts->refused },
		{ .name = CALLS,
		    .help = "Calls to the store under way.",
		    .kind = METRIC_GAUGE,
		    .value = &counts->under_way },
		{ .name = "pharos_bridge_store_call_seconds",
		    .help = "Calls to the store that were answered.",
		    .kind = METRIC_HISTOGRAM,
		    .histogram = &counts->took },
	};

	_Static_assert(sizeof(rows) == sizeof(s->rows), "a row each");
	memcpy(s->rows, rows, sizeof(rows));
	s->metrics = (struct metric_table){ .rows = s->rows,
		.n_rows = N_ELEMS(s->rows) };
}

int store_open(struct store **out, struct loop *loop,
    const struct store_config *config, struct fault *fault)
{
	const struct web_config web = {
		.words = &words,
		.agent = "pharos-bridge/" PHAROS_VERSION,
		.address = config->address,
		.takes_path = true,
		.ca_file = config->ca_file,
		.pin_hex = config->pin_hex,
		.calls_most = STORE_CALLS_MOST,
		.connections_most = STORE_CONNECTIONS_MOST,
		.answer_most = VAULT_ANSWER_MOST,
		.call_ms = config->call_ms ? config->call_ms : STORE_CALL_MS,
		.egress = config->egress,
	};
	struct store *s = calloc(1, sizeof(*s));
	int r = s ? storeaddress_check(config->address, words.address, fault)
		  : -ENOMEM;

	if (!r)
		r = web_open(&s->web, loop, &web, fault);
	if (!r && config->name_space) {
		s->name_space = strdup(config->name_space);
		r = s->name_space ? 0 : -ENOMEM;
	}
	if (r) {
		store_close(s);
		return r;
	}
	metrics_init(s);
	*out = s;
	return 0;
}

void store_close(struct store *s)
{
	if (!s)
		return;
	web_close(s->web);
	free(s->name_space);
	free(s);
}

const char *store_address(const struct store *s)
{
	return web_address(s->web);
}

struct metric_table *store_metrics(struct store *s)
{
	return &s->metrics;
}

const char *store_last_fault(const struct store *s)
{
	return web_last_fault(s->web);
}
