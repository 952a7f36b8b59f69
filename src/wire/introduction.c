/* wire/introduction.c
 *
 * A change is a merge patch (RFC 7386) that names the version which was read,
 * so that two who write at once do not undo each other's, and what else lies in
 * the ConfigMap does not cross at all.
 */
#include "wire/introduction.h"
#include "wire/json.h"
#include <stdio.h>

static const char words_key[] = "words", ca_key[] = "ca.crt";

/* ---- calls --------------------------------------------------------------- */

static int aim(struct kube_call *c, const char *name_space, const char *name)
{
	if (!kube_name_ok(name_space))
		return -EINVAL;
	(void)snprintf(c->target, sizeof(c->target),
	    "/api/v1/namespaces/%s/configmaps%s", name_space, name);
	return 0;
}

int introduction_call_look(struct kube_call *out, const char *name_space)
{
	struct kube_call c = { .method = "GET",
		.grant = "verb get on the ConfigMap " INTRODUCTION_MAP };
	int r = aim(&c, name_space, "/" INTRODUCTION_MAP);

	if (!r)
		*out = c;
	return r;
}

/* Of @text, which a person typed; NULL: that cannot stand in JSON. */
static int text_of(json_t **out, const char *text)
{
	*out = text ? json_string(text) : json_null();
	return *out ? 0 : -EINVAL;
}

int introduction_call_make(
    struct kube_call *out, const char *name_space, const char *words)
{
	struct kube_call c = { .grant = "verb create on resource configmaps" };
	json_t *typed;
	int r = aim(&c, name_space, "");

	if (!r)
		r = text_of(&typed, words);
	return r ? r
		 : kube_call_post(out, &c,
		       json_pack("{s:s, s:s, s:{s:s}, s:{s:o}}", "apiVersion",
			   "v1", "kind", "ConfigMap", "metadata", "name",
			   INTRODUCTION_MAP, "data", words_key, typed));
}

int introduction_call_change(struct kube_call *out, const char *name_space,
    const struct introduction_change *change)
{
	struct kube_call c = { .method = "PATCH",
		.body_type = "application/merge-patch+json",
		.grant = "verb patch on the ConfigMap " INTRODUCTION_MAP };
	json_t *typed;
	int r = aim(&c, name_space, "/" INTRODUCTION_MAP);

	if (!r)
		r = text_of(&typed, change->words);
	return r ? r
		 : kube_call_post(out, &c,
		       json_pack("{s:{s:s}, s:{s:o, s:s*}}", "metadata",
			   "resourceVersion", change->version, "data",
			   words_key, typed, ca_key, change->ca_pem));
}

/* ---- the answer ---------------------------------------------------------- */

/* A member that need not be there. */
static int copy_maybe(char **to, const json_t *string)
{
	const char *text = json_string_value(string);

	if (!string)
		return 0;
	if (!text || strlen(text) != json_string_length(string))
		return -EBADMSG;
	*to = strdup(text);
	return *to ? 0 : -ENOMEM;
}

int introduction_read(struct introduction *out, const void *body, size_t n)
{
	JSON *j = n > KUBE_ANSWER_MOST ? NULL : json_read_object(body, n, 0);
	const json_t *data = json_object_get(j, "data");
	CLEANUP(introduction_deinit)
	struct introduction i = { .version = NULL };
	int r = copy_maybe(&i.version,
	    json_object_get(json_object_get(j, "metadata"), "resourceVersion"));

	if (!r && (!i.version || !*i.version))
		r = -EBADMSG;
	if (!r)
		r = copy_maybe(&i.words, json_object_get(data, words_key));
	if (!r)
		r = copy_maybe(&i.ca_pem, json_object_get(data, ca_key));
	if (r)
		return r;
	*out = i;
	i = (struct introduction){ .version = NULL };
	return 0;
}

void introduction_deinit(struct introduction *i)
{
	free(i->version);
	free(i->words);
	free(i->ca_pem);
	*i = (struct introduction){ .version = NULL };
}
