#include "cli/fileset.h"
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char root[] = "/tmp/test-fileset-XXXXXX";

static int make_root(void **state)
{
	(void)state;
	return mkdtemp(root) && !chdir(root) ? 0 : -1;
}

static int remove_root(void **state)
{
	(void)state;
	return rmdir(root); /* every test leaves it empty */
}

static size_t n_entries(const char *folder)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;
	size_t n = 0;

	assert_non_null(dir);
	while ((entry = readdir(dir))) /* NOLINT: one thread */
		n += strcmp(entry->d_name, ".") && strcmp(entry->d_name, "..");
	closedir(dir);
	return n;
}

static bool exists(const char *path)
{
	struct stat status;

	return !lstat(path, &status);
}

static mode_t mode_of(const char *path)
{
	struct stat status;

	assert_int_equal(lstat(path, &status), 0);
	return status.st_mode & 07777;
}

static int add(struct fileset *set, const char *name, struct fault *fault)
{
	struct fileset_content content = {
		.name = name, .bytes = "content", .n = 7, .mode = 0640
	};

	return fileset_add(set, &content, fault);
}

static void make_file(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	close(fd);
}

static void test_all(void **state)
{
	struct fileset set = { .open = false };
	char text[10] = "";
	mode_t before = umask(077);
	FILE *file;

	(void)state;
	assert_int_equal(fileset_open(&set, "a", true, NULL), 0);
	assert_int_equal(add(&set, "x", NULL), 0);
	assert_int_equal(add(&set, "y", NULL), 0);
	assert_false(exists("a/x"));
	assert_int_equal(fileset_commit(&set, NULL), 0);
	fileset_close(&set);
	fileset_close(&set);
	umask(before);

	assert_int_equal(n_entries("a"), 2);
	assert_int_equal(mode_of("a"), 0700);
	assert_int_equal(mode_of("a/x"), 0640);
	file = fopen("a/y", "r");
	assert_non_null(file);
	assert_int_equal(fread(text, 1, sizeof(text), file), 7);
	fclose(file);
	assert_string_equal(text, "content");
	unlink("a/x");
	unlink("a/y");
	rmdir("a");
}

static void test_nothing_without_commit(void **state)
{
	struct fileset set = { .open = false };

	(void)state;
	fileset_close(&set);
	assert_int_equal(fileset_open(&set, "a/b//c/", true, NULL), 0);
	assert_int_equal(add(&set, "x", NULL), 0);
	assert_int_equal(mode_of("a/b"), 0755);
	assert_int_equal(n_entries("a/b/c"), 1);
	fileset_close(&set);
	assert_false(exists("a"));

	/* only what was made here is taken away */
	assert_int_equal(mkdir("a", 0700), 0);
	assert_int_equal(fileset_open(&set, "a/b", true, NULL), 0);
	fileset_close(&set);
	assert_false(exists("a/b"));
	assert_int_equal(rmdir("a"), 0);
}

static void test_taken_before(void **state)
{
	struct fileset set = { .open = false };
	struct fault fault = FAULT_NONE;

	(void)state;
	make_file("y");
	assert_int_equal(symlink("nowhere", "z"), 0);
	assert_int_equal(fileset_open(&set, ".", false, NULL), 0);
	assert_int_equal(add(&set, "x", NULL), 0);
	assert_int_equal(add(&set, "y", &fault), -EEXIST);
	assert_string_equal(
	    fault.text, "./y: exists already, and is never overwritten");
	assert_int_equal(add(&set, "z", NULL), -EEXIST);
	fileset_close(&set);
	assert_int_equal(n_entries("."), 2);
	unlink("y");
	unlink("z");
}

/* Somebody takes the second name between the look and the link. */
static void test_taken_meanwhile(void **state)
{
	struct fileset set = { .open = false };
	struct fault fault = FAULT_NONE;

	(void)state;
	assert_int_equal(fileset_open(&set, ".", false, NULL), 0);
	assert_int_equal(add(&set, "x", NULL), 0);
	assert_int_equal(add(&set, "y", NULL), 0);
	make_file("y");
	assert_int_equal(fileset_commit(&set, &fault), -EEXIST);
	assert_non_null(strstr(fault.text, "./y"));
	assert_false(exists("x"));
	fileset_close(&set);
	assert_int_equal(n_entries("."), 1);
	unlink("y");
}

static void test_refused(void **state)
{
	char name[FILESET_NAME_MOST + 2], path[5000];
	struct fileset set = { .open = false };
	struct fault fault = FAULT_NONE;

	(void)state;
	assert_int_equal(fileset_open(&set, "a", false, &fault), -ENOENT);
	assert_string_equal(fault.text, "a: No such file or directory");
	fileset_close(&set);
	assert_int_equal(fileset_open(&set, "", true, NULL), -ENOENT);
	fileset_close(&set);
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(fileset_open(&set, path, true, NULL), -ENAMETOOLONG);
	fileset_close(&set);

	/* what was made on the way to a name that is too long */
	memcpy(path, "a/b/", 4);
	path[1000] = '\0';
	assert_int_equal(fileset_open(&set, path, true, NULL), -ENAMETOOLONG);
	fileset_close(&set);
	assert_false(exists("a"));

	make_file("f");
	assert_int_equal(fileset_open(&set, "f", true, NULL), -ENOTDIR);
	fileset_close(&set);
	unlink("f");

	memset(name, 'n', sizeof(name));
	name[FILESET_NAME_MOST] = '\0';
	assert_int_equal(fileset_open(&set, ".", true, NULL), 0);
	assert_int_equal(add(&set, name, NULL), 0);
	name[FILESET_NAME_MOST] = 'n';
	name[FILESET_NAME_MOST + 1] = '\0';
	assert_int_equal(add(&set, name, &fault), -ENAMETOOLONG);
	fileset_close(&set);
}

/* A signal that would end us is taken when nothing is half done. */
static void test_signals_wait(void **state)
{
	struct fileset set = { .open = false };
	sigset_t waiting, now;

	(void)state;
	assert_int_equal(fileset_open(&set, ".", true, NULL), 0);
	sigprocmask(SIG_BLOCK, NULL, &waiting);
	fileset_close(&set);
	sigprocmask(SIG_BLOCK, NULL, &now);
	assert_true(sigismember(&waiting, SIGINT));
	assert_true(sigismember(&waiting, SIGTERM));
	assert_true(sigismember(&waiting, SIGHUP));
	assert_false(sigismember(&now, SIGINT));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_nothing_without_commit),
		cmocka_unit_test(test_taken_before),
		cmocka_unit_test(test_taken_meanwhile),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_signals_wait),
	};

	return cmocka_run_group_tests(tests, make_root, remove_root);
}
