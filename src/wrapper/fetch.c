/* Theory. The process has one job, one session with the bridge and one
 * deadline.
 *
 *   job -> way (fetchway.h) -> token -> tasks (fetchtask.h) -> done -> leave
 *
 * The token is the one that came along with the job, or that of a file, or that
 * of a login with a JWT. The tasks run beside each other, at most AT_ONCE. A
 * token that came along and is no longer good (403) is replaced by one login,
 * and what it could not read is read again.
 *
 * A token of our own login is handed back if there is more to come (polls,
 * leases); a brief one (wire/vault.h) is renewed for longer before, beside the
 * tasks where that is known. What was read does not wait long for that, and is
 * not lost with it. Otherwise, and if what was read does not count since a task
 * of the first fetch has failed, the token is not needed any more: a brief one
 * is forgotten, and any other, or one with leases, given up at the store, once
 * DONE was said, since nobody has to wait for that. So that a store which does
 * not answer is no exception, a task of the first fetch has a little less time
 * than the job. A token of a file is the operator's: it is neither handed back
 * nor given up.
 *
 * The process is not dumpable, has no capabilities, reads nothing but the
 * folders of the files that the job names and what name resolution needs, and
 * connects to the broker's port only (wrapper/fetchprofile.c).
 * What it says is said before it leaves; a value goes as soon as it is there.
 */
#include "wrapper/fetch.h"
#include "base/file.h"
#include "net/egress.h"
#include "net/httpc.h"
#include "net/loop.h"
#include "net/tunnel.h"
#include "pki/sparse.h"
#include "wire/podrole.h"
#include "wire/vault.h"
#include "wrapper/courier.h"
#include "wrapper/fetchprofile.h"
#include "wrapper/fetchtask.h"
#include "wrapper/fetchway.h"
#include "wrapper/value.h"
#include <stdio.h>
#include <unistd.h>

enum {
	AT_ONCE = 8,
	LENGTHEN_MS = 2000, /* that all else waits for it */
	GIVE_UP_MS = 2000,  /* for that, once nothing else is to be said */
};

/* What the words for a failed answer call the store: it was the bridge that
 * asked it. */
#define STORE "behind the bridge"

struct fetch;

struct running {
	struct fetch *fetch;
	struct fetchtask task;
	struct httpc_call *call;
	bool again; /* once more, after a login */
};

struct fetch {
	struct loop *loop;
	struct handoff_job job;
	struct secret *broker_token, *token, *jwt;
	struct egress *egress;
	struct fetchway *way;
	struct http_conn *conn; /* NULL until open */
	struct wheel_timer deadline;
	uint64_t until_ms;	     /* when that is */
	struct wheel_timer patience; /* while `waits` */
	struct httpc_call *call;     /* of login, renewal, giving up */
	enum handoff_hop hop;	     /* once open: what is under way */
	bool ours, fresh;	     /* the token: of a login; of this job */
	bool hand_back;		     /* it is new to the supervisor */
	bool leased;		     /* a lease depends on the token */
	bool failed;		     /* a task has */
	bool lengthened;	     /* it was asked to live longer, and */
	bool waits;		     /* only the answer to that is missing */
	bool told;		     /* DONE, so nothing more is said */
	bool over;
	uint32_t token_s;
	bool token_renewable;
	struct running *tasks; /* one for each of the job's */
	size_t next, running;
};

static void stop(struct fetch *f)
{
	f->over = true;
	if (f->loop)
		loop_stop(f->loop);
}

static void say(struct fetch *f, const struct handoff_reply *reply, int pass)
{
	uint8_t bytes[HANDOFF_REPLY_MOST];
	size_t n;
	int r = handoff_write_reply(reply, bytes, sizeof(bytes), &n);

	INVARIANT(!r);
	if (!f->over && !f->told && handoff_send(COURIER_FD, bytes, n, pass))
		stop(f); /* nobody listens any more */
}

static void finish(struct fetch *f, const struct handoff_reply *last)
{
	say(f, last, -1);
	stop(f);
}

