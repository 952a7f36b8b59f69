/* broker/config.h: what an operator can say to pharos-broker. Limits are not
 * among it: they are constants (broker/limits.h).
 */
#pragma once
#include "net/uplinkoption.h"

struct config {
	struct option_common common;
	struct uplink_options uplink;
	char *reverse_listen;
	char *listen, *listen_cert, *listen_key;
	/* joining by a join string: one of the two; else by words, or
	 * certificates are in files */
	char *join, *join_file;
	char *pod_namespace, *pod_name; /* NULL: as the token claims; all */
	char *pod_uid, *service_account;
	char *client_token_file; /* or NULL */
	int review_pods;	 /* index into its choices */
	char *kubeconfig;	 /* NULL: as a pod of the cluster */
	bool pass_through;
	char *health_addr;
	long drain_timeout; /* ms */
};

extern const struct option_table config_options;

/** config_joins() - does the certificate come from the bridge, by a join string
 * or by words?
 * config_by_words() - the latter: nothing but beacons says which bridge it is,
 * so a person compares six words */
bool config_joins(const struct config *config);
bool config_by_words(const struct config *config);
/** config_reviews() - are pods' tokens reviewed by the cluster? */
bool config_reviews(const struct config *config);
/** config_check() - what the table cannot say: which options belong together
 * Return: 0; -EINVAL with @fault. */
MUST_USE int config_check(const struct config *config, struct fault *fault);
