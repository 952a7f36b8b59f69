#include "fuzz.h"
#include "wire/vault.h"

static void try_copies(const uint8_t *bytes, size_t n)
{
	CLEANUP(vault_call_clear) struct vault_call login = { .body = NULL };
	CLEANUP(vault_call_clear) struct vault_call renew = { .body = NULL };
	CLEANUP(vault_call_clear) struct vault_call lease = { .body = NULL };
	struct vault_call again;

	/* what is made anew is taken as it is, and stays the same */
	if (!vault_copy_login(&login, "jwt", bytes, n)) {
		INVARIANT(!vault_copy_login(&again, "jwt",
		    secret_bytes(login.body), secret_size(login.body)));
		INVARIANT(secret_equal(again.body, secret_bytes(login.body),
		    secret_size(login.body)));
		vault_call_clear(&again);
	}
	if (!vault_copy_renew(&renew, bytes, n)) {
		INVARIANT(!vault_copy_renew(
		    &again, secret_bytes(renew.body), secret_size(renew.body)));
		vault_call_clear(&again);
	}
	if (!vault_copy_lease(&lease, bytes, n)) {
		INVARIANT(!vault_copy_lease(
		    &again, secret_bytes(lease.body), secret_size(lease.body)));
		vault_call_clear(&again);
	}
}

static void try_readers(const uint8_t *bytes, size_t n)
{
	struct vault_auth auth;
	struct vault_secret secret;
	struct vault_mount mount;
	struct vault_version version;
	char path[VAULT_PATH_MOST];

	if (!vault_read_auth(&auth, bytes, n)) {
		INVARIANT(secret_size(auth.token) && auth.lease_s >= 0);
		vault_auth_clear(&auth);
	}
	if (!vault_read_secret(&secret, bytes, n)) {
		INVARIANT(secret.n_fields <= VAULT_FIELDS_MOST);
		vault_secret_clear(&secret);
	}
	if (!vault_read_mount(&mount, bytes, n) &&
	    !vault_kv_path(path, &mount, "data", "secret/a"))
		INVARIANT(strlen(path) > 2);
	if (!vault_read_version(&version, bytes, n))
		INVARIANT(strlen(version.created) < n);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	char words[64];
	struct fault f = FAULT_NONE;
	struct vault_failure x = { .store = "https://s",
		.status = n ? 400 + bytes[0] : 404,
		.body = bytes,
		.n = n };

	vault_wipe_json();
	try_copies(bytes, n);
	try_readers(bytes, n);
	vault_errors(words, sizeof(words), bytes, n);
	INVARIANT(strlen(words) < sizeof(words));
	INVARIANT(vault_fault(&f, &x) < 0 && f.text[0]);
	return 0;
}