static void fail(struct fetch *f, const struct fetchway_failure *why)
{
	struct handoff_reply reply = { .type = HANDOFF_FAULT };

	reply.u.fault.index = HANDOFF_WHOLE;
	reply.u.fault.hop = why->hop;
	reply.u.fault.retry = why->retry;
	reply.u.fault.retry_ms = why->retry_ms;
	reply.u.fault.text = why->fault->text;
	reply.u.fault.hint = why->fault->hint;
	finish(f, &reply);
}

static void fail_at(struct fetch *f, enum handoff_hop hop, bool retry,
    const struct fault *fault)
{
	fail(f, &(struct fetchway_failure){ hop, retry, 0, fault });
}

static void fail_memory(struct fetch *f)
{
	struct fault fault = FAULT_NONE;

	fault_set(&fault, -ENOMEM, "give it more memory, or RLIMIT_MEMLOCK",
	    "out of memory");
	fail_at(f, HANDOFF_HOP_HERE, true, &fault);
}

/* ---- asking ------------------------------------------------------------- */

/* A first fetch that is not answered fails a little before its deadline: what
 * has failed by then gives its token up. */
static unsigned time_for_answer(const struct fetch *f)
{
	unsigned whole = f->job.deadline_ms, tenth = whole / 10;
	uint64_t now = loop_now(f->loop);
	uint64_t end = f->until_ms - (tenth < GIVE_UP_MS ? tenth : GIVE_UP_MS);

	if (!f->ours || !f->job.all || f->told)
		return whole;
	return now < end ? (unsigned)(end - now) : 1;
}

static int ask(struct fetch *f, struct vault_call *call, httpc_fn fn, void *ctx,
    struct httpc_call **out)
{
	struct http_field fields[3] = { { "x-vault-request", "true" } };
	struct httpc_request request = {
		.method = call->method,
		.authority = TUNNEL_BRIDGE_NAME,
		.target = call->target,
		.fields = fields,
		.n_fields = 1,
		.most = VAULT_ANSWER_MOST,
		.ms = time_for_answer(f),
	};

	if (call->needs_token && f->token)
		fields[request.n_fields++] =
		    (struct http_field){ "x-vault-token",
			    secret_bytes(f->token) };
	if (call->body) {
		fields[request.n_fields++] =
		    (struct http_field){ "content-type", "application/json" };
		request.body = secret_bytes(call->body);
		request.n_body = secret_size(call->body);
	}
	return httpc_send(out, f->conn, &request, fn, ctx);
}

static void free_answer(struct httpc_answer *a)
{
	if (a->body)
		secret_wipe(a->body, a->n_body);
	free(a->body);
	a->body = NULL;
}

/* A request of the session itself: login, renewal, giving up. */
static void ask_session(
    struct fetch *f, int built, struct vault_call *call, httpc_fn fn)
{
	struct fault fault = FAULT_NONE;
	int r = built ? built : ask(f, call, fn, f, &f->call);

	vault_call_clear(call);
	if (r == -ENOMEM) {
		fail_memory(f);
	} else if (r) {
		fault_set(&fault, r,
		    "look into --role, --auth-mount and the "
		    "token's file",
		    "the request cannot be sent");
		fail_at(f, HANDOFF_HOP_LOGIN, r > 0, &fault);
	}
}

/* ---- leaving ------------------------------------------------------------ */

static void done(struct fetch *f)
{
	finish(f, &(struct handoff_reply){ .type = HANDOFF_DONE });
}

static void on_revoked(
    void *ctx, struct httpc_answer *answer, const struct fault *fault)
{
	struct fetch *f = ctx;

	(void)fault; /* it ends by itself, too */
	f->call = NULL;
	if (answer)
		free_answer(answer);
	done(f);
}

static void hand_back(struct fetch *f)
{
	struct handoff_reply reply = { .type = HANDOFF_SESSION };
	bool hidden = false;
	CLEANUP(close_p) int fd = secret_seal_fd(f->token, &hidden);

	if (fd < 0) {
		fail_memory(f);
		return;
	}
	reply.u.session.size = secret_size(f->token);
	reply.u.session.hidden = hidden;
	reply.u.session.lease_s = f->token_s;
	reply.u.session.renewable = f->token_renewable;
	reply.u.session.fresh = f->fresh;
	say(f, &reply, fd);
	done(f);
}

