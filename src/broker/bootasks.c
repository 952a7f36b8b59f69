#include "broker/bootasks.h"
#include "wire/json.h"

enum question { NAMESPACE, DISCOVERY, KEYS, TOKEN, QUESTIONS };

struct asked {
	struct bootasks *owner;
	enum question what;
	struct kube_call call;
	struct kube_request *sent; /* NULL once it is over */
};

struct bootasks {
	struct kube *kube;
	const struct bootasks_events *events;
	void *ctx;
	struct asked asked[QUESTIONS];
	struct boot_request *to;
	char uid[KUBE_UID_MOST + 1];
};

/* ---- answers ------------------------------------------------------------- */

static int take_token(struct boot_request *to, const char *body, size_t n)
{
	struct kube_token t = { .token = NULL };
	int r = kube_read_token(&t, body, n);

	if (r)
		return r;
	to->token = strdup(secret_bytes(t.token));
	kube_token_clear(&t);
	return to->token ? 0 : -ENOMEM;
}

static int take_object(json_t **to, const char *body, size_t n)
{
	*to = json_read_object(body, n, 0);
	return *to ? 0 : -EBADMSG;
}

static int take_answer(struct asked *q, const char *body, size_t n)
{
	struct bootasks *a = q->owner;

	switch (q->what) {
	case NAMESPACE:
		return kube_read_uid(a->uid, body, n);
	case DISCOVERY:
		return take_object(&a->to->discovery, body, n);
	case KEYS:
		return take_object(&a->to->jwks, body, n);
	case TOKEN:
	case QUESTIONS:
		break;
	}
	return take_token(a->to, body, n);
}

static bool asks(const struct bootasks *a)
{
	for (int i = 0; i < QUESTIONS; i++)
		if (a->asked[i].sent)
			return true;
	return false;
}

static void on_answer(
    void *ctx, const char *body, size_t n, const struct fault *broken)
{
	struct asked *q = ctx;
	struct bootasks *a = q->owner;
	struct fault fault = FAULT_NONE;
	int r;

	q->sent = NULL;
	r = body ? take_answer(q, body, n) : 0;
	if (r == -EBADMSG)
		kube_unread(a->kube, &q->call, &fault);
	else if (!body)
		fault = *broken;
	else if (r)
		fault_set(&fault, r, NULL, "out of memory");
	if (fault.code)
		a->events->failed(a->ctx, &fault);
	else if (!asks(a))
		a->events->done(a->ctx);
}

/* ---- questions ----------------------------------------------------------- */

static int ask(struct bootasks *a, enum question what, struct fault *fault)
{
	struct asked *q = &a->asked[what];
	int r;

	q->owner = a;
	q->what = what;
	r = kube_send(&q->sent, a->kube, &q->call, on_answer, q, fault);
	return r == KUBE_E_BUSY
		   ? fault_set(fault, -EAGAIN, NULL,
			 "cluster: too many calls are under way already")
		   : r;
}

int bootasks_facts(
    struct bootasks *a, struct boot_request *to, struct fault *fault)
{
	struct asked *asked = a->asked;
	int r = kube_call_namespace(&asked[NAMESPACE].call, "kube-system");

	a->to = to;
	if (!r)
		r = kube_call_discovery(&asked[DISCOVERY].call);
	if (!r)
		r = kube_call_keys(&asked[KEYS].call);
	for (int i = NAMESPACE; !r && i <= KEYS; i++)
		r = ask(a, (enum question)i, fault);
	return r;
}

int bootasks_token(struct bootasks *a, struct boot_request *to,
    const struct cluster_self *self, const char *audience, struct fault *fault)
{
	const struct kube_token_order order = {
		.name_space = self->name_space,
		.account = self->account,
		.audience = audience,
		.seconds = BOOT_TOKEN_S,
		.pod_name = self->pod_name,
		.pod_uid = self->pod_uid,
	};
	int r = kube_call_token(&a->asked[TOKEN].call, &order);

	a->to = to;
	if (r == -EINVAL)
		return fault_set(fault, r,
		    "Are they right: --pod-namespace, --service-account, "
		    "--pod-name, --pod-uid?",
		    "no token can be asked for ServiceAccount %s/%s and pod %s",
		    self->name_space, self->account, self->pod_name);
	return r ? r : ask(a, TOKEN, fault);
}

void bootasks_cancel(struct bootasks *a)
{
	for (int i = 0; i < QUESTIONS; i++) {
		kube_cancel(STEAL(a->asked[i].sent));
		kube_call_clear(&a->asked[i].call);
	}
}

const char *bootasks_uid(const struct bootasks *a)
{
	return a->uid;
}

/* ---- where to meet ------------------------------------------------------- */

static int find_fingerprint(struct fingerprint *out, const struct bootasks *a,
    const char *jwks, const char *discovery, struct fault *fault)
{
	char issuer[FINGERPRINT_ISSUER_MOST + 1];
	const struct fingerprint_facts facts = { .uid = a->uid,
		.issuer = issuer,
		.jwks = jwks,
		.n_jwks = strlen(jwks) };
	int r = fingerprint_issuer(issuer, discovery, strlen(discovery), fault);

	return r ? r : fingerprint_of(out, &facts, fault);
}

int bootasks_meeting(uint8_t out[FINGERPRINT_SIZE], const struct bootasks *a,
    const struct boot_request *facts, struct fault *fault)
{
	CLEANUP(free_p) char *jwks = json_dumps(facts->jwks, JSON_COMPACT);
	CLEANUP(free_p)
	char *discovery = json_dumps(facts->discovery, JSON_COMPACT);
	struct fingerprint fingerprint;
	int r;

	if (!jwks || !discovery)
		return -ENOMEM;
	r = find_fingerprint(&fingerprint, a, jwks, discovery, fault);
	if (r)
		return fault_wrap(fault, "the cluster's fingerprint");
	fingerprint_meeting(out, &fingerprint);
	return 0;
}

/* ---- its life ------------------------------------------------------------ */

int bootasks_new(struct bootasks **out, struct kube *kube,
    const struct bootasks_events *events, void *ctx)
{
	struct bootasks *a = calloc(1, sizeof(*a));

	if (!a)
		return -ENOMEM;
	a->kube = kube;
	a->events = events;
	a->ctx = ctx;
	*out = a;
	return 0;
}

void bootasks_free(struct bootasks *a)
{
	if (!a)
		return;
	bootasks_cancel(a);
	free(a);
}
