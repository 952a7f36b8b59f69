/* What a broker sends and what a bridge answers. The first byte chooses. */
#include "fuzz.h"
#include "wire/boot.h"

static void try_request(const char *bytes, size_t n)
{
	struct boot_request q = { .token = NULL }, back = { .token = NULL };
	CLEANUP(free_p) char *text = NULL;
	struct fault fault = FAULT_NONE;
	int r = boot_request_read(&q, bytes, n, &fault);

	INVARIANT(r == fault.code && (!r || r == -EINVAL));
	if (!r) {
		INVARIANT(!boot_request_write(&text, &q));
		INVARIANT(!boot_request_read(&back, text, strlen(text), NULL));
		INVARIANT(!strcmp(q.token, back.token));
		INVARIANT(!strcmp(q.csr, back.csr));
		INVARIANT(!strcmp(q.uid, back.uid));
		INVARIANT(!q.jwks == !back.jwks);
	}
	boot_request_deinit(&q);
	boot_request_deinit(&back);
}

static void try_answer(const char *bytes, size_t n)
{
	struct boot_answer a = { .n_certs = 0 }, back = { .n_certs = 0 };
	CLEANUP(free_p) char *text = NULL;
	struct fault fault = FAULT_NONE;
	int r = boot_answer_read(&a, bytes, n, &fault);

	INVARIANT(r == fault.code && (!r || r == -EINVAL));
	if (!r) {
		INVARIANT((a.code == BOOT_SIGNED) == !!a.n_certs);
		INVARIANT(!boot_answer_write(&text, &a));
		INVARIANT(!boot_answer_read(&back, text, strlen(text), NULL));
		INVARIANT(a.code == back.code && a.n_certs == back.n_certs);
		INVARIANT(!strcmp(a.fault.text, back.fault.text));
	}
	boot_answer_deinit(&a);
	boot_answer_deinit(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n && *bytes == 'q')
		try_request((const char *)bytes + 1, n - 1);
	else if (n && *bytes == 'a')
		try_answer((const char *)bytes + 1, n - 1);
	return 0;
}
