/* What an API server answers, or a plugin prints. What is taken can stand in a
 * header, a path, a line. */
#include "fuzz.h"
#include "wire/introduction.h"
#include "wire/kube.h"

#define API "client.authentication.k8s.io/v1"

static void check_line(const struct secret *token)
{
	const char *text = secret_bytes(token);

	INVARIANT(secret_size(token) && secret_size(token) <= KUBE_TOKEN_MOST);
	for (size_t i = 0; i < secret_size(token); i++)
		INVARIANT(text[i] > ' ' && text[i] <= '~');
}

static void try_readers(const uint8_t *bytes, size_t n)
{
	struct kube_credential credential;
	struct fault f = FAULT_NONE;
	char uid[KUBE_UID_MOST + 1];
	struct introduction introduction;
	struct kube_review review;
	struct kube_token token;
	int r;

	if (!kube_read_uid(uid, bytes, n))
		INVARIANT(*uid && !strchr(uid, '/'));
	if (!kube_read_token(&token, bytes, n)) {
		check_line(token.token);
		kube_token_clear(&token);
	}
	if (!kube_read_review(&review, "a", bytes, n))
		INVARIANT(!review.good || *review.user);
	if (!introduction_read(&introduction, bytes, n)) {
		INVARIANT(*introduction.version);
		introduction_deinit(&introduction);
	}
	r = kube_read_credential(&credential, API, bytes, n, &f);
	INVARIANT(!r || (r == -EBADMSG && *f.text));
	if (r)
		return;
	if (credential.token)
		check_line(credential.token);
	INVARIANT(!credential.cert_pem == !credential.key_pem);
	INVARIANT(credential.token || credential.cert_pem);
	kube_credential_clear(&credential);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct fault f = FAULT_NONE;
	struct kube_call call;
	struct kube_failure x = { .cluster = "https://c",
		.call = &call,
		.status = n ? 200 + 2 * bytes[0] : 404,
		.body = bytes,
		.n = n };

	INVARIANT(!kube_call_keys(&call));
	try_readers(bytes, n);
	INVARIANT(kube_fault(&f, &x) < 0 && *f.text && !strchr(f.text, '\n'));
	return 0;
}
