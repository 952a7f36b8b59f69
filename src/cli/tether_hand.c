#include "cli/tether_hand.h"
#include "base/file.h"
#include "cli/qr.h"
#include <fcntl.h>
#include <unistd.h>

int tether_hand_text(struct secret **out, const struct codexstore *s,
    const struct codex_peer *peer, const struct secret *private_key,
    struct fault *fault)
{
	const struct wgquick_order order = { .codex = &s->codex,
		.peer = peer,
		.private_key = private_key,
		.shared = keyring_shared(s->keyring, &peer->key) };

	return wgquick_write(out, &order, fault);
}

/* ---- files --------------------------------------------------------------- */

static int write_conf(FILE *to, const struct secret *text, const struct qr *qr)
{
	(void)qr;
	(void)fwrite(secret_bytes(text), 1, secret_size(text), to);
	return 0;
}

static int write_png(FILE *to, const struct secret *text, const struct qr *qr)
{
	(void)text;
	return qr_png(to, qr);
}

static int write_svg(FILE *to, const struct secret *text, const struct qr *qr)
{
	(void)text;
	return qr_svg(to, qr);
}

static int cannot(struct fault *fault, int code, const char *path)
{
	return fault_set(fault, code,
	    code == -EEXIST
		? "Nothing was changed. Move it away, or give another name."
		: "Nothing was changed. Check the folder and the space that "
		  "is left.",
	    "cannot write %s: %s", path, strerror(-code));
}

/* What a buffer of stdio's had of a secret goes with the stream. */
static int write_file(const char *path, const struct secret *text,
    const struct qr *qr,
    int (*put)(FILE *, const struct secret *, const struct qr *),
    struct fault *fault)
{
	char buffer[BUFSIZ];
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	FILE *to = fd < 0 ? NULL : fdopen(fd, "w");
	int r;

	if (!to) {
		r = -errno;
		close_p(&fd);
		return cannot(fault, r, path);
	}
	(void)setvbuf(to, buffer, _IOFBF, sizeof(buffer));
	r = put(to, text, qr);
	if (!r && (fflush(to) || ferror(to) || fsync(fd)))
		r = errno ? -errno : -EIO;
	if (fclose(to) && !r)
		r = -errno;
	secret_wipe(buffer, sizeof(buffer));
	if (!r)
		return 0;
	(void)unlink(path);
	return cannot(fault, r, path);
}

enum { KINDS = 3 };
struct kind {
	const char *path;
	int (*put)(FILE *, const struct secret *, const struct qr *);
};

static void kinds_of(struct kind out[KINDS], const struct tether_hand *hand)
{
	out[0] = (struct kind){ hand->conf, write_conf };
	out[1] = (struct kind){ hand->png, write_png };
	out[2] = (struct kind){ hand->svg, write_svg };
}

static void undo(const struct kind *kinds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (kinds[i].path)
			(void)unlink(kinds[i].path);
}

int tether_hand_write(const struct tether_hand *hand, const struct secret *text,
    struct fault *fault)
{
	CLEANUP(qr_freep) struct qr *qr = NULL;
	struct kind kinds[KINDS];
	int r = 0;

	kinds_of(kinds, hand);
	if (hand->png || hand->svg || !hand->conf) /* too large? say it now */
		r = qr_new(&qr, text, fault);
	for (size_t i = 0; !r && i < KINDS; i++) {
		if (kinds[i].path)
			r = write_file(
			    kinds[i].path, text, qr, kinds[i].put, fault);
		if (r)
			undo(kinds, i);
	}
	return r;
}

void tether_hand_undo(const struct tether_hand *hand)
{
	struct kind kinds[KINDS];

	kinds_of(kinds, hand);
	undo(kinds, KINDS);
}

/* ---- terminal ------------------------------------------------------------ */

int tether_hand_print(const struct tether_hand *hand, const struct secret *text,
    struct fault *fault)
{
	CLEANUP(qr_freep) struct qr *qr = NULL;
	int r;

	if (hand->conf || hand->png || hand->svg)
		return 0;
	r = qr_new(&qr, text, fault);
	if (r)
		return r;
	qr_print(stdout, qr);
	return 0;
}
