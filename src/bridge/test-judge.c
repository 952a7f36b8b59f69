/* Who becomes a broker, and what everybody else is told. The players of
 * doc/threat-model.md: R a relay, O an outsider who knows every public string,
 * T a tenant of the cluster. */
#include "bridge/judge.h"
#include "wire/jwt.h"
#include "wire/test-issuer.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define UID	 "6f1c2a34-5b7d-4e8f-9a0b-1c2d3e4f5a6b"
#define ISSUER	 "https://kubernetes.default.svc"
#define BROKER	 "system:serviceaccount:pharos:broker"
#define AUDIENCE "pharos-boot:v1:of-this-session-and-this-key"
#define NOW	 1700000000

enum signer { OURS, ROGUE, SIGNERS };
static json_t *key[SIGNERS]; /* private */
static json_t *sets[4];
enum sent {
	KEYS_OURS,
	KEYS_ROGUE, /* under the name of ours */
	KEYS_BOTH,  /* ours, and a rogue's beside it */
	KEYS_NONE,
};

static int setup(void **state)
{
	json_t *rogue, *renamed;

	(void)state;
	key[OURS] = key_make("RS256", "ours");
	key[ROGUE] = key_make("RS256", "rogue");
	rogue = key_public(key[ROGUE]);
	renamed = json_deep_copy(rogue);
	json_object_set_new(renamed, "kid", json_string("ours"));
	sets[KEYS_OURS] = json_pack("{s[o]}", "keys", key_public(key[OURS]));
	sets[KEYS_ROGUE] = json_pack("{s[o]}", "keys", renamed);
	sets[KEYS_BOTH] =
	    json_pack("{s[oo]}", "keys", key_public(key[OURS]), rogue);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < SIGNERS; i++)
		json_decref(key[i]);
	for (size_t i = 0; i < N_ELEMS(sets); i++)
		json_decref(sets[i]);
	return 0;
}

/* What a row does not say is as it should be. */
struct row {
	const char *label;
	enum registration_state in; /* pending, unless said */
	enum boot_code want;
	int token;	    /* JWT_E_* that is wanted */
	const char *header; /* of the token */
	const char *issuer, *audience, *subject, *pod, *uid;
	const char *more;    /* of the claims */
	int expires, issued; /* seconds from now; 0: as usual */
	int64_t after;	     /* the window's begin; 0: a minute */
	enum signer signer;
	enum sent sent;
	enum registration_state then; /* what it is afterwards */
	bool changed;
	bool approval, approved, waits, shut_out, issuer_is_public, other;
	bool met;	/* it comes with six words */
	bool has_words; /* somebody else waits with his */
};
#define WORDS  "fago keno dili fomi malo migi"
#define OTHERS "nono nono nono nono nono nono"

#define PENDING	       .in = REGISTRATION_PENDING
#define ACTIVE	       .in = REGISTRATION_ACTIVE, .then = REGISTRATION_ACTIVE
#define STALE	       .in = REGISTRATION_STALE, .then = REGISTRATION_STALE
#define REVOKED	       .in = REGISTRATION_REVOKED, .then = REGISTRATION_REVOKED
#define WAS_ACTIVE     .in = REGISTRATION_ACTIVE
#define WAS_STALE      .in = REGISTRATION_STALE
#define BECOMES_STALE  .then = REGISTRATION_STALE, .changed = true
#define BECOMES_ACTIVE .then = REGISTRATION_ACTIVE, .changed = true
#define TOKEN(why)     .want = BOOT_TOKEN, .token = JWT_E_##why

