#include "broker/bootleaf.h"
#include "pki/cleanup.h"

int bootleaf_take(struct identity **out, const char *pem, EVP_PKEY *key,
    X509 *ca, struct fault *fault)
{
	CLEANUP(x509_p) X509 *leaf = NULL;
	CLEANUP(identity_freep) struct identity *id = NULL;
	struct fault own = FAULT_NONE;
	int r = pki_read_cert(&leaf, pem, &own);

	if (!r)
		r = identity_new(&id, leaf, key, ca, &own);
	if (!r)
		r = identity_expect(id, ROLE_BROKER, NULL, &own);
	if (r)
		return fault_set(fault, r,
		    "Are the roles of the store's PKI mount as `pharos source "
		    "register` made them?",
		    "the certificate that the bridge sent: %s",
		    own.code ? own.text : "out of memory");
	*out = STEAL(id);
	return 0;
}
