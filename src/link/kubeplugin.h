/* link/kubeplugin.h: runs a credential plugin of a kubeconfig, as managed
 * clouds use it (client.authentication.k8s.io, v1 and v1beta1).
 *
 * It waits, so it is for programs that a person runs, before their loop does.
 */
#pragma once
#include "link/kubeaccess.h"

enum {
	KUBEPLUGIN_MS = 60000,	       /* for one that asks nobody */
	KUBEPLUGIN_PERSON_MS = 300000, /* for one that may ask a person */
	KUBEPLUGIN_ANSWER_MOST = 256 * 1024,
};

/** kubeplugin_run() - have @a's plugin, if it has one and no token of its own,
 * say who we are: @a gets a token, or a certificate with its key
 * The plugin has our environment, our standard error, and our standard input
 * where that is a terminal and the plugin may ask.
 * @wall: seconds since 1970, for a credential that has expired already
 * Return: 0; -errno with @fault, which names the command and, when it is not
 * there, how to install it. */
MUST_USE int kubeplugin_run(
    struct kube_access *a, int64_t wall, struct fault *fault);
