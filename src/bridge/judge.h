/* bridge/judge.h: may whoever asks in a boot session have a broker's
 * certificate? Pure: a registration and a request in, an outcome out.
 *
 * For the bridge's boot sessions (bridge/boot.h, wire/boot.h). Checked, in
 * this order: the record's state and window; while it is pending, that UID,
 * issuer and keys hash to its fingerprint, and otherwise that the UID is the
 * stored one; the token's shape, algorithm, key and signature, its times, its
 * issuer, the audience of this very session and key; the subject; the pod; that
 * neither is shut out; approval. In a session with the six words nobody is
 * signed for: who would be let in waits with his words for a person. Keys that
 * a broker sends are looked at while the record is pending, and never
 * afterwards.
 *
 * When the outcome changes the record, it is written first, by check-and-set on
 * the version that was read, and only then is anything signed. Who loses reads
 * again and judges again.
 */
#pragma once
#include "wire/boot.h"
#include "wire/registration.h"

struct judge_case {
	const struct registration *record;
	const struct boot_request *request;
	const char *audience;  /* boot_audience() of session and CSR's key */
	bool issuer_is_public; /* the bridge reads its keys there itself, so an
				  unknown one is waited for */
	int64_t now;	       /* seconds since 1970 */
	const char *words;     /* words_text() of the session; NULL: it came by
				  a CA */
};
enum { JUDGE_LEEWAY_S = 60 };

struct judge_outcome {
	enum boot_code code; /* BOOT_SIGNED: sign */
	int token;	     /* with BOOT_TOKEN, BOOT_KEY: JWT_E_* */
	struct fault fault;  /* the code's words, or better ones */
	char name[REGISTRATION_NAME_MOST + 1]; /* of the broker, to sign */
	bool changed; /* write @record before all else */
	struct registration record;
};
/** judge() - @out: judge_outcome_deinit() it
 * Return: 0, look at @out->code; -ENOMEM. */
MUST_USE int judge(struct judge_outcome *out, const struct judge_case *c);
void judge_outcome_deinit(struct judge_outcome *o); /* repeatable */
