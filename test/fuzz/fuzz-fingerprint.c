/* What a person typed, and key sets from anyone. The first byte chooses. */
#include "fuzz.h"
#include "wire/fingerprint.h"

/* What is read is shown and read again the same. */
static void try_paper(const char *text)
{
	char shown[FINGERPRINT_SHOWN + 1], plain[FINGERPRINT_DIGITS + 1];
	struct fingerprint f, again;
	struct fault fault = FAULT_NONE;
	int r = fingerprint_parse(&f, text, &fault);

	INVARIANT(r == fault.code && r >= 0 && r <= FINGERPRINT_E_TYPO);
	if (r)
		return;
	fingerprint_show(shown, &f);
	INVARIANT(!fingerprint_parse(&again, shown, NULL));
	INVARIANT(fingerprint_equal(&f, &again));
	fingerprint_print(plain, &f);
	INVARIANT(!fingerprint_parse(&again, plain, NULL));
	INVARIANT(fingerprint_equal(&f, &again));
}

static void try_keys(const char *text, size_t n)
{
	struct fingerprint_facts facts = { "u", "i", text, n };
	struct fault fault = FAULT_NONE;
	struct fingerprint f;
	int r = fingerprint_of(&f, &facts, &fault);

	INVARIANT(r == fault.code && (!r || r == -EINVAL));
}

static void try_discovery(const char *text, size_t n)
{
	char issuer[FINGERPRINT_ISSUER_MOST + 1];
	struct fault fault = FAULT_NONE;
	int r = fingerprint_issuer(issuer, text, n, &fault);

	INVARIANT(r == fault.code && (r || issuer[0]));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) char *text = NULL;

	if (!n)
		return 0;
	text = fuzz_text(bytes + 1, n - 1);
	if (*bytes == 'f')
		try_paper(text);
	else if (*bytes == 'k')
		try_keys(text, n - 1);
	else if (*bytes == 'd')
		try_discovery(text, n - 1);
	return 0;
}
