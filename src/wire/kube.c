/* wire/kube.c: building requests to the Kubernetes API and reading its answers.
 *
 * The readers ask for exactly what they need and ignore the rest, since every
 * version of the API adds members. What they do ask for is checked: a UID is
 * what can stand in one, a token what can stand in a header.
 *
 * A failure of the API is an object of the kind Status, with words of its own;
 * they are shown, tamed, beside what we know: which right the call takes. What
 * stands before an API server (a load balancer, a login page) answers
 * something else; then the status alone is told.
 */
#include "wire/kube.h"
#include "base/text.h"
#include "wire/json.h"
#include <stdio.h>

static json_t *read_object(const void *body, size_t n)
{
	return n > KUBE_ANSWER_MOST ? NULL : json_read_object(body, n, 0);
}

static const json_t *at(const json_t *j, const char *name)
{
	return json_object_get(j, name);
}

/* ---- requests ----------------------------------------------------------- */

void kube_call_clear(struct kube_call *c)
{
	secret_free(c->body);
	c->body = NULL;
}

bool kube_name_ok(const char *name)
{
	size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-.");

	return n && !name[n] && n <= KUBE_NAME_MOST && *name != '.' &&
	       *name != '-' && !strstr(name, "..");
}

static int sink(const char *bytes, size_t n, void *s)
{
	return secret_append(s, bytes, n) ? -1 : 0;
}

int kube_call_post(struct kube_call *out, struct kube_call *c, json_t *body)
{
	CLEANUP(secret_freep) struct secret *s = NULL;
	JSON *j = body;
	size_t n = j ? json_dumpb(j, NULL, 0, JSON_COMPACT) : 0;

	if (!n || secret_new(&s, n) ||
	    json_dump_callback(j, sink, s, JSON_COMPACT))
		return -ENOMEM;
	if (!c->method)
		c->method = "POST";
	c->body = STEAL(s);
	*out = *c;
	return 0;
}

int kube_call_namespace(struct kube_call *out, const char *name)
{
	struct kube_call c = { .method = "GET",
		.grant = "verb get on resource namespaces" };

	if (!kube_name_ok(name))
		return -EINVAL;
	(void)snprintf(
	    c.target, sizeof(c.target), "/api/v1/namespaces/%s", name);
	*out = c;
	return 0;
}

#define DISCOVERY_GRANT                                                        \
	"the ClusterRole system:service-account-issuer-discovery"

int kube_call_discovery(struct kube_call *out)
{
	*out = (struct kube_call){ .method = "GET",
		.target = "/.well-known/openid-configuration",
		.grant = DISCOVERY_GRANT };
	return 0;
}

int kube_call_keys(struct kube_call *out)
{
	*out = (struct kube_call){ .method = "GET",
		.target = "/openid/v1/jwks",
		.grant = DISCOVERY_GRANT };
	return 0;
}

#define API_TOKENS "authentication.k8s.io/v1"

int kube_call_token(struct kube_call *out, const struct kube_token_order *order)
{
	struct kube_call c = {
		.grant = "verb create on resource serviceaccounts/token"
	};
	json_t *body, *spec;

	if (!kube_name_ok(order->name_space) || !kube_name_ok(order->account) ||
	    strlen(order->audience) > KUBE_AUDIENCE_MOST || !*order->audience ||
	    order->seconds < KUBE_SECONDS_LEAST)
		return -EINVAL;
	if (order->pod_name &&
	    (!kube_name_ok(order->pod_name) || !order->pod_uid ||
		strlen(order->pod_uid) > KUBE_UID_MOST))
		return -EINVAL;
	(void)snprintf(c.target, sizeof(c.target),
	    "/api/v1/namespaces/%s/serviceaccounts/%s/token", order->name_space,
	    order->account);
	spec = json_pack("{s:[s], s:I}", "audiences", order->audience,
	    "expirationSeconds", (json_int_t)order->seconds);
	if (spec && order->pod_name &&
	    json_object_set_new(spec, "boundObjectRef",
		json_pack("{s:s, s:s, s:s, s:s}", "kind", "Pod", "apiVersion",
		    "v1", "name", order->pod_name, "uid", order->pod_uid))) {
		json_decref(spec);
		return -EINVAL; /* not UTF-8, or no memory */
	}
	body = json_pack("{s:s, s:s, s:o}", "apiVersion", API_TOKENS, "kind",
	    "TokenRequest", "spec", spec);
	return kube_call_post(out, &c, body);
}

