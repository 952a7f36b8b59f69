/* devstore/jwtlogin.c: logging in with a signed token.
 *
 * First the token itself (signature, times, issuer, audience), then what the
 * role binds it to (subject, claims), then who it is (the user claim); only
 * then is a token of the store made, as the role says. Refusals are 400 in
 * OpenBao's words.
 */
#include "devstore/jwtlogin.h"
#include "devstore/logintoken.h"
#include "wire/json.h"
#include <stdio.h>

static bool value_matches(const json_t *want, const json_t *is, bool glob)
{
	if (glob && json_is_string(want) && json_is_string(is))
		return text_matches(
		    json_string_value(want), json_string_value(is));
	return json_equal(want, is);
}

/* Either may be a list: one of the wanted is one of those that are there. */
static bool claim_matches(const json_t *want, const json_t *is, bool glob)
{
	const json_t *one;
	size_t i;

	if (json_is_array(want)) {
		json_array_foreach(
		    want, i, one) if (claim_matches(one, is, glob)) return true;
		return false;
	}
	if (json_is_array(is)) {
		json_array_foreach(
		    is, i, one) if (value_matches(want, one, glob)) return true;
		return false;
	}
	return value_matches(want, is, glob);
}

static int check_bound_claims(
    struct ask *a, const json_t *role, const json_t *claims)
{
	json_t *bound = json_object_get(role, "bound_claims"), *want;
	bool glob = !strcmp(object_text(role, "bound_claims_type"), "glob");
	const char *name;

	json_object_foreach(bound, name, want)
	{
		const json_t *is = jwt_claim(claims, name);

		if (!is)
			reply_fail(a->reply, 400,
			    "error validating claims: claim \"%s\" is missing",
			    name);
		else if (!claim_matches(want, is, glob))
			reply_fail(a->reply, 400,
			    "error validating claims: claim \"%s\" does not "
			    "match any associated bound claim values",
			    name);
		if (a->reply->errors)
			return -EINVAL;
	}
	return 0;
}

static int check_subject(
    struct ask *a, const json_t *role, const json_t *claims)
{
	const char *bound = object_text(role, "bound_subject");

	if (!*bound || !strcmp(bound, object_text(claims, "sub")))
		return 0;
	reply_fail(a->reply, 400,
	    "error validating token: invalid subject (sub) claim");
	return -EINVAL;
}

/* claim_mappings: what the token remembers of the claims. */
static json_t *meta_of(
    struct ask *a, const struct jwt_login *l, const json_t *claims)
{
	json_t *map = json_object_get(l->role, "claim_mappings"), *to;
	json_t *meta = json_pack("{ss}", "role", l->role_name);
	const char *from;

	json_object_foreach(map, from, to)
	{
		const json_t *value = jwt_claim(claims, from);

		if (!value || !json_is_string(to))
			continue;
		if (!json_is_string(value)) {
			reply_fail(a->reply, 400,
			    "error converting claim '%s' to string", from);
			break;
		}
		json_object_set_new(meta, json_string_value(to),
		    json_string(json_string_value(value)));
	}
	return meta;
}

#define SIGNATURE   "error verifying token signature: "
#define UNSUPPORTED SIGNATURE "unsupported signing algorithm"
#define NO_KEY                                                                 \
	SIGNATURE "no known key successfully validated the token signature"
#define TOO_EARLY "invalid not before (nbf) claim: token not yet valid"

static const char *const problem[] = {
	[JWT_E_SHAPE] = "error verifying token signature: malformed token",
	[JWT_E_UNSIGNED] = UNSUPPORTED,
	[JWT_E_SYMMETRIC] = UNSUPPORTED,
	[JWT_E_ALGORITHM] = UNSUPPORTED,
	[JWT_E_KID] = NO_KEY,
	[JWT_E_KEY] = NO_KEY,
	[JWT_E_SIGNATURE] = NO_KEY,
	[JWT_E_ISSUER] = "invalid issuer (iss) claim",
	[JWT_E_AUDIENCE] = "invalid audience (aud) claim: audience claim does "
			   "not match any expected audience",
	[JWT_E_EXPIRED] = "invalid expiration time (exp) claim: token is "
			  "expired",
	[JWT_E_SKEW] = TOO_EARLY,
	[JWT_E_EARLY] = TOO_EARLY,
	[JWT_E_CLAIMS] = "no expiration time (exp) claim in token, or a claim "
			 "of a wrong kind",
};

/* The texts of a JSON array, borrowed; at most @room of them. */
static size_t texts_of(const json_t *list, const char **to, size_t room)
{
	size_t n = json_array_size(list);

	for (size_t i = 0; i < n && i < room; i++)
		to[i] = json_string_value(json_array_get(list, i));
	return n < room ? n : room;
}

static int claims_take(const struct jwt_login *l, struct ask *a,
    const char *token, json_t **claims)
{
	const char *audiences[JWTMOUNT_AUDIENCES_MOST],
	    *algorithms[JWTMOUNT_ALGORITHMS_MOST];
	const char *issuer = object_text(l->config, "bound_issuer");
	int64_t leeway = object_number(l->role, "clock_skew_leeway");
	struct jwt_expect expect = {
		.algorithms = algorithms,
		.n_algorithms =
		    texts_of(json_object_get(l->config, "jwt_supported_algs"),
			algorithms, N_ELEMS(algorithms)),
		.issuer = *issuer ? issuer : NULL,
		.audiences = audiences,
		.n_audiences =
		    texts_of(json_object_get(l->role, "bound_audiences"),
			audiences, N_ELEMS(audiences)),
		.now = a->now_ms / 1000,
		.leeway_s = leeway ? leeway : JWTMOUNT_SKEW_S,
	};
	int r;

	if (!expect.n_algorithms) /* as OpenBao, when nothing was said */
		algorithms[expect.n_algorithms++] = "RS256";
	r = jwt_check(claims, l->keys, token, strlen(token), &expect);
	if (r > 0)
		reply_fail(
		    a->reply, 400, "error validating token: %s", problem[r]);
	return r;
}

/* Who it is, by the user claim. */
static const char *user_of(
    struct ask *a, const json_t *role, const json_t *claims)
{
	const char *name = object_text(role, "user_claim");
	const json_t *j = object_truth(role, "user_claim_json_pointer")
			      ? jwt_claim(claims, name)
			      : json_object_get(claims, name);

	if (!j)
		reply_fail(
		    a->reply, 400, "claim \"%s\" not found in token", name);
	else if (!json_is_string(j))
		reply_fail(a->reply, 400,
		    "claim \"%s\" could not be converted to string", name);
	return json_string_value(j);
}

int jwt_login(const struct jwt_login *l, struct ask *a)
{
	const char *token = ask_text(a, "jwt"), *user;
	char display[TOKEN_NAME_MOST + 1];
	JSON *claims = NULL, *meta = NULL;
	int r;

	if (!token || !*token) {
		reply_fail(a->reply, 400, "missing token");
		return 0;
	}
	r = claims_take(l, a, token, &claims);
	if (r || check_subject(a, l->role, claims) ||
	    check_bound_claims(a, l->role, claims))
		return r > 0 ? 0 : r;
	user = user_of(a, l->role, claims);
	meta = user ? meta_of(a, l, claims) : NULL;
	if (a->reply->errors)
		return 0;
	if (!meta)
		return -ENOMEM;
	snprintf(display, sizeof(display), "%s-%.128s", l->path, user);
	return login_token_give(&(struct login_token){ .path = l->path,
				    .display = display,
				    .role = l->role,
				    .meta = meta,
				    .tokens = l->tokens },
	    a);
}
