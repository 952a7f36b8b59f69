/* broker/cluster.h: the cluster that the broker runs in: where its API is, and
 * what isolation must leave for calls to it.
 *
 * In a pod all of it is found: the API by the variables that every container
 * has, the rest where the kubelet keeps it. Outside, a kubeconfig says it.
 */
#pragma once
#include "base/profile.h"
#include "link/kubeaccess.h"

struct config;

struct cluster {
	struct kube_access access; /* without a server: nothing is asked */
};
/** cluster_load() - as --kubeconfig says or as in every pod; nothing is called
 * @out: cluster_clear() it.
 * Return: 0; -errno with @fault. */
MUST_USE int cluster_load(
    struct cluster *out, const struct config *config, struct fault *fault);
/** cluster_clear() - repeatable */
void cluster_clear(struct cluster *c);
/** cluster_profile() - allow what calls to the API need, by libcurl; nothing
 * without a server; @c stays until profile_deinit() */
void cluster_profile(const struct cluster *c, struct profile *p);