static bool token_ok(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return n && n <= KUBE_TOKEN_MOST;
}

int kube_call_review(
    struct kube_call *out, const struct secret *token, const char *audience)
{
	struct kube_call c = {
		.target = "/apis/" API_TOKENS "/tokenreviews",
		.grant = "the ClusterRole system:auth-delegator",
	};

	if (!token_ok(secret_bytes(token), secret_size(token)) || !*audience ||
	    strlen(audience) > KUBE_AUDIENCE_MOST)
		return -EINVAL;
	return kube_call_post(out, &c,
	    json_pack("{s:s, s:s, s:{s:s%, s:[s]}}", "apiVersion", API_TOKENS,
		"kind", "TokenReview", "spec", "token", secret_bytes(token),
		secret_size(token), "audiences", audience));
}

/* ---- answers ------------------------------------------------------------ */

int kube_read_uid(char uid[KUBE_UID_MOST + 1], const void *body, size_t n)
{
	JSON *j = read_object(body, n);
	const json_t *found = at(at(j, "metadata"), "uid");
	const char *text = json_string_value(found);
	size_t size = json_string_length(found);

	if (!text || !size || size > KUBE_UID_MOST ||
	    strspn(text, "0123456789abcdefABCDEF-") != size)
		return -EBADMSG;
	memcpy(uid, text, size + 1);
	return 0;
}

/* A member that need not be there; -EBADMSG when it is, and is not a text that
 * fits. */
static int copy_maybe(char *to, size_t room, const json_t *string)
{
	if (string && !json_is_null(string))
		return json_copy_text(to, room, string);
	*to = '\0';
	return 0;
}

static int secret_token(struct secret **out, const json_t *string)
{
	const char *text = json_string_value(string);
	size_t n = json_string_length(string);

	return text && token_ok(text, n) ? secret_from(out, text, n) : -EBADMSG;
}

int kube_read_token(struct kube_token *out, const void *body, size_t n)
{
	JSON *j = read_object(body, n);
	const json_t *status = at(j, "status");
	struct kube_token t = { .token = NULL };
	int r = copy_maybe(
	    t.expires, sizeof(t.expires), at(status, "expirationTimestamp"));

	if (!r)
		r = secret_token(&t.token, at(status, "token"));
	if (!r)
		*out = t;
	return r;
}

void kube_token_clear(struct kube_token *t)
{
	secret_free(t->token);
	t->token = NULL;
}

static bool list_has(const json_t *list, const char *text)
{
	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *item = json_string_value(json_array_get(list, i));

		if (item && !strcmp(item, text))
			return true;
	}
	return false;
}

int kube_read_review(
    struct kube_review *out, const char *audience, const void *body, size_t n)
{
	JSON *j = read_object(body, n);
	const json_t *status = at(j, "status"), *user = at(status, "user");
	const json_t *extra = at(user, "extra"), *pod, *uid;
	const char *error = json_string_value(at(status, "error"));
	struct kube_review v = { .good = false };

	pod = json_array_get(
	    at(extra, "authentication.kubernetes.io/pod-name"), 0);
	uid = json_array_get(
	    at(extra, "authentication.kubernetes.io/pod-uid"), 0);
	if (!json_is_object(status) ||
	    copy_maybe(v.user, sizeof(v.user), at(user, "username")) ||
	    copy_maybe(v.pod_name, sizeof(v.pod_name), pod) ||
	    copy_maybe(v.pod_uid, sizeof(v.pod_uid), uid))
		return -EBADMSG;
	/* An API server that does not know of audiences names none. */
	v.good = json_is_true(at(status, "authenticated")) && *v.user &&
		 list_has(at(status, "audiences"), audience);
	(void)snprintf(v.error, sizeof(v.error), "%s", error ? error : "");
	text_tame(v.error);
	*out = v;
	return 0;
}

/* ---- what a plugin prints ----------------------------------------------- */

static int bad_credential(struct fault *fault, const char *what)
{
	return fault_set(fault, -EBADMSG, NULL, "%s", what);
}

static int take_certificate(
    struct kube_credential *c, const json_t *status, struct fault *fault)
{
	const json_t *cert = at(status, "clientCertificateData");
	const json_t *key = at(status, "clientKeyData");

	if (!cert && !key)
		return 0;
	if (!json_string_length(cert) || !json_string_length(key))
		return bad_credential(fault,
		    "of clientCertificateData and clientKeyData there must be "
		    "both, as text");
	c->cert_pem = strdup(json_string_value(cert));
	return c->cert_pem ? secret_from(&c->key_pem, json_string_value(key),
				 json_string_length(key))
			   : -ENOMEM;
}

