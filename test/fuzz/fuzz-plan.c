#include "fuzz.h"
#include "wrapper/plan.h"
#include "wire/vaultpath.h"

static void check(const struct plan *p)
{
	INVARIANT(p->n_paths >= 1 && p->n_paths <= PLAN_SECRETS_MAX);
	INVARIANT(p->n_items >= p->n_paths && p->n_items <= PLAN_ITEMS_MAX);
	for (size_t i = 0; i < p->n_paths; i++) {
		struct vault_path parsed;

		INVARIANT(!vault_path_plain(&parsed, p->paths[i]));
	}
	for (size_t i = 0; i < p->n_items; i++) {
		const struct plan_item *item = &p->items[i];

		INVARIANT(item->secret < p->n_paths);
		INVARIANT(!i || item->secret >= p->items[i - 1].secret);
		INVARIANT(*item->field && *item->name);
		INVARIANT(!strpbrk(item->name, "=/;,. "));
		for (size_t k = 0; k < i; k++)
			INVARIANT(strcmp(p->items[k].name, item->name));
	}
}

/* Three lines: the reaction, the map, the paths split at blanks. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	CLEANUP(free_p) char *text = fuzz_text(bytes, n);
	char *rest = text, *rotate = strsep(&rest, "\n");
	char *map = strsep(&rest, "\n"), *word;
	char *secrets[PLAN_SECRETS_MAX + 2];
	struct plan_order order = { .secrets = secrets,
		.maps = &map,
		.n_maps = map != NULL,
		.on_rotate = rotate,
		.poll_ms = 1 };

	while (
	    (word = strsep(&rest, " ")) && order.n_secrets < N_ELEMS(secrets))
		secrets[order.n_secrets++] = word;
	for (int d = 0; d < PLAN_DELIVER_COUNT; d++) {
		CLEANUP(plan_freep) struct plan *p = NULL;
		struct fault fault = FAULT_NONE;

		order.deliver = (enum plan_deliver)d;
		order.folder = d == PLAN_DELIVER_FILE ? "/run/x" : NULL;
		if (!plan_new(&p, &order, &fault))
			check(p);
		else
			INVARIANT(*fault.text);
	}
	return 0;
}
