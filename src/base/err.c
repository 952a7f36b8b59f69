#include "base/err.h"
#include <stdio.h>
#include <unistd.h>

void invariant_failed(const char *cond, const char *file, int line)
{
	dprintf(
	    STDERR_FILENO, "%s:%d: invariant broken: %s\n", file, line, cond);
	abort();
}

void close_p(int *fd)
{
	int saved = errno;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
	errno = saved;
}
