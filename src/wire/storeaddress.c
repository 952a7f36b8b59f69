#include "wire/storeaddress.h"
#include <stdio.h>
#include <strings.h>

#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

static const char api[] = "/v1";

/* Behind the scheme; NULL: none that is ours. */
static const char *authority_of(const char *text)
{
	static const char *const schemes[] = { "https://", "http://" };

	for (size_t i = 0; i < N_ELEMS(schemes); i++)
		if (!strncasecmp(text, schemes[i], strlen(schemes[i])))
			return text + strlen(schemes[i]);
	return NULL;
}

/* 0: none. An address of version 6 may name its zone, [fe80::1%25eth0]
 * (RFC 6874). */
static size_t length_authority(const char *at)
{
	static const char usual[] = LETTERS "-._:[]", mark[] = "%25";
	size_t n = strspn(at, usual), zone;

	if (strncmp(at + n, mark, strlen(mark)) != 0)
		return n;
	if (*at != '[' || memchr(at, ']', n))
		return 0;
	n += strlen(mark);
	zone = strspn(at + n, LETTERS "-._~");
	if (!zone || at[n + zone] != ']')
		return 0;
	return n + zone + strspn(at + n + zone, usual);
}

/* Nothing that a request would have to write otherwise, and no way up. */
static bool is_segment(const char *at, size_t n)
{
	return n && strspn(at, LETTERS "-._~") >= n && strncmp(at, "..", n);
}

/* From its slash on. */
static bool is_path(const char *path)
{
	while (*path) {
		size_t n = strcspn(path + 1, "/");

		if (!n && !path[1])
			return true; /* the slash at the end */
		if (!is_segment(path + 1, n))
			return false;
		path += 1 + n;
	}
	return true;
}

/* Slashes at the end left out, and the API's own word before them. */
static size_t length_bare(const char *text, bool *has_api)
{
	size_t n = strlen(text), n_api = strlen(api);

	while (n && text[n - 1] == '/')
		n--;
	*has_api = n > n_api && !strncmp(text + n - n_api, api, n_api);
	return *has_api ? n - n_api : n;
}

static int refuse(
    const char *text, const char *option, const char *hint, struct fault *fault)
{
	const char *at = strrchr(text, '@'); /* no password in a message */

	return fault_set(fault, -EINVAL, hint,
	    "%s %.200s: cannot be the address of a store", option,
	    at ? at + 1 : text);
}

int storeaddress_check(
    const char *text, const char *option, struct fault *fault)
{
	const char *authority = authority_of(text);
	size_t n = authority ? length_authority(authority) : 0;
	bool has_api;

	if (strlen(text) > STOREADDRESS_MOST)
		return refuse(
		    text, option, "It has at most 512 characters.", fault);
	if (!n || (authority[n] && authority[n] != '/') ||
	    !is_path(authority + n))
		return refuse(text, option,
		    "expected is https://HOST[:PORT][/PATH]", fault);
	(void)length_bare(authority + n - 1, &has_api);
	if (has_api)
		return refuse(text, option, "Leave out /v1.", fault);
	return 0;
}

int storeaddress_complete(char out[STOREADDRESS_MOST + 1], const char *text,
    const char *option, struct fault *fault)
{
	enum { ROOM = STOREADDRESS_MOST + 2 }; /* so that too long is seen */
	const char *scheme = strstr(text, "://") ? "" : "https://";
	char whole[ROOM];
	bool has_api;
	size_t n = length_bare(text, &has_api);
	int r;

	if (n >= ROOM)
		return storeaddress_check(text, option, fault);
	(void)snprintf(whole, sizeof(whole), "%s%.*s", scheme, (int)n, text);
	r = storeaddress_check(whole, option, fault);
	if (!r)
		memcpy(out, whole, strlen(whole) + 1);
	return r;
}
