/* What broker and bridge say to make the six words, and what a person types of
 * them. The first byte chooses. */
#include "fuzz.h"
#include "wire/bootwords.h"

static void try_message(enum bootwords_kind kind, const char *bytes, size_t n)
{
	struct bootwords w = { .ca = NULL }, back = { .ca = NULL };
	CLEANUP(free_p) char *text = NULL;
	struct fault fault = FAULT_NONE;
	int r = bootwords_read(&w, kind, bytes, n, &fault);

	INVARIANT(r == fault.code && (!r || r == -EINVAL));
	if (!r) {
		INVARIANT((kind == BOOTWORDS_ANSWER) == !!w.ca);
		INVARIANT(!bootwords_write(&text, &w));
		INVARIANT(
		    !bootwords_read(&back, kind, text, strlen(text), NULL));
		INVARIANT(!memcmp(w.bytes, back.bytes, sizeof(w.bytes)));
		INVARIANT(!w.ca || !strcmp(w.ca, back.ca));
	}
	bootwords_deinit(&w);
	bootwords_deinit(&back);
}

static void try_words(const char *typed)
{
	char text[WORDS_TEXT + 1], again[WORDS_TEXT + 1];

	if (words_read(text, typed))
		return;
	INVARIANT(strlen(text) == WORDS_TEXT);
	INVARIANT(!words_read(again, text) && !strcmp(text, again));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static const char kinds[] = "cna";
	const char *kind = n && *bytes ? strchr(kinds, *bytes) : NULL;
	CLEANUP(free_p) char *typed = NULL;

	if (kind)
		try_message((enum bootwords_kind)(kind - kinds),
		    (const char *)bytes + 1, n - 1);
	if (!n || *bytes != 'w')
		return 0;
	typed = strndup((const char *)bytes + 1, n - 1);
	if (typed)
		try_words(typed);
	return 0;
}
