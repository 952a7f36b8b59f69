/* What a peer says, as a person sees it: in a fault and in both kinds of log
 * line. Whatever the bytes are, it is one line of well-formed, harmless text.
 */
#include "fuzz.h"
#include "base/fault.h"
#include "base/log.h"
#include "base/text.h"
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

static void check_harmless(const char *text, size_t n)
{
	for (size_t i = 0, size; i < n; i += size) {
		size = text_printable(text + i, n - i);
		INVARIANT(size);
	}
}

static void check_line(int from)
{
	char line[PIPE_BUF];
	ssize_t n = read(from, line, sizeof(line));

	INVARIANT(n > 0 && line[n - 1] == '\n');
	check_harmless(line, (size_t)n - 1);
}

static void check_log(const char *said, const uint8_t *bytes, size_t n)
{
	static int ends[2] = { -1, -1 };
	static const enum log_format formats[] = { LOG_FORMAT_TEXT,
		LOG_FORMAT_JSON };

	if (ends[0] < 0) {
		INVARIANT(!pipe2(ends, O_CLOEXEC | O_NONBLOCK));
		log_to(ends[1]);
	}
	for (size_t i = 0; i < N_ELEMS(formats); i++) {
		log_setup("fuzz", formats[i], LOG_LEVEL_INFO);
		log_info("peer said", LOG_STR("text", said),
		    LOG_STR("again", said), LOG_HEX("bytes", bytes, n));
		check_line(ends[0]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) char *text = fuzz_text(bytes, n);
	struct fault f = FAULT_NONE;

	fault_set(&f, 1, text, "peer said: %s", text);
	fault_wrap(&f, "hop %s", text);
	check_harmless(f.text, strlen(f.text));
	check_harmless(f.hint, strlen(f.hint));
	check_log(text, bytes, n);
	return 0;
}
