#include "fuzz.h"
#include "pki/role.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) char *text = fuzz_text(bytes, n);
	char again[ROLE_URI_MOST];
	struct subject subject;

	if (subject_parse(&subject, text))
		return 0;
	INVARIANT(role_name_ok(subject.name));
	subject_print(&subject, again);
	INVARIANT(!strcmp(text, again));
	return 0;
}
