#include "broker/bootfault.h"
#include "wire/introduction.h"
#include <stdio.h>

void bootfault_late(struct fault *out, enum bootplan_stage stage)
{
	fault_set(out, -ETIMEDOUT,
	    "Is it overloaded, or the network to it down?",
	    "%s did not come within %u s", bootplan_text(stage),
	    bootplan_deadline_ms(stage) / 1000);
}

/* A cluster that is registered anew has another CA, and the one of before is
 * still followed: its bridge goes on to say that we are to register anew. */
static void add_remedy(struct fault *fault, const char *name_space)
{
	size_t n = strlen(fault->hint);

	(void)snprintf(fault->hint + n, sizeof(fault->hint) - n,
	    "%sIf it was registered anew: remove ca.crt from the ConfigMap "
	    "%.64s/" INTRODUCTION_MAP ", and start the broker again.",
	    n ? ". " : "", name_space);
}

unsigned bootfault_refused(struct fault *out, const struct boot_answer *answer,
    enum bootfault_ca ca, const char *name_space)
{
	enum boot_code code = answer->code;
	bool known = ca != BOOTFAULT_CA_NONE;

	fault_set(out, -EACCES,
	    known ? answer->fault.hint : boot_code_remedy(code),
	    "the bridge refused (%s): %s", boot_code_text(code),
	    known ? answer->fault.text : boot_code_problem(code));
	if (ca == BOOTFAULT_CA_FOUND && code == BOOT_REVOKED)
		add_remedy(out, name_space);
	return known ? answer->retry_s : boot_code_retry_s(code);
}

void bootfault_way(
    struct fault *fault, enum bootfault_ca ca, const char *name_space)
{
	if (fault->code != -ENXIO)
		return;
	if (ca == BOOTFAULT_CA_FOUND)
		(void)snprintf(fault->hint, sizeof(fault->hint),
		    "Does its bridge run, with this beacon? The CA is that of "
		    "the ConfigMap %.64s/" INTRODUCTION_MAP
		    ": if the cluster was registered anew, remove ca.crt "
		    "there, and start the broker again.",
		    name_space);
	else if (ca == BOOTFAULT_CA_NONE)
		(void)snprintf(fault->hint, sizeof(fault->hint),
		    "Is the cluster registered and pending (`pharos source "
		    "list`), and does its bridge run, with this beacon? Once a "
		    "broker has joined, another one needs the ConfigMap "
		    "%.64s/" INTRODUCTION_MAP ", or a join string.",
		    name_space);
}
