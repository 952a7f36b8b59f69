/* pki/altname.c: names into OpenSSL's list. */
#include "pki/altname.h"
#include <openssl/err.h>

/* @value is taken, also on failure. */
static int push(GENERAL_NAMES *names, int type, ASN1_STRING *value)
{
	GENERAL_NAME *name = GENERAL_NAME_new();

	if (!name || !value) {
		ASN1_STRING_free(value);
		GENERAL_NAME_free(name);
		return 0;
	}
	GENERAL_NAME_set0_value(name, type, value);
	if (sk_GENERAL_NAME_push(names, name) > 0)
		return 1;
	GENERAL_NAME_free(name);
	return 0;
}

int altname_push(GENERAL_NAMES *names, int type, const char *text)
{
	ASN1_IA5STRING *value = ASN1_IA5STRING_new();

	if (value && !ASN1_STRING_set(value, text, -1)) {
		ASN1_IA5STRING_free(value);
		value = NULL;
	}
	return push(names, type, value);
}

int altname_push_host(GENERAL_NAMES *names, const char *host)
{
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);

	ERR_clear_error();
	return address ? push(names, GEN_IPADD, address)
		       : altname_push(names, GEN_DNS, host);
}

bool altname_is_address(const char *host)
{
	ASN1_OCTET_STRING *address = a2i_IPADDRESS(host);
	bool yes = address;

	ASN1_OCTET_STRING_free(address);
	ERR_clear_error();
	return yes;
}
