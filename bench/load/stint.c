#include "load/stint.h"
#include <stdio.h>

static void on_end(struct loop_task *t)
{
	struct stint *s = CONTAINER_OF(t, struct stint, end);
	struct stints *all = s->stints;

	TAILQ_REMOVE(&all->all, s, of_all);
	loop_cancel(all->loop, &s->patience);
	all->under_way--;
	all->over(s);
}

static void on_patience(struct wheel_timer *t, uint64_t now)
{
	struct stint *s = CONTAINER_OF(t, struct stint, patience);

	(void)now;
	stint_fault(s, s->stints->impatience);
}

void stint_begin(struct stint *s, struct stints *all)
{
	s->stints = all;
	TAILQ_INSERT_TAIL(&all->all, s, of_all);
	all->started++;
	all->under_way++;
	loop_after(
	    all->loop, &s->patience, (uint64_t)all->patience_ms, on_patience);
}

void stint_end(struct stint *s)
{
	loop_post(s->stints->loop, &s->end, on_end);
}

void stint_fault(struct stint *s, const char *text)
{
	struct stints *all = s->stints;

	if (stint_ending(s))
		return;
	if (!all->faults++)
		(void)snprintf(
		    all->first_fault, sizeof(all->first_fault), "%s", text);
	stint_end(s);
}

bool stint_ending(const struct stint *s)
{
	return s->end.link != NULL;
}