static void on_deadline(struct wheel_timer *t, uint64_t now);

static void give_up_token(struct fetch *f)
{
	struct vault_call call = { .body = NULL };

	httpc_cancel(STEAL(f->call)); /* what would lengthen it */
	say(f,
	    &(struct handoff_reply){
		.type = HANDOFF_DONE, .u.done.lingers = true },
	    -1);
	f->told = true;
	loop_after(f->loop, &f->deadline, GIVE_UP_MS, on_deadline);
	ask_session(f, vault_call_revoke_self(&call), &call, on_revoked);
}

static bool is_brief(const struct fetch *f)
{
	return f->token_s && f->token_s <= VAULT_TOKEN_BRIEF_S;
}

static bool keeps(const struct fetch *f)
{
	if (f->failed && f->job.all)
		return false;
	return f->job.keep_session || f->leased;
}

/* It ends soon enough by itself, and nothing depends on it. */
static bool may_forget(const struct fetch *f)
{
	return is_brief(f) && !f->lengthened && !f->leased;
}

/* All was read, and the token is as long as it got. */
static void keep(struct fetch *f)
{
	f->waits = false;
	if (f->hand_back)
		hand_back(f);
	else
		done(f);
}

static void on_impatient(struct wheel_timer *t, uint64_t now)
{
	(void)now;
	keep(CONTAINER_OF(t, struct fetch, patience));
}

static void lengthen(struct fetch *f);

static void leave(struct fetch *f)
{
	if (!f->ours) {
		done(f);
		return;
	}
	if (!keeps(f)) {
		if (may_forget(f))
			done(f);
		else
			give_up_token(f);
		return;
	}
	lengthen(f);
	f->waits = f->call != NULL;
	if (f->waits)
		loop_after(f->loop, &f->patience, LENGTHEN_MS, on_impatient);
	else
		keep(f);
}

/* ---- tasks -------------------------------------------------------------- */

static void start_login(struct fetch *f);
static void start_tasks(struct fetch *f);

static int send_value(void *ctx, size_t item, const struct secret *value)
{
	struct handoff_reply reply = { .type = HANDOFF_VALUE };
	bool hidden = false;
	CLEANUP(close_p) int fd = secret_seal_fd(value, &hidden);

	if (fd < 0)
		return fd;
	reply.u.value.item = item;
	reply.u.value.size = secret_size(value);
	reply.u.value.hidden = hidden;
	say(ctx, &reply, fd);
	return 0;
}

/* A token that came along may have ended; a login of our own may help. */
static bool may_login(const struct fetch *f)
{
	return f->jwt && !f->fresh;
}

static void task_over(struct fetch *f, struct running *r)
{
	if (r->task.reply.type == HANDOFF_SECRET &&
	    *r->task.reply.u.secret.lease)
		f->leased = true;
	if (r->task.reply.type == HANDOFF_FAULT)
		f->failed = true;
	say(f, &r->task.reply, -1);
}

static bool task_ask(struct running *r);

static void on_task(
    void *ctx, struct httpc_answer *answer, const struct fault *fault)
{
	struct running *r = ctx;
	struct fetch *f = r->fetch;
	bool more;

	r->call = NULL;
	r->again = answer && answer->status == 403 && may_login(f) &&
		   fetchtask_needs_token(&r->task);
	if (!answer) {
		fetchtask_fail(&r->task, true, fault);
	} else if (!r->again) {
		struct fetchtask_answer a = { STORE, answer->status,
			answer->content_type, answer->body, answer->n_body };

		fetchtask_answer(&r->task, &a, send_value, f);
	}
	if (answer)
		free_answer(answer);
	more = !r->again && r->task.step != FETCHTASK_DONE;
	if (more && task_ask(r))
		return;
	if (!more && !r->again)
		task_over(f, r);
	f->running--;
	start_tasks(f);
}

