#include "pki/sparse.h"
#include "base/err.h"
#include <openssl/crypto.h>
#include <openssl/evp.h>

/* What is not named here is unknown, so a certificate that is signed with it is
 * refused. Ed25519 needs no digest. SHA-1 and what is older would be refused
 * for its strength anyway. */
static int name_digests(void)
{
	const EVP_MD *const digests[] = {
		EVP_sha224(),
		EVP_sha256(),
		EVP_sha384(),
		EVP_sha512(),
		EVP_sha3_224(),
		EVP_sha3_256(),
		EVP_sha3_384(),
		EVP_sha3_512(),
	};

	for (size_t i = 0; i < N_ELEMS(digests); i++)
		if (!EVP_add_digest(digests[i]))
			return -ENOMEM;
	return 0;
}

/* Each of these is done once in a process: what was said not to be done before
 * it was needed is not done later. */
int sparse_begin(void)
{
	if (!OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG |
				     OPENSSL_INIT_NO_ADD_ALL_CIPHERS |
				     OPENSSL_INIT_NO_ADD_ALL_DIGESTS,
		NULL))
		return -ENOMEM;
	return name_digests();
}
