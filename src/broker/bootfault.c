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

unsigned bootfault_refused(
    struct fault *out, const struct boot_answer *answer, enum bootfault_ca ca)
{
	enum boot_code code = answer->code;
	bool known = ca != BOOTFAULT_CA_NONE;

	fault_set(out, -EACCES,
	    known ? answer->fault.hint : boot_code_remedy(code),
	    "the bridge refused (%s): %s", boot_code_text(code),
	    known ? answer->fault.text : boot_code_problem(code));
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
