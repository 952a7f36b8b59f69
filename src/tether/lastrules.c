#include "tether/lastrules.h"
#include "base/file.h"
#include "base/hex.h"
#include "base/replace.h"
#include <limits.h>
#include <sodium.h>
#include <stdio.h>

#define FIRST "# pharos-tether rules 1 "

enum {
	HASH_SIZE = crypto_hash_sha256_BYTES,
	HEX_SIZE = 2 * HASH_SIZE,
	/* with the newline */
	HEAD_SIZE = sizeof(FIRST) - 1 + HEX_SIZE + 1,
};

static void name_file(char out[PATH_MAX], const char *folder)
{
	(void)snprintf(out, PATH_MAX, "%s/" LASTRULES_NAME, folder);
}

static void write_head(char out[HEAD_SIZE + 1], const char *text)
{
	uint8_t hash[HASH_SIZE];
	char hex[HEX_SIZE + 1];

	(void)crypto_hash_sha256(
	    hash, (const unsigned char *)text, strlen(text));
	hex_encode(hex, hash, sizeof(hash));
	(void)snprintf(out, HEAD_SIZE + 1, FIRST "%s\n", hex);
}

int lastrules_write(const char *folder, const char *text, struct fault *fault)
{
	CLEANUP(free_p) char *whole = NULL;
	char path[PATH_MAX], head[HEAD_SIZE + 1];
	int n, r;

	name_file(path, folder);
	write_head(head, text);
	n = asprintf(&whole, "%s%s", head, text);
	if (n < 0) {
		whole = NULL;
		return fault_set(fault, -ENOMEM, NULL, "no memory");
	}
	r = n > LASTRULES_MOST ? -EFBIG
			       : replace_file(path, whole, (size_t)n, 0600);
	return r ? fault_set(fault, r,
		       "Until it can be, a start with a codex of nonsense has "
		       "older rules, or none.",
		       "cannot write %s: %s", path, strerror(-r))
		 : 0;
}

static int read_whole(char **out, const char *path, struct fault *fault)
{
	CLEANUP(free_p) char *text = NULL;
	struct file f = { .fd = -1 };
	size_t n = 0;
	int r = file_open(&f, path, FILE_PRIVATE, LASTRULES_MOST);

	if (!r) {
		text = malloc(f.room + 1);
		r = text ? file_fill(&f, text, &n) : -ENOMEM;
		close_p(&f.fd);
	}
	if (r) {
		file_fault(fault, r, path, LASTRULES_MOST);
		r = r > 0 ? -EINVAL : r;
		fault->code = r;
		return r;
	}
	text[n] = '\0';
	*out = STEAL(text);
	return 0;
}

/* Up to a NUL, where what is loaded would end too. */
static bool is_whole(const char *text)
{
	char head[HEAD_SIZE + 1];

	if (strlen(text) <= HEAD_SIZE)
		return false;
	write_head(head, text + HEAD_SIZE);
	return !strncmp(text, head, HEAD_SIZE);
}

int lastrules_read(char **out, const char *folder, struct fault *fault)
{
	CLEANUP(free_p) char *text = NULL;
	char path[PATH_MAX];
	int r;

	name_file(path, folder);
	r = read_whole(&text, path, fault);
	if (r)
		return r;
	if (!is_whole(text))
		return fault_set(fault, -EINVAL,
		    "Mend the codex; the file is written again at the next "
		    "start.",
		    "%s: not as it was written", path);
	memmove(text, text + HEAD_SIZE, strlen(text + HEAD_SIZE) + 1);
	*out = STEAL(text);
	return 0;
}
