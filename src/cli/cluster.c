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

/* ---- calls -------------------------------------------------------------- */

int cluster_way_open(struct cluster_way *w, const char *kubeconfig,
    const char *context, struct fault *fault)
{
	const struct kubeconfig_order order = {
		.file = kubeconfig, .context = context, .variable = getenv
	};
	int r;

	*w = (struct cluster_way){ .kube = NULL };
	vault_wipe_json();
	(void)signal(SIGPIPE, SIG_IGN); /* libcurl writes to what may be gone */
	r = loop_new(&w->loop);
	if (r)
		return fault_set(fault, r, NULL, "%s", strerror(-r));
	r = kubeconfig_load(&w->access, &order, fault);
	if (!r)
		r = kubeplugin_run(&w->access, loop_wall(w->loop), fault);
	if (!r)
		r = kube_open(&w->kube, w->loop, &w->access, fault);
	if (r)
		cluster_way_close(w);
	return r && !fault->code ? no_memory(fault) : r;
}

void cluster_way_close(struct cluster_way *w)
{
	kube_close(STEAL(w->kube));
	kube_access_clear(&w->access);
	loop_free(STEAL(w->loop));
}

void cluster_call_clear(struct cluster_call *c)
{
	kube_call_clear(&c->call);
	free(STEAL(c->body));
}

static void on_answer(
    void *ctx, const char *body, size_t n, const struct fault *fault)
{
	struct cluster_call *c = ctx;

	c->sent = NULL;
	c->n = n;
	if (!body)
		c->fault = *fault;
	else
		c->body = strndup(body, n);
}

static bool under_way(const struct cluster_call *calls, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (calls[i].sent)
			return true;
	return false;
}

int cluster_converse(struct cluster_way *w, struct cluster_call *calls,
    size_t n, struct fault *fault)
{
	int r = 0;

	for (size_t i = 0; !r && i < n; i++)
		r = kube_send(&calls[i].sent, w->kube, &calls[i].call,
		    on_answer, &calls[i], fault);
	if (r) {
		for (size_t i = 0; i < n; i++)
			kube_cancel(STEAL(calls[i].sent));
		return fault->code ? r : no_memory(fault);
	}
	while (under_way(calls, n))
		loop_wait(w->loop);
	for (size_t i = 0; i < n; i++) {
		if (calls[i].fault.code) {
			*fault = calls[i].fault;
			return fault->code;
		}
		if (!calls[i].body)
			return no_memory(fault);
	}
	return 0;
}

/* ---- asking ------------------------------------------------------------- */

enum question { NAMESPACE, DISCOVERY, KEYS, QUESTIONS };

static int build(struct cluster_call q[QUESTIONS])
{
	int r = kube_call_namespace(&q[NAMESPACE].call, "kube-system");

	if (!r)
		r = kube_call_discovery(&q[DISCOVERY].call);
	return r ? r : kube_call_keys(&q[KEYS].call);
}

static int take(struct cluster_facts *f, struct cluster_call q[QUESTIONS],
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

static int ask(
    struct cluster_facts *f, struct cluster_way *way, struct fault *fault)
{
	struct cluster_call q[QUESTIONS] = { { .sent = NULL } };
	int r = build(q);

	if (r)
		return no_memory(fault);
	r = cluster_converse(way, q, QUESTIONS, fault);
	if (!r)
		r = take(f, q, way->kube, fault);
	for (int i = 0; i < QUESTIONS; i++)
		cluster_call_clear(&q[i]);
	return r;
}

int cluster_ask(struct cluster_facts *out, const char *kubeconfig,
    const char *context, struct fault *fault)
{
	CLEANUP(cluster_way_close) struct cluster_way way = { .kube = NULL };
	CLEANUP(cluster_facts_clear) struct cluster_facts f = { .uid = NULL };
	int r = cluster_way_open(&way, kubeconfig, context, fault);

	if (!r)
		r = ask(&f, &way, fault);
	if (r)
		return r;
	text_tame(way.access.from);
	text_tame(way.access.server);
	f.from = STEAL(way.access.from);
	f.address = STEAL(way.access.server);
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
