/* link/kubeplugin.c: one child, its standard output, a deadline.
 *
 * The child's answer is all that it writes until it closes its output or ends,
 * whichever comes first: what it leaves behind may hold the pipe open. We wait
 * on both, with one deadline, and kill it when that has come or when it says
 * more than KUBEPLUGIN_ANSWER_MOST. Only the child is killed, not its group: a
 * plugin that asks a person shares our terminal, and so our group.
 */
#include "link/kubeplugin.h"
#include "wire/json.h"
#include "wire/kube.h"
#include <fcntl.h>
#include <openssl/evp.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct run {
	const struct kube_plugin *plugin;
	struct fault *fault;
	bool interactive;
	long ms;
	pid_t pid;
	int out, process; /* descriptors; -1: none */
	char answer[KUBEPLUGIN_ANSWER_MOST + 1];
	size_t n;
};

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int told(
    const struct run *r, int code, const char *hint, const char *what)
{
	return fault_set(r->fault, code, hint, "exec plugin %s: %s",
	    r->plugin->command, what);
}

/* ---- what it is told ---------------------------------------------------- */

static json_t *cluster_info(const struct kube_access *a)
{
	json_t *cluster = json_pack("{s:s}", "server", a->server);
	size_t n = a->ca_pem ? strlen(a->ca_pem) : 0;
	CLEANUP(free_p) char *ca = n ? malloc(n / 3 * 4 + 5) : NULL;

	if (cluster && a->server_name)
		json_object_set_new(
		    cluster, "tls-server-name", json_string(a->server_name));
	if (cluster && a->proxy)
		json_object_set_new(
		    cluster, "proxy-url", json_string(a->proxy));
	if (cluster && ca) {
		EVP_EncodeBlock((unsigned char *)ca,
		    (const unsigned char *)a->ca_pem, (int)n);
		json_object_set_new(
		    cluster, "certificate-authority-data", json_string(ca));
	}
	return cluster;
}

/* KUBERNETES_EXEC_INFO=… on the heap; NULL: no memory, or no UTF-8. */
static char *exec_info(const struct kube_access *a, bool interactive)
{
	JSON *info =
	    json_pack("{s:s, s:s, s:{s:b}}", "apiVersion", a->plugin->api,
		"kind", "ExecCredential", "spec", "interactive", interactive);
	CLEANUP(free_p) char *text = NULL;
	char *line = NULL;

	if (info && a->plugin->wants_cluster)
		json_object_set_new(
		    json_object_get(info, "spec"), "cluster", cluster_info(a));
	text = json_dumps(info, JSON_COMPACT);
	if (!text || asprintf(&line, "KUBERNETES_EXEC_INFO=%s", text) < 0)
		return NULL;
	return line;
}

struct env {
	char **lines; /* NULL-terminated; the first @own are ours to free */
	size_t n, own;
};

static void env_clear(struct env *e)
{
	for (size_t i = 0; i < e->own; i++) {
		secret_wipe(e->lines[i], strlen(e->lines[i]));
		free(e->lines[i]);
	}
	free(e->lines);
}

static bool env_has(const struct env *e, const char *line)
{
	size_t n = strcspn(line, "=") + 1;

	for (size_t i = 0; i < e->own; i++)
		if (!strncmp(e->lines[i], line, n))
			return true;
	return false;
}

static size_t count(char **words)
{
	size_t n = 0;

	while (words[n])
		n++;
	return n;
}

/* What the entry says, then ours as far as it does not say it. */
static int env_fill(struct env *e, const struct kube_access *a, char *info)
{
	const struct kube_plugin *p = a->plugin;
	size_t n = count(p->names);

	e->lines = calloc(n + count(environ) + 2, sizeof(*e->lines));
	if (!e->lines || !info) {
		free(info);
		return -ENOMEM;
	}
	e->lines[e->own++] = info;
	for (size_t i = 0; i < n; i++, e->own++)
		if (asprintf(&e->lines[e->own], "%s=%s", p->names[i],
			p->values[i]) < 0)
			return -ENOMEM;
	e->n = e->own;
	for (char **line = environ; *line; line++)
		if (!env_has(e, *line))
			e->lines[e->n++] = *line;
	return 0;
}

/* ---- the child ---------------------------------------------------------- */

static int spawn(struct run *r, char **argv, char **envp, int to)
{
	posix_spawn_file_actions_t actions;
	int error = posix_spawn_file_actions_init(&actions);

	if (error)
		return error;
	if (!r->interactive)
		error = posix_spawn_file_actions_addopen(
		    &actions, 0, "/dev/null", O_RDONLY, 0);
	if (!error)
		error = posix_spawn_file_actions_adddup2(&actions, to, 1);
	if (!error)
		error = posix_spawnp(
		    &r->pid, r->plugin->command, &actions, NULL, argv, envp);
	posix_spawn_file_actions_destroy(&actions);
	return error;
}

