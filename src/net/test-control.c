/* Who reaches the control socket, and what happens to what stands at its path.
 */
#include "net/control.h"
#include "net/loop.h"
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

static struct loop *loop;
static char folder[64], path[96];
static struct fault fault;

static int setup(void **state)
{
	(void)state;
	snprintf(folder, sizeof(folder), "/tmp/test-control-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	snprintf(path, sizeof(path), "%s/own/socket", folder);
	fault = (struct fault)FAULT_NONE;
	return loop_new(&loop);
}

static int teardown(void **state)
{
	char own[80], lock[sizeof(path) + 8];

	(void)state;
	loop_free(loop);
	(void)unlink(path);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	(void)unlink(lock);
	snprintf(own, sizeof(own), "%s/own", folder);
	(void)rmdir(own);
	return rmdir(folder);
}

static void on_hello(
    void *ctx, struct http_stream *s, const struct http_head *head)
{
	(void)head;
	http_stream_answer(
	    s, &(struct http_answer){ .status = 200, .body = ctx, .n = 5 });
}

static int try_open(struct control **out)
{
	static const struct httpd_route route = { "GET", "/hello", on_hello };
	static char text[] = "hello";
	const struct control_config config = {
		.path = path, .routes = &route, .n_routes = 1, .ctx = text
	};

	return control_open(out, loop, &config, &fault);
}

static struct control *open_it(void)
{
	struct control *c = NULL;

	if (try_open(&c))
		fail_msg("%s", fault.text);
	return c;
}

static int reach_at(const char *where)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(at.sun_path, sizeof(at.sun_path), "%s", where);
	assert_true(fd >= 0);
	if (!connect(fd, (struct sockaddr *)&at, sizeof(at)))
		return fd;
	close(fd);
	return -1;
}

static int reach(void)
{
	return reach_at(path);
}

static void ask(int fd)
{
	static const char text[] = "GET /hello HTTP/1.1\r\nhost: x\r\n\r\n";

	assert_int_equal(
	    send(fd, text, sizeof(text) - 1, MSG_NOSIGNAL), sizeof(text) - 1);
}

/* What has come when something has; 0: the end. */
static ssize_t hear(int fd, char *to, size_t room)
{
	ssize_t n = -1;

	for (int i = 0; i < 500 && n < 0; i++) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		loop_turn(loop);
		if (poll(&p, 1, 10) == 1)
			n = recv(fd, to, room - 1, 0);
	}
	to[n > 0 ? n : 0] = '\0';
	return n;
}

static unsigned mode_of(const char *of)
{
	struct stat st;

	assert_int_equal(lstat(of, &st), 0);
	return st.st_mode & 07777;
}

static void our_own_user_is_served(void **state)
{
	struct control *c = open_it();
	char answer[512];
	int fd = reach();

	(void)state;
	ask(fd);
	assert_true(hear(fd, answer, sizeof(answer)) > 0);
	assert_non_null(strstr(answer, " 200 "));
	assert_non_null(strstr(answer, "hello"));
	assert_int_equal(control_refused(c), 0);
	close(fd);
	control_close(c);
}

static void nobody_else_may_open_it(void **state)
{
	struct control *c = open_it();
	char own[80];

	(void)state;
	snprintf(own, sizeof(own), "%s/own", folder);
	assert_int_equal(mode_of(path), 0600);
	assert_int_equal(mode_of(own), 0700);
	control_close(c);
}

/* As the user nobody, with the modes out of the way.
 * Return: 'c', closed without a byte; else what went wrong. */
static char visit_as_nobody(void)
{
	char byte;
	int fd;

	if (setgid(65534) || setuid(65534))
		return 's';
	fd = reach();
	if (fd < 0)
		return 'r';
	return recv(fd, &byte, 1, 0) > 0 ? 'b' : 'c';
}

/* What came of it is said by a pipe, since valgrind has a word in the exit
 * status of a child. */
static pid_t send_nobody(int *told)
{
	int ends[2];
	pid_t child;
	char result;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	child = fork();
	if (!child) {
		result = visit_as_nobody();
		_exit(write(ends[1], &result, 1) != 1);
	}
	close(ends[1]);
	*told = ends[0];
	return child;
}

