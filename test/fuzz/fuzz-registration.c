/* A record as a person with a text editor may have left it. */
#include "fuzz.h"
#include "wire/json.h"
#include "wire/registration.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	JSON *record = json_read_object(bytes, n, 0), *again = NULL;
	struct registration r = { .n_out = 0 };
	struct fault fault = FAULT_NONE;
	int got;

	if (!record)
		return 0;
	got = registration_read(&r, record, &fault);
	INVARIANT(got == fault.code && (!got || got == -EINVAL));
	if (!got) {
		INVARIANT(r.state < REGISTRATION_STATE_COUNT);
		INVARIANT(!registration_write(&again, &r));
		INVARIANT(json_equal(record, again));
	}
	registration_deinit(&r);
	return 0;
}
