/* libnftables parses the text, speaks to the kernel, and keeps what it prints
 * in buffers of its own.
 *
 * A transaction is whole, but packets pass while it is made: where one table
 * takes another one's place, some are judged by neither. Linux 6.18 lets about
 * one through in every fourth replacement, of 50,000 packets a second. So the
 * new rules are loaded twice, first beside the old table, under a name of their
 * own, and these stand while it is replaced; what both let through passes all
 * the time.
 *
 * A transaction ends with a message that says which thread made it. Ours are
 * passed over; where such numbers are not the kernel's own (in a container) we
 * look once too often, which finds nothing.
 */
#include "link/nft.h"
#include "link/netnews.h"
#include "wire/nlwalk.h"
#include <arpa/inet.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <nftables/libnftables.h>
#include <sodium.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { COMMAND_MOST = 80 };

struct nft {
	struct nft_ctx *ctx;
};

int nft_open(struct nft **out)
{
	struct nft *n = calloc(1, sizeof(*n));

	if (!n)
		return -ENOMEM;
	n->ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (!n->ctx || nft_ctx_buffer_output(n->ctx) ||
	    nft_ctx_buffer_error(n->ctx)) {
		nft_close(n);
		return -ENOMEM;
	}
	nft_ctx_output_set_flags(
	    n->ctx, NFT_CTX_OUTPUT_STATELESS | NFT_CTX_OUTPUT_NUMERIC_ALL);
	*out = n;
	return 0;
}

void nft_close(struct nft *n)
{
	if (n && n->ctx)
		nft_ctx_free(n->ctx);
	free(n);
}

void nft_closep(struct nft **n)
{
	nft_close(*n);
}

/* The first line of what it says is the reason; then comes the place. */
static void first_line(const struct nft *n, char *out, size_t room)
{
	const char *text = nft_ctx_get_error_buffer(n->ctx);

	(void)snprintf(out, room, "%.*s", (int)strcspn(text, "\n"), text);
}

int nft_run(struct nft *n, const char *text, struct fault *fault)
{
	char why[FAULT_TEXT_MAX / 2];

	if (!*text)
		return 0;
	errno = 0;
	if (!nft_run_cmd_from_buffer(n->ctx, text))
		return 0;
	if (errno == EPERM)
		return fault_set(fault, -EPERM,
		    "run it as root, or with the capability CAP_NET_ADMIN",
		    "firewall: not allowed to change it");
	first_line(n, why, sizeof(why));
	return fault_set(
	    fault, -EINVAL, NULL, "firewall: nftables refused it: %s", why);
}

#define TWIN "_next"

/* @text with another name for its table. */
static int write_twin(char **out, const char *table, const char *text)
{
	char name[COMMAND_MOST];
	char *twin = NULL;
	size_t size = 0;
	FILE *to = open_memstream(&twin, &size);
	const char *at;
	bool bad;

	if (!to)
		return -ENOMEM;
	(void)snprintf(name, sizeof(name), "table inet %s", table);
	while ((at = strstr(text, name))) {
		const char *rest = at + strlen(name);

		(void)fprintf(to, "%.*s" TWIN, (int)(rest - text), text);
		text = rest;
	}
	(void)fputs(text, to);
	bad = ferror(to);
	if (fclose(to) || bad) {
		free(twin);
		return -ENOMEM;
	}
	*out = twin;
	return 0;
}

int nft_replace(
    struct nft *n, const char *table, const char *text, struct fault *fault)
{
	CLEANUP(free_p) char *twin = NULL;
	char end[COMMAND_MOST];
	int k =
	    snprintf(end, sizeof(end), "delete table inet %s" TWIN "\n", table);
	int r = write_twin(&twin, table, text), ended;

	INVARIANT(k > 0 && k < COMMAND_MOST);
	if (r)
		return fault_set(fault, r, NULL, "no memory");
	r = nft_run(n, twin, fault);
	if (r)
		return r;
	r = nft_run(n, text, fault);
	ended = nft_run(n, end, r ? NULL : fault);
	return r ? r : ended;
}

int nft_print(struct nft *n, const char *table, uint8_t out[NFT_PRINT_SIZE])
{
	char command[COMMAND_MOST];
	const char *text;
	int k = snprintf(command, sizeof(command), "list table inet %s", table);

	INVARIANT(k > 0 && k < COMMAND_MOST);
	if (nft_run_cmd_from_buffer(n->ctx, command))
		return -ENOENT;
	text = nft_ctx_get_output_buffer(n->ctx);
	_Static_assert(NFT_PRINT_SIZE == crypto_hash_sha256_BYTES, "SHA-256");
	(void)crypto_hash_sha256(
	    out, (const unsigned char *)text, strlen(text));
	return 0;
}

/* ---- watching ------------------------------------------------------------ */

struct nft_watch {
	struct netnews *news;
};

static bool is_our_thread(uint32_t id)
{
	return !syscall(SYS_tgkill, getpid(), (pid_t)id, 0);
}

static bool made_by_us(const struct nlmsghdr *head)
{
	struct nlwalk w = nlwalk_over(head, sizeof(struct nfgenmsg));
	const struct nlattr *a;

	while ((a = nlwalk_next(&w)))
		if (mnl_attr_get_type(a) == NFTA_GEN_PROC_PID &&
		    !mnl_attr_validate(a, MNL_TYPE_U32))
			return is_our_thread(ntohl(mnl_attr_get_u32(a)));
	return false;
}

static bool is_end_of_another(void *ctx, const struct nlmsghdr *head)
{
	(void)ctx;
	return head->nlmsg_type ==
		   (NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWGEN) &&
	       !made_by_us(head);
}

int nft_watch_new(struct nft_watch **out, struct loop *l,
    void (*changed)(void *ctx), void *ctx)
{
	const struct netnews_config config = {
		.bus = NETLINK_NETFILTER,
		.groups = 1U << (NFNLGRP_NFTABLES - 1),
		.matters = is_end_of_another,
		.changed = changed,
		.ctx = ctx,
	};
	struct nft_watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	r = netnews_new(&w->news, l, &config);
	if (r) {
		free(w);
		return r;
	}
	*out = w;
	return 0;
}

void nft_watch_free(struct nft_watch *w)
{
	if (!w)
		return;
	netnews_free(w->news);
	free(w);
}