/* False: it could not be asked and is over. */
static bool task_ask(struct running *r)
{
	struct fetch *f = r->fetch;
	struct vault_call call = { .body = NULL };
	struct fault fault = FAULT_NONE;
	int e = fetchtask_call(&r->task, &call);

	if (!e) {
		e = ask(f, &call, on_task, r, &r->call);
		vault_call_clear(&call);
		if (!e)
			return true;
		fault_set(&fault, e, NULL, "the request cannot be sent");
		fetchtask_fail(&r->task, e > 0, &fault);
	}
	task_over(f, r);
	return false;
}

static bool any_again(struct fetch *f)
{
	for (size_t i = 0; i < f->job.n_tasks; i++)
		if (f->tasks[i].again)
			return true;
	return false;
}

static void start_next(struct fetch *f)
{
	struct running *r = &f->tasks[f->next++];

	if (r->again)
		fetchtask_init(&r->task, &f->job, r->task.index);
	r->again = false;
	if (r->task.step != FETCHTASK_DONE && task_ask(r))
		f->running++;
}

static void start_tasks(struct fetch *f)
{
	f->hop = HANDOFF_HOP_PATH;
	while (!f->over && f->running < AT_ONCE && f->next < f->job.n_tasks)
		start_next(f);
	if (f->over || f->running || f->next < f->job.n_tasks)
		return;
	if (any_again(f))
		start_login(f);
	else
		leave(f);
}

/* ---- the token ---------------------------------------------------------- */

static void take_auth(struct fetch *f, struct vault_auth *auth, bool fresh)
{
	secret_free(f->token);
	f->token = STEAL(auth->token);
	f->token_s = (uint32_t)auth->lease_s;
	f->token_renewable = auth->renewable;
	f->ours = true;
	f->fresh = f->fresh || fresh;
	f->hand_back = true;
}

/* Where that is refused it stays as brief as it is. */
static void on_lengthened(
    void *ctx, struct httpc_answer *answer, const struct fault *fault)
{
	struct fetch *f = ctx;
	struct vault_auth auth = { .token = NULL };

	(void)fault; /* it stays, too */
	f->call = NULL;
	if (answer) {
		if (answer->status == 200 &&
		    !vault_read_auth(&auth, answer->body, answer->n_body))
			take_auth(f, &auth, false);
		free_answer(answer);
	}
	if (f->waits && !f->over)
		keep(f);
}

/* Once, a token of this job's login. What cannot be asked stays brief, too. */
static void lengthen(struct fetch *f)
{
	struct vault_call call = { .body = NULL };

	if (f->lengthened || !f->fresh || !f->token_renewable || !is_brief(f))
		return;
	f->lengthened = true;
	if (!vault_call_renew_self(&call, VAULT_TOKEN_KEPT_S) &&
	    ask(f, &call, on_lengthened, f, &f->call))
		f->call = NULL;
	vault_call_clear(&call);
}

static void fail_login(struct fetch *f, const struct httpc_answer *a)
{
	struct vault_failure failure = { STORE, a->status, a->content_type,
		a->body, a->n_body };
	struct fault fault = FAULT_NONE;
	int code = vault_fault(&fault, &failure);

	fail_at(f, HANDOFF_HOP_LOGIN, code == -EAGAIN, &fault);
}

static void on_login(
    void *ctx, struct httpc_answer *answer, const struct fault *fault)
{
	struct fetch *f = ctx;
	struct vault_auth auth = { .token = NULL };
	struct fault odd = FAULT_NONE;

	f->call = NULL;
	if (!answer) {
		fail_at(f, HANDOFF_HOP_LOGIN, true, fault);
		return;
	}
	if (answer->status != 200) {
		fail_login(f, answer);
	} else if (vault_read_auth(&auth, answer->body, answer->n_body)) {
		fault_set(&odd, -EBADMSG, "check --auth-mount",
		    "the answer to the login has no token");
		fail_at(f, HANDOFF_HOP_LOGIN, false, &odd);
	} else {
		take_auth(f, &auth, true);
		if (f->job.keep_session)
			lengthen(f);
		f->next = 0; /* all that is not done */
		start_tasks(f);
	}
	free_answer(answer);
}

