/* What the command finds, in each of the three ways. */
#include "base/secret.h"
#include "wrapper/deliver.h"
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* A plan for two values, USER and PASSWORD, and the values. */
struct stage {
	struct plan *plan;
	struct value values[2];
	struct deliver d;
	char folder[64];
};

static void set_value(struct value *v, const char *text, size_t n)
{
	CLEANUP(secret_freep) struct secret *s = NULL;
	bool hidden;
	int fd;

	value_deinit(v);
	assert_int_equal(secret_from(&s, text, n), 0);
	fd = secret_seal_fd(s, &hidden);
	assert_int_equal(value_init(v, fd, n, hidden), 0);
}

static struct stage set_up(enum plan_deliver deliver)
{
	struct stage st = { .values = { VALUE_NONE, VALUE_NONE } };
	char *secrets[] = { (char[]){ "secret/db" } };
	char *maps[] = { (char[]){ "user=USER,password=PASSWORD" } };
	struct plan_order order = { secrets, 1, maps, 1, deliver, NULL, "none",
		0 };

	if (deliver == PLAN_DELIVER_FILE) {
		strcpy(st.folder, "/dev/shm/pharos-test-XXXXXX");
		assert_non_null(mkdtemp(st.folder));
		order.folder = st.folder;
	}
	assert_int_equal(plan_new(&st.plan, &order, NULL), 0);
	set_value(&st.values[0], "amy", 3);
	set_value(&st.values[1], "hunter2\nand more", 16);
	return st;
}

static struct deliver *deliver_of(struct stage *st)
{
	st->d = (struct deliver){ st->plan, st->values };
	return &st->d;
}

static void tear_down(struct stage *st)
{
	plan_free(st->plan);
	value_deinit(&st->values[0]);
	value_deinit(&st->values[1]);
	if (*st->folder)
		assert_int_equal(rmdir(st->folder), 0); /* nothing is left */
}

static const char *find(char **environment, const char *name)
{
	size_t n = strlen(name);

	for (; *environment; environment++)
		if (!strncmp(*environment, name, n) && (*environment)[n] == '=')
			return *environment + n + 1;
	return NULL;
}

static void free_environment(char **list, const struct plan *p)
{
	for (size_t i = 0; list[i]; i++)
		for (size_t k = 0; k < p->n_items; k++) {
			size_t n = strlen(p->items[k].name);

			if (list[i] && !strncmp(list[i], p->items[k].name, n) &&
			    list[i][n] == '=') {
				free(list[i]);
				break;
			}
		}
	free(list);
}

static void assert_file(const char *path, const char *want)
{
	char seen[64] = "";
	int fd = open(path, O_RDONLY);
	ssize_t n = read(fd, seen, sizeof(seen) - 1);

	assert_true(fd >= 0 && n >= 0);
	assert_string_equal(seen, want);
	close(fd);
}

static void test_env(void **state)
{
	struct stage st = set_up(PLAN_DELIVER_ENV);
	char **list = NULL;

	(void)state;
	setenv("USER", "the one before", 1);
	setenv("USERNAME", "stays", 1);
	assert_int_equal(deliver_environment(deliver_of(&st), &list), 0);
	assert_string_equal(find(list, "USER"), "amy");
	assert_string_equal(find(list, "PASSWORD"), "hunter2\nand more");
	assert_string_equal(find(list, "USERNAME"), "stays");
	free_environment(list, st.plan);
	tear_down(&st);
}

static void test_env_nul(void **state)
{
	struct stage st = set_up(PLAN_DELIVER_ENV);
	char **list = NULL;

	(void)state;
	set_value(&st.values[1], "a\0b", 3);
	assert_int_equal(deliver_environment(deliver_of(&st), &list), -EINVAL);
	tear_down(&st);
}

/* N of "/proc/self/fd/N" */
static int fd_of(const char *path)
{
	static const char start[] = "/proc/self/fd/";

	assert_int_equal(strncmp(path, start, strlen(start)), 0);
	return (int)strtol(path + strlen(start), NULL, 10);
}

