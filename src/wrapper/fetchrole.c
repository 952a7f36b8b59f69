#include "wrapper/fetchrole.h"
#include <jansson.h>
#include <sodium.h>
#include <stdio.h>

enum { CLAIMS_MOST = 8192 };

/* The middle part of a compact JWS, decoded. */
static int read_claims(char *to, size_t room, size_t *n, const char *jwt)
{
	const char *start = strchr(jwt, '.');
	const char *end = start ? strchr(start + 1, '.') : NULL;

	if (!end || sodium_base642bin((unsigned char *)to, room, start + 1,
			(size_t)(end - start - 1), NULL, n, NULL,
			sodium_base64_VARIANT_URLSAFE_NO_PADDING))
		return -EINVAL;
	return 0;
}

int fetchrole_of(char out[FETCHROLE_MOST + 1], const struct secret *jwt)
{
	static const char start[] = "system:serviceaccount:";
	char claims[CLAIMS_MOST], *colon;
	const char *sub;
	json_t *json;
	size_t n;
	int used = -1;

	if (read_claims(claims, sizeof(claims), &n, secret_bytes(jwt)))
		return -EINVAL;
	json = json_loadb(claims, n, JSON_REJECT_DUPLICATES, NULL);
	sub = json_string_value(json_object_get(json, "sub"));
	if (sub && !strncmp(sub, start, strlen(start)))
		used = snprintf(
		    out, FETCHROLE_MOST + 1, "%s", sub + strlen(start));
	json_decref(json);
	if (used <= 0 || used > FETCHROLE_MOST)
		return -EINVAL;
	colon = strchr(out, ':');
	if (!colon || colon == out || !colon[1] || strchr(colon + 1, ':'))
		return -EINVAL;
	*colon = '.';
	return 0;
}