static void start_login(struct fetch *f)
{
	char role[PODROLE_MOST + 1] = "";
	struct vault_call call = { .body = NULL };
	const char *named = f->job.role;

	f->hop = HANDOFF_HOP_LOGIN;
	if (!*named && !podrole_of(role, f->jwt))
		named = role;
	ask_session(f,
	    vault_call_login(&call, f->job.auth_mount, named, f->jwt), &call,
	    on_login);
}

/* A session that cannot be renewed still holds for now. */
static void on_renewed(
    void *ctx, struct httpc_answer *answer, const struct fault *fault)
{
	struct fetch *f = ctx;
	struct vault_auth auth = { .token = NULL };

	f->call = NULL;
	if (!answer) {
		fail_at(f, HANDOFF_HOP_LOGIN, true, fault);
		return;
	}
	if (answer->status == 200 &&
	    !vault_read_auth(&auth, answer->body, answer->n_body))
		take_auth(f, &auth, false);
	free_answer(answer);
	start_tasks(f);
}

static void on_open(void *ctx, struct http_conn *conn)
{
	struct fetch *f = ctx;
	struct vault_call call = { .body = NULL };

	f->conn = conn;
	f->hop = HANDOFF_HOP_LOGIN;
	if (!f->token)
		start_login(f);
	else if (f->job.renew_s)
		ask_session(f,
		    vault_call_renew_self(&call, (long)f->job.renew_s), &call,
		    on_renewed);
	else
		start_tasks(f);
}

static void on_lost(void *ctx, const struct fetchway_failure *why)
{
	struct fetch *f = ctx;
	struct fetchway_failure mine = *why;

	if (f->conn)
		mine.hop = HANDOFF_HOP_SEALED;
	f->conn = NULL;
	if (f->waits)
		keep(f);
	else
		fail(f, &mine);
}

static void on_deadline(struct wheel_timer *t, uint64_t now)
{
	struct fetch *f = CONTAINER_OF(t, struct fetch, deadline);
	struct fault fault = FAULT_NONE;

	(void)now;
	if (f->waits) {
		keep(f);
		return;
	}
	fault_set(&fault, -ETIMEDOUT,
	    "see whether broker, beacon, bridge and store are up",
	    "no answer in %u ms", f->job.deadline_ms);
	fail_at(f, f->conn ? f->hop : fetchway_hop(f->way), true, &fault);
}

/* ---- the process -------------------------------------------------------- */

static int read_secret(
    struct secret **out, const char *path, bool private, struct fault *fault)
{
	int r = private ? secret_read_file(out, path, VAULT_TOKEN_MOST)
			: secret_read_token(out, path, VAULT_TOKEN_MOST);

	return r ? file_fault(fault, r, path, VAULT_TOKEN_MOST) : 0;
}

/* Kubernetes writes projected tokens for all to read, within the pod. */
static int read_files(struct fetch *f, struct fault *fault)
{
	const struct handoff_job *job = &f->job;
	int r = 0;

	if (*job->broker_token_file)
		r = read_secret(
		    &f->broker_token, job->broker_token_file, false, fault);
	if (!r && *job->jwt_file)
		r = read_secret(&f->jwt, job->jwt_file, false, fault);
	if (!r && *job->token_file)
		r = read_secret(&f->token, job->token_file, true, fault);
	return r;
}

/* The session's token came as a descriptor. */
static int take_session(struct fetch *f, int fd)
{
	struct value value = VALUE_NONE;
	struct value_view view;
	int r =
	    value_init(&value, fd, f->job.session_size, f->job.session_hidden);

	if (r)
		return r;
	r = value_open(&view, &value);
	if (!r) {
		r = secret_from(&f->token, view.bytes, view.size);
		value_close(&view);
		f->ours = true;
	}
	value_deinit(&value);
	return r;
}