static const struct row rows[] = {
	/* the first, and all after it */
	{ "the first broker", PENDING, BECOMES_ACTIVE },
	{ "a replica, or a restart", ACTIVE },
	{ "that sends no keys at all", ACTIVE, .sent = KEYS_NONE },
	{ "long after the window", ACTIVE, .after = 1000000 },
	{ "with an empty list of who is shut out", ACTIVE, .pod = "broker-2" },

	/* the window and the state */
	{ "the window's last second", PENDING, BECOMES_ACTIVE, .after = 3599 },
	{ "the window is over", PENDING, .want = BOOT_WINDOW, .after = 3600 },
	{ "revoked", REVOKED, .want = BOOT_REVOKED },
	{ "one broker is shut out", ACTIVE, .want = BOOT_REVOKED,
	    .shut_out = true },
	{ "another broker is shut out", ACTIVE, .shut_out = true,
	    .pod = "broker-2" },
	{ "shut out while pending", PENDING, .want = BOOT_REVOKED,
	    .shut_out = true },

	/* another cluster (O) */
	{ "another UID", PENDING, .want = BOOT_FINGERPRINT, .uid = "u-2" },
	{ "another UID, later", ACTIVE, .want = BOOT_FINGERPRINT,
	    .uid = "u-2" },
	{ "registered with another fingerprint", PENDING,
	    .want = BOOT_FINGERPRINT, .other = true },
	{ "no keys, when they are needed", PENDING, .want = BOOT_FINGERPRINT,
	    .sent = KEYS_NONE },
	{ "his own keys under our name, signed by them", PENDING,
	    .want = BOOT_FINGERPRINT, .sent = KEYS_ROGUE, .signer = ROGUE,
	    .header = "{\"alg\":\"RS256\",\"kid\":\"ours\"}" },
	{ "our keys and his beside them", PENDING, .want = BOOT_FINGERPRINT,
	    .sent = KEYS_BOTH, .signer = ROGUE,
	    .header = "{\"alg\":\"RS256\",\"kid\":\"rogue\"}" },

	/* a token that the cluster did not sign (O) */
	{ "signed by his key under our name", PENDING, TOKEN(SIGNATURE),
	    .signer = ROGUE },
	{ "the same, later", ACTIVE, TOKEN(SIGNATURE), .signer = ROGUE },
	{ "signed by his key, pushed", WAS_ACTIVE, .want = BOOT_KEY,
	    .token = JWT_E_KID, .signer = ROGUE, .sent = KEYS_BOTH,
	    .header = "{\"alg\":\"RS256\",\"kid\":\"rogue\"}", BECOMES_STALE },
	{ "alg none", ACTIVE, TOKEN(UNSIGNED),
	    .header = "{\"alg\":\"none\",\"kid\":\"ours\"}" },
	{ "HS256 with the public key", ACTIVE, TOKEN(SYMMETRIC),
	    .header = "{\"alg\":\"HS256\",\"kid\":\"ours\"}" },
	{ "another key's algorithm", ACTIVE, TOKEN(KEY),
	    .header = "{\"alg\":\"ES256\",\"kid\":\"ours\"}" },
	{ "an algorithm that we do not take", ACTIVE, TOKEN(ALGORITHM),
	    .header = "{\"alg\":\"RS512\",\"kid\":\"ours\"}" },
	{ "an unknown key while pending", PENDING, TOKEN(KID),
	    .header = "{\"alg\":\"RS256\",\"kid\":\"x\"}" },

	/* a token of another session, issuer, time (R) */
	{ "of another session or key", PENDING, TOKEN(AUDIENCE),
	    .audience = "\"pharos-boot:v1:of-another-session\"" },
	{ "the same, later", ACTIVE, TOKEN(AUDIENCE),
	    .audience = "\"pharos-boot:v1:of-another-session\"" },
	{ "of this session, and of others", ACTIVE, TOKEN(AUDIENCE),
	    .audience = "[\"" AUDIENCE "\",\"b\"]" },
	{ "of this session, as a list", ACTIVE,
	    .audience = "[\"" AUDIENCE "\"]" },
	{ "a pod's token for the store", ACTIVE, TOKEN(AUDIENCE),
	    .audience = "\"pharos:info-hash\"" },
	{ "another issuer", ACTIVE, TOKEN(ISSUER), .issuer = "https://x" },
	{ "another issuer, first", PENDING, TOKEN(ISSUER),
	    .issuer = "https://x" },
	{ "yesterday's", ACTIVE, TOKEN(EXPIRED), .expires = -86400 },
	{ "within the leeway", ACTIVE, .expires = -60 },
	{ "a second later", ACTIVE, TOKEN(EXPIRED), .expires = -61 },
	{ "clocks apart by a minute", ACTIVE, .issued = 60 },
	{ "clocks apart by more", ACTIVE, TOKEN(SKEW), .issued = 61 },
	{ "not yet", ACTIVE, TOKEN(EARLY), .more = ",\"nbf\":1700000061" },

	/* a tenant's own token (T) */
	{ "another ServiceAccount", PENDING, .want = BOOT_SUBJECT,
	    .subject = "system:serviceaccount:shop:default" },
	{ "the same, later", ACTIVE, .want = BOOT_SUBJECT,
	    .subject = "system:serviceaccount:shop:default" },
	{ "of the same name elsewhere", ACTIVE, .want = BOOT_SUBJECT,
	    .subject = "system:serviceaccount:shop:broker" },
	{ "bound to no pod", ACTIVE, .want = BOOT_POD, .pod = "" },
	{ "a pod whose name cannot be certified", ACTIVE, .want = BOOT_POD,
	    .pod = "Pod_1" },

	/* approval */
	{ "has to be approved", PENDING, .want = BOOT_APPROVAL,
	    .approval = true, .changed = true },
	{ "waits already", PENDING, .want = BOOT_APPROVAL, .approval = true,
	    .waits = true },
	{ "is approved", PENDING, BECOMES_ACTIVE, .approval = true,
	    .waits = true, .approved = true },
	{ "was approved once", ACTIVE, .approval = true, .waits = true,
	    .approved = true },
	{ "approved, but another subject", PENDING, .want = BOOT_SUBJECT,
	    .approval = true, .waits = true, .approved = true,
	    .subject = "system:serviceaccount:shop:default" },

	/* the six words */
	{ "with words", PENDING, .want = BOOT_APPROVAL, .met = true,
	    .changed = true },
	{ "with words, and approved", PENDING, .want = BOOT_APPROVAL,
	    .met = true, .waits = true, .approved = true, .changed = true },
	{ "with words, when it is too late for them", ACTIVE,
	    .want = BOOT_APPROVAL, .met = true },
	{ "with words, after the window", PENDING, .want = BOOT_WINDOW,
	    .met = true, .after = 3600 },
	{ "with words, and a token of another session", PENDING,
	    TOKEN(AUDIENCE), .met = true,
	    .audience = "\"pharos-boot:v1:other\"" },
	{ "with words, by a tenant", PENDING, .want = BOOT_SUBJECT, .met = true,
	    .subject = "system:serviceaccount:shop:default" },
	{ "with words, of another cluster", PENDING, .want = BOOT_FINGERPRINT,
	    .met = true, .uid = "u-2" },
	{ "with words, shut out", PENDING, .want = BOOT_REVOKED, .met = true,
	    .shut_out = true },
	{ "by a CA, where somebody has words", PENDING, .want = BOOT_APPROVAL,
	    .waits = true, .has_words = true },
	{ "by a CA, where his words were compared", PENDING, BECOMES_ACTIVE,
	    .waits = true, .has_words = true, .approved = true },

	/* new keys */
	{ "an unknown key", WAS_ACTIVE, .want = BOOT_KEY, .token = JWT_E_KID,
	    .header = "{\"alg\":\"RS256\",\"kid\":\"x\"}", BECOMES_STALE },
	{ "an unknown key of a public issuer", ACTIVE, .want = BOOT_KEY,
	    .token = JWT_E_KID, .issuer_is_public = true,
	    .header = "{\"alg\":\"RS256\",\"kid\":\"x\"}" },
	{ "an unknown key once more", STALE, .want = BOOT_KEY,
	    .token = JWT_E_KID, .header = "{\"alg\":\"RS256\",\"kid\":\"x\"}" },
	{ "a stored key, when somebody else rang", WAS_STALE, BECOMES_ACTIVE },
	{ "our token, his keys beside it", ACTIVE, .sent = KEYS_BOTH },
	{ "our token, his keys beside it, stale", WAS_STALE, BECOMES_ACTIVE,
	    .sent = KEYS_BOTH },
};

