#include "base/egressoption.h"

/* The first of @names that is set and not empty. */
static const char *first_set(
    const char *const *names, egress_variable variable, const char **value)
{
	for (; *names; names++) {
		const char *text = variable(*names);

		if (text && *text) {
			*value = text;
			return *names;
		}
	}
	return NULL;
}

void egress_choose(
    struct egress_words *out, const char *option, egress_variable variable)
{
	static const char *const proxies[] = { "https_proxy", "HTTPS_PROXY",
		"all_proxy", "ALL_PROXY", NULL };
	static const char *const exceptions[] = { "no_proxy", "NO_PROXY",
		NULL };

	*out = (struct egress_words){ .url = option, .from = "--egress-proxy" };
	if (!option)
		out->from = first_set(proxies, variable, &out->url);
	else if (!strcmp(option, "none"))
		out->url = NULL;
	(void)first_set(exceptions, variable, &out->except);
}
