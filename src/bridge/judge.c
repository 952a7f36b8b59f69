/* bridge/judge.c: the one place that decides who becomes a broker.
 *
 * Two questions are kept apart. Which keys count? While the record is pending,
 * those that came with the request, once they hash to the fingerprint that a
 * person gave; afterwards those that are stored, whatever comes along. And is
 * the token good under these keys, for this session? That is the same in every
 * state, so a replica, a restart and the first broker of all go one way.
 *
 * A refusal changes nothing, but for two that a person has to see: somebody
 * waits for approval, and somebody came with a key that is not stored.
 *
 * The outcome's record is a copy; whoever called writes it with check-and-set.
 * Two brokers that come at once are both judged by the same pending record, and
 * one write is refused. That one is judged again, by an active record, and let
 * in by the stored keys.
 */
#include "bridge/judge.h"
#include "base/text.h"
#include "pki/role.h"
#include "wire/json.h"
#include "wire/jwt.h"

void judge_outcome_deinit(struct judge_outcome *o)
{
	registration_deinit(&o->record);
	*o = (struct judge_outcome){ .code = BOOT_STORE };
}

static void refuse(struct judge_outcome *o, enum boot_code code)
{
	o->code = code;
	fault_set(&o->fault, (int)code, boot_code_remedy(code), "%s",
	    boot_code_problem(code));
}

/* ---- which keys count ---------------------------------------------------- */

/* The text of keys and the facts beside them; the text is owned. */
struct trust {
	char *jwks;
	char issuer[FINGERPRINT_ISSUER_MOST + 1];
	struct fingerprint_facts facts;
};

static void trust_deinit(struct trust *t)
{
	free(t->jwks);
}

static int trust_keys(struct trust *t, const json_t *jwks)
{
	t->jwks = json_dumps(jwks, JSON_COMPACT);
	if (!t->jwks)
		return -ENOMEM;
	t->facts.jwks = t->jwks;
	t->facts.n_jwks = strlen(t->jwks);
	t->facts.issuer = t->issuer;
	return 0;
}

static int issuer_of(struct trust *t, const json_t *discovery)
{
	CLEANUP(free_p) char *text = json_dumps(discovery, JSON_COMPACT);

	if (!text)
		return -ENOMEM;
	return fingerprint_issuer(t->issuer, text, strlen(text), NULL);
}

/* What came with the request, if it is the cluster that was registered. */
static int trust_sent(struct trust *t, const struct judge_case *c)
{
	const struct boot_request *q = c->request;
	struct fingerprint seen;
	int r;

	if (!q->jwks || !q->discovery)
		return -EINVAL;
	r = trust_keys(t, q->jwks);
	if (!r)
		r = issuer_of(t, q->discovery);
	if (r)
		return r;
	t->facts.uid = q->uid;
	r = fingerprint_of(&seen, &t->facts, NULL);
	if (r)
		return r;
	return fingerprint_equal(&seen, &c->record->fingerprint) ? 0 : -EINVAL;
}

static int trust_stored(struct trust *t, const struct judge_case *c)
{
	if (strcmp(c->request->uid, c->record->uid) != 0)
		return -EINVAL;
	memcpy(t->issuer, c->record->issuer, sizeof(t->issuer));
	t->facts.uid = c->record->uid;
	return trust_keys(t, c->record->jwks);
}

static bool is_pending(const struct judge_case *c)
{
	return c->record->state == REGISTRATION_PENDING;
}

/* ---- the token ----------------------------------------------------------- */

static void refuse_token(struct judge_outcome *o, int problem)
{
	refuse(o, BOOT_TOKEN);
	o->token = problem;
	fault_set(&o->fault, BOOT_TOKEN, boot_code_remedy(BOOT_TOKEN), "%s: %s",
	    boot_code_problem(BOOT_TOKEN), jwt_problem(problem));
}

/* A key that is not stored: somebody has to know. */
static void refuse_key(struct judge_outcome *o, const struct judge_case *c)
{
	refuse(o, BOOT_KEY);
	o->token = JWT_E_KID;
	if (!c->issuer_is_public && !registration_doubt(&o->record))
		o->changed = true;
}

/* This audience and no other: a token that is good elsewhere too could have
 * come from there. */
static bool audience_alone(const json_t *claims)
{
	const json_t *aud = json_object_get(claims, "aud");

	return json_is_string(aud) || json_array_size(aud) == 1;
}

static int token_check(
    json_t **claims, const struct trust *t, const struct judge_case *c)
{
	CLEANUP(jwt_keys_freep) struct jwt_keys *keys = NULL;
	const char *token = c->request->token;
	struct jwt_expect expect = { .issuer = t->issuer,
		.audiences = &c->audience,
		.n_audiences = 1,
		.now = c->now,
		.leeway_s = JUDGE_LEEWAY_S };
	int r = jwt_keys_new(&keys);

	if (!r)
		r = jwt_keys_add_jwks(
		    keys, t->facts.jwks, t->facts.n_jwks, NULL);
	if (r)
		return r == -EINVAL ? JWT_E_KID : r; /* no key that we use */
	r = jwt_check(claims, keys, token, strlen(token), &expect);
	if (!r && !audience_alone(*claims)) {
		json_decref(*claims);
		*claims = NULL;
		r = JWT_E_AUDIENCE;
	}
	return r;
}

