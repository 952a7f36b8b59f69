/* wrapper/test-players.h: the two processes around the supervisor, as its tests
 * play them. Tests only. */
#pragma once
#include "base/secret.h"
#include "wrapper/courier.h"
#include "wrapper/handoff.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the fetching process ---- */

/* A script: "VERSION VALUE LEASE_S RENEWABLE MISCHIEF", in the file that the
 * job's broker names. */
struct script {
	unsigned version, lease_s;
	int renewable;
	char value[64], mischief[16];
};

/* The next word of *@rest, which is cut up; "" past the end. */
static inline const char *word_of(char **rest)
{
	const char *word = strsep(rest, " \n");

	return word ? word : "";
}

static inline struct script read_script(const char *path)
{
	struct script s = { .version = 0 };
	char line[128], *rest = line;
	FILE *f = fopen(path, "re");

	if (!f || !fgets(line, sizeof(line), f))
		_exit(9);
	fclose(f);
	s.version = (unsigned)strtoul(word_of(&rest), NULL, 10);
	snprintf(s.value, sizeof(s.value), "%s", word_of(&rest));
	s.lease_s = (unsigned)strtoul(word_of(&rest), NULL, 10);
	s.renewable = (int)strtol(word_of(&rest), NULL, 10);
	snprintf(s.mischief, sizeof(s.mischief), "%s", word_of(&rest));
	return s;
}

static inline void say(const struct handoff_reply *reply, int pass)
{
	uint8_t bytes[HANDOFF_REPLY_MOST];
	size_t n;

	if (handoff_write_reply(reply, bytes, sizeof(bytes), &n) ||
	    handoff_send(COURIER_FD, bytes, n, pass))
		_exit(9);
}

static inline void say_value(
    enum handoff_type type, size_t item, const char *text)
{
	struct handoff_reply reply = { .type = type };
	struct secret *secret;
	bool hidden;
	int fd;

	if (secret_from(&secret, text, strlen(text)))
		_exit(9);
	fd = secret_seal_fd(secret, &hidden);
	if (type == HANDOFF_VALUE) {
		reply.u.value.item = item;
		reply.u.value.size = strlen(text);
		reply.u.value.hidden = hidden;
	} else {
		reply.u.session.size = strlen(text);
		reply.u.session.hidden = hidden;
	}
	say(&reply, fd);
	close(fd);
	secret_free(secret);
}

static inline void say_fault(size_t index, bool retry)
{
	say(&(struct handoff_reply){ HANDOFF_FAULT,
		.u.fault = { index, HANDOFF_HOP_LOGIN, retry, 0, "as scripted",
		    "change the script" } },
	    -1);
}

static inline void make_mischief(const char *what)
{
	if (!strcmp(what, "crash"))
		abort();
	if (!strcmp(what, "garbage"))
		(void)!handoff_send(COURIER_FD, "garbage", 7, -1);
	if (!strcmp(what, "retry") || !strcmp(what, "refuse"))
		say_fault(HANDOFF_WHOLE, !strcmp(what, "retry"));
	if (!strcmp(what, "missing"))
		say_fault(0, false);
	if (!strcmp(what, "hang"))
		pause();
}

static inline void note(const char *broker, const char *line)
{
	char path[160];
	size_t n = strlen(line);
	int fd;

	snprintf(path, sizeof(path), "%s.asked", broker);
	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, line, n) != (ssize_t)n)
		_exit(9);
	close(fd);
}

/* After DONE: as if it gave its token up, until FILE.go is there. */
static inline void linger(const char *what, const char *broker)
{
	char path[160];

	if (!strcmp(what, "stays"))
		pause();
	if (!strcmp(what, "babbles")) {
		(void)!handoff_send(COURIER_FD, "babble", 6, -1);
		pause();
	}
	if (strcmp(what, "lingers") != 0)
		return;
	snprintf(path, sizeof(path), "%s.go", broker);
	while (access(path, F_OK))
		poll(NULL, 0, 1);
	note(broker, "gone\n");
}

static inline void do_task(const struct handoff_task *t, const struct script *s)
{
	struct handoff_reply reply = { .type = HANDOFF_SECRET };
	bool same = t->verb == HANDOFF_CHECK && t->version == s->version;

	reply.u.secret.version = s->version;
	reply.u.secret.lease = s->lease_s ? "lease/1" : "";
	reply.u.secret.lease_s = s->lease_s;
	reply.u.secret.renewable = s->renewable;
	reply.u.secret.unchanged = same || t->verb == HANDOFF_RENEW;
	if (!reply.u.secret.unchanged)
		say_value(HANDOFF_VALUE, t->first_item, s->value);
	say(&reply, -1);
}

