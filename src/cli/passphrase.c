#include "cli/passphrase.h"
#include "base/option.h"
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

/* ---- the terminal -------------------------------------------------------- */

struct terminal {
	int fd;
	struct termios before;
	sigset_t mask; /* of the signals, as it was */
};

/* Signals wait: who interrupts is not left with a terminal that shows nothing
 * of what is typed. ^C, which would be one, ends the line instead. */
static int terminal_open(struct terminal *t, struct fault *fault)
{
	struct termios quiet;
	sigset_t all;

	t->fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (t->fd < 0 || tcgetattr(t->fd, &t->before)) {
		close_p(&t->fd);
		t->fd = -1;
		return fault_set(fault, -ENOTTY, "Give --passphrase-file FILE.",
		    "there is no terminal to ask for the passphrase");
	}
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, &t->mask);
	quiet = t->before;
	quiet.c_lflag &= ~(tcflag_t)(ECHO | ISIG);
	quiet.c_lflag |= ECHONL | ICANON;
	(void)tcsetattr(t->fd, TCSAFLUSH, &quiet);
	return 0;
}

static void terminal_close(struct terminal *t)
{
	(void)tcsetattr(t->fd, TCSAFLUSH, &t->before);
	(void)sigprocmask(SIG_SETMASK, &t->mask, NULL);
	close_p(&t->fd);
}

static int ask(struct secret **out, const struct terminal *t, const char *what,
    size_t most)
{
	char line[4096]; /* what a terminal takes as one line */
	ssize_t n;
	int r = file_write(t->fd, what, strlen(what));

	if (r)
		return r;
	n = read(t->fd, line, sizeof(line));
	if (n < 0)
		return -errno;
	if (n && line[n - 1] == '\n')
		n--;
	if (memchr(line, 3, (size_t)n)) /* ^C */
		r = -EINTR;
	else if ((size_t)n > most)
		r = -E2BIG;
	else
		r = secret_new(out, most);
	if (!r)
		r = secret_append(*out, line, (size_t)n);
	secret_wipe(line, sizeof(line));
	return r;
}

static int ask_all(struct secret **out, const struct passphrase_order *order,
    struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *one = NULL;
	CLEANUP(secret_freep) struct secret *again = NULL;
	struct terminal t;
	int r = terminal_open(&t, fault);

	if (r)
		return r;
	r = ask(&one, &t, "Passphrase: ", order->most);
	if (!r && order->twice)
		r = ask(&again, &t, "The same again: ", order->most);
	terminal_close(&t);
	if (r)
		return fault_set(
		    fault, r, NULL, "no passphrase was read: %s", strerror(-r));
	if (order->twice &&
	    !secret_equal(one, secret_bytes(again), secret_size(again)))
		return fault_set(fault, OPTION_E_BAD, NULL,
		    "the two passphrases are not the same");
	*out = STEAL(one);
	return 0;
}

/* ---- a file -------------------------------------------------------------- */

static int read_file(struct secret **out, const struct passphrase_order *order,
    struct fault *fault)
{
	int r = secret_read_file(out, order->path, order->most);

	if (!r)
		return 0;
	file_fault(fault, r, order->path, order->most);
	return r > 0 ? OPTION_E_BAD : r;
}

int passphrase_get(struct secret **out, const struct passphrase_order *order,
    struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *got = NULL;
	int r = order->path ? read_file(&got, order, fault)
			    : ask_all(&got, order, fault);

	if (r)
		return r;
	if (secret_size(got) < order->least)
		return fault_set(fault, OPTION_E_BAD,
		    "Six words by chance are good, and can be written down.",
		    "the passphrase has %zu characters, expected %zu or more",
		    secret_size(got), order->least);
	*out = STEAL(got);
	return 0;
}