static void test_fd(void **state)
{
	struct stage st = set_up(PLAN_DELIVER_FD);
	char **list = NULL;
	const char *path;
	int fd;

	(void)state;
	assert_int_equal(deliver_environment(deliver_of(&st), &list), 0);
	path = find(list, "PASSWORD");
	assert_non_null(path);
	fd = fd_of(path);
	assert_file(path, "hunter2\nand more");
	assert_file(path, "hunter2\nand more");	 /* any number of times */
	assert_int_equal(fcntl(fd, F_GETFD), 0); /* stays open over exec */
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_ptr_equal(
	    mmap(NULL, 1, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	close(fd);
	close(fd_of(find(list, "USER")));
	free_environment(list, st.plan);
	tear_down(&st);
}

static void path_in(char out[128], const struct stage *st, const char *name)
{
	snprintf(out, 128, "%s/%s", st->folder, name);
}

static int entries(const char *folder)
{
	DIR *list = opendir(folder);
	int n = -2;

	while (readdir(list))
		n++;
	closedir(list);
	return n;
}

static void test_files(void **state)
{
	struct stage st = set_up(PLAN_DELIVER_FILE);
	char path[128], **list = NULL;
	struct stat stat_of;

	(void)state;
	assert_int_equal(deliver_check(st.plan, false, NULL), 0);
	assert_int_equal(deliver_files(deliver_of(&st), NULL), 0);
	path_in(path, &st, "PASSWORD");
	assert_file(path, "hunter2\nand more");
	assert_int_equal(stat(path, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 07777, 0400);
	path_in(path, &st, "..data");
	assert_int_equal(stat(path, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 07777, 0700);
	assert_int_equal(deliver_environment(&st.d, &list), 0);
	path_in(path, &st, "USER");
	assert_string_equal(find(list, "USER"), path);
	free_environment(list, st.plan);
	deliver_clear(st.plan);
	assert_int_equal(entries(st.folder), 0);
	tear_down(&st);
}

/* A new delivery: readers of the old keep it, all names change together, and
 * neither the old folder nor what a killed wrapper left stays behind. */
static void test_files_swapped(void **state)
{
	struct stage st = set_up(PLAN_DELIVER_FILE);
	char path[128], seen[8] = "";
	int old;

	(void)state;
	path_in(path, &st, "..pharos-0badf00d");
	assert_int_equal(mkdir(path, 0700), 0);
	strcat(path, "/USER");
	close(open(path, O_CREAT | O_WRONLY, 0400));
	assert_int_equal(deliver_files(deliver_of(&st), NULL), 0);
	path_in(path, &st, "USER");
	old = open(path, O_RDONLY);
	set_value(&st.values[0], "bob", 3);
	assert_int_equal(deliver_files(&st.d, NULL), 0);
	assert_file(path, "bob");
	assert_int_equal(read(old, seen, sizeof(seen)), 3);
	assert_string_equal(seen, "amy");
	close(old);
	/* ..data, its folder, USER, PASSWORD */
	assert_int_equal(entries(st.folder), 4);
	deliver_clear(st.plan);
	tear_down(&st);
}

/* A file that is not ours is not replaced, and the values stay as they were. */
static void test_files_taken(void **state)
{
	struct stage st = set_up(PLAN_DELIVER_FILE);
	struct fault f = FAULT_NONE;
	char path[128];

	(void)state;
	path_in(path, &st, "PASSWORD");
	close(open(path, O_CREAT | O_WRONLY, 0600));
	assert_int_equal(deliver_files(deliver_of(&st), &f), -EEXIST);
	assert_non_null(strstr(f.text, "'PASSWORD'"));
	assert_int_equal(unlink(path), 0);
	assert_int_equal(deliver_files(&st.d, &f), 0);
	deliver_clear(st.plan);
	tear_down(&st);
}

static void test_folder_refused(void **state)
{
	static const struct {
		const char *label, *folder;
		bool allow_disk;
		const char *refusal;
	} row[] = {
		{ "on disk", "disk", false, "not in memory" },
		{ "on disk, allowed", "disk", true, NULL },
		{ "a link", "link", true, "cannot open" },
		{ "a file", "file", true, "cannot open" },
		{ "no folder above", "none/below", true, "cannot make" },
	};
	struct stage st = set_up(PLAN_DELIVER_FILE);
	char base[] = "test-deliver-XXXXXX";

	(void)state;
	assert_non_null(mkdtemp(base));
	assert_int_equal(chdir(base), 0);
	assert_int_equal(symlink("/dev/shm", "link"), 0);
	close(open("file", O_CREAT | O_WRONLY, 0600));
	for (size_t i = 0; i < N_ELEMS(row); i++) {
		struct plan p = *st.plan;
		struct fault f = FAULT_NONE;
		int r;

		p.folder = (char[16]){ 0 };
		strcpy(p.folder, row[i].folder);
		r = deliver_check(&p, row[i].allow_disk, &f);
		if (!r != !row[i].refusal ||
		    (r && (!strstr(f.text, row[i].refusal) || !*f.hint)))
			fail_msg("%s: %d %s", row[i].label, r, f.text);
	}
	unlink("link");
	unlink("file");
	rmdir("disk");
	assert_int_equal(chdir(".."), 0);
	assert_int_equal(rmdir(base), 0);
	tear_down(&st);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_env),
		cmocka_unit_test(test_env_nul),
		cmocka_unit_test(test_fd),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_files_swapped),
		cmocka_unit_test(test_files_taken),
		cmocka_unit_test(test_folder_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
