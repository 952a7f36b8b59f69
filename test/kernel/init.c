/* init: the first process of a machine that runs tests and then stops. Its root
 * is an initramfs; /tests has a command in each line.
 *
 * What the tests write to standard output goes to the second serial line,
 * between "== COMMAND" and "== STATUS"; all else, and what the kernel has to
 * say, to the first.
 */
#include "base/err.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define RESULTS "/dev/ttyS1"

enum { LINE_MOST = 512, WORDS_MOST = 32, TUN_MAJOR = 10, TUN_MINOR = 200 };

static void stop(void)
{
	sync();
	/* qemu was told that this is the end */
	(void)reboot(RB_AUTOBOOT);
	for (;;)
		(void)pause();
}

static void give_up(const char *doing)
{
	perror(doing);
	stop();
}

static void mount_all(void)
{
	static const struct {
		const char *kind, *place;
	} rows[] = {
		{ "proc", "/proc" },
		{ "sysfs", "/sys" },
		{ "devtmpfs", "/dev" },
		{ "tmpfs", "/run" },
		{ "tmpfs", "/tmp" },
	};

	for (size_t i = 0; i < N_ELEMS(rows); i++)
		if (mount(rows[i].kind, rows[i].place, rows[i].kind, 0, NULL))
			give_up(rows[i].place);
	/* where udev would have made it: opening it loads the module */
	if (mkdir("/dev/net", 0755) || mknod("/dev/net/tun", S_IFCHR | 0666,
					   makedev(TUN_MAJOR, TUN_MINOR)))
		give_up("/dev/net/tun");
}

static void run(char *line, int results)
{
	char *words[WORDS_MOST + 1] = { NULL };
	size_t n = 0;

	for (char *rest = line; rest && n < WORDS_MOST;)
		words[n++] = strsep(&rest, " ");
	if (dup2(results, STDOUT_FILENO) < 0)
		_exit(126);
	(void)execv(words[0], words);
	perror(words[0]);
	_exit(127);
}

/* Children of others are ours when those end. */
static int wait_for(pid_t pid)
{
	int status = 0;
	pid_t got;

	do {
		got = wait(&status);
	} while (got > 0 && got != pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void run_one(char *line, int results)
{
	pid_t pid;

	(void)dprintf(results, "== %s\n", line);
	pid = fork();
	if (pid < 0)
		give_up("fork");
	if (!pid)
		run(line, results);
	(void)dprintf(results, "== %d\n", wait_for(pid));
}

int main(void)
{
	char line[LINE_MOST];
	FILE *tests;
	int results;

	mount_all();
	results = open(RESULTS, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	tests = fopen("/tests", "re");
	if (results < 0 || !tests || chdir("/"))
		give_up("init");
	if (setenv("PATH", "/usr/sbin:/usr/bin", 1) ||
	    setenv("CMOCKA_MESSAGE_OUTPUT", "TAP", 1) ||
	    setenv("PHAROS_BUILD", "/build", 1))
		give_up("environment");
	while (fgets(line, sizeof(line), tests)) {
		line[strcspn(line, "\n")] = '\0';
		run_one(line, results);
	}
	stop();
}
