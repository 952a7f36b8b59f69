/* devstore/logintoken.c: a role's token_* members as an order for a token. */
#include "devstore/logintoken.h"
#include "devstore/tokens.h"
#include <stdio.h>

json_t *login_token_defaults(void)
{
	return json_pack("{s[] si si si sb si si s[] sb ss}",
	    "token_bound_cidrs", "token_explicit_max_ttl", 0, "token_max_ttl",
	    0, "token_ttl", 0, "token_no_default_policy", 0, "token_num_uses",
	    0, "token_period", 0, "token_policies", "token_strictly_bind_ip", 0,
	    "token_type", "default");
}

int login_token_check(struct ask *a, const json_t *role)
{
	const char *type = object_text(role, "token_type");
	bool batch = !strcmp(type, "batch");
	int64_t ttl = object_number(role, "token_ttl");
	int64_t most = object_number(role, "token_max_ttl");

	if (!batch && strcmp(type, "default") && strcmp(type, "service"))
		reply_fail(a->reply, 400, "invalid 'token_type'");
	else if (most && ttl > most)
		reply_fail(a->reply, 400,
		    "'token_ttl' cannot be greater than 'token_max_ttl'");
	else if (batch && object_number(role, "token_num_uses"))
		reply_fail(a->reply, 400,
		    "'token_type' cannot be 'batch' or 'default_batch' when "
		    "set to generate tokens with limited use count");
	else if (json_array_size(json_object_get(role, "token_policies")) >=
		 TOKEN_POLICIES_MOST)
		reply_full(a->reply, "policies in a role");
	return a->reply->errors ? -EINVAL : 0;
}

static void order_policies(struct token_order *o, const json_t *role)
{
	const json_t *list = json_object_get(role, "token_policies"), *one;
	size_t i;

	json_array_foreach(list, i, one)
	{
		INVARIANT(o->n_policies < TOKEN_POLICIES_MOST - 1);
		o->policies[o->n_policies++] = json_string_value(one);
	}
	if (!object_truth(role, "token_no_default_policy"))
		o->policies[o->n_policies++] = "default";
}

static int64_t least_stated(int64_t a, int64_t b)
{
	return !a || (b && b < a) ? b : a;
}

int login_token_give(const struct login_token *l, struct ask *a)
{
	const json_t *role = l->role;
	char path[TOKEN_NAME_MOST + 1];
	struct token_order o = {
		.space = a->space,
		.path = path,
		.display_name = l->display,
		.meta = l->meta,
		.ttl_ms = object_number(role, "token_ttl") * 1000,
		.period_ms = object_number(role, "token_period") * 1000,
		.most_ms = least_stated(object_number(role, "token_max_ttl"),
			       object_number(role, "token_explicit_max_ttl")) *
			   1000,
		.uses = (long)object_number(role, "token_num_uses"),
		.renewable = true,
		.batch = !strcmp(object_text(role, "token_type"), "batch"),
	};
	struct token *t;
	int r;

	snprintf(path, sizeof(path), "auth/%s/login", l->path);
	order_policies(&o, role);
	if (!o.ttl_ms)
		o.ttl_ms = TOKEN_TTL_MS;
	r = token_make(&t, l->tokens, &o, a->now_ms);
	if (r == TOKEN_E_FULL)
		reply_full(a->reply, "tokens");
	else if (!r)
		reply_auth(a->reply, auth_json(t, a->now_ms));
	return r > 0 ? 0 : r;
}
