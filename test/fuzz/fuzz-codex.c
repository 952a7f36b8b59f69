/* A codex that somebody edited: refused where it stands, or a table in which
 * all holds, and whose text is read as the same. */
#include "fuzz.h"
#include "wire/codextext.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct yaml_source source = { .name = "f", .bytes = bytes, .n = n };
	CLEANUP(free_p) char *once = NULL;
	CLEANUP(free_p) char *twice = NULL;
	struct fault fault = FAULT_NONE;
	bool edited = true;
	struct codex c, back;
	size_t peer, of_twice;
	int r = codextext_read(&c, &source, NULL, &fault);

	INVARIANT(r == fault.code);
	if (r)
		return 0;
	INVARIANT(!codex_check(&c, &peer, NULL));
	INVARIANT(!codextext_write(&once, &source.n, &c));
	source.bytes = once;
	INVARIANT(!codextext_read(&back, &source, &edited, NULL) && !edited);
	INVARIANT(!codextext_write(&twice, &of_twice, &back));
	INVARIANT(!strcmp(once, twice));
	codex_deinit(&c);
	codex_deinit(&back);
	return 0;
}
