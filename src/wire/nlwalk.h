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

/** nlwalk_over() - of a message that mnl_nlmsg_ok() has passed, behind the
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
	size_t step;

	if (w->left < sizeof(*a) || a->nla_len < sizeof(*a) ||
	    a->nla_len > w->left)
		return NULL;
	step = nlwalk_align(a->nla_len);
	step = step > w->left ? w->left : step;
	w->at += step;
	w->left -= step;
	return a;
}
