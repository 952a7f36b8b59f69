/* cli/source_errand.h: registering a cluster, from what was said to the join
 * string and the credential file: what `pharos source register` and `pharos
 * target connect` have alike.
 */
#pragma once
#include "cli/fileset.h"
#include "cli/source_files.h"
#include "wire/joinstring.h"

/* What was said. All borrowed. */
struct errand_order {
	const struct source_common *common; /* with the fingerprint */
	const struct option_list *beacons;
	const char *account;	/* "NAMESPACE/NAME", of the broker */
	const char *service;	/* the broker's */
	const char *credential; /* file to write; NULL: none */
	const struct source_files_order *files; /* into the folder of the
						   credential; NULL: none */
	long ttl_ms;				/* of the window */
	bool approval;
	/* of the cluster, which then need not come: it is active at once;
	 * NULL: it has to come */
	const struct fingerprint_facts *facts;
};

struct errand {
	struct errand_order order;
	struct record_place place;
	char address[STOREADDRESS_MOST + 1]; /* of the store */
	char home[ENROL_LABEL_MOST + 1];     /* the broker's namespace */
	char subject[REGISTRATION_SUBJECT_MOST + 1];
	struct enrol_order plan;
	struct storecall *store;
	struct changes *changes;
	struct enrol enrol;
	struct record record; /* as it is then */
	bool write;	      /* the record */
	struct record_ca ca;
	char join[JOINSTRING_MOST + 1];
	struct source_files keyfiles;
	struct fileset files;
	char *folder; /* of them */
};
void errand_deinit(struct errand *e);

/** errand_check() - before anything is done
 * @e: of zeros, but for its order. Return: 0; OPTION_E_BAD with @fault. */
MUST_USE int errand_check(struct errand *e, struct fault *fault);
/** errand_show() - every call, and none is made
 * errand_make() - all of it; what was made is undone when it fails
 * Return: 0; -errno with @fault. */
MUST_USE int errand_show(struct errand *e, struct fault *fault);
MUST_USE int errand_make(struct errand *e, struct fault *fault);
/** errand_json() - what came of it, for -o json; errand_tell() - for people:
 * the join string to standard output, what is to be done next to the other one
 */
json_t *errand_json(const struct errand *e);
void errand_tell(const struct errand *e);

/* The options, of a struct config with @common, and these members. */
#define ERRAND_ROWS(config)                                                    \
	{ .name = "beacon-address",                                            \
		.metavar = "HOST:PORT",                                        \
		.help = "where both sides meet; repeatable",                   \
		.type = OPTION_LIST,                                           \
		.flags = OPTION_REQUIRED,                                      \
		.offset = offsetof(config, beacons) },                         \
	    { .name = "credential",                                            \
		    .metavar = "FILE",                                         \
		    .help = "write the bridge's credential there",             \
		    .detail = "A new file, mode 0600. Each has a secret id "   \
			      "of its own; without the option none is made.",  \
		    .type = OPTION_TEXT,                                       \
		    .offset = offsetof(config, credential) },                  \
	    { .name = "serviceaccount",                                        \
		    .metavar = "NAMESPACE/NAME",                               \
		    .help = "that the broker runs as",                         \
		    .detail = "Nobody else of the cluster is let in as its "   \
			      "broker.",                                       \
		    .initial = "pharos-system/pharos-broker",                  \
		    .flags = OPTION_RARE,                                      \
		    .type = OPTION_TEXT,                                       \
		    .offset = offsetof(config, account) },                     \
	{                                                                      \
		.name = "broker-service", .metavar = "NAME",                   \
		.help = "the broker's Service, in that namespace",             \
		.detail = "The broker's certificate is for this name.",        \
		.initial = "pharos-broker", .flags = OPTION_RARE,              \
		.type = OPTION_TEXT, .offset = offsetof(config, service)       \
	}
