/* net/pipes.c
 *
 * Sizes are asked for from the largest down; what the kernel then gives is what
 * counts, since beyond a user's limit it makes pipes of two pages and says
 * nothing. A pipe that holds bytes when it comes back belonged to a connection
 * that broke: it is closed, and with it the bytes.
 *
 * Of as many pipes as can be had, half are lent without a bound on what is put
 * into them. The others can always be emptied into one block each, so however
 * many sinks are stuck, half of the pipes go round among those that move.
 */
#include "net/pipes.h"

#include <fcntl.h>
#include <unistd.h>

TAILQ_HEAD(pipe_list, pipe);

struct pipes {
	struct pipe_list free, lent; /* lent: the longest first */
	size_t n_lent, n_made;
	size_t n_deep; /* lent without a bound */
	size_t can;    /* as many can be had, as far as we know */
	uint64_t lacked, yielded, refused, retry_ms;
};

int pipes_new(struct pipes **out)
{
	struct pipes *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	TAILQ_INIT(&p->free);
	TAILQ_INIT(&p->lent);
	p->can = PIPES_MOST;
	*out = p;
	return 0;
}

static void pipe_close(struct pipes *p, struct pipe *pipe)
{
	close(pipe->in);
	close(pipe->out);
	free(pipe);
	p->n_made--;
}

void pipes_free(struct pipes *p)
{
	if (!p)
		return;
	INVARIANT(!p->n_lent);
	while (!TAILQ_EMPTY(&p->free)) {
		struct pipe *pipe = TAILQ_FIRST(&p->free);

		TAILQ_REMOVE(&p->free, pipe, of_pipes);
		pipe_close(p, pipe);
	}
	free(p);
}

/* As large as the kernel lets it be.
 * Return: the size; 0: it is of no use. */
static size_t widen(int fd)
{
	int size = PIPES_SIZE;

	while (size >= PIPES_SIZE_LEAST && fcntl(fd, F_SETPIPE_SZ, size) < 0)
		size /= 4;
	size = fcntl(fd, F_GETPIPE_SZ);
	return size < PIPES_SIZE_LEAST ? 0 : (size_t)size;
}

static struct pipe *pipe_make(struct pipes *p)
{
	struct pipe *pipe = calloc(1, sizeof(*pipe));
	int fd[2];

	if (!pipe || pipe2(fd, O_NONBLOCK | O_CLOEXEC)) {
		free(pipe);
		return NULL;
	}
	pipe->out = fd[0];
	pipe->in = fd[1];
	p->n_made++;
	pipe->size = widen(pipe->in);
	if (pipe->size)
		return pipe;
	pipe_close(p, pipe);
	return NULL;
}

/* One that is in the pool, or can be made. */
static struct pipe *pipe_free(struct pipes *p, uint64_t now_ms)
{
	struct pipe *pipe = TAILQ_FIRST(&p->free);

	if (pipe) {
		TAILQ_REMOVE(&p->free, pipe, of_pipes);
		return pipe;
	}
	if (p->n_made == PIPES_MOST || now_ms < p->retry_ms)
		return NULL;
	pipe = pipe_make(p);
	if (!pipe)
		p->retry_ms = now_ms + PIPES_RETRY_MS;
	if (!pipe || p->can < p->n_made)
		p->can = p->n_made;
	return pipe;
}

static void take_back(struct pipes *p, struct pipe *pipe)
{
	INVARIANT(p->n_lent);
	TAILQ_REMOVE(&p->lent, pipe, of_pipes);
	p->n_lent--;
	p->n_deep -= pipe->most > PIPES_YIELD_MOST;
}

/* One that its borrower can do without. */
static struct pipe *pipe_yielded(struct pipes *p)
{
	struct pipe *pipe;

	TAILQ_FOREACH (pipe, &p->lent, of_pipes)
		if (pipe->yield && pipe->held <= PIPES_YIELD_MOST)
			break;
	if (!pipe || !pipe->yield(pipe->ctx))
		return NULL;
	INVARIANT(!pipe->held);
	take_back(p, pipe);
	p->yielded++;
	return pipe;
}

static size_t most_for(const struct pipes *p, const struct pipe *pipe)
{
	bool deep = p->n_deep < p->can / 2;

	return deep ? pipe->size : PIPES_YIELD_MOST;
}

struct pipe *pipes_take(struct pipes *p, uint64_t now_ms)
{
	struct pipe *pipe = pipe_free(p, now_ms);

	if (!pipe)
		pipe = pipe_yielded(p);
	if (!pipe) {
		p->lacked++;
		return NULL;
	}
	pipe->most = most_for(p, pipe);
	pipe->yield = NULL;
	p->n_deep += pipe->most > PIPES_YIELD_MOST;
	p->n_lent++;
	TAILQ_INSERT_TAIL(&p->lent, pipe, of_pipes);
	return pipe;
}

void pipes_give(struct pipes *p, struct pipe *pipe)
{
	if (!pipe)
		return;
	take_back(p, pipe);
	if (pipe->held)
		pipe_close(p, pipe);
	else
		TAILQ_INSERT_HEAD(&p->free, pipe, of_pipes);
}

size_t pipes_lent(const struct pipes *p)
{
	return p->n_lent;
}

size_t pipes_made(const struct pipes *p)
{
	return p->n_made;
}

uint64_t pipes_lacked(const struct pipes *p)
{
	return p->lacked;
}

uint64_t pipes_yielded(const struct pipes *p)
{
	return p->yielded;
}

void pipes_note_refused(struct pipes *p)
{
	p->refused++;
}

uint64_t pipes_refused(const struct pipes *p)
{
	return p->refused;
}