static const char *either(const char *said, const char *usual)
{
	return said ? said : usual;
}

static char *token_of(const struct row *row)
{
	const char *pod = either(row->pod, "broker-1");
	char claims[1024], pods[200] = "", header[100];
	const char *usual = "{\"alg\":\"RS256\",\"kid\":\"ours\"}";
	char *signed_text, *token;

	if (*pod)
		snprintf(pods, sizeof(pods),
		    ",\"kubernetes.io\":{\"pod\":{\"name\":\"%s\",\"uid\":"
		    "\"p-1\"}}",
		    pod);
	snprintf(claims, sizeof(claims),
	    "{\"iss\":\"%s\",\"aud\":%s,\"sub\":\"%s\",\"exp\":%d,\"iat\":%d"
	    "%s%s}",
	    either(row->issuer, ISSUER),
	    either(row->audience, "\"" AUDIENCE "\""),
	    either(row->subject, BROKER),
	    NOW + (row->expires ? row->expires : 600), NOW + row->issued, pods,
	    either(row->more, ""));
	snprintf(header, sizeof(header), "%s", either(row->header, usual));
	if (strstr(header, "RS256"))
		return token_make(key[row->signer], header, claims);
	/* libjose would not sign that: another header before a signature */
	signed_text = token_make(key[row->signer], usual, claims);
	token = token_forge(signed_text, header);
	free(signed_text);
	return token;
}

