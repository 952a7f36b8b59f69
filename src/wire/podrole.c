#include "wire/podrole.h"
#include "wire/claims.h"
#include <stdio.h>

int podrole_of(char out[PODROLE_MOST + 1], const struct secret *jwt)
{
	static const char start[] = "system:serviceaccount:";
	JSON *claims = NULL;
	const char *sub;
	char *colon;
	int used = -1;

	if (claims_read(&claims, secret_bytes(jwt)))
		return -EINVAL;
	sub = json_string_value(json_object_get(claims, "sub"));
	if (sub && !strncmp(sub, start, strlen(start)))
		used =
		    snprintf(out, PODROLE_MOST + 1, "%s", sub + strlen(start));
	if (used <= 0 || used > PODROLE_MOST)
		return -EINVAL;
	colon = strchr(out, ':');
	if (!colon || colon == out || !colon[1] || strchr(colon + 1, ':'))
		return -EINVAL;
	*colon = '.';
	return 0;
}
