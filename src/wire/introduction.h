/* wire/introduction.h: how a person introduces a bridge to a broker that was
 * given a beacon's address and no join string: a ConfigMap of the broker's
 * namespace, written and read by calls to the cluster's API (wire/kube.h).
 *
 *   words    the six words (wire/words.h) as a person typed them; `pharos
 *            target approve` writes them, and takes them back if no broker does
 *   ca.crt   the bridge's CA, PEM; a broker whose words these were writes it,
 *            in place of the words; every replica, and every restart, reads it
 *
 * Nothing in it is secret. Whoever can write it says whom the broker follows.
 * Other members of it are left as they are.
 */
#pragma once
#include "wire/kube.h"

#define INTRODUCTION_MAP "pharos-bridge"

struct introduction {
	char *version;	      /* of the ConfigMap, as the API has it; opaque */
	char *words, *ca_pem; /* NULL: not there */
};
/** introduction_read() - what introduction_call_look() was answered
 * @out: introduction_deinit() it.
 * Return: 0; -EBADMSG: not what the API answers; -ENOMEM. */
MUST_USE int introduction_read(
    struct introduction *out, const void *body, size_t n);
void introduction_deinit(struct introduction *i); /* repeatable */

/* Calls, on the ConfigMap of @name_space. Return: 0; -EINVAL: a name that
 * cannot be one, a text that is not UTF-8; -ENOMEM. */

MUST_USE int introduction_call_look(
    struct kube_call *out, const char *name_space);
/** introduction_call_make() - where there is none, with these words */
MUST_USE int introduction_call_make(
    struct kube_call *out, const char *name_space, const char *words);

struct introduction_change {
	const char *version; /* refused (409) if it is not that any more */
	const char *words;   /* NULL: none from now on */
	const char *ca_pem;  /* NULL: stays as it is */
};
MUST_USE int introduction_call_change(struct kube_call *out,
    const char *name_space, const struct introduction_change *change);