static struct fingerprint fingerprint_ours(bool other)
{
	char *text = json_dumps(sets[KEYS_OURS], 0);
	struct fingerprint_facts facts = { other ? "u-2" : UID, ISSUER, text,
		strlen(text) };
	struct fingerprint f;

	assert_int_equal(fingerprint_of(&f, &facts, NULL), 0);
	free(text);
	return f;
}

static void activate(struct registration *r)
{
	char *text = json_dumps(sets[KEYS_OURS], 0);
	struct fingerprint_facts facts = { UID, ISSUER, text, strlen(text) };

	assert_int_equal(registration_activate(r, &facts), 0);
	free(text);
}

static struct registration record_of(const struct row *row)
{
	struct registration_order order = { .fingerprint =
						fingerprint_ours(row->other),
		.space = "n",
		.subject = BROKER,
		.now = NOW - (row->after ? row->after : 60),
		.ttl_s = 3600,
		.approval = row->approval };
	struct registration r;

	assert_int_equal(registration_open(&r, &order, NULL), 0);
	if (row->waits)
		assert_true(registration_wait(&r, "broker-1", NOW - 10));
	if (row->has_words)
		assert_true(
		    registration_wait_words(&r, "broker-2", OTHERS, NOW - 9));
	if (row->approved)
		assert_int_equal(registration_approve(&r,
				     row->has_words ? OTHERS : NULL, NOW - 5),
		    0);
	if (row->in == REGISTRATION_ACTIVE || row->in == REGISTRATION_STALE)
		activate(&r);
	if (row->in == REGISTRATION_STALE)
		assert_int_equal(registration_doubt(&r), 0);
	if (row->in == REGISTRATION_REVOKED)
		assert_int_equal(registration_revoke(&r), 0);
	if (row->shut_out)
		assert_int_equal(registration_shut_out(&r, "broker-1"), 0);
	return r;
}

/* What must be, beside what the row says. */
static void check_outcome(const struct row *row, const struct judge_outcome *o,
    const struct registration *before)
{
	json_t *was, *is;

	assert_int_equal(registration_write(&was, before), 0);
	assert_int_equal(registration_write(&is, &o->record), 0);
	if (json_equal(was, is) == row->changed)
		fail_msg("%s: changed or not", row->label);
	json_decref(was);
	json_decref(is);
	if (o->code == BOOT_SIGNED)
		assert_string_equal(o->name, either(row->pod, "broker-1"));
	else
		assert_true(o->fault.text[0] && o->fault.hint[0]);
	if (o->code == BOOT_REVOKED)
		assert_int_equal(
		    row->shut_out, !!strstr(o->fault.text, "broker-1, was"));
	if (row->met && o->changed)
		assert_string_equal(o->record.words[0].text, WORDS);
	else
		assert_int_equal(o->record.n_words,
		    o->code == BOOT_SIGNED ? 0 : before->n_words);
	/* whatever was sent, only our keys are ever stored */
	if (o->record.jwks && !json_equal(o->record.jwks, sets[KEYS_OURS]))
		fail_msg("%s: other keys are stored", row->label);
}

