/* A grant as a person asks for it: namespace, account and path, a line each.
 * What the store is told, read back, says the same, and no more than that. */
#include "fuzz.h"
#include "base/secret.h"
#include "wire/changes.h"
#include "wire/grant.h"
#include "wire/json.h"

/* The next line. */
static const char *take(char **at)
{
	const char *line = strsep(at, "\n");

	return line ? line : "";
}

/* A step's body, as the store gives it when it is asked. */
static json_t *kept(const struct changes *changes, size_t step)
{
	struct changes_step s;
	json_t *body;

	changes_step(&s, changes, step);
	INVARIANT(s.body);
	body = json_loadb(secret_bytes(s.body), secret_size(s.body), 0, NULL);
	INVARIANT(body);
	return json_pack("{so}", "data", body);
}

static void check(const struct grant_order *order)
{
	CLEANUP(changes_freep) struct changes *changes = NULL;
	char name[GRANT_NAME_MOST + 1];
	struct grant g;
	JSON *policy = NULL;
	JSON *role = NULL;

	INVARIANT(!changes_new(&changes) && !grant_plan(changes, order));
	INVARIANT(changes_size(changes) == 2);
	policy = kept(changes, 0);
	role = kept(changes, 1);
	INVARIANT(!grant_name(name, order->name_space, order->account, NULL));
	INVARIANT(!grant_read(&g, name, role, policy));
	INVARIANT(!strcmp(g.name_space, order->name_space));
	INVARIANT(!strcmp(g.account, order->account));
	INVARIANT(json_array_size(g.paths) == 1);
	INVARIANT(!strcmp(
	    json_string_value(json_array_get(g.paths, 0)), order->paths->read));
	grant_deinit(&g);
}

/* What somebody else has made of a policy, or the store of an answer. */
static void check_strange(const uint8_t *bytes, size_t n)
{
	JSON *any = json_loadb((const char *)bytes, n, 0, NULL);
	struct grant g;

	if (any && !grant_read(&g, "team-a.web", any, any))
		grant_deinit(&g);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) char *text = fuzz_text(bytes, n);
	char *at = text;
	const char *name_space = take(&at), *account = take(&at);
	const char *path = take(&at);
	char name[GRANT_NAME_MOST + 1];
	struct vault_mount mount;
	struct grant_path resolved;
	struct grant_order order = {
		.name_space = name_space,
		.account = account,
		.mount = "jwt",
		.audience = "pharos:00",
		.paths = &resolved,
		.n_paths = 1,
	};

	check_strange(bytes, n);
	if (grant_name(name, name_space, account, NULL) ||
	    grant_check(path, NULL))
		return 0;
	grant_guess(&mount, path);
	if (!grant_resolve(&resolved, path, &mount, NULL))
		check(&order);
	return 0;
}
