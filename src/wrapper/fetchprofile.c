/* The files and the broker that the job names, the proxy by which it is
 * reached, and no more. No thread, no process, nothing to listen on; it is over
 * in seconds.
 */
#include "wrapper/fetchprofile.h"
#include "base/syscalls.h"
#include "net/address.h"
#include "net/egress.h"
#include "net/socketcalls.h"
#include <fcntl.h>

static const struct isolate_call own_rows[] = {
	/* values go to the supervisor in memory of their own, sealed */
	{ "memfd_secret" },
	{ "memfd_create" },
	{ "ftruncate" },
	{ "ftruncate64" },
	ISOLATE_ONLY("fcntl", ISOLATE_IS(1, F_ADD_SEALS)),
	ISOLATE_ONLY("fcntl64", ISOLATE_IS(1, F_ADD_SEALS)),
};
static const struct isolate_calls own = { ISOLATE_CALLS(own_rows) };

static const struct isolate_calls *const calls[] = {
	&syscalls_runtime,
	&syscalls_probed,
	&syscalls_newer,
	&syscalls_loop,
	&socketcalls_open,
	&socketcalls_connect,
	&syscalls_files,
	&own,
};

int fetch_profile(struct profile *p, const struct handoff_job *job,
    const struct egress *egress, struct fault *fault)
{
	const char *const files[] = { job->broker_ca, job->bridge_ca,
		job->jwt_file, job->token_file, job->broker_token_file };

	profile_init(p, calls, N_ELEMS(calls));
	for (size_t i = 0; i < N_ELEMS(files); i++)
		profile_beside(p, files[i]);
	profile_resolver(p);
	if (!*job->broker_ca)
		profile_system_cas(p);
	profile_port(p, address_port_of(job->broker));
	egress_profile(egress, p);
	return profile_check(p, fault);
}
