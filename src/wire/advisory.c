#include "wire/advisory.h"
#include <stdio.h>
#include <stdlib.h>

enum { PARTS = 3 };

struct number {
	unsigned part[PARTS];
};

/* By the version that mends it; the last one mends them all. */
static const struct {
	struct number mended;
	const char *name;
} known[] = {
	{ { { 2, 5, 3 } }, "GHSA-p49j-v9wc-wg57" }, /* namespaces */
	{ { { 2, 5, 4 } }, "GHSA-v8v8-cm84-m686" }, /* namespaces */
	{ { { 2, 5, 5 } }, "GHSA-mwr2-wmgp-crj6" }, /* the name "root" */
	{ { { 2, 5, 5 } }, "GHSA-c36x-h252-g9x2" }, /* namespaces */
	{ { { 2, 6, 2 } }, "GHSA-rh46-vc3j-w2w3" }, /* inline authentication */
};

/* Return: what follows the number; NULL: there is none. */
static const char *parse(struct number *out, const char *text)
{
	enum { DIGITS_MOST = 6 };

	for (size_t i = 0; i < PARTS; i++) {
		size_t n = strspn(text, "0123456789");

		if (!n || n > DIGITS_MOST || (i + 1 < PARTS && text[n] != '.'))
			return NULL;
		out->part[i] = (unsigned)strtoul(text, NULL, 10);
		text += n + (i + 1 < PARTS);
	}
	return text;
}

/* What comes before a version carries its number, and a hyphen behind it. */
static bool is_older(
    const struct number *a, bool before, const struct number *b)
{
	for (size_t i = 0; i < PARTS; i++)
		if (a->part[i] != b->part[i])
			return a->part[i] < b->part[i];
	return before;
}

enum advisory_store advisory_store(const json_t *health)
{
	if (!json_is_boolean(json_object_get(health, "initialized")))
		return ADVISORY_UNSURE;
	return json_object_get(health, "enterprise") ? ADVISORY_VAULT
						     : ADVISORY_OPENBAO;
}

bool advisory_of(char out[ADVISORY_TEXT_MOST], const char *version,
    enum advisory_store store)
{
	const struct number *last = &known[N_ELEMS(known) - 1].mended;
	const char *digits = version + (*version == 'v'), *rest;
	struct number number;
	size_t used;
	bool any = false;

	rest = parse(&number, digits);
	if (!rest || number.part[0] < 2 || strstr(rest, "+ent") ||
	    store == ADVISORY_VAULT)
		return false;
	used = (size_t)snprintf(out, ADVISORY_TEXT_MOST,
	    "%u.%u.%u%.20s: %sknown holes, mended in %u.%u.%u:", number.part[0],
	    number.part[1], number.part[2], rest,
	    store == ADVISORY_UNSURE ? "if it is OpenBao, " : "", last->part[0],
	    last->part[1], last->part[2]);
	for (size_t i = 0; i < N_ELEMS(known); i++) {
		if (!is_older(&number, *rest == '-', &known[i].mended))
			continue;
		used += (size_t)snprintf(out + used, ADVISORY_TEXT_MOST - used,
		    "%s %s", any ? "," : "", known[i].name);
		any = true;
	}
	INVARIANT(used < ADVISORY_TEXT_MOST);
	return any;
}
