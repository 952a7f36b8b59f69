/* A kubeconfig from anywhere. Every place that can be reached by name or number
 * is somewhere in the file, however it is nested. */
#include "fuzz.h"
#include "base/yamltree.h"

enum { DEPTH = 6 };

/* Down the first of everything, which may be a cycle. */
static void go_down(struct yamltree_node n, size_t bytes)
{
	static const char *const names[] = { "clusters", "cluster", "name",
		"a" };

	for (int depth = 0; depth < DEPTH; depth++) {
		struct yaml_place at = yamltree_at(n);
		struct yamltree_node next = yamltree_item(n, 0);

		INVARIANT(at.line <= bytes + 1 && at.column <= bytes + 1);
		INVARIANT(
		    !yamltree_text(n) || yamltree_kind(n) == YAMLTREE_TEXT);
		for (size_t i = 0; !next.index && i < N_ELEMS(names); i++)
			next = yamltree_get(n, names[i]);
		n = next;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	const struct yaml_source source = {
		.name = "f", .bytes = bytes, .n = n
	};
	struct fault fault = FAULT_NONE;
	struct yamltree *t = NULL;
	int r = yamltree_parse(&t, &source, &fault);

	INVARIANT(!r || (fault.code == r && fault.text[0] && !t));
	if (r)
		return 0;
	go_down(yamltree_root(t), n);
	yamltree_free(t);
	return 0;
}
