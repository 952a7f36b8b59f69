/* link/nft.h: loads rules into the kernel, by libnftables; and tells when
 * somebody else has changed them.
 *
 * A text is one transaction: all of it counts, or nothing. It comes from
 * wire/firewall.h and from nowhere else.
 */
#pragma once
#include "base/fault.h"

struct loop;
struct nft;

enum { NFT_PRINT_SIZE = 32 };

/** nft_open() - of the network namespace that the thread is in
 * Return: 0; -ENOMEM. */
MUST_USE int nft_open(struct nft **out);
/** nft_close() - NULL is fine */
void nft_close(struct nft *n);
void nft_closep(struct nft **n);

/** nft_run() - as one transaction; nothing happens for an empty text
 * @n: by one thread at a time
 * Return: 0; -EPERM: not allowed to; -EINVAL: refused; with @fault. */
MUST_USE int nft_run(struct nft *n, const char *text, struct fault *fault);

/** nft_replace() - @text as it is, for a @text that takes a whole table's
 * place: at no moment does a packet pass that neither the old nor the new one
 * lets through; see nft.c
 * @text: names the table as "table inet TABLE"
 * Return: as nft_run(); -ENOMEM. */
MUST_USE int nft_replace(
    struct nft *n, const char *table, const char *text, struct fault *fault);

/** nft_print() - a hash of the table as it is now, its counters left out: two
 * that are the same let the same through
 * Return: 0; -ENOENT: there is no such table; -ENOMEM. */
MUST_USE int nft_print(
    struct nft *n, const char *table, uint8_t out[NFT_PRINT_SIZE]);

struct nft_watch;
/** nft_watch_new() - call @changed from the loop after another process has
 * changed rules, of whichever table; also when the kernel had more to tell than
 * we could take, so that somebody may have
 * Return: 0; -errno. */
MUST_USE int nft_watch_new(struct nft_watch **out, struct loop *l,
    void (*changed)(void *ctx), void *ctx);
/** nft_watch_free() - NULL is fine */
void nft_watch_free(struct nft_watch *w);
