/* net/pipes.c
 *
 * Sizes are asked for from the largest down; what the kernel then gives is what
 * counts, since beyond a user's limit it makes pipes of two pages and says
 * nothing. A pipe that holds bytes when it comes back belonged to a connection
 * that broke: it is closed, and with it the bytes.
 */
#include "net/pipes.h"

#include <fcntl.h>
#include <unistd.h>

struct pipes {
	struct pipe *free;
	size_t lent, made;
	uint64_t lacked, retry_ms;
};

int pipes_new(struct pipes **out)
{
	*out = calloc(1, sizeof(**out));
	return *out ? 0 : -ENOMEM;
}

static void pipe_close(struct pipes *p, struct pipe *pipe)
{
	close(pipe->in);
	close(pipe->out);
	free(pipe);
	p->made--;
}

void pipes_free(struct pipes *p)
{
	if (!p)
		return;
	INVARIANT(!p->lent);
	while (p->free) {
		struct pipe *pipe = p->free;

		p->free = pipe->next;
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
	p->made++;
	pipe->size = widen(pipe->in);
	if (pipe->size)
		return pipe;
	pipe_close(p, pipe);
	return NULL;
}

struct pipe *pipes_take(struct pipes *p, uint64_t now_ms)
{
	struct pipe *pipe = p->free;

	if (pipe) {
		p->free = pipe->next;
	} else if (p->made < PIPES_MOST && now_ms >= p->retry_ms) {
		pipe = pipe_make(p);
		if (!pipe)
			p->retry_ms = now_ms + PIPES_RETRY_MS;
	}
	if (!pipe) {
		p->lacked++;
		return NULL;
	}
	p->lent++;
	return pipe;
}

void pipes_give(struct pipes *p, struct pipe *pipe)
{
	if (!pipe)
		return;
	INVARIANT(p->lent);
	p->lent--;
	if (pipe->held) {
		pipe_close(p, pipe);
		return;
	}
	pipe->next = p->free;
	p->free = pipe;
}

size_t pipes_lent(const struct pipes *p)
{
	return p->lent;
}

size_t pipes_made(const struct pipes *p)
{
	return p->made;
}

uint64_t pipes_lacked(const struct pipes *p)
{
	return p->lacked;
}
