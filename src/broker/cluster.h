/* broker/cluster.h: the cluster that the broker runs in: where its API is, who
 * the broker is there, and what isolation must leave for calls to it.
 *
 * In a pod all of it is found: the API by the variables that every container
 * has, the rest where the kubelet keeps it and in the token that lies there.
 * Outside, a kubeconfig says it, and options.
 */
#pragma once
#include "base/profile.h"
#include "link/kubeaccess.h"
#include "wire/kube.h"

struct config;

/* As a token of the pod's ServiceAccount claims; "" where it does not. */
struct cluster_self {
	char name_space[KUBE_NAME_MOST + 1];
	char account[KUBE_NAME_MOST + 1];
	char pod_name[KUBE_NAME_MOST + 1];
	char pod_uid[KUBE_UID_MOST + 1];
};
/** cluster_read_self() - from the claims of a token, unchecked: who lies to
 * himself there gets no token from the API
 * @out: what the token does not claim is "".
 * Return: 0; -EINVAL: not a token. */
MUST_USE int cluster_read_self(struct cluster_self *out, const char *token);

struct cluster {
	struct kube_access access; /* without a server: nothing is asked */
	struct cluster_self self;
};
/** cluster_load() - as --kubeconfig says or as in every pod; nothing is called
 * @out: cluster_clear() it.
 * Return: 0; -errno with @fault. */
MUST_USE int cluster_load(
    struct cluster *out, const struct config *config, struct fault *fault);
/** cluster_find_self() - who we are: as the token says, or --pod-name and the
 * others
 * Return: 0; -EINVAL or -errno with @fault, naming the option that is missing.
 */
MUST_USE int cluster_find_self(
    struct cluster *c, const struct config *config, struct fault *fault);
/** cluster_clear() - repeatable */
void cluster_clear(struct cluster *c);
/** cluster_profile() - allow what calls to the API need, by libcurl; nothing
 * without a server; @c stays until profile_deinit() */
void cluster_profile(const struct cluster *c, struct profile *p);
