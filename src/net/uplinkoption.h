/* net/uplinkoption.h: the options by which an operator says how a program meets
 * its peer: the same words for all. How it meets one without a beacon (dial
 * whom, listen where) is each program's own.
 */
#pragma once
#include "base/egressoption.h"
#include "base/profile.h"
#include "net/uplink.h"

/* Its files, for daemon_config.files. */
#define UPLINK_OPTION_FILES(o)                                                 \
	(o).tls_cert, (o).tls_key, (o).tls_ca, (o).beacon_ca

enum uplink_mode { UPLINK_BEACON, UPLINK_REVERSE };

struct uplink_options {
	int mode; /* enum uplink_mode */
	struct option_list beacon_address;
	char *info_hash, *beacon_ca, *beacon_pin;
	bool no_shed;
	char *tls_cert, *tls_key, *tls_ca;
	char *egress_proxy; /* net/egress.h */
};

extern const char *const uplink_modes[];

/* for a program with one way to meet without a beacon, its reverse mode, which
 * may get its certificate otherwise than from files: uplink_options_check()
 * says which are missing */
#define UPLINK_OPTION_ROWS(config, member)                                     \
	UPLINK_OPTION_ROW_MODE(config, member),                                \
	    UPLINK_OPTION_ROWS_OF(config, member, 0)
/* for a program that has its certificate in files */
#define UPLINK_OPTION_ROWS_PLAIN(config, member)                               \
	UPLINK_OPTION_ROWS_OF(config, member, OPTION_REQUIRED)

#define UPLINK_OPTION_ROW_MODE(config, member)                                 \
	{                                                                      \
		.name = "mode", .metavar = "beacon|reverse",                   \
		.help = "how bridge and broker meet",                          \
		.detail =                                                      \
		    "With beacon both dial beacons; with reverse the bridge "  \
		    "dials the broker.",                                       \
		.initial = "beacon", .choices = uplink_modes,                  \
		.type = OPTION_CHOICE, .offset = offsetof(config, member.mode) \
	}

#define UPLINK_OPTION_ROWS_OF(config, member, need)                            \
	{ .name = "beacon-address",                                            \
		.metavar = "HOST:PORT",                                        \
		.help = "a beacon; several by commas or repeated",             \
		.detail =                                                      \
		    "At most 16. Who listens (a bridge) waits at all of "      \
		    "them, who connects (a broker) uses two and fails "        \
		    "over.",                                                   \
		.type = OPTION_LIST,                                           \
		.offset = offsetof(config, member.beacon_address) },           \
	    { .name = "beacon-info-hash",                                      \
		    .metavar = "HEX",                                          \
		    .help = "SHA-256 of the CA's certificate",                 \
		    .detail = "Printed by pharos pki info-hash.",              \
		    .type = OPTION_TEXT,                                       \
		    .offset = offsetof(config, member.info_hash) },            \
	    { .name = "beacon-ca",                                             \
		    .metavar = "FILE",                                         \
		    .help = "CA of the beacons; else the system's",            \
		    .type = OPTION_TEXT,                                       \
		    .offset = offsetof(config, member.beacon_ca) },            \
	    { .name = "beacon-pin",                                            \
		    .metavar = "HEX",                                          \
		    .help = "instead: SHA-256 of the beacons' public key",     \
		    .flags = OPTION_RARE,                                      \
		    .type = OPTION_TEXT,                                       \
		    .offset = offsetof(config, member.beacon_pin) },           \
	    { .name = "no-shed",                                               \
		    .help = "keep TLS to the beacon once paired",              \
		    .flags = OPTION_RARE,                                      \
		    .detail =                                                  \
			"Without it, if beacon and peer agree, the tunnel's "  \
			"own TLS runs bare between the two sides from then "   \
			"on.",                                                 \
		    .initial = "false",                                        \
		    .type = OPTION_BOOL,                                       \
		    .offset = offsetof(config, member.no_shed) },              \
	    { .name = "tls-cert",                                              \
		    .metavar = "FILE",                                         \
		    .help = "our certificate for the tunnel, PEM",             \
		    .type = OPTION_TEXT,                                       \
		    .flags = (need),                                           \
		    .offset = offsetof(config, member.tls_cert) },             \
	    { .name = "tls-key",                                               \
		    .metavar = "FILE",                                         \
		    .help = "its private key, PEM",                            \
		    .type = OPTION_TEXT,                                       \
		    .flags = (need),                                           \
		    .offset = offsetof(config, member.tls_key) },              \
	    { .name = "tls-ca",                                                \
		    .metavar = "FILE",                                         \
		    .help = "certificate of the CA of both sides, PEM",        \
		    .type = OPTION_TEXT,                                       \
		    .flags = (need),                                           \
		    .offset = offsetof(config, member.tls_ca) },               \
	    EGRESS_OPTION_ROW(config, member.egress_proxy)

/* What a program knows beside these options. */
struct uplink_options_case {
	const char *reverse; /* its option for the reverse mode:
				"broker-address" */
	bool given;	     /* and whether that was given */
	/* "join": its option from which certificate and CA come, and beacons
	 * where none are named, and whether that was given; NULL: it has none
	 */
	const char *instead;
	bool joins;
};
/** uplink_options_check() - which of them belong together
 * Return: 0; -EINVAL with @fault. */
MUST_USE int uplink_options_check(const struct uplink_options *options,
    const struct uplink_options_case *with, struct fault *fault);
/** uplink_options_use() - files, hash and beacons into @config; strings are
 * borrowed */
void uplink_options_use(
    const struct uplink_options *options, struct uplink_config *config);
/** uplink_options_profile() - what meeting the peer needs: the files, and,
 * unless we are who is dialled, the beacons' ports and names' look-up */
void uplink_options_profile(
    const struct uplink_options *options, struct profile *profile);
