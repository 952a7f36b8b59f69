/* What the two processes may say, and that nothing else is understood. */
#include "wrapper/handoff.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

static const struct handoff_job job = {
	.broker = "https://broker:8199",
	.broker_ca = "/etc/broker.pem",
	.bridge_ca = "/etc/bridge.pem",
	.jwt_file = "/var/run/token",
	.token_file = "",
	.broker_token_file = "",
	.role = "shop.web",
	.auth_mount = "jwt",
	.egress_url = "http://u:p@proxy:3128",
	.egress_from = "HTTPS_PROXY",
	.egress_except = "",
	.deadline_ms = 15000,
	.session = true,
	.session_size = 26,
	.renew_s = 600,
	.keep_session = true,
	.all = true,
	.tasks = {
		{ HANDOFF_CHECK, "secret/a", "", 7, 0, 0, 2, 70 },
		{ HANDOFF_RENEW, "database/creds/web",
		    "database/creds/web/Xy1", 0, 3600, 2, 1 },
	},
	.n_tasks = 2,
	.fields = { "user", "password", "url" },
	.n_fields = 3,
};

static const struct handoff_reply replies[] = {
	{ HANDOFF_VALUE, .u.value = { 3, 16, true } },
	{ HANDOFF_VALUE,
	    .u.value = { PLAN_ITEMS_MAX - 1, HANDOFF_VALUE_MOST, false } },
	{ HANDOFF_SECRET, .u.secret = { 1, 12, "", 0, false, true, 120 } },
	{ HANDOFF_SECRET, .u.secret = { PLAN_SECRETS_MAX - 1, 0, "db/creds/x/1",
			      3600, true, false } },
	{ HANDOFF_SESSION, .u.session = { 26, true, 1200, true, true } },
	{ HANDOFF_FAULT, .u.fault = { HANDOFF_WHOLE, HANDOFF_HOP_LOGIN, true,
			     500, "refused", "grant" } },
	{ HANDOFF_DONE, .u.done = { false } },
	{ HANDOFF_DONE, .u.done = { true } },
};

static void test_job(void **state)
{
	CLEANUP(free_p) uint8_t *bytes = malloc(HANDOFF_MOST);
	CLEANUP(free_p) struct handoff_job *seen = calloc(1, sizeof(*seen));
	size_t n = 0;

	(void)state;
	assert_int_equal(handoff_write_job(&job, bytes, HANDOFF_MOST, &n), 0);
	assert_int_equal(handoff_read_job(seen, bytes, n), 0);
	assert_string_equal(seen->broker, job.broker);
	assert_string_equal(seen->auth_mount, "jwt");
	assert_string_equal(seen->egress_url, job.egress_url);
	assert_string_equal(seen->egress_from, "HTTPS_PROXY");
	assert_string_equal(seen->egress_except, "");
	assert_string_equal(seen->token_file, "");
	assert_int_equal(seen->deadline_ms, 15000);
	assert_true(seen->session && seen->keep_session && seen->all);
	assert_int_equal(seen->renew_s, 600);
	assert_int_equal(seen->n_tasks, 2);
	assert_int_equal(seen->tasks[0].version, 7);
	assert_int_equal(seen->tasks[0].made, 70);
	assert_int_equal(seen->tasks[1].verb, HANDOFF_RENEW);
	assert_string_equal(seen->tasks[1].lease, "database/creds/web/Xy1");
	assert_int_equal(seen->tasks[1].first_item, 2);
	assert_int_equal(seen->n_fields, 3);
	assert_string_equal(seen->fields[2], "url");
}

/* A packet that is cut anywhere, or has a byte too many, is not understood. */
static void test_job_cut(void **state)
{
	CLEANUP(free_p) uint8_t *bytes = malloc(HANDOFF_MOST);
	CLEANUP(free_p) struct handoff_job *seen = calloc(1, sizeof(*seen));
	size_t n = 0;

	(void)state;
	assert_int_equal(handoff_write_job(&job, bytes, HANDOFF_MOST, &n), 0);
	bytes[n] = 0;
	for (size_t cut = 0; cut <= n + 1; cut++)
		if (cut != n && !handoff_read_job(seen, bytes, cut))
			fail_msg("understood %zu of %zu bytes", cut, n);
	for (size_t room = 0; room < n; room++) {
		size_t used = 0;

		if (handoff_write_job(&job, bytes, room, &used) != -ENOBUFS)
			fail_msg("wrote into %zu of %zu bytes", room, n);
	}
}

