#include "fuzz.h"
#include "wire/vaultpath.h"

static void check_segments(const struct vault_path *p)
{
	INVARIANT(p->n_segments >= 1 && p->n_segments <= VAULT_SEGMENTS_MOST);
	for (size_t i = 0; i < p->n_segments; i++) {
		const char *s = vault_path_segment(p, i);

		INVARIANT(*s && strcmp(s, ".") && strcmp(s, ".."));
		for (; *s; s++)
			INVARIANT((unsigned char)*s >= 0x20 && *s != 0x7f &&
				  *s != '/' && *s != '\\');
	}
}

/* What was read is printed in one way only, and reads back the same. */
static void check_round_trip(const struct vault_path *p)
{
	char target[VAULT_TARGET_MOST], again[VAULT_TARGET_MOST];
	struct vault_path q;

	INVARIANT(!vault_path_print(p, target, sizeof(target)));
	INVARIANT(!vault_path_parse(&q, target));
	INVARIANT(q.n_segments == p->n_segments && q.folder == p->folder);
	for (size_t i = 0; i < p->n_segments; i++)
		INVARIANT(!strcmp(
		    vault_path_segment(p, i), vault_path_segment(&q, i)));
	INVARIANT(!vault_path_print(&q, again, sizeof(again)));
	INVARIANT(!strcmp(target, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) char *text = fuzz_text(bytes, n);
	struct vault_path p;

	if (!vault_path_parse(&p, text)) {
		check_segments(&p);
		check_round_trip(&p);
		INVARIANT(
		    vault_operation_of(&p, "GET") < VAULT_OPERATION_COUNT);
	}
	if (!vault_path_plain(&p, text)) {
		check_segments(&p);
		check_round_trip(&p);
	}
	return 0;
}
