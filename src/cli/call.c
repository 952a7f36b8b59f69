#include "cli/call.h"
#include "base/text.h"
#include "net/httpc.h"
#include "net/loop.h"
#include "net/tcp.h"
#include "wire/json.h"
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

struct errand {
	const struct call *call;
	struct loop *loop;
	struct http_conn *conn;
	struct fault *fault;
	json_t *answer;
	int result;
	bool over;
};

/* ---- reaching it ---- */

static const char *hint_of(int error)
{
	switch (error) {
	case ENOENT:
	case ECONNREFUSED:
		return "Is it running, and with --control? Its log says where: "
		       "listening what=control.";
	case EACCES:
	case EPERM:
		return "Only root and the user that it runs as may ask it.";
	case ETIMEDOUT:
		return "It runs, but takes no calls: is it stopped, or do too "
		       "many ask at once?";
	case ENAMETOOLONG:
		return "The path of a socket has at most 107 bytes.";
	default:
		return NULL;
	}
}

static int unreachable(const struct call *call, int error, struct fault *fault)
{
	return fault_set(fault, -error, hint_of(error), "%s: no %s there: %s",
	    call->path, call->daemon, strerror(error));
}

/* A socket whose queue is full makes connect() wait: CALL_MS at most.
 * Return: 0; the errno. */
static int join_queue(int fd, const struct sockaddr_un *at)
{
	const struct timeval most = { .tv_sec = CALL_MS / 1000 };

	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof(most)))
		return errno;
	if (!connect(fd, (const struct sockaddr *)at, sizeof(*at)))
		return 0;
	return errno == EAGAIN ? ETIMEDOUT : errno;
}

static int reach(int *out, const struct call *call, struct fault *fault)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	CLEANUP(close_p)
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int error;

	if (strlen(call->path) >= sizeof(at.sun_path))
		return unreachable(call, ENAMETOOLONG, fault);
	memcpy(at.sun_path, call->path, strlen(call->path));
	error = fd < 0 ? errno : join_queue(fd, &at);
	if (error)
		return unreachable(call, error, fault);
	*out = steal_fd(&fd);
	return 0;
}

/* ---- what it says ---- */

/* {"errors":["…"]} */
static int refused(
    struct errand *e, const struct httpc_answer *answer, const json_t *body)
{
	const json_t *list = json_object_get(body, "errors");
	const char *words = json_string_value(json_array_get(list, 0));
	char text[200];

	(void)snprintf(text, sizeof(text), "%s", words ? words : "no reason");
	text_tame(text);
	return fault_set(e->fault, answer->status == 404 ? -ESRCH : -EIO, NULL,
	    "%s has refused: %s", e->call->daemon, text);
}

static void on_answer(
    void *ctx, struct httpc_answer *answer, const struct fault *fault)
{
	struct errand *e = ctx;
	JSON *body = NULL;

	e->over = true;
	if (!answer) {
		e->result = fault_set(
		    e->fault, -EIO, NULL, "%s: %s", e->call->path, fault->text);
		return;
	}
	body = json_read_object(answer->body, answer->n_body, 0);
	free(answer->body);
	if (answer->status != 200)
		e->result = refused(e, answer, body);
	else if (!body)
		e->result = fault_set(e->fault, -EIO, NULL,
		    "%s: the answer is not JSON", e->call->path);
	else
		e->answer = STEAL(body);
}

static void on_gone(void *ctx, const struct fault *fault)
{
	struct errand *e = ctx;

	(void)fault;
	e->conn = NULL;
}

static int converse(struct errand *e)
{
	const struct httpc_request request = {
		.method = e->call->method,
		.authority = "control",
		.target = e->call->target,
		.most = CALL_ANSWER_MOST,
		.ms = CALL_MS,
	};
	struct httpc_call *sent;
	int r = httpc_send(&sent, e->conn, &request, on_answer, e);

	if (r)
		return fault_set(
		    e->fault, r < 0 ? r : -EIO, NULL, "cannot ask");
	while (!e->over)
		loop_wait(e->loop);
	return e->result;
}

static int connect_http(struct errand *e, int *fd)
{
	static const struct http_conn_events events = { .gone = on_gone };
	const struct http_conn_config config = {
		.version = HTTP_1,
		.end = HTTP_CLIENT,
		.events = &events,
		.ctx = e,
	};
	struct leg *leg;
	int r;

	(void)fcntl(*fd, F_SETFL, O_NONBLOCK);
	r = tcp_leg_open(&leg, e->loop, *fd, false);
	if (r)
		return r;
	steal_fd(fd);
	return http_conn_open(&e->conn, leg, &config);
}

int call_make(json_t **out, const struct call *call, struct fault *fault)
{
	CLEANUP(loop_freep) struct loop *loop = NULL;
	CLEANUP(close_p) int fd = -1;
	struct errand e = { .call = call, .fault = fault };
	int r = reach(&fd, call, fault);

	if (r)
		return r;
	r = loop_new(&loop);
	e.loop = loop;
	if (!r)
		r = connect_http(&e, &fd);
	if (r)
		return fault_set(
		    fault, r, NULL, "%s: %s", call->path, strerror(-r));
	r = converse(&e);
	if (e.conn)
		http_conn_cut(e.conn);
	if (!r)
		*out = e.answer;
	return r;
}
