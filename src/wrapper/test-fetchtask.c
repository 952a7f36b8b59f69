/* What is asked for a secret, and what is made of the answers. Each row is a
 * conversation with the store: the request that must come, then the answer. */
#include "wrapper/fetchtask.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

#define MOUNT_KV2                                                              \
	"{\"data\":{\"path\":\"secret/\",\"type\":\"kv\","                     \
	"\"options\":{\"version\":\"2\"}}}"
#define MOUNT_DB                                                               \
	"{\"data\":{\"path\":\"db/\",\"type\":\"database\","                   \
	"\"options\":null}}"
#define META(v) "{\"data\":{\"current_version\":" v "}}"
#define META_MADE(v, time)                                                     \
	"{\"data\":{\"current_version\":" v ",\"versions\":{\"" v              \
	"\":{\"created_time\":\"" time "\"}}}}"
#define KV2_AT(v, time)                                                        \
	"{\"data\":{\"data\":{\"user\":\"amy\",\"port\":5432},"                \
	"\"metadata\":{\"version\":" v ",\"created_time\":\"" time "\"}}}"
#define KV2(v) KV2_AT(v, "2026")
#define DYNAMIC                                                                \
	"{\"lease_id\":\"db/creds/x/1\",\"lease_duration\":3600,"              \
	"\"renewable\":true,\"data\":{\"user\":\"v-1\",\"port\":1}}"
#define RENEWED(s)                                                             \
	"{\"lease_id\":\"db/creds/x/1\",\"lease_duration\":" s                 \
	",\"renewable\":true,\"data\":null}"
#define DENIED	  "{\"errors\":[\"permission denied\"]}"
#define NOT_FOUND "{\"errors\":[]}"

struct turn {
	const char *target;
	int status;
	const char *body;
};