static void another_user_is_closed_whatever_the_modes(void **state)
{
	struct control *c;
	char own[80], result = 0;
	int told = -1;
	pid_t child;

	(void)state;
	if (geteuid()) {
		print_message("only root can become another user\n");
		skip();
	}
	c = open_it();
	snprintf(own, sizeof(own), "%s/own", folder);
	assert_int_equal(chmod(folder, 0777), 0);
	assert_int_equal(chmod(own, 0777), 0);
	assert_int_equal(chmod(path, 0777), 0);
	child = send_nobody(&told);
	while (!waitpid(child, NULL, WNOHANG))
		loop_turn(loop);
	assert_int_equal(read(told, &result, 1), 1);
	close(told);
	assert_int_equal(result, 'c');
	assert_int_equal(control_refused(c), 1);
	control_close(c);
}

static void connections_are_bounded(void **state)
{
	struct control *c = open_it();
	int fd[CONTROL_CONNECTIONS_MOST + 1];
	char answer[512];

	(void)state;
	for (size_t i = 0; i < N_ELEMS(fd); i++) {
		fd[i] = reach();
		assert_true(fd[i] >= 0);
	}
	assert_int_equal(
	    hear(fd[CONTROL_CONNECTIONS_MOST], answer, sizeof(answer)), 0);
	assert_int_equal(control_refused(c), 1);
	ask(fd[0]);
	assert_true(hear(fd[0], answer, sizeof(answer)) > 0);
	for (size_t i = 0; i < N_ELEMS(fd); i++)
		close(fd[i]);
	control_close(c);
}

static void a_live_socket_is_left_alone(void **state)
{
	struct control *c = open_it(), *other = NULL;
	int fd;

	(void)state;
	assert_int_equal(try_open(&other), -EADDRINUSE);
	assert_non_null(strstr(fault.text, "another process serves there"));
	fd = reach();
	assert_true(fd >= 0);
	close(fd);
	control_close(c);
	assert_int_equal(access(path, F_OK), -1); /* gone with its owner */
}

static void a_stale_socket_is_replaced(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct control *c;

	(void)state;
	control_close(open_it()); /* for the folder */
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	close(fd); /* as a process that was killed leaves it */
	c = open_it();
	assert_int_equal(mode_of(path), 0600);
	control_close(c);
}

static void what_is_no_socket_is_left_alone(void **state)
{
	struct control *c = NULL;
	int fd;

	(void)state;
	control_close(open_it());
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(try_open(&c), -EEXIST);
	assert_non_null(strstr(fault.text, "no socket"));
	assert_int_equal(access(path, F_OK), 0);
}

static void a_successors_socket_is_left_alone(void **state)
{
	struct control *c = open_it(), *successor;

	(void)state;
	control_give_up(c);
	assert_int_equal(unlink(path), 0);
	successor = open_it();
	control_close(c);
	assert_int_equal(access(path, F_OK), 0);
	control_close(successor);
}

static void remove_lock(void)
{
	char lock[sizeof(path) + 8];

	snprintf(lock, sizeof(lock), "%s.lock", path);
	assert_int_equal(unlink(lock), 0);
}

static void what_was_given_up_is_moved_aside(void **state)
{
	struct control *c = open_it(), *next = NULL;
	char aside[128], answer[512];
	int fd;

	(void)state;
	snprintf(aside, sizeof(aside), CONTROL_ASIDE, path, (int)getpid());
	assert_int_equal(try_open(&next), -EADDRINUSE);
	control_give_up(c);
	fd = reach(); /* nobody has come: all is as it was */
	assert_true(fd >= 0);
	close(fd);
	next = open_it();
	fd = reach_at(aside);
	ask(fd);
	assert_true(hear(fd, answer, sizeof(answer)) > 0);
	close(fd);
	control_close(c);
	assert_int_equal(access(aside, F_OK), -1);
	fd = reach();
	ask(fd);
	assert_true(hear(fd, answer, sizeof(answer)) > 0);
	close(fd);
	control_close(next);
	assert_int_equal(access(path, F_OK), -1);
}

