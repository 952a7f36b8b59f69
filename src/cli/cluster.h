/* cli/cluster.h: what `pharos target` asks of a Kubernetes cluster.
 */
#pragma once
#include "base/fault.h"
#include "wire/fingerprint.h"

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

/** cluster_ask() - by a kubeconfig, as link/kubeconfig.h finds it; a plugin is
 * run where it says so
 * @kubeconfig, @context: as the operator says, or NULL
 * Return: 0; -errno with @fault. */
MUST_USE int cluster_ask(struct cluster_facts *out, const char *kubeconfig,
    const char *context, struct fault *fault);

/** cluster_read() - the same from files that hold what its API answered
 * Return: 0; -errno with @fault. */
MUST_USE int cluster_read(struct cluster_facts *out, const char *uid,
    const char *jwks_file, const char *discovery_file, struct fault *fault);
