#include "broker/bootkey.h"
#include "net/tls.h"
#include "pki/ca.h"
#include "pki/cleanup.h"

int bootkey_make(EVP_PKEY **key, struct boot_request *to,
    char audience[BOOT_AUDIENCE + 1], struct leg *leg)
{
	CLEANUP(request_p) X509_REQ *csr = NULL;
	CLEANUP(openssl_free_p) uint8_t *spki = NULL;
	uint8_t exported[BOOT_EXPORTED];
	int r = pki_key_new(key), n;

	if (!r)
		r = pki_csr_new(&csr, *key, "pharos-broker");
	if (!r)
		r = pki_csr_pem(&to->csr, csr);
	if (!r)
		r = leg ? tls_leg_export(leg, BOOT_EXPORTER, exported)
			: -EPROTO;
	n = r ? 0 : i2d_PUBKEY(*key, &spki);
	if (r || n <= 0)
		return r ? r : -ENOMEM;
	boot_audience(audience, exported, spki, (size_t)n);
	return 0;
}
