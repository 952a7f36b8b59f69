/* devstore/pkirole.h: what a role of the PKI engine lets a certificate be.
 *
 * Nothing is copied from a request but its key: a role that would have it
 * otherwise (OpenBao's defaults) is refused here.
 */
#pragma once
#include "devstore/pkicert.h"
#include "devstore/ask.h"

/** pkirole_write() - the role after the body has been put into @is (NULL: a new
 * one)
 * Return: a new object; NULL: the reply says what is wrong. */
json_t *pkirole_write(struct ask *a, const json_t *is);

/* What a request for a signature comes to. */
struct pkirole_wish {
	const char *common_name; /* NULL: none */
	json_t *dns, *uris, *addresses;
	int64_t ttl_s;
	char usage[160], extended_usage[80]; /* as x509v3_config(5) */
};
/** pkirole_judge() - read the body of a sign/ request against the role @is
 * @most_s: no certificate of this mount lives longer
 * Return: 0; -EINVAL: the reply says what is wrong. Always clear @out after. */
MUST_USE int pkirole_judge(
    struct pkirole_wish *out, struct ask *a, const json_t *is, int64_t most_s);
void pkirole_wish_clear(struct pkirole_wish *w);
/** pkirole_key_good() - may a certificate be for that key? */
MUST_USE int pkirole_key_good(struct ask *a, const json_t *is, EVP_PKEY *key);
