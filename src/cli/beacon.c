#include "cli/beacon.h"
#include <stdio.h>

struct plain {
	struct beacon_config common;
};
const struct option_row beacon_rows[BEACON_ROWS] = { BEACON_ROWS_COMMON(
    struct plain, common) };

int beacon_call(json_t **out, const struct beacon_config *config,
    const char *method, const char *target, struct fault *fault)
{
	const struct call call = {
		.path = config->control,
		.daemon = "pharos-beacon",
		.method = method,
		.target = target,
	};

	return call_make(out, &call, fault);
}

uint64_t beacon_number(const json_t *object, const char *name)
{
	return (uint64_t)json_integer_value(json_object_get(object, name));
}

const char *beacon_text(const json_t *object, const char *name)
{
	const char *text = json_string_value(json_object_get(object, name));

	return text ? text : "-";
}

const char *beacon_bytes(char to[BEACON_WORDS], uint64_t bytes)
{
	static const char *const units[] = { "B", "KiB", "MiB", "GiB", "TiB" };
	double value = (double)bytes;
	size_t i = 0;

	while (value >= 1024 && i < N_ELEMS(units) - 1) {
		value /= 1024;
		i++;
	}
	(void)snprintf(
	    to, BEACON_WORDS, i ? "%.1f %s" : "%.0f %s", value, units[i]);
	return to;
}

const char *beacon_age(char to[BEACON_WORDS], uint64_t seconds)
{
	static const struct {
		uint64_t seconds;
		const char *unit;
	} steps[] = { { 86400, "d" }, { 3600, "h" }, { 60, "min" } };
	unsigned long long n = seconds;

	for (size_t i = 0; i < N_ELEMS(steps); i++) {
		if (n < 2 * steps[i].seconds)
			continue;
		(void)snprintf(to, BEACON_WORDS, "%llu %s",
		    n / steps[i].seconds, steps[i].unit);
		return to;
	}
	(void)snprintf(to, BEACON_WORDS, "%llu s", n);
	return to;
}

static const struct verb *const members[] = {
	&beacon_status_verb,
	&beacon_list_verb,
	&beacon_kill_verb,
	&beacon_drain_verb,
};

const struct verb beacon_verbs = {
	.name = "beacon",
	.about = "look into a beacon that runs here, and tell it what to do",
	.verbs = members,
	.n_verbs = N_ELEMS(members),
};
