/* Preloaded: the wall clock as a test sets it. The file of CLOCK_FILE holds, as
 * 64 bits, by how many seconds it is off; it is mapped, so that it may change
 * at any time, and needs no access that isolation takes away. The monotonic
 * clock is left alone, as the kernel leaves it.
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

typedef int (*clock_fn)(clockid_t which, struct timespec *out);

static clock_fn true_clock;
static const volatile int64_t *off;

#define SHOWN __attribute__((visibility("default")))

__attribute__((constructor)) static void begin(void)
{
	const char *file = getenv("CLOCK_FILE");
	void *symbol = dlsym(RTLD_NEXT, "clock_gettime");
	int fd = file ? open(file, O_RDONLY | O_CLOEXEC) : -1;
	void *map;

	*(void **)&true_clock = symbol;
	if (fd < 0)
		abort();
	map = mmap(NULL, sizeof(*off), PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		abort();
	off = map;
	close(fd);
}

SHOWN int clock_gettime(clockid_t which, struct timespec *out)
{
	int r = true_clock(which, out);

	if (!r && which == CLOCK_REALTIME)
		out->tv_sec += *off;
	return r;
}

SHOWN time_t time(time_t *out)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}

SHOWN int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec now;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	*out = (struct timeval){ now.tv_sec, now.tv_nsec / 1000 };
	return 0;
}
