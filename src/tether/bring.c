#include "tether/bring.h"
#include "link/rtnet.h"
#include "tether/lastrules.h"
#include "wire/wgplan.h"

static void free_desired(struct desired *d)
{
	if (d)
		desired_deinit(d);
	free(d);
}

/* ---- the rules ----------------------------------------------------------- */

static int load_whole(struct bring *b)
{
	CLEANUP(free_p) char *text = NULL;
	int r = firewall_write(&b->to->firewall, &text);

	b->unkept = true;
	return r ? fault_set(&b->fault, r, NULL, "no memory")
		 : nft_replace(b->nft, FIREWALL_TABLE, text, &b->fault);
}

/* @changed: set if anything was to be loaded */
static int load_change(struct bring *b, bool *changed)
{
	CLEANUP(free_p) char *text = NULL;
	int r = firewall_write_change(
	    &b->loaded->firewall, &b->to->firewall, &text);

	if (r || !*text)
		return r;
	b->unkept = *changed = true;
	return nft_run(b->nft, text, NULL);
}

/* Are the rules that the kernel has still those that we loaded? */
static bool still_loaded(struct bring *b)
{
	uint8_t now[NFT_PRINT_SIZE];

	return !nft_print(b->nft, FIREWALL_TABLE, now) &&
	       !memcmp(now, b->print, sizeof(now));
}

int bring_rules(struct bring *b)
{
	bool keep = b->loaded != NULL, changed = false;
	int r = 0;

	if (keep && b->look && !still_loaded(b)) {
		keep = false;
		b->restored = true;
	}
	if (keep && b->to == b->loaded)
		return 0;
	if (!keep || load_change(b, &changed)) {
		r = load_whole(b);
		changed = true;
	}
	if (r || !changed)
		return r;
	r = nft_print(b->nft, FIREWALL_TABLE, b->print);
	return r ? fault_set(&b->fault, r, NULL,
		       "firewall: the table that was loaded is not there")
		 : 0;
}

void bring_keep(struct bring *b)
{
	CLEANUP(free_p) char *text = NULL;
	int r;

	b->keep = (struct fault)FAULT_NONE;
	if (!b->unkept || !b->rules_good)
		return;
	r = firewall_write(&b->to->firewall, &text);
	if (r)
		(void)fault_set(&b->keep, r, NULL, "no memory");
	else if (!lastrules_write(b->folder, text, &b->keep))
		b->unkept = false;
}

/* ---- the interface ------------------------------------------------------- */

static const char *name_of(const struct bring *b)
{
	return b->to->firewall.interface;
}

static int link_fault(struct bring *b, int r)
{
	return fault_set(
	    &b->fault, r, NULL, "interface %s: %s", name_of(b), strerror(-r));
}

/* Is it still the one that was made? */
static int find_link(struct bring *b, struct rtnet *net, struct rtnet_link *out)
{
	int r = rtnet_find(net, name_of(b), out);

	if (r == -ENODEV || (!r && b->index && b->index != out->index)) {
		b->lost = true;
		return fault_set(&b->fault, -ENODEV, NULL,
		    "interface %s: somebody else has removed it", name_of(b));
	}
	if (r)
		return link_fault(b, r);
	b->index = out->index;
	return 0;
}

static int bring_peers(struct bring *b)
{
	struct wgstate actual;
	struct wgplan plan;
	int r = wg_read(b->wg, &actual, &b->fault);

	if (r)
		return r;
	r = wgplan_make(&plan, &b->to->state, &actual);
	if (r) {
		wgstate_deinit(&actual);
		return fault_set(&b->fault, r, NULL, "no memory");
	}
	r = wg_apply(b->wg, &plan, &b->fault);
	if (r == -EADDRINUSE)
		fault_set(&b->fault, r,
		    "Free it, or write another into the codex, and into the "
		    "configurations of the devices.",
		    "UDP port %u: another process has it", b->to->state.port);
	wgplan_deinit(&plan);
	wgstate_deinit(&actual);
	return r;
}

/* A device of user space begins with 1500, with which packets of full size
 * would not fit into those that carry them. */
uint32_t bring_mtu(const struct desired *to)
{
	return to->mtu ? to->mtu : BRING_MTU;
}

/* What is right is not set again: to set it is news for all who listen. */
static int bring_link(
    struct bring *b, struct rtnet *net, const struct rtnet_link *link)
{
	int r = rtnet_set_addresses(
	    net, link->index, b->to->addresses, DESIRED_ADDRESSES);

	if (!r && (!link->up || link->mtu != bring_mtu(b->to)))
		r = rtnet_set(net, link->index, true, bring_mtu(b->to));
	return r ? link_fault(b, r) : 0;
}

static int bring_interface(struct bring *b)
{
	CLEANUP(rtnet_closep) struct rtnet *net = NULL;
	struct rtnet_link link = { .index = 0 };
	int r = rtnet_open(&net);

	if (r)
		return link_fault(b, r);
	r = find_link(b, net, &link);
	if (!r)
		r = bring_peers(b);
	return r ? r : bring_link(b, net, &link);
}

bool bring_link_right(const struct bring *b)
{
	CLEANUP(rtnet_closep) struct rtnet *net = NULL;
	struct rtnet_link link = { .index = 0 };

	return !rtnet_open(&net) && !rtnet_find(net, name_of(b), &link) &&
	       link.index == b->index && link.up &&
	       link.mtu == bring_mtu(b->to) &&
	       !rtnet_check_addresses(
		   net, link.index, b->to->addresses, DESIRED_ADDRESSES);
}

/* ---- the whole ----------------------------------------------------------- */

void bring_all(struct bring *b)
{
	b->fault = (struct fault)FAULT_NONE;
	b->restored = b->lost = false;
	b->result = bring_rules(b);
	b->rules_good = !b->result;
	if (!b->result && b->wg)
		b->result = bring_interface(b);
	bring_keep(b);
}

void bring_note(struct bring *b)
{
	if (!b->rules_good)
		return;
	if (b->loaded != b->to)
		free_desired(b->loaded);
	b->loaded = b->to;
}

void bring_aim(struct bring *b, struct desired *to)
{
	if (b->to != b->loaded)
		free_desired(b->to);
	b->to = to;
}

void bring_deinit(struct bring *b)
{
	if (b->to != b->loaded)
		free_desired(b->to);
	free_desired(b->loaded);
	b->to = b->loaded = NULL;
}
