#include "beacon/news.h"

void news_init(struct news *n)
{
	TAILQ_INIT(&n->legs);
}

bool news_none(const struct news *n)
{
	return TAILQ_EMPTY(&n->legs);
}

void news_add(struct news *n, struct switchboard_leg *leg, unsigned what)
{
	if (!leg->pending)
		TAILQ_INSERT_TAIL(&n->legs, leg, of_news);
	leg->pending |= (uint8_t)what;
}

void news_clear(struct news *n, struct switchboard_leg *leg, unsigned what)
{
	bool had = leg->pending;

	leg->pending &= (uint8_t)~what;
	if (had && !leg->pending)
		TAILQ_REMOVE(&n->legs, leg, of_news);
}

void news_position(
    struct news *n, struct switchboard_leg *leg, uint32_t position, bool tell)
{
	leg->position = position;
	if (position == leg->told)
		news_clear(n, leg, NEWS_WAIT);
	else if (tell)
		news_add(n, leg, NEWS_WAIT);
}

unsigned news_take(struct news *n, struct switchboard_leg **leg)
{
	static const uint8_t order[] = { NEWS_DROP, NEWS_GOAWAY, NEWS_CUT,
		NEWS_PAIR, NEWS_WAIT, NEWS_PING };
	struct switchboard_leg *first = TAILQ_FIRST(&n->legs);
	size_t i = 0;

	if (!first)
		return 0;
	while (!(first->pending & order[i]))
		i++;
	news_clear(n, first, order[i]);
	*leg = first;
	return order[i];
}
