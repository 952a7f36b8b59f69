#include "net/vitals.h"
#include "base/log.h"
#include "base/number.h"
#include "net/loop.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- descriptors ---- */

/* Linux before 6.2 does not tell the number: the entries are counted, which
 * takes some 10 ms where there are 20,000. */
uint64_t vitals_count_entries(DIR *folder)
{
	uint64_t n = 0;

	rewinddir(folder);
	while (readdir(folder))
		n++;
	return n > 2 ? n - 2 : 0; /* "." and ".." */
}

uint64_t vitals_descriptors(const struct vitals *v)
{
	struct stat st;

	if (!v->descriptors || fstat(dirfd(v->descriptors), &st))
		return 0;
	return st.st_size ? (uint64_t)st.st_size
			  : vitals_count_entries(v->descriptors);
}

uint64_t vitals_descriptors_most(void)
{
	struct rlimit limit;

	return getrlimit(RLIMIT_NOFILE, &limit) ? 0 : limit.rlim_cur;
}

static uint64_t read_descriptors(void *ctx)
{
	return vitals_descriptors(ctx);
}

static uint64_t read_most(void *ctx)
{
	(void)ctx;
	return vitals_descriptors_most();
}

/* ---- memory and time ---- */

static uint64_t read_memory(void *ctx)
{
	const struct vitals *v = ctx;
	uint64_t all, resident;
	const char *at;
	char text[128];
	ssize_t n =
	    v->memory < 0 ? -1 : pread(v->memory, text, sizeof(text) - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	if (number_start(text, INT64_MAX, &all, &at) || *at != ' ' ||
	    number_start(at + 1, INT32_MAX, &resident, &at))
		return 0;
	return resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static uint64_t read_processor(void *ctx)
{
	struct rusage used;

	(void)ctx;
	if (getrusage(RUSAGE_SELF, &used))
		return 0;
	return (uint64_t)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) *
		   1000000 +
	       (uint64_t)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

static uint64_t read_lines_lost(void *ctx)
{
	(void)ctx;
	return log_lost();
}

static uint64_t read_one(void *ctx)
{
	(void)ctx;
	return 1;
}

/* ---- the table ---- */

void vitals_open(
    struct vitals *v, const struct loop *loop, struct metric_registry *registry)
{
	const struct metric_row rows[] = {
		{ "pharos_build_info", "version=\"" PHAROS_VERSION "\"",
		    "1; the version is in the label", METRIC_GAUGE,
		    .read = read_one },
		{ "process_start_time_seconds", NULL,
		    "when the process began, seconds since 1970", METRIC_GAUGE,
		    .value = &v->started_s },
		{ "process_open_fds", NULL, "descriptors in use", METRIC_GAUGE,
		    .read = read_descriptors },
		{ "process_max_fds", NULL, "descriptors that are allowed",
		    METRIC_GAUGE, .read = read_most },
		{ "process_resident_memory_bytes", NULL, "resident memory",
		    METRIC_GAUGE, .read = read_memory },
		{ "process_cpu_seconds_total", NULL,
		    "processor time, user and system", METRIC_COUNTER_US,
		    .read = read_processor },
		{ "pharos_log_lines_lost_total", NULL,
		    "lines of the log that nobody took in time", METRIC_COUNTER,
		    .read = read_lines_lost },
		{ "pharos_loop_turn_seconds", NULL,
		    "turns of the event loop, without their waiting",
		    METRIC_HISTOGRAM, .histogram = loop_lag(loop) },
	};

	*v = (struct vitals){ .started_s = (uint64_t)loop_wall(loop) };
	v->descriptors = opendir("/proc/self/fd");
	v->memory = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
	for (size_t i = 0; i < N_ELEMS(rows); i++) {
		v->rows[i] = rows[i];
		v->rows[i].ctx = v;
	}
	v->table.rows = v->rows;
	v->table.n_rows = N_ELEMS(rows);
	if (registry)
		metric_add(registry, &v->table);
}

void vitals_close(struct vitals *v)
{
	if (v->descriptors)
		closedir(v->descriptors);
	if (v->memory >= 0)
		close(v->memory);
	v->descriptors = NULL;
	v->memory = -1;
}
