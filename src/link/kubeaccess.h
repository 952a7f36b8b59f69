/* link/kubeaccess.h: where a cluster's API is, whom to trust there, and who one
 * is: as link/kubeconfig.h finds it in files, or as every pod has it.
 */
#pragma once
#include "base/fault.h"
#include "base/secret.h"

enum { KUBE_PEM_MOST = 256 * 1024 }; /* bytes of a certificate or key file */

/* A credential plugin: the `exec` of a user. */
enum kube_interactive { KUBE_NEVER, KUBE_IF_AVAILABLE, KUBE_ALWAYS };
struct kube_plugin {
	char *api; /* "client.authentication.k8s.io/v1", or v1beta1 */
	char *command;
	char *hint;   /* installHint, or NULL */
	char **args;  /* NULL-terminated */
	char **names; /* of variables, NULL-terminated; each with its */
	char **values;
	enum kube_interactive interactive;
	bool wants_cluster; /* provideClusterInfo */
};

/* All owned; NULL: not said. */
struct kube_access {
	char *from;   /* "context prod of /home/u/.kube/config", for people */
	char *server; /* "https://10.0.0.1:6443" */
	char *server_name; /* tls-server-name */
	char *ca_pem;	   /* NULL: the system's roots */
	char *proxy;	   /* proxy-url */
	char *cert_pem;
	struct secret *key_pem;
	struct secret *token;
	char *token_file; /* instead; read for every call, since it rotates */
	struct kube_plugin *plugin; /* to be asked: link/kubeplugin.h */
};
/** kube_access_clear() - repeatable */
void kube_access_clear(struct kube_access *a);

/** kube_take_pem() - @to is what @file holds, in place of what it was
 * Return: 0; -errno or -EINVAL with @fault. */
MUST_USE int kube_take_pem(char **to, const char *file, struct fault *fault);

/** kube_access_of_pod() - the ServiceAccount's files and the variables that
 * every container has
 * @folder: KUBE_POD_FOLDER, but in tests
 * Return: 0; -ENOENT with @fault: not in a pod; -errno with @fault. */
#define KUBE_POD_FOLDER "/var/run/secrets/kubernetes.io/serviceaccount"
MUST_USE int kube_access_of_pod(struct kube_access *out, const char *folder,
    char *(*variable)(const char *name), struct fault *fault);

/** kube_access_check() - of server, certificate and key, before they are used:
 * PEM, that belongs together, and a key without a passphrase
 * Return: 0; -EINVAL with @fault; -ENOMEM. */
MUST_USE int kube_access_check(
    const struct kube_access *a, struct fault *fault);
