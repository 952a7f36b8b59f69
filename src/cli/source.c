#include "cli/source.h"
#include "wire/json.h"
#include <stdio.h>

int source_open(struct storecall **out, const struct source_common *common,
    struct fault *fault)
{
	const struct storecall_config config = { .address = common->address,
		.token = common->token,
		.token_file = common->token_file,
		.ca_file = common->ca,
		.name_space = common->name_space,
		.egress = common->egress };

	return storecall_open(out, &config, fault);
}

int source_print_json(json_t *j, struct fault *fault)
{
	if (!j)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	json_dumpf(j, stdout, JSON_INDENT(2));
	putchar('\n');
	json_decref(j);
	return 0;
}

/* ---- a dry run ----------------------------------------------------------- */

/* Where calls are shown. */
struct show {
	const char *address, *name_space;
	json_t *list; /* NULL: as text */
};

static void show_call(struct show *to, const struct source_call *call)
{
	json_t *j;

	if (to->list) {
		j = json_pack("{s:s, s:o}", "method", call->method, "url",
		    json_sprintf("%s/v1/%s", to->address, call->path));
		if (to->name_space)
			json_object_set_new(
			    j, "namespace", json_string(to->name_space));
		if (call->body)
			json_object_set_new(
			    j, "body", json_loads(call->body, 0, NULL));
		json_array_append_new(to->list, j);
		return;
	}
	printf("%s %s/v1/%s\n", call->method, to->address, call->path);
	if (to->name_space)
		printf("  X-Vault-Namespace: %s\n", to->name_space);
	if (call->body)
		printf("  %s\n", call->body);
}

/* What is written is looked at first. */
static void show_step(struct show *to, const struct changes_step *step)
{
	const struct source_call call = { .method = step->method,
		.path = step->path,
		.body = step->body ? secret_bytes(step->body) : NULL };
	const struct source_call look = { .method = "GET", .path = step->look };
	const char *own = to->name_space;

	if (step->name_space)
		to->name_space = *step->name_space ? step->name_space : NULL;
	if (step->look)
		show_call(to, &look);
	show_call(to, &call);
	to->name_space = own;
}

int source_show_plan(const struct source_common *common,
    const struct source_call *first, size_t n_first, const struct changes *p,
    struct fault *fault)
{
	char address[STOREADDRESS_MOST + 1];
	struct show to = { address, common->name_space, NULL };
	int r = storecall_address(address, common->address, fault);

	if (r)
		return r;
	if (common->output == VERB_JSON)
		to.list = json_array();
	if (common->output == VERB_JSON && !to.list)
		return fault_set(fault, -ENOMEM, NULL, "out of memory");
	for (size_t i = 0; i < n_first; i++) {
		to.name_space = first[i].root ? NULL : common->name_space;
		show_call(&to, &first[i]);
	}
	to.name_space = common->name_space;
	for (size_t i = 0; i < changes_size(p); i++) {
		struct changes_step step;

		changes_step(&step, p, i);
		show_step(&to, &step);
	}
	return to.list ? source_print_json(to.list, fault) : 0;
}

/* ---- the group ----------------------------------------------------------- */

static const struct verb *const members[] = {
	&source_register_verb,
	&source_list_verb,
	&source_approve_verb,
	&source_revoke_verb,
	&source_verify_verb,
	&source_grant_verb,
	&source_ungrant_verb,
	&source_grants_verb,
};

const struct verb source_verbs = {
	.name = "source",
	.about = "register clusters in the store, and say who may read what",
	.verbs = members,
	.n_verbs = N_ELEMS(members),
};
