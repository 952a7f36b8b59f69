#include "broker/cluster.h"
#include "broker/config.h"
#include "link/kubeconfig.h"
#include "net/address.h"
#include "net/egress.h"

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