static void test_replies(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(replies); i++) {
		uint8_t bytes[HANDOFF_REPLY_MOST], again[HANDOFF_REPLY_MOST];
		struct handoff_reply seen;
		size_t n = 0, m = 0;

		assert_int_equal(
		    handoff_write_reply(&replies[i], bytes, sizeof(bytes), &n),
		    0);
		assert_int_equal(handoff_read_reply(&seen, bytes, n), 0);
		assert_int_equal(seen.type, replies[i].type);
		assert_int_equal(
		    handoff_write_reply(&seen, again, sizeof(again), &m), 0);
		assert_int_equal(n, m);
		assert_memory_equal(bytes, again, n);
		bytes[n] = 0;
		for (size_t cut = 0; cut <= n + 1; cut++)
			if (cut != n && !handoff_read_reply(&seen, bytes, cut))
				fail_msg("reply %zu: %zu bytes", i, cut);
	}
}

/* Bytes that no writer of ours makes. */
#define B(...)                                                                 \
	(const uint8_t[]){ __VA_ARGS__ }, sizeof((uint8_t[]){ __VA_ARGS__ })
static const struct {
	const char *label;
	const uint8_t *bytes;
	size_t n;
} refused[] = {
	{ "nothing", NULL, 0 },
	{ "another version", B(2, HANDOFF_DONE) },
	{ "a job", B(1, HANDOFF_JOB) },
	{ "type 0", B(1, 0) },
	{ "unknown type", B(1, HANDOFF_DONE + 1) },
	{ "item past the limit",
	    B(1, HANDOFF_VALUE, 0, 0, 1, 0, 0, 0, 0, 1, 0) },
	{ "value past the limit",
	    B(1, HANDOFF_VALUE, 0, 0, 0, 0, 0, 0x10, 0, 1, 0) },
	{ "neither true nor false",
	    B(1, HANDOFF_VALUE, 0, 0, 0, 0, 0, 0, 0, 1, 2) },
	{ "unknown hop", B(1, HANDOFF_FAULT, 1, HANDOFF_HOP_COUNT, 0, 0, 0, 0,
			     0, 0, 1, 0, 0, 1, 0) },
	{ "fault of a secret past the limit",
	    B(1, HANDOFF_FAULT, HANDOFF_WHOLE + 1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0,
		1, 0) },
	{ "text without its NUL",
	    B(1, HANDOFF_FAULT, 1, 0, 0, 0, 0, 0, 0, 0, 1, 'x', 0, 1, 0) },
	{ "text with a NUL inside",
	    B(1, HANDOFF_FAULT, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0) },
	{ "text of length 0",
	    B(1, HANDOFF_FAULT, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0) },
	{ "session token past the limit",
	    B(1, HANDOFF_SESSION, 0, 0, 0x20, 1, 0, 0, 0, 0, 0, 0, 0) },
};

static void test_refused(void **state)
{
	struct handoff_reply seen;

	(void)state;
	for (size_t i = 0; i < N_ELEMS(refused); i++)
		if (handoff_read_reply(&seen, refused[i].bytes, refused[i].n) !=
		    HANDOFF_E_FORMAT)
			fail_msg("%s", refused[i].label);
}

/* Everything at its limit is still one packet. */
static void test_limits(void **state)
{
	CLEANUP(free_p) uint8_t *bytes = malloc(HANDOFF_MOST);
	CLEANUP(free_p) struct handoff_job *full = calloc(1, sizeof(*full));
	CLEANUP(free_p) struct handoff_job *seen = calloc(1, sizeof(*seen));
	char text[HANDOFF_TEXT_MOST + 2], path[PLAN_PATH_MOST + 1];
	char lease[HANDOFF_LEASE_MOST + 1], field[PLAN_FIELD_MOST + 1];
	size_t n = 0;

	(void)state;
	memset(text, 't', sizeof(text));
	text[HANDOFF_TEXT_MOST] = text[HANDOFF_TEXT_MOST + 1] = '\0';
	snprintf(path, sizeof(path), "%0*d", PLAN_PATH_MOST, 1);
	snprintf(lease, sizeof(lease), "%0*d", HANDOFF_LEASE_MOST, 1);
	snprintf(field, sizeof(field), "%0*d", PLAN_FIELD_MOST, 1);
	*full = (struct handoff_job){ text, text, text, text, text, text, text,
		text, text, text, text };
	full->n_tasks = PLAN_SECRETS_MAX;
	full->n_fields = PLAN_ITEMS_MAX;
	for (size_t i = 0; i < PLAN_SECRETS_MAX; i++)
		full->tasks[i] = (struct handoff_task){ HANDOFF_READ, path,
			lease, 1, 1, 4 * i, 4 };
	for (size_t i = 0; i < PLAN_ITEMS_MAX; i++)
		full->fields[i] = field;
	assert_int_equal(handoff_write_job(full, bytes, HANDOFF_MOST, &n), 0);
	assert_int_equal(handoff_read_job(seen, bytes, n), 0);
	assert_int_equal(seen->n_fields, PLAN_ITEMS_MAX);
	text[HANDOFF_TEXT_MOST] = 't';
	assert_int_equal(
	    handoff_write_job(full, bytes, HANDOFF_MOST, &n), -ENOBUFS);
	full->n_tasks++;
	assert_int_equal(
	    handoff_write_job(full, bytes, HANDOFF_MOST, &n), -EINVAL);
}

