/* A bridge's credential file as a person with a text editor may have left it.
 */
#include "fuzz.h"
#include "wire/credential.h"
#include "wire/json.h"

/* There is one meaning for each content. */
static void write_again(const uint8_t *bytes, size_t n, struct credential *c)
{
	CLEANUP(secret_freep) struct secret *text = NULL;
	JSON *was = json_read_object(bytes, n, 0), *is = NULL;

	INVARIANT(!credential_write(&text, c));
	INVARIANT(secret_size(text) <= CREDENTIAL_TEXT_MOST);
	is = json_read_object(secret_bytes(text), secret_size(text), 0);
	INVARIANT(json_equal(was, is));
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct credential c = { .n_beacons = 0 };
	struct fault fault = FAULT_NONE;
	int r = credential_read(&c, bytes, n, &fault);

	INVARIANT(r == fault.code && (!r || r == -EINVAL));
	if (!r)
		write_again(bytes, n, &c);
	credential_deinit(&c);
	return 0;
}
