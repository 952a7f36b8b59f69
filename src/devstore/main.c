/* pharos-devstore: a secret store for development and tests, in memory or in
 * one file. */
#include "base/log.h"
#include "base/profile.h"
#include "devstore/keep.h"
#include "devstore/roottoken.h"
#include "devstore/serve.h"
#include "net/daemon.h"
#include "net/loop.h"
#include "net/socketcalls.h"
#include "wire/vault.h"
#include <fcntl.h>
#include <stdio.h>
#include <time.h>

struct config {
	struct option_common common;
	char *listen, *tls_cert, *tls_key;
	char *root_token_file, *health_addr, *store;
	bool print_root_token;
};

#define AT(member) .offset = offsetof(struct config, member)

static const struct option_row rows[] = {
	OPTION_ROWS_COMMON(struct config, common),
	{ .name = "listen",
	    .metavar = "ADDRESS",
	    .initial = "127.0.0.1:8200",
	    .help = "where the API is served",
	    AT(listen),
	    .type = OPTION_TEXT },
	{ .name = "tls-cert",
	    .metavar = "FILE",
	    .help = "certificate; without it: plain HTTP, loopback only",
	    AT(tls_cert),
	    .type = OPTION_TEXT },
	{ .name = "tls-key",
	    .metavar = "FILE",
	    .help = "its private key",
	    AT(tls_key),
	    .type = OPTION_TEXT },
	{ .name = "store",
	    .metavar = "FILE",
	    .help = "keep everything in this SQLite file; without it: in "
		    "memory",
	    AT(store),
	    .type = OPTION_TEXT },
	{ .name = "root-token-file",
	    .metavar = "FILE",
	    .initial = "pharos-devstore.token",
	    .help = "holds the root token; made (0600) if it is not there",
	    AT(root_token_file),
	    .type = OPTION_TEXT },
	{ .name = "print-root-token",
	    .initial = "false",
	    .help = "print the root token at start",
	    AT(print_root_token),
	    .type = OPTION_BOOL },
	{ .name = "health-addr",
	    .metavar = "ADDRESS",
	    .help = "serve /healthz, /readyz and /metrics there",
	    AT(health_addr),
	    .type = OPTION_TEXT },
};

static const struct option_table table = {
	.program = "pharos-devstore",
	.about = "a secret store for development and tests",
	.manual = "pharos-devstore(8)",
	.rows = rows,
	.n_rows = N_ELEMS(rows),
};

/* SQLite at --store, which is open by then. */
static const struct isolate_call file_rows[] = {
	{ "pwrite64" },
	{ "fsync" },
	{ "fdatasync" },
	{ "ftruncate" },
	{ "geteuid" },
	ISOLATE_ONLY("fcntl", ISOLATE_IS(1, F_SETLK)),
	ISOLATE_ONLY("fcntl64", ISOLATE_IS(1, F_SETLK)),
};
static const struct isolate_calls file = { ISOLATE_CALLS(file_rows) };

/* It opens no file and makes no connection, once it listens. */
static const struct isolate_calls *const calls[] = {
	SOCKETCALLS_SERVE, &file, /* last: only then */
};

static int make_engine(struct engine **out, struct keep *keep,
    const struct config *c, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *root = NULL;
	struct engine_options o = { .random = random_bytes,
		.now_ms = time(NULL) * 1000LL,
		.keep = keep };
	bool made;
	int r = root_token_load(&root, c->root_token_file, &made, fault);

	if (r)
		return r;
	log_info("root token", LOG_STR("file", c->root_token_file),
	    LOG_BOOL("made", made));
	if (c->print_root_token)
		printf("root token: %s\n", secret_bytes(root));
	fflush(stdout);
	o.root_token = root;
	return engine_new(out, &o, fault);
}

static int serve(struct loop *loop, struct engine *engine,
    const struct config *c, struct fault *fault)
{
	struct metric_registry metrics = { .first = NULL };
	struct serve_config serving = { .engine = engine,
		.address = c->listen,
		.cert_file = c->tls_cert,
		.key_file = c->tls_key };
	CLEANUP(profile_deinit) struct profile profile;
	struct daemon_config d = { .common = &c->common,
		.health_address = c->health_addr,
		.metrics = &metrics,
		.profile = &profile.isolate };
	struct serve *s;
	struct daemon *daemon;
	int r;

	profile_init(&profile, calls, N_ELEMS(calls) - !c->store);
	r = serve_open(&s, loop, &serving, fault);
	if (r)
		return r;
	metric_add(&metrics, engine_metrics(engine));
	metric_add(&metrics, serve_metrics(s));
	r = daemon_open(&daemon, loop, &d, fault);
	if (!r) {
		log_warn("for development only: not audited, not hardened, one "
			 "key to everything",
		    LOG_STR("kept", c->store ? c->store : "in memory"),
		    LOG_END);
		daemon_listening("api", serve_address(s));
		r = daemon_run(daemon);
		daemon_close(daemon);
	}
	serve_close(s);
	return r;
}

static int run(struct loop *loop, const void *from, struct fault *fault)
{
	const struct config *c = from;
	struct engine *engine = NULL;
	struct keep *keep = NULL;
	int r = c->store ? keep_open(&keep, c->store, fault) : 0;

	if (!r)
		r = make_engine(&engine, keep, c, fault);
	if (!r)
		r = serve(loop, engine, c, fault);
	engine_free(engine);
	keep_close(keep);
	return r;
}

int main(int argc, char **argv)
{
	struct config c = { .listen = NULL };
	const struct daemon_program program = {
		.options = &table,
		.log_name = "devstore",
		.config = &c,
		.common = &c.common,
		.run = run,
	};

	vault_wipe_json();
	return daemon_main(&program, argc, argv);
}
