/* pharos: what people type. Each verb is a table and a function; cli/verb.h. */
#include "cli/beacon.h"
#include "cli/pipe.h"
#include "cli/pki.h"
#include "cli/source.h"
#include "cli/target.h"
#include "cli/tether.h"
#include "cli/verb.h"

static const struct verb *const groups[] = {
	&pki_verbs,
#ifdef PHAROS_LINK /* else a release without libcurl */
	&target_verbs,
	&source_verbs,
#endif
	&beacon_verbs,
	&pipe_verbs,
#ifdef PHAROS_TETHER /* else a release without libqrencode */
	&tether_verbs,
#endif
};

static const struct verb pharos = {
	.name = "pharos",
	.about = "private connectivity with zero inbound ports",
	.verbs = groups,
	.n_verbs = N_ELEMS(groups),
};

int main(int argc, char **argv)
{
	return verb_run(&pharos, "pharos(1)", argc, argv);
}
