/* Replays a corpus: the main() of a fuzz target where there is no fuzzer. Every
 * file of the folder is fed whole and, if it is small, also cut at every byte
 * and with every byte changed, so that the parser meets each truncation. What
 * is wrong ends the process: an INVARIANT of the target, or the sanitizer. */
#include "fuzz.h"
#include "base/file.h"
#include <dirent.h>
#include <stdio.h>

enum { FILE_MOST = 1024 * 1024, SMALL = 256 };

/* From a block of exactly its size. */
static void feed(const char *bytes, size_t n)
{
	uint8_t *copy = malloc(n ? n : 1);

	INVARIANT(copy);
	if (n)
		memcpy(copy, bytes, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
}

static void feed_changed(char *bytes, size_t n, size_t at)
{
	static const uint8_t masks[] = { 0x01, 0x20, 0x80 };
	char was = bytes[at];

	for (size_t i = 0; i < N_ELEMS(masks); i++) {
		bytes[at] = (char)((uint8_t)was ^ masks[i]);
		feed(bytes, n);
	}
	bytes[at] = was;
}

static void feed_variants(char *bytes, size_t n)
{
	feed(bytes, n);
	if (n > SMALL)
		return;
	for (size_t i = 0; i < n; i++) {
		feed(bytes, i);
		feed_changed(bytes, n, i);
	}
}

static bool replay(const char *folder, const char *name)
{
	CLEANUP(free_p) char *path = NULL;
	CLEANUP(free_p) char *bytes = NULL;
	size_t n;
	int r;

	if (asprintf(&path, "%s/%s", folder, name) < 0)
		return false;
	r = file_read(&bytes, &n, path, FILE_MOST);
	if (r) {
		printf("# %s: cannot be read: %d\n", path, r);
		return false;
	}
	feed_variants(bytes, n);
	return true;
}

static int is_input(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	int n = argc == 2 ? scandir(argv[1], &entries, is_input, alphasort) : 0;
	bool good = n > 0;

	feed("", 0);
	for (int i = 0; i < n; i++) {
		bool done = replay(argv[1], entries[i]->d_name);

		printf("%s %d - %s\n", done ? "ok" : "not ok", i + 1,
		    entries[i]->d_name);
		fflush(stdout);
		good = good && done;
		free(entries[i]);
	}
	if (n > 0)
		free(entries);
	if (n <= 0)
		printf("Bail out! usage: replay FOLDER-WITH-INPUTS\n");
	else
		printf("1..%d\n", n);
	return good ? 0 : 1;
}