static const struct {
	const char *label;
	enum handoff_verb verb;
	const char *path;
	struct turn turns[5];
	const char *sent; /* values, with a ';' after each */
	/* of the reply: a secret … */
	uint64_t version;
	const char *lease;
	uint32_t lease_s;
	bool unchanged;
	/* … or a fault */
	const char *fault, *hint;
	bool retry;
} talks[] = {
	{ "KV v2", HANDOFF_READ, "secret/a",
	    { { "/v1/sys/internal/ui/mounts/secret/a", 200, MOUNT_KV2 },
		{ "/v1/secret/data/a", 200, KV2("4") } },
	    "0=amy;1=5432;", 4, "" },
	{ "with data/ in the path", HANDOFF_READ, "secret/data/a",
	    { { "/v1/secret/data/a", 200, KV2("4") } }, "0=amy;1=5432;", 4,
	    "" },
	{ "with data/ in the path by chance", HANDOFF_READ, "kv/data/a",
	    { { "/v1/kv/data/a", 404, NOT_FOUND },
		{ "/v1/sys/internal/ui/mounts/kv/data/a", 200,
		    "{\"data\":{\"path\":\"kv/data/\",\"type\":\"kv\","
		    "\"options\":{\"version\":\"2\"}}}" },
		{ "/v1/kv/data/data/a", 200, KV2("4") } },
	    "0=amy;1=5432;", 4, "" },
	{ "with data/ in the path, denied", HANDOFF_READ, "secret/data/a",
	    { { "/v1/secret/data/a", 403, DENIED },
		{ "/v1/sys/internal/ui/mounts/secret/data/a", 403, DENIED },
		{ "/v1/secret/data/a", 403, DENIED } },
	    "", .fault = "secret/data/a: store behind the bridge: 403",
	    .hint = "policies" },
	{ "with data/ in the path, too many requests", HANDOFF_READ,
	    "secret/data/a", { { "/v1/secret/data/a", 429, "" } }, "",
	    .fault = "429", .hint = "later", .retry = true },
	{ "with data/ in the path, checked", HANDOFF_CHECK, "secret/data/a",
	    { { "/v1/sys/internal/ui/mounts/secret/data/a", 200, MOUNT_KV2 },
		{ "/v1/secret/metadata/a", 200, META("3") } },
	    "", 3, "", 0, true },
	{ "a mount that is not told", HANDOFF_READ, "db/creds/x",
	    { { "/v1/sys/internal/ui/mounts/db/creds/x", 403, DENIED },
		{ "/v1/db/creds/x", 200, DYNAMIC } },
	    "0=v-1;1=1;", 0, "db/creds/x/1", 3600 },
	{ "dynamic", HANDOFF_READ, "db/creds/x",
	    { { "/v1/sys/internal/ui/mounts/db/creds/x", 200, MOUNT_DB },
		{ "/v1/db/creds/x", 200, DYNAMIC } },
	    "0=v-1;1=1;", 0, "db/creds/x/1", 3600 },
	{ "checked, as before", HANDOFF_CHECK, "secret/a",
	    { { "/v1/sys/internal/ui/mounts/secret/a", 200, MOUNT_KV2 },
		{ "/v1/secret/metadata/a", 200, META("3") } },
	    "", 3, "", 0, true },
	{ "checked, newer", HANDOFF_CHECK, "secret/a",
	    { { "/v1/sys/internal/ui/mounts/secret/a", 200, MOUNT_KV2 },
		{ "/v1/secret/metadata/a", 200, META("4") },
		{ "/v1/secret/data/a", 200, KV2("4") } },
	    "0=amy;1=5432;", 4, "" },
	{ "checked without metadata, as before", HANDOFF_CHECK, "secret/a",
	    { { "/v1/sys/internal/ui/mounts/secret/a", 200, MOUNT_KV2 },
		{ "/v1/secret/metadata/a", 403, DENIED },
		{ "/v1/secret/data/a", 200, KV2("3") } },
	    "", 3, "", 0, true },
	{ "checked without metadata, newer", HANDOFF_CHECK, "secret/a",
	    { { "/v1/sys/internal/ui/mounts/secret/a", 200, MOUNT_KV2 },
		{ "/v1/secret/metadata/a", 403, DENIED },
		{ "/v1/secret/data/a", 200, KV2("5") } },
	    "0=amy;1=5432;", 5, "" },
	{ "renewed", HANDOFF_RENEW, "db/creds/x",
	    { { "/v1/sys/leases/renew", 200, RENEWED("1800") } }, "", 3,
	    "db/creds/x/1", 1800, true },
	{ "not renewed: read anew", HANDOFF_RENEW, "db/creds/x",
	    { { "/v1/sys/leases/renew", 400, DENIED },
		{ "/v1/sys/internal/ui/mounts/db/creds/x", 200, MOUNT_DB },
		{ "/v1/db/creds/x", 200, DYNAMIC } },
	    "0=v-1;1=1;", 0, "db/creds/x/1", 3600 },
	{ "renewal, store is sealed", HANDOFF_RENEW, "db/creds/x",
	    { { "/v1/sys/leases/renew", 503, DENIED } }, "",
	    .fault = "db/creds/x: store behind the bridge: 503",
	    .hint = "unseal", .retry = true },
	{ "denied", HANDOFF_READ, "secret/a",
	    { { "/v1/sys/internal/ui/mounts/secret/a", 200, MOUNT_KV2 },
		{ "/v1/secret/data/a", 403, DENIED } },
	    "", .fault = "secret/a: store behind the bridge: 403 permission",
	    .hint = "policies" },
	{ "not there", HANDOFF_READ, "secret/a",
	    { { "/v1/sys/internal/ui/mounts/secret/a", 200, MOUNT_KV2 },
		{ "/v1/secret/data/a", 404, NOT_FOUND } },
	    "", .fault = "404 not found", .hint = "was written" },
	{ "deleted", HANDOFF_READ, "secret/a",
	    { { "/v1/sys/internal/ui/mounts/secret/a", 200, MOUNT_KV2 },
		{ "/v1/secret/data/a", 200,
		    "{\"data\":{\"data\":null,\"metadata\":{\"version\":4,"
		    "\"created_time\":\"2026\"}}}" } },
	    "", .fault = "deleted", .hint = "undelete" },
	{ "a field is missing", HANDOFF_READ, "secret/a",
	    { { "/v1/sys/internal/ui/mounts/secret/a", 200, MOUNT_KV2 },
		{ "/v1/secret/data/a", 200,
		    "{\"data\":{\"data\":{\"user\":\"amy\",\"pass\":"
		    "\"hunter2\"},\"metadata\":{\"version\":4,"
		    "\"created_time\":\"\"}}}" } },
	    "0=amy;", .fault = "no field 'port' in it, only: user, pass",
	    .hint = "--map" },
	{ "too many requests", HANDOFF_READ, "secret/a",
	    { { "/v1/sys/internal/ui/mounts/secret/a", 429, "" } }, "",
	    .fault = "429", .hint = "later", .retry = true },
	{ "an error inside", HANDOFF_READ, "secret/a",
	    { { "/v1/sys/internal/ui/mounts/secret/a", 200, MOUNT_KV2 },
		{ "/v1/secret/data/a", 500, DENIED } },
	    "", .fault = "500", .hint = "log", .retry = true },
	{ "HTML", HANDOFF_READ, "secret/a",
	    { { "/v1/sys/internal/ui/mounts/secret/a", 200, "<html>" },
		{ "/v1/secret/a", 200, "<html>hello" } },
	    "", .fault = "not a secret", .hint = "proxy" },
	{ "nothing", HANDOFF_READ, "secret/a",
	    { { "/v1/sys/internal/ui/mounts/secret/a", 200, "" },
		{ "/v1/secret/a", 200, "" } },
	    "", .fault = "not a secret", .hint = "proxy" },
};

