#include "link/kube.h"
#include "link/web.h"
#include "net/egress.h"
#include "net/loop.h"
#include <stdio.h>

struct kube {
	struct web *web;
	struct egress *egress;
	const struct kube_access *access;
	struct kube_request *first;
};

struct kube_request {
	struct kube_request *next, **link;
	struct kube *kube;
	struct web_call *sent;
	struct kube_call call; /* without its body, for faults */
	kube_fn fn;
	void *ctx;
};

static const struct web_words words = {
	.who = "cluster",
	.address = "kubeconfig: server",
	.address_form = "expected is https://HOST[:PORT][/PATH]",
	.reach = "Does the API server listen there, and may it be reached from "
		 "here?",
	.late = "Is the API server overloaded, or the way there?",
	.trust = "Look at certificate-authority, tls-server-name and the "
		 "client certificate of this context.",
	.broke = "Look into the API server's log; does it take this client "
		 "certificate?",
	.strange = "Is this the API server of a Kubernetes cluster?",
};

static int egress_of(
    struct egress **out, const struct kube_access *access, struct fault *fault)
{
	struct egress_words said = { .url = access->proxy,
		.from = "kubeconfig: proxy-url" };

	if (!access->proxy)
		egress_choose(&said, NULL, getenv);
	return said.url ? egress_new(out, &said, fault) : 0;
}

int kube_open(struct kube **out, struct loop *loop,
    const struct kube_access *access, struct fault *fault)
{
	struct web_config config = {
		.words = &words,
		.agent = "pharos/" PHAROS_VERSION,
		.address = access->server,
		.takes_path = true,
		.ca_pem = access->ca_pem,
		.server_name = access->server_name,
		.cert_pem = access->cert_pem,
		.key_pem = access->key_pem,
		.calls_most = KUBE_CALLS_MOST,
		.connections_most = KUBE_CONNECTIONS_MOST,
		.answer_most = KUBE_ANSWER_MOST,
		.call_ms = KUBE_CALL_MS,
	};
	struct kube *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return -ENOMEM;
	k->access = access;
	r = egress_of(&k->egress, access, fault);
	config.egress = k->egress;
	if (!r)
		r = web_open(&k->web, loop, &config, fault);
	if (r)
		kube_close(k);
	else
		*out = k;
	return r;
}

static void request_free(struct kube_request *q)
{
	*q->link = q->next;
	if (q->next)
		q->next->link = q->link;
	free(q);
}

void kube_close(struct kube *k)
{
	if (!k)
		return;
	while (k->first)
		kube_cancel(k->first);
	web_close(k->web);
	egress_free(k->egress);
	free(k);
}

static void on_answer(
    void *ctx, const struct web_answer *a, const struct fault *broken)
{
	struct kube_request *q = ctx;
	struct fault fault = FAULT_NONE;
	struct kube_failure failure = { .call = &q->call };

	if (!a) {
		q->fn(q->ctx, NULL, 0, broken);
	} else if (a->status == 200 || a->status == 201) {
		q->fn(q->ctx, a->body, a->n, NULL);
	} else {
		failure.cluster = web_address(q->kube->web);
		failure.status = a->status;
		failure.body = a->body;
		failure.n = a->n;
		kube_fault(&fault, &failure);
		q->fn(q->ctx, NULL, 0, &fault);
	}
	request_free(q);
}

/* "Bearer …", or NULL for who comes with a certificate, or as nobody. */
static int login_of(
    struct secret **out, const struct kube_access *a, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *read = NULL;
	const struct secret *token = a->token;
	int r = 0;

	if (a->token_file) {
		r = secret_read_token(&read, a->token_file, KUBE_TOKEN_MOST);
		token = read;
	}
	if (r) {
		file_fault(fault, r, a->token_file, KUBE_TOKEN_MOST);
		return r < 0 ? r : -EINVAL;
	}
	if (!token)
		return 0;
	r = secret_new(out, secret_size(token) + 7);
	if (!r)
		r = secret_append(*out, "Bearer ", 7);
	return r ? r
		 : secret_append(*out, secret_bytes(token), secret_size(token));
}

static int send_it(struct kube_request *q, const struct secret *body,
    const struct secret *login)
{
	struct web_header headers[2] = { { "Accept",
	    "application/json, */*" } };
	const struct web_request request = { .method = q->call.method,
		.target = q->call.target,
		.headers = headers,
		.n_headers = login ? 2 : 1,
		.body = body,
		.body_type = q->call.body_type };

	if (login)
		headers[1] =
		    (struct web_header){ "Authorization", secret_bytes(login) };
	return web_send(&q->sent, q->kube->web, &request, on_answer, q);
}

int kube_send(struct kube_request **out, struct kube *k,
    const struct kube_call *call, kube_fn fn, void *ctx, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *login = NULL;
	struct kube_request *q;
	int r = login_of(&login, k->access, fault);

	if (r)
		return r;
	q = calloc(1, sizeof(*q));
	if (!q)
		return -ENOMEM;
	*q = (struct kube_request){ k->first, &k->first, k, NULL, *call, fn,
		ctx };
	q->call.body = NULL;
	if (q->next)
		q->next->link = &q->next;
	k->first = q;
	r = send_it(q, call->body, login);
	if (r) {
		request_free(q);
		return r == WEB_E_BUSY ? KUBE_E_BUSY : r;
	}
	*out = q;
	return 0;
}

void kube_cancel(struct kube_request *q)
{
	if (!q)
		return;
	web_cancel(q->sent);
	request_free(q);
}

int kube_unread(
    const struct kube *k, const struct kube_call *call, struct fault *fault)
{
	return fault_set(fault, -EBADMSG, words.strange,
	    "cluster %s: %s %.80s: the answer is not what a cluster says",
	    web_address(k->web), call->method, call->target);
}
