#include "broker/status.h"
#include <jansson.h>

/* Text that came from outside is made of what fault_set() and the certificate
 * reader let through, but it may have been cut inside a character. */
static json_t *text_of(const char *text)
{
	json_t *j = json_string(text);

	return j ? j : json_string("(not text)");
}

static const char *state_of(const struct status_target *t)
{
	if (t->live)
		return "live";
	if (t->rests_s)
		return "resting";
	return t->waiting ? "waiting" : "idle";
}

static json_t *tunnels_of(const struct status *status)
{
	json_t *list = json_array();

	for (size_t i = 0; i < status->n_tunnels; i++) {
		const struct status_tunnel *t = &status->tunnels[i];

		json_array_append_new(
		    list, json_pack("{s:o, s:o, s:I}", "peer", text_of(t->peer),
			      "target", text_of(t->target), "age_seconds",
			      (json_int_t)t->age_s));
	}
	return list;
}

static json_t *target_of(const struct status_target *t)
{
	json_t *j = json_pack("{s:o, s:s, s:o}", "target", text_of(t->target),
	    "state", state_of(t), "last_error", text_of(t->last_error));

	if (j && t->rests_s)
		json_object_set_new(j, "retry_in_seconds",
		    json_integer((json_int_t)t->rests_s));
	return j;
}

static json_t *targets_of(const struct status *status)
{
	json_t *list = json_array();

	for (size_t i = 0; i < status->n_targets; i++)
		json_array_append_new(list, target_of(&status->targets[i]));
	return list;
}

static const char *const asks[] = {
	[STATUS_NOTHING] = "nothing",
	[STATUS_CLIENT_TOKEN] = "client token",
	[STATUS_POD_TOKEN] = "pod token",
};

static json_t *reviews_of(const struct status *status)
{
	if (status->asks_for != STATUS_POD_TOKEN)
		return NULL;
	return json_pack("{s:I, s:I, s:o}", "waiting",
	    (json_int_t)status->reviews_waiting, "remembered",
	    (json_int_t)status->reviews_remembered, "last_error",
	    text_of(status->reviews_last_error));
}

static json_t *join_of(const struct status_join *s)
{
	json_t *j = json_pack("{s:s, s:o, s:o, s:o}", "certificate",
	    s->expired ? "expired"
	    : s->ends  ? "good"
		       : "none",
	    "waits_for", text_of(s->waits_for), "last_error",
	    text_of(s->last_error), "remedy", text_of(s->remedy));

	if (j && *s->words)
		json_object_set_new(j, "words", json_string(s->words));
	if (j && s->ends)
		json_object_set_new(j, "ends", json_integer(s->ends));
	if (j && s->retry_s)
		json_object_set_new(j, "retry_in_seconds",
		    json_integer((json_int_t)s->retry_s));
	return j;
}

int status_print(const struct status *status, char **out)
{
	json_t *j = json_pack("{s:b, s:s, s:b, s:o, s:o, s:o, s:s, s:o*}",
	    "sealed", !status->pass_through, "mode", status->mode,
	    "pass_through", status->pass_through, "tunnels", tunnels_of(status),
	    "targets", targets_of(status), "last_error",
	    text_of(status->last_error), "asks_for", asks[status->asks_for],
	    "reviews", reviews_of(status));
	char *text;

	if (j && status->join.joins)
		json_object_set_new(j, "join", join_of(&status->join));
	text = j ? json_dumps(j, JSON_COMPACT) : NULL;
	json_decref(j);
	if (!text)
		return -ENOMEM;
	*out = text;
	return 0;
}