static int note_value(void *ctx, size_t item, const struct secret *value)
{
	char *sent = ctx;

	sprintf(sent + strlen(sent), "%zu=%s;", item, secret_bytes(value));
	return 0;
}

static struct handoff_job job_of(enum handoff_verb verb, const char *path)
{
	return (struct handoff_job){
		.tasks = { { verb, path, "db/creds/x/1", 3, 60, 0, 2 } },
		.n_tasks = 1,
		.fields = { "user", "port" },
		.n_fields = 2,
	};
}

/* One request must be for @turn's target; then its answer is given. */
static void take_turn(
    struct fetchtask *t, const struct turn *turn, char *sent, const char *label)
{
	struct vault_call call = { .body = NULL };
	struct fetchtask_answer a = { "behind the bridge", turn->status,
		"application/json", turn->body, strlen(turn->body) };

	assert_int_equal(fetchtask_call(t, &call), 0);
	if (strcmp(call.target, turn->target) != 0)
		fail_msg(
		    "%s: asked %s, not %s", label, call.target, turn->target);
	assert_true(call.needs_token);
	vault_call_clear(&call);
	fetchtask_answer(t, &a, note_value, sent);
}

static void check_secret(const struct fetchtask *t, size_t i)
{
	if (t->reply.type != HANDOFF_SECRET)
		fail_msg("%s: %s", talks[i].label, t->fault.text);
	assert_int_equal(t->reply.u.secret.version, talks[i].version);
	assert_string_equal(t->reply.u.secret.lease, talks[i].lease);
	assert_int_equal(t->reply.u.secret.lease_s, talks[i].lease_s);
	assert_int_equal(t->reply.u.secret.unchanged, talks[i].unchanged);
}

static void check_fault(const struct fetchtask *t, size_t i)
{
	assert_int_equal(t->reply.type, HANDOFF_FAULT);
	if (!strstr(t->reply.u.fault.text, talks[i].fault) ||
	    !strstr(t->reply.u.fault.hint, talks[i].hint))
		fail_msg("%s: '%s' '%s'", talks[i].label, t->reply.u.fault.text,
		    t->reply.u.fault.hint);
	assert_int_equal(t->reply.u.fault.hop, HANDOFF_HOP_PATH);
	assert_int_equal(t->reply.u.fault.retry, talks[i].retry);
	assert_null(strstr(t->reply.u.fault.hint, "hunter2"));
	assert_null(strstr(t->reply.u.fault.text, "hunter2"));
}