static int take_status(
    struct kube_credential *c, const json_t *status, struct fault *fault)
{
	const json_t *token = at(status, "token");
	int r = 0;

	if (!json_is_object(status))
		return bad_credential(fault, "it has no status");
	if (token)
		r = secret_token(&c->token, token);
	if (r == -EBADMSG)
		return bad_credential(fault, "its token cannot be one");
	if (!r)
		r = take_certificate(c, status, fault);
	if (r)
		return r;
	if (copy_maybe(c->expires, sizeof(c->expires),
		at(status, "expirationTimestamp")))
		return bad_credential(fault, "expirationTimestamp is no time");
	if (!c->token && !c->cert_pem)
		return bad_credential(
		    fault, "it has neither a token nor a certificate");
	return 0;
}

int kube_read_credential(struct kube_credential *out, const char *api,
    const void *text, size_t n, struct fault *fault)
{
	JSON *j = read_object(text, n);
	CLEANUP(kube_credential_clear)
	struct kube_credential c = { .token = NULL };
	const char *kind = json_string_value(at(j, "kind"));
	const char *version = json_string_value(at(j, "apiVersion"));
	int r;

	if (!j)
		return bad_credential(
		    fault, n ? "what it printed is not one JSON object"
			     : "it printed nothing");
	if (!kind || strcmp(kind, "ExecCredential"))
		return bad_credential(
		    fault, "what it printed is not an ExecCredential");
	if (!version || strcmp(version, api))
		return fault_set(fault, -EBADMSG, NULL,
		    "expected apiVersion %s, got %.60s", api,
		    version ? version : "none");
	r = take_status(&c, at(j, "status"), fault);
	if (r)
		return r;
	*out = c;
	c = (struct kube_credential){ .token = NULL };
	return 0;
}

void kube_credential_clear(struct kube_credential *c)
{
	secret_free(c->token);
	secret_free(c->key_pem);
	free(c->cert_pem);
	*c = (struct kube_credential){ .token = NULL };
}

/* ---- errors ------------------------------------------------------------- */

static const struct {
	int status, code;
	const char *reason, *hint;
} kinds[] = {
	{ 401, -EACCES, "Unauthorized",
	    "The cluster does not know these credentials: log in again, or "
	    "look at the user of this context." },
	{ 404, -ENOENT, "Not Found",
	    "Is this the API server of a Kubernetes cluster?" },
	{ 409, -EINVAL, "Conflict",
	    "It has changed meanwhile; look again and retry." },
	{ 429, -EAGAIN, "Too Many Requests", "Try again in a while." },
};

static const char no_api[] =
    "It does not answer as a Kubernetes API does; is something in between?";

static const char not_there[] =
    "Make it in the cluster, or name the one that is there; its namespace may "
    "be missing too.";

static int words_of(int status, const char **reason, const char **hint)
{
	for (size_t i = 0; i < N_ELEMS(kinds); i++)
		if (kinds[i].status == status) {
			*reason = kinds[i].reason;
			*hint = kinds[i].hint;
			return kinds[i].code;
		}
	*reason = "";
	*hint =
	    status >= 500 ? "Try again; look into the API server's log." : NULL;
	if (status >= 500)
		return -EAGAIN;
	if (status >= 400)
		return -EINVAL;
	*hint = no_api;
	return -EBADMSG;
}

int kube_fault(struct fault *f, const struct kube_failure *x)
{
	JSON *j = read_object(x->body, x->n);
	const char *message = json_string_value(at(j, "message"));
	const char *said = json_string_value(at(j, "kind"));
	bool is_status = message && said && !strcmp(said, "Status");
	char grant[FAULT_HINT_MAX];
	const char *reason, *hint;
	int code = words_of(x->status, &reason, &hint);

	if (x->status == 403) {
		code = -EACCES;
		reason = "Forbidden";
		(void)snprintf(grant, sizeof(grant),
		    "Have an administrator give this user %s.", x->call->grant);
		hint = grant;
	} else if (x->status == 404 && is_status) {
		hint = not_there;
	} else if (x->status >= 400 && !is_status && x->status < 500) {
		hint = no_api;
	}
	return fault_set(f, code, hint, "cluster %s: %s %.80s: %d%s%s%s%s",
	    x->cluster, x->call->method, x->call->target, x->status,
	    *reason ? " " : "", reason, is_status ? ": " : "",
	    is_status ? message : "");
}