static int isolate(const struct fetch *f, struct fault *fault)
{
	CLEANUP(profile_deinit) struct profile profile;
	int r = fetch_profile(&profile, &f->job, f->egress, fault);

	return r ? r : isolate_enter(&profile.isolate, NULL, fault);
}

static const char *or_null(const char *text)
{
	return *text ? text : NULL;
}

static int take_egress(struct fetch *f, struct fault *fault)
{
	const struct egress_words words = { or_null(f->job.egress_url),
		f->job.egress_from, or_null(f->job.egress_except) };

	return egress_new(&f->egress, &words, fault);
}

static int make_tasks(struct fetch *f)
{
	f->tasks = calloc(f->job.n_tasks, sizeof(*f->tasks));
	if (f->job.n_tasks && !f->tasks)
		return -ENOMEM;
	for (size_t i = 0; i < f->job.n_tasks; i++) {
		f->tasks[i].fetch = f;
		fetchtask_init(&f->tasks[i].task, &f->job, i);
	}
	return 0;
}

static int prepare(struct fetch *f, int *session, struct fault *fault)
{
	int mine = *session, r = make_tasks(f);

	if (!r)
		r = loop_new(&f->loop);
	if (!r)
		r = take_egress(f, fault);
	if (!r && f->job.sandbox)
		r = isolate(f, fault);
	if (!r)
		r = read_files(f, fault);
	if (!r && mine >= 0) {
		*session = -1;
		r = take_session(f, mine);
	}
	return r;
}

static void run(struct fetch *f, int *session)
{
	static const struct fetchway_events events = { on_open, on_lost };
	struct fault fault = FAULT_NONE;
	struct fetchway_order order = { f->job.broker, f->job.broker_ca,
		f->job.bridge_ca, NULL, NULL };
	int r = prepare(f, session, &fault);

	order.broker_token = f->broker_token;
	order.egress = f->egress;
	if (!r)
		r = fetchway_open(&f->way, f->loop, &order, &events, f, &fault);
	if (r) {
		if (!*fault.text)
			fault_set(&fault, r, "check memory and RLIMIT_MEMLOCK",
			    "cannot begin: %s", strerror(r < 0 ? -r : EINVAL));
		fail_at(f, HANDOFF_HOP_HERE, r == -ENOMEM, &fault);
		return;
	}
	f->until_ms = loop_now(f->loop) + f->job.deadline_ms;
	loop_after(f->loop, &f->deadline, f->job.deadline_ms, on_deadline);
	loop_run(f->loop);
}

static void tear_down(struct fetch *f)
{
	for (size_t i = 0; f->tasks && i < f->job.n_tasks; i++)
		httpc_cancel(f->tasks[i].call);
	httpc_cancel(f->call);
	fetchway_close(f->way);
	if (f->loop) {
		loop_cancel(f->loop, &f->deadline);
		loop_cancel(f->loop, &f->patience);
		loop_free(f->loop);
	}
	egress_free(f->egress);
	secret_free(f->token);
	secret_free(f->jwt);
	secret_free(f->broker_token);
	free(f->tasks);
}

int fetch_process(void)
{
	CLEANUP(free_p) uint8_t *packet = malloc(HANDOFF_MOST);
	CLEANUP(free_p) struct fetch *f = calloc(1, sizeof(*f));
	CLEANUP(close_p) int session = -1;
	ssize_t n;

	if (!packet || !f || sparse_begin())
		return EXIT_FAILURE;
	vault_wipe_json();
	n = handoff_receive(COURIER_FD, packet, HANDOFF_MOST, &session);
	if (n <= 0 || handoff_read_job(&f->job, packet, (size_t)n) ||
	    f->job.session != (session >= 0)) {
		fprintf(stderr, "pharos-wrapper: '" COURIER_WORD
				"' is for the wrapper's own use\n");
		return EXIT_FAILURE;
	}
	run(f, &session);
	tear_down(f);
	secret_wipe(packet, (size_t)n); /* a proxy's password */
	return EXIT_SUCCESS;
}