/* What a run was asked for, for the test: one line in FILE.asked. */
static inline void note_job(const struct handoff_job *job)
{
	char line[64];

	snprintf(line, sizeof(line), "verb=%d session=%d keep=%d\n",
	    (int)job->tasks[0].verb, job->session, job->keep_session);
	note(job->broker, line);
}

static inline int play_fetcher(void)
{
	static uint8_t bytes[HANDOFF_MOST];
	static struct handoff_job job;
	struct script s;
	int passed;
	ssize_t n = handoff_receive(COURIER_FD, bytes, sizeof(bytes), &passed);

	if (n <= 0 || handoff_read_job(&job, bytes, (size_t)n))
		return 9;
	if (environ[0])
		return 8; /* it must have no environment */
	note_job(&job);
	s = read_script(job.broker);
	if (job.tasks[0].verb == HANDOFF_SKIP) {
		say(&(struct handoff_reply){ .type = HANDOFF_DONE }, -1);
		return 0;
	}
	make_mischief(s.mischief);
	if (strcmp(s.mischief, "missing") != 0)
		do_task(&job.tasks[0], &s);
	if (job.keep_session && !job.session)
		say_value(HANDOFF_SESSION, 0, "s.token");
	say(&(struct handoff_reply){ .type = HANDOFF_DONE,
		.u.done.lingers = strcmp(s.mischief, "-") != 0 },
	    -1);
	linger(s.mischief, job.broker);
	return 0;
}

/* ---- the command ---- */

#define COMMAND_WORD "play-command"
enum { SPEAK_FD = 9 };

/* The value as it can be seen now, in NAME or in the file that NAME names. */
static inline const char *see_value(void)
{
	static char text[64];
	const char *seen = getenv("VALUE");
	int fd = *seen == '/' ? open(seen, O_RDONLY | O_CLOEXEC) : -1;
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

	if (n < 0)
		return seen;
	text[n] = '\0';
	close(fd);
	return text;
}

static inline void tell(const char *what)
{
	dprintf(SPEAK_FD, "%s %s\n", what, see_value());
}

/* A grandchild whose parent has gone: in the end the wrapper is its parent, and
 * ends with it. Returns when that is so. */
static inline void leave_an_orphan(void)
{
	pid_t wrapper = getppid();
	int ready[2];
	char byte;

	if (pipe2(ready, O_CLOEXEC))
		_exit(9);
	if (fork()) {
		wait(NULL);
		(void)!read(ready[0], &byte, 1);
		return;
	}
	if (fork())
		_exit(0);
	while (getppid() != wrapper)
		poll(NULL, 0, 1);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	tell("adopted");
	(void)!write(ready[1], "x", 1);
	while (pause())
		;
}

static inline void leave_zombies(void)
{
	for (int i = 0; i < 8; i++)
		if (!fork()) {
			if (!fork())
				_exit(0);
			_exit(0);
		}
	while (wait(NULL) > 0)
		;
}

/* Say which signal comes; end at the TERM number @most, or at the first one if
 * the value is "two". */
static inline int serve(const sigset_t *all, int most, int code)
{
	int terms = 0, number;

	while (!sigwait(all, &number)) {
		char name[16];

		if (number == SIGCHLD || number == SIGCONT)
			continue;
		snprintf(name, sizeof(name), "%s", sigabbrev_np(number));
		tell(name);
		if (number == SIGTERM &&
		    (++terms == most || !strcmp(see_value(), "two")))
			break;
	}
	return code;
}

/* "die", "orphan", "hook", "exit CODE", "serve TERMS CODE [zombies]" */
static inline int play_command(char *part)
{
	bool zombies = strstr(part, "zombies") != NULL;
	const char *verb = word_of(&part);
	int number = part ? (int)strtol(part, &part, 10) : 0;
	int code = part ? (int)strtol(part, NULL, 10) : 0;
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_BLOCK, &all, NULL);
	if (!strcmp(verb, "die"))
		kill(getpid(), SIGKILL);
	if (!strcmp(verb, "orphan"))
		leave_an_orphan();
	if (zombies)
		leave_zombies();
	tell(strcmp(verb, "hook") ? "has" : "hook");
	return strcmp(verb, "serve") ? number : serve(&all, number, code);
}