/* ---- who it is ----------------------------------------------------------- */

static const char *claim_text(const json_t *claims, const char *name)
{
	const json_t *j = jwt_claim(claims, name);
	const char *text = json_string_value(j);

	return text && strlen(text) == json_string_length(j) ? text : "";
}

/* A broker is called as its pod is, or, where that is too long, by its UID. */
static bool name_of(char to[REGISTRATION_NAME_MOST + 1], const json_t *claims)
{
	const char *name = claim_text(claims, "/kubernetes.io/pod/name");
	const char *uid = claim_text(claims, "/kubernetes.io/pod/uid");

	if (!*name || !*uid)
		return false;
	if (strlen(name) > REGISTRATION_NAME_MOST)
		name = uid;
	if (!role_name_ok(name))
		return false;
	memcpy(to, name, strlen(name) + 1);
	return true;
}

/* Somebody who waits with words waits for a person, asked for or not. */
static bool approved(const struct registration *r)
{
	return r->state != REGISTRATION_PENDING || r->approved ||
	       (!r->approval && !r->n_words);
}

/* Were he signed for, the record would be active, and if his words were lost
 * before somebody has compared them, he could not come by here again. */
static void wait_with_words(struct judge_outcome *o, const struct judge_case *c)
{
	refuse(o, BOOT_APPROVAL);
	o->changed =
	    registration_wait_words(&o->record, o->name, c->words, c->now);
	if (is_pending(c))
		fault_set(&o->fault, BOOT_APPROVAL,
		    "run `pharos source approve` beside the store, with "
		    "--words",
		    "a person has to compare the six words first");
	else
		fault_set(&o->fault, BOOT_APPROVAL,
		    "it has the CA from who was, or from a join string",
		    "this cluster was joined by another broker meanwhile");
}

static int let_in(
    struct judge_outcome *o, const struct judge_case *c, const struct trust *t)
{
	int r = 0;

	o->code = BOOT_SIGNED;
	if (c->record->state == REGISTRATION_ACTIVE)
		return 0;
	r = registration_activate(&o->record, is_pending(c) ? &t->facts : NULL);
	o->changed = !r;
	return r;
}

static void refuse_subject(
    struct judge_outcome *o, const struct judge_case *c, const char *seen)
{
	refuse(o, BOOT_SUBJECT);
	fault_set(&o->fault, BOOT_SUBJECT, boot_code_remedy(BOOT_SUBJECT),
	    "%s: expected %.120s, got %.120s", boot_code_problem(BOOT_SUBJECT),
	    c->record->subject, seen);
	text_tame(o->fault.text);
}

static void refuse_out(struct judge_outcome *o)
{
	refuse(o, BOOT_REVOKED);
	fault_set(&o->fault, BOOT_REVOKED,
	    "its cluster is let in: a pod of another name can join",
	    "this broker, %s, was revoked by its name", o->name);
}

static int who(struct judge_outcome *o, const struct judge_case *c,
    const struct trust *t, const json_t *claims)
{
	if (strcmp(claim_text(claims, "sub"), c->record->subject) != 0)
		refuse_subject(o, c, claim_text(claims, "sub"));
	else if (!name_of(o->name, claims))
		refuse(o, BOOT_POD);
	else if (registration_is_out(c->record, o->name))
		refuse_out(o);
	else if (c->words)
		wait_with_words(o, c);
	else if (approved(c->record))
		return let_in(o, c, t);
	else {
		o->changed = registration_wait(&o->record, o->name, c->now);
		refuse(o, BOOT_APPROVAL);
	}
	return 0;
}

/* ---- the order ----------------------------------------------------------- */

_Static_assert((int)REGISTRATION_NAME_MOST == (int)ROLE_NAME_MOST, "one limit");

static int judge_token(
    struct judge_outcome *o, const struct judge_case *c, const struct trust *t)
{
	JSON *claims = NULL;
	int r = token_check(&claims, t, c);

	if (r < 0)
		return r;
	if (!r)
		return who(o, c, t, claims);
	if (r == JWT_E_KID && !is_pending(c))
		refuse_key(o, c);
	else
		refuse_token(o, r);
	return 0;
}

static int judge_cluster(struct judge_outcome *o, const struct judge_case *c)
{
	CLEANUP(trust_deinit) struct trust t = { .jwks = NULL };
	int r = is_pending(c) ? trust_sent(&t, c) : trust_stored(&t, c);

	if (!r)
		return judge_token(o, c, &t);
	if (r == -EINVAL)
		refuse(o, BOOT_FINGERPRINT);
	return r == -EINVAL ? 0 : r;
}

int judge(struct judge_outcome *out, const struct judge_case *c)
{
	struct judge_outcome o = { .code = BOOT_STORE };
	int r = 0;

	registration_copy(&o.record, c->record);
	if (c->record->state == REGISTRATION_REVOKED)
		refuse(&o, BOOT_REVOKED);
	else if (is_pending(c) && c->now >= c->record->closes)
		refuse(&o, BOOT_WINDOW);
	else
		r = judge_cluster(&o, c);
	if (r)
		judge_outcome_deinit(&o);
	else
		*out = o;
	return r;
}
