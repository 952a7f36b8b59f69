/* link/kubeconfig.h: where a cluster's API is and who one is there, as
 * kubectl's files say it, or the pod that we run in.
 *
 * The files: --kubeconfig, else those of KUBECONFIG (by colons; one that is
 * missing is skipped), else ~/.kube/config. Of several, the first that has
 * something of a name decides it, as with kubectl; paths count from the folder
 * of the file that has them. Without any file: the ServiceAccount of the pod.
 *
 * What we do not do is refused where it stands: insecure-skip-tls-verify, a
 * password, an auth-provider, impersonation. The rest that kubectl knows
 * (extensions, disable-compression) changes nothing here.
 */
#pragma once
#include "link/kubeaccess.h"

enum { KUBECONFIG_FILES_MOST = 32, KUBECONFIG_WORDS_MOST = 256 };

struct kubeconfig_order {
	const char *file;    /* --kubeconfig; NULL */
	const char *context; /* --context; NULL: current-context */
	char *(*variable)(const char *name); /* getenv() */
};
/** kubeconfig_load() - read what is said; nothing is run or called
 * Return: 0; -EINVAL, -ENOENT or -errno with @fault, which names file, line
 * and column; -ENOMEM. */
MUST_USE int kubeconfig_load(struct kube_access *out,
    const struct kubeconfig_order *order, struct fault *fault);