static void test_talks(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(talks); i++) {
		struct handoff_job job = job_of(talks[i].verb, talks[i].path);
		char sent[128] = "";
		struct fetchtask t;
		size_t n = 0;

		fetchtask_init(&t, &job, 0);
		for (; talks[i].turns[n].target; n++)
			take_turn(&t, &talks[i].turns[n], sent, talks[i].label);
		if (t.step != FETCHTASK_DONE)
			fail_msg("%s: asks on", talks[i].label);
		if (strcmp(sent, talks[i].sent) != 0)
			fail_msg("%s: sent %s", talks[i].label, sent);
		if (talks[i].fault)
			check_fault(&t, i);
		else
			check_secret(&t, i);
	}
}

/* One read, then a check of what it gave. */
static void test_a_version_made_anew_is_another(void **state)
{
	static const struct {
		const char *label, *metadata;
		int status;
		const char *data; /* NULL: not asked for */
		bool unchanged;
	} rows[] = {
		{ "as before", META_MADE("4", "2026"), 200, NULL, true },
		{ "no time is told", META("4"), 200, NULL, true },
		{ "made anew", META_MADE("4", "2027"), 200, KV2_AT("4", "2027"),
		    false },
		{ "no metadata, as before", DENIED, 403, KV2("4"), true },
		{ "no metadata, made anew", DENIED, 403, KV2_AT("4", "2027"),
		    false },
	};

	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		const struct turn turns[] = {
			{ "/v1/sys/internal/ui/mounts/secret/a", 200,
			    MOUNT_KV2 },
			{ "/v1/secret/data/a", 200, KV2("4") },
			{ "/v1/secret/metadata/a", rows[i].status,
			    rows[i].metadata },
			{ "/v1/secret/data/a", 200, rows[i].data },
		};
		struct handoff_job job = job_of(HANDOFF_READ, "secret/a");
		char sent[128] = "";
		struct fetchtask t;

		fetchtask_init(&t, &job, 0);
		take_turn(&t, &turns[0], sent, rows[i].label);
		take_turn(&t, &turns[1], sent, rows[i].label);
		job.tasks[0].verb = HANDOFF_CHECK;
		job.tasks[0].version = t.reply.u.secret.version;
		job.tasks[0].made = t.reply.u.secret.made;
		fetchtask_init(&t, &job, 0);
		take_turn(&t, &turns[0], sent, rows[i].label);
		take_turn(&t, &turns[2], sent, rows[i].label);
		if (rows[i].data)
			take_turn(&t, &turns[3], sent, rows[i].label);
		if (t.step != FETCHTASK_DONE ||
		    t.reply.type != HANDOFF_SECRET ||
		    t.reply.u.secret.unchanged != rows[i].unchanged)
			fail_msg("%s", rows[i].label);
	}
}

static void test_skipped(void **state)
{
	struct handoff_job job = job_of(HANDOFF_SKIP, "secret/a");
	struct fetchtask t;

	(void)state;
	fetchtask_init(&t, &job, 0);
	assert_int_equal(t.step, FETCHTASK_DONE);
}

/* A path that no request can be made of, a value that is too large. */
static void test_limits(void **state)
{
	struct handoff_job job = job_of(HANDOFF_READ, "secret/../a");
	struct vault_call call = { .body = NULL };
	CLEANUP(free_p) char *body = calloc(1, HANDOFF_VALUE_MOST + 256);
	char sent[16] = "";
	struct fetchtask t;

	(void)state;
	fetchtask_init(&t, &job, 0);
	assert_int_equal(fetchtask_call(&t, &call), -EINVAL);
	assert_int_equal(t.step, FETCHTASK_DONE);
	assert_int_equal(t.reply.type, HANDOFF_FAULT);
	job.tasks[0].path = "secret/a";
	fetchtask_init(&t, &job, 0);
	t.step = FETCHTASK_DATA;
	strcpy(body, "{\"data\":{\"user\":\"");
	memset(body + strlen(body), 'x', HANDOFF_VALUE_MOST + 1);
	strcat(body, "\"}}");
	fetchtask_answer(&t,
	    &(struct fetchtask_answer){ "x", 200, "", body, strlen(body) },
	    note_value, sent);
	assert_int_equal(t.reply.type, HANDOFF_FAULT);
	assert_non_null(strstr(t.fault.text, "larger than 1 MiB"));
	assert_string_equal(sent, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_talks),
		cmocka_unit_test(test_a_version_made_anew_is_another),
		cmocka_unit_test(test_skipped),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