/* The next one may fail before it serves: its port is taken, say. */
static void what_was_moved_aside_comes_back(void **state)
{
	struct control *c = open_it(), *next;
	char answer[512];
	int fd;

	(void)state;
	control_give_up(c);
	next = open_it();
	control_close(next);
	fd = reach();
	ask(fd);
	assert_true(hear(fd, answer, sizeof(answer)) > 0);
	close(fd);
	next = open_it(); /* and makes room again */
	control_close(c);
	control_close(next);
	assert_int_equal(access(path, F_OK), -1);
}

/* That is, where there is no lock beside it. */
static void another_programs_socket_is_left_alone(void **state)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), visitor;
	struct control *c = NULL;

	(void)state;
	control_close(open_it()); /* for the folder */
	remove_lock();
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", path);
	assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(fd, 4), 0);
	assert_int_equal(try_open(&c), -EADDRINUSE);
	visitor = reach();
	assert_true(visitor >= 0);
	close(visitor);
	close(fd);
}

/* ---- many at once */

enum { STARTERS = 8, ROUNDS = 20 };

/* When told to, open it; say whether that went well; serve until the end. */
static void start_when_told(int go, int told)
{
	struct control *c;
	char byte = 0;

	if (read(go, &byte, 1) == 0)
		byte = try_open(&c) ? 'n' : 'y';
	_exit(write(told, &byte, 1) == 1 && pause());
}

static pid_t listener_of(int fd)
{
	struct ucred who = { .pid = 0 };
	socklen_t size = sizeof(who);

	assert_int_equal(
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size), 0);
	close(fd);
	return who.pid;
}

static void one_round(void)
{
	int go[2], told[STARTERS][2], fd;
	pid_t child[STARTERS], owner = 0;
	char byte;

	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	for (int i = 0; i < STARTERS; i++) {
		assert_int_equal(pipe2(told[i], O_CLOEXEC), 0);
		child[i] = fork();
		if (!child[i]) {
			close(go[1]);
			start_when_told(go[0], told[i][1]);
		}
	}
	close(go[0]);
	close(go[1]); /* now */
	for (int i = 0; i < STARTERS; i++) {
		assert_int_equal(read(told[i][0], &byte, 1), 1);
		assert_true(byte == 'n' || (byte == 'y' && !owner));
		if (byte == 'y')
			owner = child[i];
		close(told[i][0]);
		close(told[i][1]);
	}
	fd = reach();
	assert_true(fd >= 0);
	assert_int_equal(listener_of(fd), owner);
	for (int i = 0; i < STARTERS; i++) {
		kill(child[i], SIGKILL);
		assert_int_equal(waitpid(child[i], NULL, 0), child[i]);
	}
}

/* Each round leaves a socket behind for the next. */
static void of_many_that_start_at_once_one_has_the_path(void **state)
{
	(void)state;
	for (int i = 0; i < ROUNDS; i++)
		one_round();
}

static void a_path_too_long_is_refused(void **state)
{
	char much[200] = "";
	const struct control_config config = { .path = much };
	struct control *c = NULL;

	(void)state;
	control_close(open_it()); /* so that there is a folder to remove */
	memset(much, 'x', sizeof(much) - 1);
	assert_int_equal(
	    control_open(&c, loop, &config, &fault), -ENAMETOOLONG);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(our_own_user_is_served),
		TEST(nobody_else_may_open_it),
		TEST(another_user_is_closed_whatever_the_modes),
		TEST(connections_are_bounded),
		TEST(a_live_socket_is_left_alone),
		TEST(a_stale_socket_is_replaced),
		TEST(what_is_no_socket_is_left_alone),
		TEST(a_successors_socket_is_left_alone),
		TEST(what_was_given_up_is_moved_aside),
		TEST(what_was_moved_aside_comes_back),
		TEST(another_programs_socket_is_left_alone),
		TEST(of_many_that_start_at_once_one_has_the_path),
		TEST(a_path_too_long_is_refused),
	};

	return cmocka_run_group_tests_name("control", tests, NULL, NULL);
}
