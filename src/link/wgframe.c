#include "link/wgframe.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MOST = 255, LAST_FRAMED = 20230223, EXEC_FAILED = 127 };

bool wgframe_read(const char *answer)
{
	static const char before[] = "wireguard-go v0.0.";
	char *end;
	unsigned long day;

	if (strncmp(answer, before, strlen(before)) != 0)
		return false;
	answer += strlen(before);
	day = strtoul(answer, &end, 10);
	return end != answer && day <= LAST_FRAMED;
}

/* In the new process: only calls that are safe between fork() and execve(). */
_Noreturn static void become(const char *program, int answer)
{
	char flag[] = "--version";
	char *const none[] = { NULL };
	int nothing = open("/dev/null", O_RDWR);
	sigset_t signals;
	union {
		const char *in;
		char *out;
	} name = { .in = program };
	char *const words[] = { name.out, flag, NULL };

	sigemptyset(&signals);
	if (sigprocmask(SIG_SETMASK, &signals, NULL) || nothing < 0 ||
	    dup2(nothing, STDIN_FILENO) < 0 ||
	    dup2(answer, STDOUT_FILENO) < 0 || dup2(nothing, STDERR_FILENO) < 0)
		_exit(EXEC_FAILED);
	execve(program, words, none);
	_exit(EXEC_FAILED);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Up to its end, or as much as there is room for. */
static int read_answer(int fd, char text[ANSWER_MOST + 1])
{
	const uint64_t until = now_ms() + WGFRAME_MS;
	size_t n = 0;

	while (n < ANSWER_MOST) {
		struct pollfd p = { .fd = fd, .events = POLLIN };
		uint64_t now = now_ms();
		ssize_t got;

		if (now >= until || poll(&p, 1, (int)(until - now)) == 0)
			return -ETIMEDOUT;
		got = read(fd, text + n, ANSWER_MOST - n);
		if (got < 0 && errno != EINTR)
			return -errno;
		if (!got)
			break;
		n += got > 0 ? (size_t)got : 0;
	}
	text[n] = '\0';
	return 0;
}

int wgframe_of(bool *framed, const char *program, struct fault *fault)
{
	char text[ANSWER_MOST + 1];
	CLEANUP(close_p) int from = -1;
	int ends[2], r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return fault_set(
		    fault, -errno, NULL, "%s: %s", program, strerror(errno));
	from = ends[0];
	pid = fork();
	if (!pid)
		become(program, ends[1]);
	r = pid < 0 ? -errno : 0;
	close(ends[1]);
	if (!r)
		r = read_answer(from, text);
	if (pid > 0) {
		kill(pid, SIGKILL);
		(void)waitpid(pid, NULL, 0);
	}
	if (r)
		return fault_set(fault, r, "try it by hand", "%s --version: %s",
		    program, strerror(-r));
	*framed = wgframe_read(text);
	return 0;
}
