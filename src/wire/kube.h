/* wire/kube.h: the Kubernetes API as far as we speak it: requests are built
 * here, answers are read here, and errors get their words.
 *
 * Pure: bytes in, bytes out. Five calls: a namespace's UID, the cluster's
 * discovery document and its keys, a token for a ServiceAccount (TokenRequest),
 * and whether a token is good (TokenReview); wire/introduction.h has those of
 * one ConfigMap. Tokens come out as struct secret.
 * And one answer that no API gives: what a credential plugin prints
 * (client.authentication.k8s.io).
 */
#pragma once
#include "base/fault.h"
#include "base/secret.h"
#include <jansson.h>

enum {
	KUBE_NAME_MOST = 253, /* of an object: a DNS subdomain (RFC 1123) */
	KUBE_UID_MOST = 64,
	KUBE_TOKEN_MOST = 16 * 1024,
	KUBE_AUDIENCE_MOST = 512,
	KUBE_TARGET_MOST = 640,
	KUBE_ANSWER_MOST = 1024 * 1024, /* bytes of an answer */
	KUBE_SECONDS_LEAST = 600,	/* of a token: the API's own rule */
	KUBE_TIME_MOST = 40,		/* an RFC 3339 time as the API has it */
};

/* A request to the API. Of its headers the caller adds Authorization, and with
 * a body Content-Type. */
struct kube_call {
	const char *method; /* constant */
	char target[KUBE_TARGET_MOST];
	struct secret *body;   /* JSON; NULL: none */
	const char *body_type; /* constant; NULL: application/json */
	const char *grant;     /* constant: the right that it takes, in words */
};
/** kube_call_clear() - frees the body; repeatable */
void kube_call_clear(struct kube_call *c);

/* For who builds other requests. */

/** kube_name_ok() - can it be an object's name? Then it is a part of a path and
 * nothing else: of the letters that the API takes, none means anything in a URL
 */
bool kube_name_ok(const char *name);
/** kube_call_post() - @c with this body
 * @c: method NULL: POST. @body: counted down; NULL: memory ran out.
 * Return: 0; -ENOMEM. */
MUST_USE int kube_call_post(
    struct kube_call *out, struct kube_call *c, json_t *body);

/* Builders. Return: 0; -EINVAL: a name that cannot be one, an audience that is
 * too long; -ENOMEM. On failure @out is untouched. */

MUST_USE int kube_call_namespace(struct kube_call *out, const char *name);
MUST_USE int kube_call_discovery(struct kube_call *out);
MUST_USE int kube_call_keys(struct kube_call *out);

struct kube_token_order {
	const char *name_space, *account;
	const char *audience;
	long seconds;			/* KUBE_SECONDS_LEAST at least */
	const char *pod_name, *pod_uid; /* bound to that pod; NULL: to none */
};
/** kube_call_token() - TokenRequest */
MUST_USE int kube_call_token(
    struct kube_call *out, const struct kube_token_order *order);
/** kube_call_review() - TokenReview of @token for @audience */
MUST_USE int kube_call_review(
    struct kube_call *out, const struct secret *token, const char *audience);

/* Readers. Return: 0; -EBADMSG: not what the API answers (not JSON, a part
 * missing or of a wrong kind, more than the limits); -ENOMEM. */

/** kube_read_uid() - metadata.uid of an object */
MUST_USE int kube_read_uid(
    char uid[KUBE_UID_MOST + 1], const void *body, size_t n);

struct kube_token {
	struct secret *token;
	char expires[KUBE_TIME_MOST]; /* "" when not said */
};
/** kube_read_token() - of kube_call_token() */
MUST_USE int kube_read_token(
    struct kube_token *out, const void *body, size_t n);
void kube_token_clear(struct kube_token *t);

struct kube_review {
	bool good; /* authenticated, and for the audience */
	char user[KUBE_NAME_MOST + 1];
	char pod_name[KUBE_NAME_MOST + 1], pod_uid[KUBE_UID_MOST + 1]; /* "" */
	char error[200]; /* the API's words, tamed; "" */
};
/** kube_read_review() - of kube_call_review() for @audience: only a token that
 * the API says is good for it is */
MUST_USE int kube_read_review(
    struct kube_review *out, const char *audience, const void *body, size_t n);

struct kube_credential {
	struct secret *token;	      /* NULL: none */
	char *cert_pem;		      /* NULL: none; on the heap */
	struct secret *key_pem;	      /* with cert_pem */
	char expires[KUBE_TIME_MOST]; /* "" when not said */
};
/** kube_read_credential() - an ExecCredential, as a plugin prints it
 * @api: the version that was asked for, "client.authentication.k8s.io/v1"
 * Return: 0; -EBADMSG with @fault, which says what is wrong with it; -ENOMEM.
 */
MUST_USE int kube_read_credential(struct kube_credential *out, const char *api,
    const void *text, size_t n, struct fault *fault);
void kube_credential_clear(struct kube_credential *c);

/* An answer that is not the one that was asked for. */
struct kube_failure {
	const char *cluster; /* "https://10.0.0.1:6443": names the hop */
	const struct kube_call *call;
	int status; /* of HTTP */
	const void *body;
	size_t n;
};
/** kube_fault() - what a person should know about it
 * Text: `cluster https://…: 403 Forbidden: <the API's own words>`; hint: what
 * to do about that status, and for a missing right which to give.
 * Return: -EACCES (401, 403), -ENOENT (404), -EAGAIN (429, 5xx: worth another
 * try), -EINVAL (other 4xx), -EBADMSG (a redirect, or 2xx that could not be
 * read). */
int kube_fault(struct fault *f, const struct kube_failure *failure);