static int start(struct run *r, char **envp)
{
	const struct kube_plugin *p = r->plugin;
	size_t n = count(p->args);
	CLEANUP(free_p) char **argv = calloc(n + 2, sizeof(*argv));
	CLEANUP(close_p) int to = -1;
	int ends[2], error;

	if (!argv || pipe2(ends, O_CLOEXEC))
		return told(r, -ENOMEM, NULL, "cannot be started");
	r->out = ends[0];
	to = ends[1];
	argv[0] = p->command;
	memcpy(argv + 1, p->args, n * sizeof(*argv));
	error = spawn(r, argv, envp, to);
	if (!error)
		return 0;
	r->pid = 0;
	return told(r, -error,
	    p->hint	      ? p->hint
	    : error == ENOENT ? "Install it, or correct the command of this "
				"user in the kubeconfig."
			      : NULL,
	    error == ENOENT ? "there is no such program" : strerror(error));
}

/* One read of what there is. Return: 0: more may come; 1: no more. */
static int take_some(struct run *r)
{
	ssize_t n =
	    read(r->out, r->answer + r->n, KUBEPLUGIN_ANSWER_MOST + 1 - r->n);

	if (n > 0)
		r->n += (size_t)n;
	if (r->n > KUBEPLUGIN_ANSWER_MOST)
		return told(r, -EMSGSIZE, NULL, "it says too much");
	return n <= 0;
}

/* Until its output or itself has ended. */
static int listen_to(struct run *r)
{
	int64_t until = now_ms() + r->ms;
	int over = 0;

	while (!over) {
		struct pollfd fds[] = { { r->out, POLLIN, 0 },
			{ r->process, POLLIN, 0 } };
		int64_t left = until - now_ms();
		int n = left > 0 ? poll(fds, 2, (int)left) : 0;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return told(
			    r, -ETIMEDOUT, NULL, "it has not answered in time");
		if (fds[0].revents)
			over = take_some(r);
		else
			over = fds[1].revents != 0;
	}
	return over < 0 ? over : 0;
}

static int reap(struct run *r)
{
	struct pollfd ended = { r->process, POLLIN, 0 };
	int status = 0;

	if (poll(&ended, 1, (int)r->ms) <= 0) /* output closed, but it stays */
		kill(r->pid, SIGKILL);
	while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
		;
	r->pid = 0;
	if (WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	return fault_set(r->fault, -EIO, "What it has said stands above.",
	    "exec plugin %s: it has failed, with %s %d", r->plugin->command,
	    WIFEXITED(status) ? "exit status" : "signal",
	    WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static void run_end(struct run *r)
{
	if (r->pid > 0) {
		kill(r->pid, SIGKILL);
		while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	close_p(&r->out);
	close_p(&r->process);
	secret_wipe(r->answer, sizeof(r->answer));
	free(r);
}

static int talk(struct run *r, const struct kube_access *a)
{
	CLEANUP(env_clear) struct env env = { .n = 0 };
	int err;

	if (env_fill(&env, a, exec_info(a, r->interactive)))
		return told(r, -ENOMEM, NULL, "out of memory");
	err = start(r, env.lines);
	if (err)
		return err;
	r->process = (int)syscall(SYS_pidfd_open, r->pid, 0);
	if (r->process < 0)
		return told(r, -errno, NULL, "it cannot be watched");
	err = listen_to(r);
	return err ? err : reap(r);
}

/* ---- what it says ------------------------------------------------------- */

static int check_time(
    const struct run *r, const struct kube_credential *c, int64_t wall)
{
	struct tm tm = { .tm_year = 0 };

	if (!*c->expires)
		return 0;
	if (!strptime(c->expires, "%Y-%m-%dT%H:%M:%S", &tm))
		return told(r, -EINVAL, NULL, "expirationTimestamp is no time");
	return timegm(&tm) < wall ? told(r, -EACCES,
					"Log in with it again; is the clock "
					"right?",
					"what it gives has expired")
				  : 0;
}

static int take_answer(struct run *r, struct kube_access *a, int64_t wall)
{
	CLEANUP(kube_credential_clear)
	struct kube_credential c = { .token = NULL };
	int err =
	    kube_read_credential(&c, a->plugin->api, r->answer, r->n, r->fault);

	if (err == -EBADMSG)
		return fault_wrap(
		    r->fault, "exec plugin %s", a->plugin->command);
	if (!err)
		err = check_time(r, &c, wall);
	if (err)
		return err;
	a->token = STEAL(c.token);
	if (c.cert_pem) {
		free(a->cert_pem);
		secret_free(a->key_pem);
		a->cert_pem = STEAL(c.cert_pem);
		a->key_pem = STEAL(c.key_pem);
	}
	return kube_access_check(a, r->fault);
}

int kubeplugin_run(struct kube_access *a, int64_t wall, struct fault *fault)
{
	struct run *r;
	int err;

	if (!a->plugin || a->token || a->token_file)
		return 0;
	r = calloc(1, sizeof(*r));
	if (!r)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	r->plugin = a->plugin;
	r->fault = fault;
	r->out = r->process = -1;
	r->interactive = a->plugin->interactive != KUBE_NEVER && isatty(0);
	r->ms = r->interactive ? KUBEPLUGIN_PERSON_MS : KUBEPLUGIN_MS;
	if (a->plugin->interactive == KUBE_ALWAYS && !r->interactive)
		err = told(r, -EINVAL, "Run this in a terminal.",
		    "it wants to ask a person, and standard input is no "
		    "terminal");
	else
		err = talk(r, a);
	if (!err)
		err = take_answer(r, a, wall);
	run_end(r);
	return err;
}