static void pair(int fds[2])
{
	assert_int_equal(
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
}

static void test_descriptor(void **state)
{
	int fds[2], passed = -1, pipes[2];
	char bytes[8];

	(void)state;
	pair(fds);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(handoff_send(fds[0], "one", 3, pipes[1]), 0);
	assert_int_equal(handoff_send(fds[0], "two", 3, -1), 0);
	assert_int_equal(handoff_receive(fds[1], bytes, 8, &passed), 3);
	assert_true(passed >= 0);
	assert_int_equal(fcntl(passed, F_GETFD), FD_CLOEXEC);
	assert_int_equal(write(passed, "x", 1), 1);
	assert_int_equal(read(pipes[0], bytes, 1), 1);
	close(passed);
	assert_int_equal(handoff_receive(fds[1], bytes, 8, &passed), 3);
	assert_int_equal(passed, -1);
	assert_int_equal(handoff_receive(fds[1], bytes, 8, &passed), -EAGAIN);
	close(fds[0]);
	assert_int_equal(handoff_receive(fds[1], bytes, 8, &passed), 0);
	assert_int_equal(passed, -1);
	close(fds[1]);
	close(pipes[0]);
	close(pipes[1]);
}

/* Two descriptors in one packet, then a packet that is too large. */
static void test_descriptor_refused(void **state)
{
	int fds[2], passed = -1, next = dup(0);
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(2 * sizeof(int))];
	} control = { .head = { .cmsg_len = CMSG_LEN(2 * sizeof(int)),
			  .cmsg_level = SOL_SOCKET,
			  .cmsg_type = SCM_RIGHTS } };
	struct iovec span = { .iov_base = (char[]){ "x" }, .iov_len = 1 };
	struct msghdr m = { .msg_iov = &span,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	char bytes[4];

	(void)state;
	pair(fds);
	memcpy(
	    CMSG_DATA(&control.head), (int[]){ next, next }, 2 * sizeof(int));
	assert_int_equal(sendmsg(fds[0], &m, 0), 1);
	assert_int_equal(handoff_receive(fds[1], bytes, 4, &passed), -EBADMSG);
	assert_int_equal(handoff_send(fds[0], "12345", 5, next), 0);
	assert_int_equal(handoff_receive(fds[1], bytes, 4, &passed), -EBADMSG);
	assert_int_equal(passed, -1);
	/* nothing of what came was left open */
	close(next);
	assert_int_equal(dup(0), next);
	close(next);
	close(fds[0]);
	close(fds[1]);
}

/* The largest job fits into the socket before anybody reads it. */
static void test_largest_packet(void **state)
{
	CLEANUP(free_p) uint8_t *bytes = calloc(1, HANDOFF_MOST);
	CLEANUP(free_p) uint8_t *seen = calloc(1, HANDOFF_MOST);
	int fds[2], passed;

	(void)state;
	pair(fds);
	bytes[HANDOFF_MOST - 1] = 0x5a;
	assert_int_equal(handoff_send(fds[0], bytes, HANDOFF_MOST, -1), 0);
	assert_int_equal(
	    handoff_receive(fds[1], seen, HANDOFF_MOST, &passed), HANDOFF_MOST);
	assert_memory_equal(bytes, seen, HANDOFF_MOST);
	close(fds[0]);
	close(fds[1]);
}

static void test_other_side_gone(void **state)
{
	int fds[2];

	(void)state;
	pair(fds);
	close(fds[1]);
	assert_int_equal(handoff_send(fds[0], "x", 1, -1), -EPIPE);
	close(fds[0]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_job),
		cmocka_unit_test(test_job_cut),
		cmocka_unit_test(test_replies),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_descriptor),
		cmocka_unit_test(test_descriptor_refused),
		cmocka_unit_test(test_largest_packet),
		cmocka_unit_test(test_other_side_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
