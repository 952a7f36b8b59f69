/* cli/source.h: `pharos source`: what an operator does with the store, on the
 * side of the secrets.
 */
#pragma once
#include "base/egressoption.h"
#include "cli/storecall.h"
#include "cli/verb.h"

extern const struct verb source_verbs; /* the group */

/* its verbs, for their tables in source_*.c */
extern const struct verb source_register_verb, source_list_verb,
    source_approve_verb, source_revoke_verb, source_verify_verb,
    source_grant_verb, source_ungrant_verb, source_grants_verb;

/* Which store, and what all verbs have. */
struct source_common {
	char *address, *token, *token_file, *ca, *name_space, *egress, *mount;
	char *fingerprint; /* --fingerprint, or NULL */
	int output;
	bool dry_run;
	bool no_namespaces;
};

/** source_open() - Return: as storecall_open(). */
MUST_USE int source_open(struct storecall **out,
    const struct source_common *common, struct fault *fault);

/* One call, where none is made. */
struct source_call {
	const char *method, *path, *body; /* body NULL: none */
	bool root; /* in no namespace, whichever the verb is about */
};
/** source_show_plan() - what --dry-run prints: @first, then every call of @p
 * @first: n_first calls that come before it
 * Return: 0; -ENOMEM with @fault. */
MUST_USE int source_show_plan(const struct source_common *common,
    const struct source_call *first, size_t n_first, const struct changes *p,
    struct fault *fault);
/** source_print_json() - @j is counted down; NULL: no memory
 * Return: 0; -ENOMEM with @fault. */
MUST_USE int source_print_json(json_t *j, struct fault *fault);

#define SOURCE_AT(config, common, member)                                      \
	.offset = offsetof(config, common.member)

/* Whose grant: members @name_space and @account of @config. */
#define SOURCE_ACCOUNT_ROWS(config, name_space, account)                       \
	{ .name = "namespace",                                                 \
		.metavar = "NAME",                                             \
		.help = "of the pods, in Kubernetes",                          \
		.type = OPTION_TEXT,                                           \
		.flags = OPTION_REQUIRED,                                      \
		.offset = offsetof(config, name_space) },                      \
	{                                                                      \
		.name = "serviceaccount", .metavar = "NAME",                   \
		.help = "that they run as", .type = OPTION_TEXT,               \
		.flags = OPTION_REQUIRED, .offset = offsetof(config, account)  \
	}

/* The rows of struct source_common @common in @config: which store, by which
 * proxy, and in which form the answer comes. */
#define SOURCE_STORE_ROWS(config, common)                                      \
	{ .name = "secretstore-address",                                       \
		.metavar = "URL",                                              \
		.help = "the store, https://HOST:PORT",                        \
		.detail = "Without a scheme it is https. A path before /v1 "   \
			  "is kept.",                                          \
		.type = OPTION_TEXT,                                           \
		.flags = OPTION_REQUIRED,                                      \
		SOURCE_AT(config, common, address) },                          \
	    { .name = "secretstore-token",                                     \
		    .metavar = "TOKEN",                                        \
		    .help = "better: a file, or the variable",                 \
		    .detail = "On a command line others can see it: "          \
			      "PHAROS_SECRETSTORE_TOKEN, or "                  \
			      "--secretstore-token-file, is better.",          \
		    .type = OPTION_TEXT,                                       \
		    .flags = OPTION_SECRET,                                    \
		    SOURCE_AT(config, common, token) },                        \
	    { .name = "secretstore-token-file",                                \
		    .metavar = "FILE",                                         \
		    .help = "its token; - for standard input",                 \
		    .type = OPTION_TEXT,                                       \
		    SOURCE_AT(config, common, token_file) },                   \
	    { .name = "secretstore-ca",                                        \
		    .metavar = "FILE",                                         \
		    .help = "CA of the store; else the system's",              \
		    .type = OPTION_TEXT,                                       \
		    SOURCE_AT(config, common, ca) },                           \
	    { .name = "no-namespaces",                                         \
		    .help = "the store has none: by a prefix",                 \
		    .detail = "Mounts and policies of a cluster then have a "  \
			      "prefix, in place of a namespace.",              \
		    .initial = "false",                                        \
		    .flags = OPTION_RARE,                                      \
		    .type = OPTION_BOOL,                                       \
		    SOURCE_AT(config, common, no_namespaces) },                \
	    EGRESS_OPTION_ROW(config, common.egress),                          \
	    VERB_OUTPUT_ROW(config, common.output)
/* The same, and where the pods log in. */
#define SOURCE_ROWS(config, common)                                            \
	SOURCE_STORE_ROWS(config, common),                                     \
	    { .name = "fingerprint",                                           \
		    .metavar = "F",                                            \
		    .help = "of the cluster, if it is registered",             \
		    .detail = "Namespace, mount and audience follow from it.", \
		    .type = OPTION_TEXT,                                       \
		    SOURCE_AT(config, common, fingerprint) },                  \
	    { .name = "secretstore-namespace",                                 \
		    .metavar = "NAME",                                         \
		    .help = "namespace of the store; else its root",           \
		    .detail = "The one of the bridge's --vault-namespace. "    \
			      "With --fingerprint, in place of the cluster's " \
			      "own.",                                          \
		    .type = OPTION_TEXT,                                       \
		    SOURCE_AT(config, common, name_space) },                   \
	{                                                                      \
		.name = "auth-mount", .metavar = "NAME",                       \
		.help = "JWT mount at which pods log in; else jwt",            \
		.detail = "The one of the bridge's --auth-mount.",             \
		.flags = OPTION_RARE, .type = OPTION_TEXT,                     \
		SOURCE_AT(config, common, mount)                               \
	}
/* The same, of verbs about one registration. */
#define SOURCE_RECORD_ROWS(config, common)                                     \
	{ .name = "namespace",                                                 \
		.metavar = "NAME",                                             \
		.help = "of the store; else cloudtaser/F[:8]",                 \
		.detail = "As it was given when the cluster was registered.",  \
		.flags = OPTION_RARE,                                          \
		.type = OPTION_TEXT,                                           \
		SOURCE_AT(config, common, name_space) },                       \
	    SOURCE_STORE_ROWS(config, common)
#define SOURCE_DRY_RUN_ROW(config, common)                                     \
	{                                                                      \
		.name = "dry-run", .help = "print every call; make none",      \
		.detail = "No token is needed then.", .initial = "false",      \
		.type = OPTION_BOOL, SOURCE_AT(config, common, dry_run)        \
	}
