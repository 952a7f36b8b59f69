#include "wire/credential.h"
#include "wire/json.h"
#include "wire/vault.h"
#include <stdio.h>

enum { FILE_VERSION = 1 };

void credential_deinit(struct credential *c)
{
	secret_free(c->secret_id);
	*c = (struct credential){ .n_beacons = 0 };
}

/* ---- what it may hold ---------------------------------------------------- */

/* One word of ASCII: it goes into a request. */
static bool word_ok(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (text[i] <= ' ' || text[i] > '~')
			return false;
	return n && n <= CREDENTIAL_ID_MOST;
}

/* The first member that cannot be; NULL: all can. */
static const char *unfit(const struct credential *c)
{
	if (storeaddress_check(c->address, "address", NULL))
		return "address";
	if (!word_ok(c->role_id, strlen(c->role_id)))
		return "role_id";
	if (!c->secret_id ||
	    !word_ok(secret_bytes(c->secret_id), secret_size(c->secret_id)))
		return "secret_id";
	for (size_t i = 0; i < c->n_beacons; i++)
		if (!joinstring_beacon_ok(c->beacon[i]))
			return "beacons";
	return c->n_beacons ? NULL : "beacons";
}

/* ---- writing ------------------------------------------------------------- */

int credential_write(struct secret **out, const struct credential *c)
{
	JSON *j = NULL;
	json_t *beacons;

	if (unfit(c))
		return -EINVAL;
	beacons = json_array();
	for (size_t i = 0; beacons && i < c->n_beacons; i++)
		json_array_append_new(beacons, json_string(c->beacon[i]));
	j = json_pack("{si ss ss ss ss ss% so}", "version", FILE_VERSION,
	    "address", c->address, "namespace", c->space.name_space, "prefix",
	    c->space.prefix, "role_id", c->role_id, "secret_id",
	    secret_bytes(c->secret_id), secret_size(c->secret_id), "beacons",
	    beacons);
	return j ? vault_secret_from_json(out, j, JSON_INDENT(2)) : -ENOMEM;
}

/* ---- reading ------------------------------------------------------------- */

/* A text that fits; an empty one where it may be. */
static bool take(char *to, size_t room, const json_t *j, const char *member)
{
	return !json_copy_text(to, room, json_object_get(j, member));
}
#define TAKE(to, j, member) take(to, sizeof(to), j, member)

static bool take_space(struct space *to, const json_t *j)
{
	char name_space[SPACE_NAMESPACE_MOST + 1];
	char prefix[SPACE_PREFIX_MOST + 1];

	return TAKE(name_space, j, "namespace") && TAKE(prefix, j, "prefix") &&
	       !space_set(to, name_space, prefix, NULL);
}

static bool take_beacons(struct credential *to, const json_t *list)
{
	size_t n = json_array_size(list);

	if (!n || n > JOINSTRING_BEACONS_MOST)
		return false;
	for (size_t i = 0; i < n; i++)
		if (json_copy_text(to->beacon[i], sizeof(to->beacon[i]),
			json_array_get(list, i)))
			return false;
	to->n_beacons = n;
	return true;
}

static const char *take_all(struct credential *to, const json_t *j)
{
	enum { MEMBERS = 7 };

	if (!TAKE(to->address, j, "address"))
		return "address";
	if (!take_space(&to->space, j))
		return "namespace or prefix";
	if (!TAKE(to->role_id, j, "role_id"))
		return "role_id";
	if (!json_string_length(json_object_get(j, "secret_id")))
		return "secret_id";
	if (!take_beacons(to, json_object_get(j, "beacons")))
		return "beacons";
	return json_object_size(j) == MEMBERS ? NULL
					      : "a member that is not known";
}

static int refuse(struct fault *fault, const char *member)
{
	return fault_set(fault, -EINVAL,
	    "make another with `pharos source register --credential`",
	    "not a bridge's credential: %s", member);
}

int credential_read(
    struct credential *out, const void *text, size_t n, struct fault *fault)
{
	JSON *j =
	    n <= CREDENTIAL_TEXT_MOST ? json_read_object(text, n, 0) : NULL;
	const json_t *version = json_object_get(j, "version");
	const json_t *id = json_object_get(j, "secret_id");
	struct credential to = { .n_beacons = 0 };
	const char *wrong;
	int r;

	if (!j)
		return refuse(fault, "no JSON object of a file's size");
	if (!json_is_integer(version) ||
	    json_integer_value(version) != FILE_VERSION)
		return fault_set(fault, -EINVAL,
		    "use the version of Pharos that wrote it",
		    "not a bridge's credential: version %d was expected",
		    FILE_VERSION);
	wrong = take_all(&to, j);
	if (wrong)
		return refuse(fault, wrong);
	r = secret_from(
	    &to.secret_id, json_string_value(id), json_string_length(id));
	if (r)
		return r;
	wrong = unfit(&to);
	if (wrong) {
		credential_deinit(&to);
		return refuse(fault, wrong);
	}
	*out = to;
	return 0;
}
