#include "broker/cluster.h"
#include "broker/config.h"
#include "link/kubeconfig.h"
#include "net/address.h"
#include "net/egress.h"
#include "wire/claims.h"

static int find_in_kubeconfig(
    struct kube_access *out, const char *file, struct fault *fault)
{
	CLEANUP(kube_access_clear) struct kube_access a = { .from = NULL };
	const struct kubeconfig_order order = { .file = file,
		.variable = getenv };
	int r = kubeconfig_load(&a, &order, fault);

	if (r)
		return r;
	if (a.plugin)
		return fault_set(fault, -EINVAL,
		    "Give the broker a user with a token file, a token or a "
		    "certificate: it starts no program.",
		    "%s: its user is a credential plugin", file);
	*out = a;
	a = (struct kube_access){ .from = NULL };
	return 0;
}

int cluster_load(
    struct cluster *out, const struct config *config, struct fault *fault)
{
	struct kube_access *access = &out->access;

	return config->kubeconfig
		   ? find_in_kubeconfig(access, config->kubeconfig, fault)
		   : kube_access_of_pod(access, KUBE_POD_FOLDER, getenv, fault);
}

void cluster_clear(struct cluster *c)
{
	kube_access_clear(&c->access);
}

void cluster_profile(const struct cluster *c, struct profile *p)
{
	const struct kube_access *access = &c->access;

	if (!access->server)
		return;
	profile_resolver(p);
	profile_port(p, address_port_of(access->server));
	profile_beside(p, access->token_file);
	if (!access->ca_pem)
		profile_system_cas(p);
	/* as link/kube.h goes out, whatever --egress-proxy says */
	egress_profile_of(access->proxy, p);
}

/* ---- who we are --------------------------------------------------------- */

static void copy_name(char *to, size_t room, const json_t *from)
{
	if (json_copy_text(to, room, from))
		*to = '\0';
}

int cluster_read_self(struct cluster_self *out, const char *token)
{
	JSON *claims = NULL;
	const json_t *at, *pod;
	int r = claims_read(&claims, token);

	if (r)
		return r;
	*out = (struct cluster_self){ .account = "" };
	at = json_object_get(claims, "kubernetes.io");
	pod = json_object_get(at, "pod");
	copy_name(out->name_space, sizeof(out->name_space),
	    json_object_get(at, "namespace"));
	copy_name(out->account, sizeof(out->account),
	    json_object_get(json_object_get(at, "serviceaccount"), "name"));
	copy_name(
	    out->pod_name, sizeof(out->pod_name), json_object_get(pod, "name"));
	copy_name(
	    out->pod_uid, sizeof(out->pod_uid), json_object_get(pod, "uid"));
	return 0;
}

static int read_own_token(struct cluster *c, struct fault *fault)
{
	CLEANUP(secret_freep) struct secret *read = NULL;
	const struct secret *token = c->access.token;
	int r = 0;

	if (c->access.token_file) {
		r = secret_read_token(
		    &read, c->access.token_file, KUBE_TOKEN_MOST);
		token = read;
	}
	if (r) {
		file_fault(fault, r, c->access.token_file, KUBE_TOKEN_MOST);
		return r < 0 ? r : -EINVAL;
	}
	/* a token of another kind says nothing; options have to */
	if (token && cluster_read_self(&c->self, secret_bytes(token)))
		c->self = (struct cluster_self){ .account = "" };
	return 0;
}

/* Return: 0; -EINVAL: too long to be one. */
static int overrule(char *to, size_t room, const char *option)
{
	if (!option)
		return 0;
	if (strlen(option) >= room)
		return -EINVAL;
	memcpy(to, option, strlen(option) + 1);
	return 0;
}

static int overrule_self(
    struct cluster_self *self, const struct config *config, struct fault *fault)
{
	if (overrule(self->name_space, sizeof(self->name_space),
		config->pod_namespace) ||
	    overrule(self->account, sizeof(self->account),
		config->service_account) ||
	    overrule(
		self->pod_name, sizeof(self->pod_name), config->pod_name) ||
	    overrule(self->pod_uid, sizeof(self->pod_uid), config->pod_uid))
		return fault_set(fault, -EINVAL, NULL,
		    "--pod-namespace, --pod-name, --pod-uid or "
		    "--service-account is too long to be one");
	return 0;
}

static int check_whole(const struct cluster *c, struct fault *fault)
{
	const struct {
		const char *value, *option;
	} parts[] = {
		{ c->self.name_space, "pod-namespace" },
		{ c->self.account, "service-account" },
		{ c->self.pod_name, "pod-name" },
		{ c->self.pod_uid, "pod-uid" },
	};

	for (size_t i = 0; i < N_ELEMS(parts); i++)
		if (!parts[i].value[0])
			return fault_set(fault, -EINVAL,
			    "In a pod the mounted token says it; elsewhere the "
			    "option has to.",
			    "--%s is missing: %s does not tell which pod we "
			    "are",
			    parts[i].option, c->access.from);
	return 0;
}

int cluster_find_self(
    struct cluster *c, const struct config *config, struct fault *fault)
{
	int r = read_own_token(c, fault);

	if (!r)
		r = overrule_self(&c->self, config, fault);
	return r ? r : check_whole(c, fault);
}
