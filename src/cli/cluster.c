#include "cli/cluster.h"
#include "base/file.h"
#include "base/option.h"
#include "base/text.h"
#include "link/kube.h"
#include "link/kubeconfig.h"
#include "link/kubeplugin.h"
#include "net/loop.h"
#include "wire/vault.h"
#include <signal.h>
#include <stdio.h>

void cluster_facts_clear(struct cluster_facts *f)
{
	free(f->from);
	free(f->address);
	free(f->uid);
	free(f->jwks);
	*f = (struct cluster_facts){ .uid = NULL };
}

static int no_memory(struct fault *fault)
{
	return fault_set(fault, -ENOMEM, NULL, "out of memory");
}

/* ---- asking ------------------------------------------------------------- */

enum question { NAMESPACE, DISCOVERY, KEYS, QUESTIONS };

struct asked {
	struct kube_call call;
	struct kube_request *sent; /* NULL once it is over */
	char *body;
	size_t n;
	struct fault fault;
};

static void on_answer(
    void *ctx, const char *body, size_t n, const struct fault *fault)
{
	struct asked *q = ctx;

	q->sent = NULL;
	q->n = n;
	if (!body)
		q->fault = *fault;
	else
		q->body = strndup(body, n);
}

static int build(struct asked q[QUESTIONS])
{
	int r = kube_call_namespace(&q[NAMESPACE].call, "kube-system");

	if (!r)
		r = kube_call_discovery(&q[DISCOVERY].call);
	return r ? r : kube_call_keys(&q[KEYS].call);
}

static bool under_way(const struct asked q[QUESTIONS])
{
	return q[NAMESPACE].sent || q[DISCOVERY].sent || q[KEYS].sent;
}

/* All at once; the first that fails is told. */
static int converse(struct asked q[QUESTIONS], struct kube *kube,
    struct loop *loop, struct fault *fault)
{
	int r = 0;

	for (int i = 0; !r && i < QUESTIONS; i++)
		r = kube_send(
		    &q[i].sent, kube, &q[i].call, on_answer, &q[i], fault);
	if (r)
		return fault->code ? r : no_memory(fault);
	while (under_way(q))
		loop_wait(loop);
	for (int i = 0; i < QUESTIONS; i++) {
		if (q[i].fault.code) {
			*fault = q[i].fault;
			return fault->code;
		}
		if (!q[i].body)
			return no_memory(fault);
	}
	return 0;
}

static int take(struct cluster_facts *f, struct asked q[QUESTIONS],
    const struct kube *kube, struct fault *fault)
{
	char uid[KUBE_UID_MOST + 1];

	if (kube_read_uid(uid, q[NAMESPACE].body, q[NAMESPACE].n))
		return kube_unread(kube, &q[NAMESPACE].call, fault);
	if (fingerprint_issuer(
		f->issuer, q[DISCOVERY].body, q[DISCOVERY].n, fault))
		return fault_wrap(fault, "discovery document of the cluster");
	f->uid = strdup(uid);
	f->jwks = STEAL(q[KEYS].body);
	f->n_jwks = q[KEYS].n;
	return f->uid ? 0 : no_memory(fault);
}

static int ask(struct cluster_facts *f, const struct kube_access *access,
    struct loop *loop, struct fault *fault)
{
	struct asked q[QUESTIONS] = { { .sent = NULL } };
	struct kube *kube = NULL;
	int r = build(q);

	(void)signal(SIGPIPE, SIG_IGN); /* libcurl writes to what may be gone */
	if (!r)
		r = kube_open(&kube, loop, access, fault);
	if (r)
		return fault->code ? r : no_memory(fault);
	r = converse(q, kube, loop, fault);
	if (!r)
		r = take(f, q, kube, fault);
	kube_close(kube);
	for (int i = 0; i < QUESTIONS; i++)
		free(q[i].body);
	return r;
}

int cluster_ask(struct cluster_facts *out, const char *kubeconfig,
    const char *context, struct fault *fault)
{
	const struct kubeconfig_order order = {
		.file = kubeconfig, .context = context, .variable = getenv
	};
	CLEANUP(kube_access_clear) struct kube_access access = { .from = NULL };
	CLEANUP(cluster_facts_clear) struct cluster_facts f = { .uid = NULL };
	CLEANUP(loop_freep) struct loop *loop = NULL;
	int r;

	vault_wipe_json();
	r = loop_new(&loop);
	if (r)
		return fault_set(fault, r, NULL, "%s", strerror(-r));
	r = kubeconfig_load(&access, &order, fault);
	if (!r)
		r = kubeplugin_run(&access, loop_wall(loop), fault);
	if (!r)
		r = ask(&f, &access, loop, fault);
	if (r)
		return r;
	text_tame(access.from);
	text_tame(access.server);
	f.from = STEAL(access.from);
	f.address = STEAL(access.server);
	*out = f;
	f = (struct cluster_facts){ .uid = NULL };
	return 0;
}

/* ---- from files --------------------------------------------------------- */

static int read_file(
    char **out, size_t *n, const char *file, struct fault *fault)
{
	int r = file_read(out, n, file, FINGERPRINT_TEXT_MOST);

	if (r)
		file_fault(fault, r, file, FINGERPRINT_TEXT_MOST);
	return r > 0 ? -EINVAL : r;
}

int cluster_read(struct cluster_facts *out, const char *uid,
    const char *jwks_file, const char *discovery_file, struct fault *fault)
{
	CLEANUP(cluster_facts_clear) struct cluster_facts f = { .uid = NULL };
	CLEANUP(free_p) char *discovery = NULL;
	size_t n = 0;
	int r = read_file(&f.jwks, &f.n_jwks, jwks_file, fault);

	if (!r)
		r = read_file(&discovery, &n, discovery_file, fault);
	if (r)
		return r;
	if (fingerprint_issuer(f.issuer, discovery, n, fault))
		return fault_wrap(fault, "%s", discovery_file);
	f.uid = strdup(uid);
	if (!f.uid)
		return no_memory(fault);
	*out = f;
	f = (struct cluster_facts){ .uid = NULL };
	return 0;
}

/* ---- as it was said ----------------------------------------------------- */

int cluster_learn(struct cluster_facts *out, const struct cluster_words *c,
    struct fault *fault)
{
	if (!c->uid && !c->jwks && !c->discovery)
		return cluster_ask(out, c->kubeconfig, c->context, fault);
	if (c->kubeconfig || c->context)
		return fault_set(fault, OPTION_E_BAD, "Give one or the other.",
		    "--uid, --jwks and --discovery stand in place of a "
		    "kubeconfig");
	if (!c->uid || !c->jwks || !c->discovery)
		return fault_set(fault, OPTION_E_BAD,
		    "They are made of what kubectl get --raw answers; see "
		    "pharos-target(1).",
		    "--uid, --jwks and --discovery go together");
	return cluster_read(out, c->uid, c->jwks, c->discovery, fault);
}

struct fingerprint_facts cluster_as_facts(const struct cluster_facts *f)
{
	return (struct fingerprint_facts){ .uid = f->uid,
		.issuer = f->issuer,
		.jwks = f->jwks,
		.n_jwks = f->n_jwks };
}
