#include "load/crowd.h"
#include "net/loop.h"
#include "net/tcp.h"
#include <netinet/in.h>
#include <unistd.h>

/* A dial_open() that is under way. */
struct crowd_attempt {
	TAILQ_ENTRY(crowd_attempt) of_crowd;
	struct crowd *crowd;
	struct dial *dial;
	struct leg *leg;
};

static struct sockaddr_in loopback(uint32_t offset, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { htonl((127U << 24) + offset) },
	};
}

/* The port is chosen at connect(), when both addresses are known: so each
 * source has all of them. */
static int bind_source(int fd, uint32_t offset)
{
	struct sockaddr_in from = loopback(offset, 0);
	int on = 1;

	if (setsockopt(
		fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) ||
	    bind(fd, (struct sockaddr *)&from, sizeof(from)))
		return -errno;
	return 0;
}

int crowd_dial(struct crowd *c, struct leg **out)
{
	struct sockaddr_in to = loopback(1, c->port);
	CLEANUP(close_p)
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int r;

	if (fd < 0)
		return -errno;
	tcp_set_keepalive(fd);
	r = bind_source(fd, c->first + (uint32_t)(c->dialled++ % c->size));
	if (r)
		return r;
	if (connect(fd, (struct sockaddr *)&to, sizeof(to)) &&
	    errno != EINPROGRESS)
		return -errno;
	r = tcp_leg_open(out, c->loop, fd, true);
	if (!r)
		steal_fd(&fd);
	return r;
}

/* ---- for net/dial.h */

static void attempt_free(struct crowd_attempt *a)
{
	TAILQ_REMOVE(&a->crowd->attempts, a, of_crowd);
	leg_reset(a->leg);
	free(a);
}

static void on_attempt(void *ctx, struct leg *leg, unsigned events)
{
	struct crowd_attempt *a = ctx;
	struct dial *dial = a->dial;

	if (events & LEG_GONE) {
		attempt_free(a);
		dial_answer(dial, NULL);
		return;
	}
	a->leg = NULL;
	attempt_free(a);
	leg_want(leg, 0);
	leg_handle(leg, NULL, NULL);
	dial_answer(dial, leg);
}

static void crowd_connect(
    struct dial_network *n, struct dial *d, const char *target)
{
	struct crowd *c = CONTAINER_OF(n, struct crowd, network);
	struct crowd_attempt *a = calloc(1, sizeof(*a));

	(void)target;
	INVARIANT(a);
	a->crowd = c;
	a->dial = d;
	INVARIANT(!crowd_dial(c, &a->leg));
	TAILQ_INSERT_TAIL(&c->attempts, a, of_crowd);
	leg_handle(a->leg, on_attempt, a);
	leg_want(a->leg, LEG_WRITE);
}

static void crowd_forget(struct dial_network *n, struct dial *d)
{
	struct crowd *c = CONTAINER_OF(n, struct crowd, network);
	struct crowd_attempt *a;

	TAILQ_FOREACH (a, &c->attempts, of_crowd)
		if (a->dial == d)
			break;
	if (a)
		attempt_free(a);
}

void crowd_init(struct crowd *c, struct loop *loop, uint16_t port)
{
	c->loop = loop;
	c->port = port;
	c->network.connect = crowd_connect;
	c->network.forget = crowd_forget;
	TAILQ_INIT(&c->attempts);
	loop_set_network(loop, &c->network);
}
