/* devstore/roottoken.c: made once, kept in a file that only its owner reads. */
#include "devstore/roottoken.h"
#include "base/file.h"
#include "devstore/token.h"
#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

void random_bytes(void *to, size_t n)
{
	INVARIANT(sodium_init() >= 0);
	randombytes_buf(to, n);
}

static int check(const struct secret *s, const char *file, struct fault *fault)
{
	const char *text = secret_bytes(s);

	for (size_t i = 0; i < secret_size(s); i++)
		if (text[i] <= ' ' || text[i] > '~')
			return fault_set(fault, -EINVAL,
			    "a token is one line of printable characters "
			    "without spaces; delete the file to get a new one",
			    "%s: not a token", file);
	return 0;
}

static int make(struct secret **out, const char *file, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *s = NULL;
	CLEANUP(close_p)
	int fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	char text[TOKEN_ID_SIZE + 1];
	int r = fd < 0 ? -errno : 0;

	if (!r) {
		token_text(text, 's', random_bytes);
		r = secret_from(&s, text, TOKEN_ID_SIZE);
		secret_wipe(text, sizeof(text));
	}
	if (!r)
		r = file_write(fd, secret_bytes(s), secret_size(s));
	if (!r)
		r = file_write(fd, "\n", 1);
	if (r)
		return fault_set(fault, r,
		    "give another place with "
		    "--root-token-file",
		    "%s: cannot be written: %s", file, strerror(-r));
	*out = STEAL(s);
	return 0;
}

int root_token_load(
    struct secret **out, const char *file, bool *made, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *s = NULL;
	int r = secret_read_file(&s, file, TOKEN_NAME_MOST);

	*made = r == -ENOENT;
	if (*made)
		return make(out, file, fault);
	if (r)
		return ERR_FOLD(file_fault(fault, r, file, TOKEN_NAME_MOST));
	r = check(s, file, fault);
	if (!r)
		*out = STEAL(s);
	return r;
}
