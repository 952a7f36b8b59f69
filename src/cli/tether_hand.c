#include "cli/tether_hand.h"
#include "base/file.h"
#include "cli/qr.h"
#include <fcntl.h>
#include <unistd.h>

void tether_handed_clear(struct tether_handed *h)
{
	secret_free(h->text);
	secret_free(h->ios);
	secret_free(h->macos);
	*h = (struct tether_handed){ .text = NULL };
}

struct wgquick_order tether_hand_order(const struct codexstore *s,
    const struct codex_peer *peer, const struct secret *private_key)
{
	return (struct wgquick_order){ .codex = &s->codex,
		.peer = peer,
		.private_key = private_key,
		.shared = keyring_shared(s->keyring, &peer->key) };
}

int tether_hand_make(struct tether_handed *out, const struct tether_hand *hand,
    const struct wgquick_order *order, struct fault *fault)
{
	int r;

	*out = (struct tether_handed){ .text = NULL };
	r = wgquick_write(&out->text, order, fault);
	if (!r && hand->ios)
		r = mobileconfig_write(
		    &out->ios, order, MOBILECONFIG_IOS, fault);
	if (!r && hand->macos)
		r = mobileconfig_write(
		    &out->macos, order, MOBILECONFIG_MACOS, fault);
	return r;
}

/* ---- files --------------------------------------------------------------- */

static int write_text(FILE *to, const struct secret *text, const struct qr *qr)
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

enum { KINDS = 5 };
struct kind {
	const char *path; /* NULL: not wanted */
	const struct secret *text;
	int (*put)(FILE *, const struct secret *, const struct qr *);
};

/* What a buffer of stdio's had of a secret goes with the stream. */
static int write_file(
    const struct kind *kind, const struct qr *qr, struct fault *fault)
{
	const char *path = kind->path;
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
	r = kind->put(to, kind->text, qr);
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

/* @what: NULL: the paths alone */
static void kinds_of(struct kind out[KINDS], const struct tether_hand *hand,
    const struct tether_handed *what)
{
	static const struct tether_handed none;

	if (!what)
		what = &none;
	out[0] = (struct kind){ hand->conf, what->text, write_text };
	out[1] = (struct kind){ hand->png, what->text, write_png };
	out[2] = (struct kind){ hand->svg, what->text, write_svg };
	out[3] = (struct kind){ hand->ios, what->ios, write_text };
	out[4] = (struct kind){ hand->macos, what->macos, write_text };
}

static bool wants_files(const struct tether_hand *hand)
{
	return hand->conf || hand->png || hand->svg || hand->ios || hand->macos;
}

static void undo(const struct kind *kinds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (kinds[i].path)
			(void)unlink(kinds[i].path);
}

int tether_hand_write(const struct tether_hand *hand,
    const struct tether_handed *what, struct fault *fault)
{
	CLEANUP(qr_freep) struct qr *qr = NULL;
	struct kind kinds[KINDS];
	int r = 0;

	kinds_of(kinds, hand, what);
	/* too large? say it now */
	if (hand->png || hand->svg || !wants_files(hand))
		r = qr_new(&qr, what->text, fault);
	for (size_t i = 0; !r && i < KINDS; i++) {
		if (kinds[i].path)
			r = write_file(&kinds[i], qr, fault);
		if (r)
			undo(kinds, i);
	}
	return r;
}

void tether_hand_undo(const struct tether_hand *hand)
{
	struct kind kinds[KINDS];

	kinds_of(kinds, hand, NULL);
	undo(kinds, KINDS);
}

/* ---- terminal ------------------------------------------------------------ */

int tether_hand_print(const struct tether_hand *hand,
    const struct tether_handed *what, struct fault *fault)
{
	CLEANUP(qr_freep) struct qr *qr = NULL;
	int r;

	if (wants_files(hand))
		return 0;
	r = qr_new(&qr, what->text, fault);
	if (r)
		return r;
	qr_print(stdout, qr);
	return 0;
}
