/* cli/cluster.h: what `pharos target` asks of a Kubernetes cluster.
 */
#pragma once
#include "base/fault.h"
#include "link/kubeaccess.h"
#include "wire/fingerprint.h"
#include "wire/kube.h"

struct kube;
struct loop;

/* The way to a cluster's API, for calls one after the other. */
struct cluster_way {
	struct kube_access access;
	struct loop *loop;
	struct kube *kube;
};
/** cluster_way_open() - by a kubeconfig, as link/kubeconfig.h finds it; a
 * plugin is run where it says so
 * @out: cluster_way_close() it. Not moved.
 * @kubeconfig, @context: as the operator says, or NULL
 * Return: 0; -errno with @fault. */
MUST_USE int cluster_way_open(struct cluster_way *out, const char *kubeconfig,
    const char *context, struct fault *fault);
void cluster_way_close(struct cluster_way *w); /* repeatable */

/* One call and what became of it; the caller fills in the call. */
struct cluster_call {
	struct kube_call call; /* cluster_call_clear() */
	struct kube_request *sent;
	char *body; /* of the answer; NULL: @fault says why */
	size_t n;
	struct fault fault;
};
void cluster_call_clear(struct cluster_call *c); /* repeatable */
/** cluster_converse() - all at once, and wait for every answer
 * Return: 0; -errno with @fault: of the first that failed. */
MUST_USE int cluster_converse(struct cluster_way *w, struct cluster_call *calls,
    size_t n, struct fault *fault);

/* What a cluster says of itself; all owned. */
struct cluster_facts {
	/* tamed, for people; NULL: from files */
	char *from;    /* "context prod of /home/u/.kube/config" */
	char *address; /* of its API */
	char *uid;
	char issuer[FINGERPRINT_ISSUER_MOST + 1];
	char *jwks;
	size_t n_jwks;
};
void cluster_facts_clear(struct cluster_facts *f);

/** cluster_ask() - as cluster_way_open(), and three calls
 * Return: 0; -errno with @fault. */
MUST_USE int cluster_ask(struct cluster_facts *out, const char *kubeconfig,
    const char *context, struct fault *fault);

/** cluster_read() - the same from files that hold what its API answered
 * Return: 0; -errno with @fault. */
MUST_USE int cluster_read(struct cluster_facts *out, const char *uid,
    const char *jwks_file, const char *discovery_file, struct fault *fault);

/* Which cluster, as an operator says it: by a kubeconfig, or by what its API
 * has answered. NULL where nothing was said. */
struct cluster_words {
	char *kubeconfig, *context, *uid, *jwks, *discovery;
};
/** cluster_learn() - Return: 0; OPTION_E_BAD with @fault: not the one nor the
 * other; -errno with @fault. */
MUST_USE int cluster_learn(struct cluster_facts *out,
    const struct cluster_words *c, struct fault *fault);
/** cluster_as_facts() - what a fingerprint is made of; borrows from @f */
struct fingerprint_facts cluster_as_facts(const struct cluster_facts *f);

#define CLUSTER_AT(config, words, member)                                      \
	.offset = offsetof(config, words.member)
/* The rows of struct cluster_words @words in @config: for a verb that asks a
 * cluster, and for one that takes files in place of it, too. */
#define CLUSTER_WAY_ROWS(config, words)                                        \
	{ .name = "kubeconfig",                                                \
		.metavar = "FILE",                                             \
		.help = "how to reach the cluster",                            \
		.detail = "Without it the files of the variable KUBECONFIG, "  \
			  "then ~/.kube/config, then the ServiceAccount of "   \
			  "the pod.",                                          \
		.type = OPTION_TEXT,                                           \
		CLUSTER_AT(config, words, kubeconfig) },                       \
	{                                                                      \
		.name = "context", .metavar = "NAME",                          \
		.help = "of the kubeconfig; else its current one",             \
		.type = OPTION_TEXT, CLUSTER_AT(config, words, context)        \
	}
#define CLUSTER_ROWS(config, words)                                            \
	CLUSTER_WAY_ROWS(config, words),                                       \
	    { .name = "uid",                                                   \
		    .metavar = "UID",                                          \
		    .help = "instead: of the namespace kube-system",           \
		    .detail = "With --jwks and --discovery, no cluster is "    \
			      "asked.",                                        \
		    .flags = OPTION_RARE,                                      \
		    .type = OPTION_TEXT,                                       \
		    CLUSTER_AT(config, words, uid) },                          \
	    { .name = "jwks",                                                  \
		    .metavar = "FILE",                                         \
		    .help = "instead: the cluster's /openid/v1/jwks",          \
		    .flags = OPTION_RARE,                                      \
		    .type = OPTION_TEXT,                                       \
		    CLUSTER_AT(config, words, jwks) },                         \
	{                                                                      \
		.name = "discovery", .metavar = "FILE",                        \
		.help = "instead: /.well-known/openid-configuration",          \
		.flags = OPTION_RARE, .type = OPTION_TEXT,                     \
		CLUSTER_AT(config, words, discovery)                           \
	}
