/* What the service manager hears. */
#include "net/notify.h"
#include "base/log.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <cmocka.h>

enum { START = 1000 };

static struct loop *loop;
static struct notify *notify;
static int manager = -1;
static char address[64];

/* Listen at @path; '@' begins a name in the abstract namespace. */
static void listen_at(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	size_t n = strlen(path);

	memcpy(sa.sun_path, path, n);
	if (path[0] == '@')
		sa.sun_path[0] = '\0';
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	assert_true(manager >= 0);
	assert_int_equal(
	    bind(manager, (struct sockaddr *)&sa,
		(socklen_t)(offsetof(struct sockaddr_un, sun_path) + n)),
	    0);
}

static const char *heard(void)
{
	static char text[512];
	ssize_t n = recv(manager, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void begin(const char *path)
{
	snprintf(address, sizeof(address), path, (int)getpid());
	listen_at(address);
	setenv("NOTIFY_SOCKET", address, 1);
	assert_int_equal(notify_open(&notify, loop), 0);
}

static int setup(void **state)
{
	(void)state;
	log_setup("test", LOG_FORMAT_TEXT, LOG_LEVEL_ERR);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	assert_int_equal(loop_new(&loop), 0);
	loop_fake_clock(loop, START);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	notify_close(STEAL(notify));
	loop_free(loop);
	if (manager >= 0)
		close(manager);
	manager = -1;
	if (address[0] == '/')
		unlink(address);
	return 0;
}

static void say_everything(void)
{
	notify_ready(notify);
	assert_string_equal(heard(), "READY=1\nSTATUS=serving");
	notify_reloading(notify);
	assert_string_equal(heard(), "RELOADING=1\nMONOTONIC_USEC=1000000");
	notify_status(notify, "two\nlines");
	assert_string_equal(heard(), "STATUS=two lines");
	notify_stopping(notify, 300000);
	assert_string_equal(heard(), "STOPPING=1\nSTATUS=draining\n"
				     "EXTEND_TIMEOUT_USEC=310000000");
}

static void test_socket_in_a_folder(void **state)
{
	(void)state;
	begin("/tmp/pharos-notify-%d");
	assert_null(getenv("NOTIFY_SOCKET"));
	say_everything();
	assert_string_equal(heard(), "");
}

static void test_abstract_socket(void **state)
{
	(void)state;
	begin("@pharos-notify-%d");
	say_everything();
}

/* Nobody is there, or at no address that we know: all goes on. */
static void test_no_manager(void **state)
{
	static const char *const paths[] = { NULL, "", "/", "relative",
		"vsock:2:1", "/tmp/nobody/is/here" };

	(void)state;
	for (size_t i = 0; i < N_ELEMS(paths); i++) {
		if (paths[i])
			setenv("NOTIFY_SOCKET", paths[i], 1);
		setenv("WATCHDOG_USEC", "1000", 1);
		assert_int_equal(notify_open(&notify, loop), 0);
		notify_ready(notify);
		assert_int_equal(loop_next_due(loop), UINT64_MAX);
		assert_null(getenv("WATCHDOG_USEC"));
		notify_close(STEAL(notify));
	}
}

/* A manager that does not read is not waited for. */
static void test_slow_manager(void **state)
{
	(void)state;
	begin("@pharos-notify-%d");
	for (int i = 0; i < 10000; i++)
		notify_ready(notify);
	assert_string_equal(heard(), "READY=1\nSTATUS=serving");
}

static void pass(uint64_t ms)
{
	loop_set_now(loop, loop_now(loop) + ms);
	loop_turn(loop);
}

static void test_watchdog(void **state)
{
	static const struct {
		const char *label, *usec, *pid;
		uint64_t each_ms; /* 0: never */
	} rows[] = {
		{ "none", NULL, NULL, 0 },
		{ "of two seconds", "2000000", NULL, 1000 },
		{ "ours", "2000000", "own", 1000 },
		{ "another's", "2000000", "1", 0 },
		{ "no number", "soon", NULL, 0 },
		{ "too short to be kept", "100", NULL, 0 },
	};
	char own[16];

	snprintf(own, sizeof(own), "%d", (int)getpid());
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		const char *pid = rows[i].pid;

		if (i) {
			teardown(state);
			setup(state);
		}
		print_message("# %s\n", rows[i].label);
		if (rows[i].usec)
			setenv("WATCHDOG_USEC", rows[i].usec, 1);
		if (pid)
			setenv("WATCHDOG_PID", *pid == 'o' ? own : pid, 1);
		begin("@pharos-notify-%d");
		for (int n = 0; rows[i].each_ms && n < 5; n++) {
			pass(n ? 1 : 0);
			assert_string_equal(heard(), "WATCHDOG=1");
			pass(rows[i].each_ms - 1);
			assert_string_equal(heard(), "");
		}
		if (!rows[i].each_ms)
			assert_int_equal(loop_next_due(loop), UINT64_MAX);
	}
}

int main(void)
{
#define TEST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_socket_in_a_folder),
		TEST(test_abstract_socket),
		TEST(test_no_manager),
		TEST(test_slow_manager),
		TEST(test_watchdog),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
