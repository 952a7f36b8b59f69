/* wire/boot.h: how a broker asks the bridge for its certificate: what is
 * signed, the request and the answer, both ends.
 *
 * One POST in a session of ALPN pharos-boot/1 (doc/wire/boot.md). The broker
 * writes requests and reads answers (broker/boot.h); the bridge reads, asks
 * bridge/judge.h, and answers (bridge/boot.h).
 */
#pragma once
#include "base/fault.h"
#include "wire/fingerprint.h"

#define BOOT_ALPN     "pharos-boot/1"
#define BOOT_PATH     "/v1/boot"
#define BOOT_EXPORTER "EXPORTER-pharos-boot-v1"

enum {
	BOOT_EXPORTED = 32,	   /* bytes of the exporter; empty context */
	BOOT_AUDIENCE = 15 + 43,   /* characters */
	BOOT_TOKEN_S = 600,	   /* life of the token to ask for */
	BOOT_TOKEN_MOST = 8192,	   /* as JWT_MOST */
	BOOT_CSR_MOST = 16 * 1024, /* PEM */
	BOOT_CERTS_MOST = 4,
	BOOT_CERT_MOST = 8 * 1024, /* PEM */
	BOOT_REQUEST_MOST = 320 * 1024,
	BOOT_ANSWER_MOST = 64 * 1024,
};

/** boot_audience() - which audience the token must have: it binds this session,
 * and so the bridge's certificate, and the key that is to be certified
 * @exported: of the session. @spki: the key's SubjectPublicKeyInfo in DER. */
void boot_audience(char out[BOOT_AUDIENCE + 1],
    const uint8_t exported[BOOT_EXPORTED], const void *spki, size_t n);

/* ---- the request --------------------------------------------------------- */

struct boot_request {
	char *token; /* of the broker's ServiceAccount; of no use but here */
	char *csr;   /* PEM */
	char uid[FINGERPRINT_UID_MOST + 1]; /* of kube-system */
	json_t *jwks, *discovery; /* as the cluster answers; NULL: not sent */
};
void boot_request_deinit(struct boot_request *q); /* repeatable */
/** boot_request_write() - as text; the caller frees @out
 * Return: 0; -EMSGSIZE: a part is larger than its limit; -ENOMEM. */
MUST_USE int boot_request_write(char **out, const struct boot_request *q);
/** boot_request_read() - @out: boot_request_deinit() it
 * Return: 0; -EINVAL with @fault; -ENOMEM. */
MUST_USE int boot_request_read(
    struct boot_request *out, const void *text, size_t n, struct fault *fault);

/* ---- the answer ---------------------------------------------------------- */

enum boot_code {
	BOOT_SIGNED,	  /* no refusal */
	BOOT_MALFORMED,	  /* not a request */
	BOOT_WINDOW,	  /* pending, and its window is over */
	BOOT_FINGERPRINT, /* what was sent is another cluster */
	BOOT_TOKEN,	  /* the token is not good; the text says why */
	BOOT_KEY,	  /* its key is not stored: a person has to look */
	BOOT_SUBJECT,	  /* of another ServiceAccount */
	BOOT_POD,	  /* bound to no pod */
	BOOT_APPROVAL,	  /* a person has to approve it */
	BOOT_WORDS,	  /* of wire/bootwords.h: what was shown does not fit
			     what was said before */
	BOOT_REVOKED,	  /* the cluster, or this broker */
	BOOT_STORE,	  /* the store did not answer */
	BOOT_BUSY,	  /* too many ask at once */
	BOOT_CODE_COUNT,
};
const char *boot_code_text(enum boot_code c); /* "fingerprint" */
int boot_code_status(enum boot_code c);	      /* of HTTP */
/* seconds; 0: trying again is no use before a person did something */
unsigned boot_code_retry_s(enum boot_code c);
const char *boot_code_problem(enum boot_code c); /* one line */
const char *boot_code_remedy(enum boot_code c);	 /* one line */

struct boot_answer {
	enum boot_code code;
	char *cert[BOOT_CERTS_MOST]; /* PEM, the leaf first; when signed */
	size_t n_certs;
	struct fault fault; /* text and remedy, when refused */
	unsigned retry_s;
};
void boot_answer_deinit(struct boot_answer *a); /* repeatable */
/** boot_answer_write() - JSON as text; @a's own text, remedy and time, where
 * they are not empty or 0, else those of its code
 * Return: 0; -ENOMEM. The caller frees @out. */
MUST_USE int boot_answer_write(char **out, const struct boot_answer *a);
/** boot_answer_read() - what a bridge answered; texts are made safe to show
 * @out: boot_answer_deinit() it.
 * Return: 0; -EINVAL with @fault; -ENOMEM. */
MUST_USE int boot_answer_read(
    struct boot_answer *out, const void *text, size_t n, struct fault *fault);