static void run(const struct row *row)
{
	struct registration record = record_of(row);
	struct boot_request q = { .token = token_of(row),
		.jwks = sets[row->sent],
		.discovery = row->sent == KEYS_NONE
				 ? NULL
				 : json_pack("{ss}", "issuer", ISSUER) };
	struct judge_case c = { &record, &q, AUDIENCE, row->issuer_is_public,
		NOW, row->met ? WORDS : NULL };
	struct judge_outcome o;

	snprintf(q.uid, sizeof(q.uid), "%s", either(row->uid, UID));
	assert_int_equal(judge(&o, &c), 0);
	if (o.code != row->want || o.token != row->token ||
	    o.record.state != row->then || o.changed != row->changed)
		fail_msg("%s: %s, %s, %s, %s", row->label,
		    boot_code_text(o.code), jwt_problem(o.token),
		    registration_state_text(o.record.state), o.fault.text);
	check_outcome(row, &o, &record);
	free(q.token);
	json_decref(q.discovery);
	judge_outcome_deinit(&o);
	judge_outcome_deinit(&o);
	registration_deinit(&record);
}

static void only_the_cluster_that_was_registered_is_let_in(void **state)
{
	(void)state;
	for (size_t i = 0; i < N_ELEMS(rows); i++)
		run(&rows[i]);
}

/* A pod's name may be longer than a certificate's; its UID is not. */
static void a_long_pod_name_is_certified_by_its_uid(void **state)
{
	struct row row = { "long", ACTIVE,
		.pod = "a-name-of-more-than-sixty-four-characters-which-"
		       "kubernetes-would-take" };
	struct registration record = record_of(&row);
	struct boot_request q = { .token = token_of(&row), .uid = UID };
	struct judge_case c = { &record, &q, AUDIENCE, false, NOW };
	struct judge_outcome o;

	(void)state;
	assert_int_equal(judge(&o, &c), 0);
	assert_int_equal(o.code, BOOT_SIGNED);
	assert_string_equal(o.name, "p-1");
	free(q.token);
	judge_outcome_deinit(&o);
	registration_deinit(&record);
}

/* Keys that the bridge read at the public issuer count from then on. */
static void keys_read_by_the_bridge_count(void **state)
{
	struct row row = { "rogue", STALE, .signer = ROGUE,
		.header = "{\"alg\":\"RS256\",\"kid\":\"rogue\"}" };
	struct registration record = record_of(&row);
	struct boot_request q = { .token = token_of(&row), .uid = UID };
	struct judge_case c = { &record, &q, AUDIENCE, true, NOW };
	char *both = json_dumps(sets[KEYS_BOTH], 0);
	struct judge_outcome o;

	(void)state;
	assert_int_equal(judge(&o, &c), 0);
	assert_int_equal(o.code, BOOT_KEY);
	judge_outcome_deinit(&o);
	assert_int_equal(registration_keys(&record, both, strlen(both)), 0);
	assert_int_equal(record.state, REGISTRATION_ACTIVE);
	assert_int_equal(judge(&o, &c), 0);
	assert_int_equal(o.code, BOOT_SIGNED);
	judge_outcome_deinit(&o);
	free(both);
	free(q.token);
	registration_deinit(&record);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    only_the_cluster_that_was_registered_is_let_in),
		cmocka_unit_test(a_long_pod_name_is_certified_by_its_uid),
		cmocka_unit_test(keys_read_by_the_bridge_count),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
