/* load-splice LISTEN_PORT TARGET_PORT PIPE_BYTES: the least that a relay can
 * do.
 *
 * Takes connections on 127.0.0.1, dials the target for each, and moves bytes
 * both ways by splice(2), a thread for each direction and nothing else: no
 * loop, no limits, no deadlines. What this costs is what the kernel costs.
 */
#include "base/err.h"
#include "base/number.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

struct direction {
	int from, to;
	size_t pipe_bytes;
};

static struct sockaddr_in loopback(uint64_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
}

static bool drain(const int pipe[2], int to, size_t n)
{
	while (n) {
		ssize_t moved =
		    splice(pipe[0], NULL, to, NULL, n, SPLICE_F_MOVE);

		if (moved <= 0)
			return false;
		n -= (size_t)moved;
	}
	return true;
}

static void *carry(void *of)
{
	const struct direction *d = of;
	int pipe[2];

	INVARIANT(!pipe2(pipe, O_CLOEXEC));
	INVARIANT(fcntl(pipe[1], F_SETPIPE_SZ, (int)d->pipe_bytes) > 0);
	for (;;) {
		ssize_t n = splice(
		    d->from, NULL, pipe[1], NULL, d->pipe_bytes, SPLICE_F_MOVE);

		if (n <= 0 || !drain(pipe, d->to, (size_t)n))
			break;
	}
	(void)shutdown(d->to, SHUT_WR);
	close(pipe[0]);
	close(pipe[1]);
	return NULL;
}

static void join_both(int a, int b, size_t pipe_bytes)
{
	struct direction there = { a, b, pipe_bytes },
			 back = { b, a, pipe_bytes };
	pthread_t thread;

	INVARIANT(!pthread_create(&thread, NULL, carry, &back));
	carry(&there);
	pthread_join(thread, NULL);
}

static void serve(int a, uint64_t target, size_t pipe_bytes)
{
	struct sockaddr_in to = loopback(target);
	int b = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	INVARIANT(b >= 0);
	(void)setsockopt(a, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	(void)setsockopt(b, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (!connect(b, (struct sockaddr *)&to, sizeof(to)))
		join_both(a, b, pipe_bytes);
	close(a);
	close(b);
}

int main(int argc, char **argv)
{
	uint64_t port, target, pipe_bytes;
	struct sockaddr_in here;
	int door = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

	if (argc != 4 || number_parse(argv[1], 65535, &port) ||
	    number_parse(argv[2], 65535, &target) ||
	    number_parse(argv[3], 1 << 20, &pipe_bytes)) {
		(void)fputs("usage: load-splice LISTEN_PORT TARGET_PORT "
			    "PIPE_BYTES\n",
		    stderr);
		return 2;
	}
	here = loopback(port);
	(void)setsockopt(door, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(door, (struct sockaddr *)&here, sizeof(here)) ||
	    listen(door, 16)) {
		perror("load-splice");
		return 1;
	}
	(void)puts("listening");
	(void)fflush(stdout);
	for (;;) {
		int a = accept4(door, NULL, NULL, SOCK_CLOEXEC);

		if (a >= 0)
			serve(a, target, pipe_bytes);
	}
}
