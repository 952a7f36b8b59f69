/* wire/nlwalk.h: the attributes of a netlink message one by one, each within
 * the bytes that are there.
 *
 *   struct nlwalk w = nlwalk_over(head, sizeof(struct ifinfomsg));
 *   const struct nlattr *a;
 *   while ((a = nlwalk_next(&w)))
 *           switch (mnl_attr_get_type(a)) ...
 *
 * (libmnl has macros for that, which convert between signed and unsigned in
 * ways that we do not let a compiler pass over.)
 */
#pragma once
#include "base/err.h"
#include <libmnl/libmnl.h>

struct nlwalk {
	const char *at;
	size_t left;
};

/* Attributes begin at multiples of 4. */
static inline size_t nlwalk_align(size_t n)
{
	return (n + 3) & ~(size_t)3;
}

static inline void nlwalk_skip(struct nlwalk *w, size_t n)
{
	size_t step = nlwalk_align(n);

	step = step > w->left ? w->left : step;
	w->at += step;
	w->left -= step;
}

/** nlwalk_over() - of a whole message, as nlwalk_message() gives it, behind the
 * @extra bytes of its own struct; none if these are not there */
static inline struct nlwalk nlwalk_over(
    const struct nlmsghdr *head, size_t extra)
{
	size_t n = mnl_nlmsg_get_payload_len(head);
	size_t skip = nlwalk_align(extra);

	return (struct nlwalk){
		.at = (const char *)mnl_nlmsg_get_payload(head) + skip,
		.left = n > skip ? n - skip : 0,
	};
}

/** nlwalk_in() - of an attribute that holds others */
static inline struct nlwalk nlwalk_in(const struct nlattr *nest)
{
	return (struct nlwalk){
		.at = mnl_attr_get_payload(nest),
		.left = mnl_attr_get_payload_len(nest),
	};
}

/** nlwalk_next() - NULL: no more, or what follows is not one */
static inline const struct nlattr *nlwalk_next(struct nlwalk *w)
{
	const struct nlattr *a = (const struct nlattr *)(const void *)w->at;

	if (w->left < sizeof(*a) || a->nla_len < sizeof(*a) ||
	    a->nla_len > w->left)
		return NULL;
	nlwalk_skip(w, a->nla_len);
	return a;
}

/** nlwalk_message() - the same of whole messages, over what a socket gave
 * (libmnl's own check takes a length of 2^31 and more for a negative one) */
static inline const struct nlmsghdr *nlwalk_message(struct nlwalk *w)
{
	const struct nlmsghdr *head = (const void *)w->at;

	if (w->left < sizeof(*head) || head->nlmsg_len < sizeof(*head) ||
	    head->nlmsg_len > w->left)
		return NULL;
	nlwalk_skip(w, head->nlmsg_len);
	return head;
}
