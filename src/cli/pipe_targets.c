#include "cli/pipe_targets.h"
#include "net/dial.h"
#include "net/trunk.h"
#include <assert.h>

static_assert(sizeof(((struct pipe_target *)0)->name) == TRUNK_NAME_MOST + 1,
    "a name fits");

static int bad(
    struct fault *fault, const char *item, const char *hint, const char *what)
{
	return fault_set(
	    fault, OPTION_E_BAD, hint, "--to %.80s: %s", item, what);
}

static int read_name(
    struct pipe_target *to, const char *item, size_t n, struct fault *fault)
{
	if (n > TRUNK_NAME_MOST)
		return bad(fault, item, NULL, "the name is too long");
	memcpy(to->name, item, n);
	to->name[n] = '\0';
	if (!trunk_name_ok(to->name))
		return bad(fault, item, NULL,
		    "a name has 1 to 64 characters out of a-z, 0-9, '.' and "
		    "'-'");
	return 0;
}

static bool taken(const struct pipe_targets *targets, const char *name)
{
	for (size_t i = 0; i < targets->n; i++)
		if (!strcmp(targets->target[i].name, name))
			return true;
	return false;
}

static int read_item(
    struct pipe_targets *out, const char *item, struct fault *fault)
{
	const char *equals = strchr(item, '=');
	struct pipe_target to = { .address = equals ? equals + 1 : item };
	int r = 0;

	if (out->n == PIPE_TARGETS_MOST)
		return bad(fault, item, NULL, "at most 64 can be given");
	if (equals)
		r = read_name(&to, item, (size_t)(equals - item), fault);
	if (r)
		return r;
	if (taken(out, to.name))
		return bad(fault, item,
		    "Give each a name of its own: --to ssh=127.0.0.1:22",
		    equals ? "this name is given twice"
			   : "two of them have no name");
	if (dial_check(to.address, fault)) {
		fault_wrap(fault, "--to");
		return OPTION_E_BAD;
	}
	out->target[out->n++] = to;
	return 0;
}

int pipe_targets_read(struct pipe_targets *out, const struct option_list *list,
    struct fault *fault)
{
	struct pipe_targets targets = { .n = 0 };

	for (size_t i = 0; i < list->n_items; i++) {
		int r = read_item(&targets, list->items[i], fault);

		if (r)
			return r;
	}
	*out = targets;
	return 0;
}

const struct pipe_target *pipe_targets_find(
    const struct pipe_targets *targets, const char *name)
{
	for (size_t i = 0; i < targets->n; i++)
		if (!strcmp(targets->target[i].name, name))
			return &targets->target[i];
	if (!*name && targets->n == 1)
		return &targets->target[0];
	return NULL;
}
