/* Theory. Four base chains in one table:
 *
 *   pins      prerouting, before all else: what comes from outside to a port of
 *             a zone is dropped while its destination is still what the sender
 *             wrote. (In the input hook it would be too late: a container's
 *             published port has been translated by then, and is forwarded.)
 *   door      prerouting, after connections are known and before addresses are
 *             translated: what comes out of the tunnel. Each packet is judged,
 *             also of a connection that is long established: who loses a zone
 *             loses his connections with it.
 *   towards   forward: into the tunnel goes what answers, nothing else.
 *   silence   output: no "port unreachable" for WireGuard's port, which the
 *             kernel would send while no process has it. It quotes the packet
 *             that it answers, at places that IP options would shift, so pins
 *             drops packets with options to that port.
 *
 * Because door uses connection tracking, the kernel puts fragments together
 * before pins sees them.
 *
 * Per zone there is a set of members a family and a set of ports a protocol, so
 * the rules grow with zones, not with peers, and a change of peers is a change
 * of elements. All names come from alphabets without anything to escape,
 * checked here again, since this text is a program.
 */
#include "wire/firewall.h"
#include <stdio.h>

enum { MEMBERS_FIRST = 16 };

static const struct protocol {
	enum localservice_protocol number;
	const char *name;
} protocols[] = { { LOCALSERVICE_TCP, "tcp" }, { LOCALSERVICE_UDP, "udp" } };

/* ---- the value ----------------------------------------------------------- */

int firewall_init(struct firewall *f, const char *interface, uint16_t port)
{
	if (!wgname_interface_ok(interface) || !port)
		return FIREWALL_E_FORM;
	*f = (struct firewall){ .port = port };
	(void)snprintf(f->interface, sizeof(f->interface), "%s", interface);
	f->zones = calloc(FIREWALL_ZONES_MOST, sizeof(*f->zones));
	return f->zones ? 0 : -ENOMEM;
}

void firewall_deinit(struct firewall *f)
{
	free(f->zones);
	free(f->members);
	*f = (struct firewall){ .port = 0 };
}

int firewall_add_network(struct firewall *f, const struct prefix *p)
{
	if (f->n_networks == FIREWALL_NETWORKS_MOST)
		return FIREWALL_E_FULL;
	f->networks[f->n_networks++] = prefix_network(p);
	return 0;
}

int firewall_add_zone(struct firewall *f, const char *name)
{
	struct firewall_zone *z = &f->zones[f->n_zones];

	if (!wgname_zone_ok(name))
		return FIREWALL_E_FORM;
	for (size_t i = 0; i < f->n_zones; i++)
		if (!strcmp(f->zones[i].name, name))
			return FIREWALL_E_TWICE;
	if (f->n_zones == FIREWALL_ZONES_MOST)
		return FIREWALL_E_FULL;
	(void)snprintf(z->name, sizeof(z->name), "%s", name);
	f->n_zones++;
	return 0;
}

int firewall_add_service(struct firewall *f, const struct localservice *s)
{
	struct firewall_zone *z = &f->zones[f->n_zones - 1];

	INVARIANT(f->n_zones);
	if ((s->protocol != LOCALSERVICE_TCP &&
		s->protocol != LOCALSERVICE_UDP) ||
	    !s->first || s->first > s->last)
		return FIREWALL_E_FORM;
	if (z->n_services == FIREWALL_SERVICES_MOST)
		return FIREWALL_E_FULL;
	z->services[z->n_services++] = *s;
	return 0;
}

static int grow_members(struct firewall *f)
{
	size_t room = f->room_members ? 2 * f->room_members : MEMBERS_FIRST;
	struct firewall_member *m;

	if (f->n_members < f->room_members)
		return 0;
	m = reallocarray(f->members, room, sizeof(*m));
	if (!m)
		return -ENOMEM;
	f->members = m;
	f->room_members = room;
	return 0;
}

int firewall_add_member(
    struct firewall *f, uint32_t zone, const struct prefix *address)
{
	int r;

	INVARIANT(zone < f->n_zones && !f->sealed);
	if (f->n_members == FIREWALL_MEMBERS_MOST)
		return FIREWALL_E_FULL;
	r = grow_members(f);
	if (r)
		return r;
	f->members[f->n_members++] = (struct firewall_member){
		.zone = zone,
		.address = prefix_host(address),
	};
	return 0;
}

/* By zone, then family, then address: as they are written. */
static int compare_members(const void *a, const void *b)
{
	const struct firewall_member *x = a, *y = b;

	if (x->zone != y->zone)
		return x->zone < y->zone ? -1 : 1;
	return prefix_compare(&x->address, &y->address);
}

int firewall_seal(struct firewall *f)
{
	if (f->n_members)
		qsort(f->members, f->n_members, sizeof(*f->members),
		    compare_members);
	f->sealed = true;
	for (size_t i = 1; i < f->n_members; i++)
		if (!compare_members(&f->members[i - 1], &f->members[i]))
			return FIREWALL_E_TWICE;
	return 0;
}

/* ---- sets ---------------------------------------------------------------- */

/* What begins a list of elements, what goes between, what ends it. */
struct list {
	FILE *out;
	const char *begin, *end;
	size_t n;
};

static void list_item(struct list *l)
{
	(void)fputs(l->n++ ? ", " : l->begin, l->out);
}

static void list_end(struct list *l)
{
	if (l->n)
		(void)fputs(l->end, l->out);
}

static void list_service(struct list *l, const struct localservice *s)
{
	list_item(l);
	if (s->first == s->last)
		(void)fprintf(l->out, "%u", s->first);
	else
		(void)fprintf(l->out, "%u-%u", s->first, s->last);
}

static void list_services(struct list *l, const struct firewall_zone *z,
    const struct protocol *protocol)
{
	for (size_t i = 0; i < z->n_services; i++)
		if (z->services[i].protocol == protocol->number)
			list_service(l, &z->services[i]);
}

static struct list elements(FILE *out)
{
	return (struct list){
		.out = out, .begin = "\t\telements = { ", .end = " }\n"
	};
}

/* @zone: NULL: of all zones together */
static void write_ports(FILE *out, const struct firewall *f,
    const struct firewall_zone *zone, const struct protocol *protocol)
{
	struct list l = elements(out);

	(void)fprintf(out, "\tset %s%s_%s {\n", zone ? "zone_" : "",
	    zone ? zone->name : "pinned", protocol->name);
	(void)fputs("\t\ttype inet_service\n\t\tflags interval\n"
		    "\t\tauto-merge\n",
	    out);
	if (zone)
		list_services(&l, zone, protocol);
	for (size_t i = 0; !zone && i < f->n_zones; i++)
		list_services(&l, &f->zones[i], protocol);
	list_end(&l);
	(void)fputs("\t}\n", out);
}

static void list_members(
    struct list *l, const struct firewall *f, uint32_t zone, unsigned family)
{
	char text[PREFIX_TEXT_MOST + 1];

	for (size_t i = 0; i < f->n_members; i++) {
		const struct firewall_member *m = &f->members[i];

		if (m->zone != zone || m->address.family != family)
			continue;
		list_item(l);
		prefix_write_host(text, &m->address);
		(void)fputs(text, l->out);
	}
}

static void write_members(
    FILE *out, const struct firewall *f, uint32_t zone, unsigned family)
{
	struct list l = elements(out);

	(void)fprintf(out, "\tset zone_%s_v%u {\n\t\ttype ipv%u_addr\n",
	    f->zones[zone].name, family, family);
	list_members(&l, f, zone, family);
	list_end(&l);
	(void)fputs("\t}\n", out);
}

static void write_both_ports(
    FILE *out, const struct firewall *f, const struct firewall_zone *zone)
{
	for (size_t i = 0; i < N_ELEMS(protocols); i++)
		write_ports(out, f, zone, &protocols[i]);
}

static void write_sets(FILE *out, const struct firewall *f)
{
	write_both_ports(out, f, NULL);
	for (uint32_t i = 0; i < f->n_zones; i++) {
		write_both_ports(out, f, &f->zones[i]);
		write_members(out, f, i, 4);
		write_members(out, f, i, 6);
	}
}

/* ---- chains -------------------------------------------------------------- */

static const char *family_word(const struct prefix *p)
{
	return p->family == 4 ? "ip" : "ip6";
}

/* Where nftables would ask /etc/protocols for a name, which not every system
 * has, there is a number: 17 is UDP, 1 and 58 are ICMP and ICMPv6. */

static void write_pins(FILE *out, const struct firewall *f)
{
	char text[PREFIX_TEXT_MOST + 1];

	(void)fprintf(out,
	    "\tchain pins {\n"
	    "\t\ttype filter hook prerouting priority raw; policy accept;\n"
	    "\t\tiifname { \"%s\", \"lo\" } return\n"
	    "\t\tfib daddr type unicast return\n"
	    "\t\ttcp dport @pinned_tcp counter drop\n"
	    "\t\tudp dport @pinned_udp counter drop\n"
	    "\t\tudp dport %u ip hdrlength > 5 drop\n"
	    "\t\tudp dport %u ip6 nexthdr != 17 drop\n",
	    f->interface, f->port, f->port);
	for (size_t i = 0; i < f->n_networks; i++) {
		const struct prefix *p = &f->networks[i];

		prefix_write(text, p);
		(void)fprintf(out, "\t\t%s saddr %s counter drop\n",
		    family_word(p), text);
	}
	(void)fputs("\t}\n", out);
}

static void write_between_peers(FILE *out, const struct firewall *f)
{
	char text[PREFIX_TEXT_MOST + 1];

	for (size_t i = 0; f->peer_to_peer && i < f->n_networks; i++) {
		const struct prefix *p = &f->networks[i];

		prefix_write(text, p);
		(void)fprintf(out,
		    "\t\tfib daddr type unicast %s daddr %s accept\n",
		    family_word(p), text);
	}
}

static void write_door(FILE *out, const struct firewall *f)
{
	(void)fprintf(out,
	    "\tchain door {\n"
	    "\t\ttype filter hook prerouting priority mangle; policy accept;\n"
	    "\t\tiifname != \"%s\" return\n"
	    "\t\tct state established ct direction reply accept\n"
	    "\t\tmeta l4proto { 1, 58 } ct state related accept\n"
	    "\t\tfib daddr type local jump zones\n",
	    f->interface);
	write_between_peers(out, f);
	(void)fputs("\t\tcounter drop\n\t}\n", out);
}

static void write_zone_rules(FILE *out, const char *name)
{
	for (unsigned family = 4; family <= 6; family += 2)
		for (size_t i = 0; i < N_ELEMS(protocols); i++)
			(void)fprintf(out,
			    "\t\t%s saddr @zone_%s_v%u %s dport @zone_%s_%s "
			    "accept\n",
			    family == 4 ? "ip" : "ip6", name, family,
			    protocols[i].name, name, protocols[i].name);
}

static void write_zones(FILE *out, const struct firewall *f)
{
	(void)fputs("\tchain zones {\n"
		    "\t\ticmp type echo-request accept\n"
		    "\t\ticmpv6 type echo-request accept\n",
	    out);
	for (size_t i = 0; i < f->n_zones; i++)
		write_zone_rules(out, f->zones[i].name);
	(void)fputs("\t}\n", out);
}

static void write_rest(FILE *out, const struct firewall *f)
{
	(void)fprintf(out,
	    "\tchain towards {\n"
	    "\t\ttype filter hook forward priority filter; policy accept;\n"
	    "\t\toifname != \"%s\" return\n"
	    "\t\tiifname \"%s\" return\n"
	    "\t\tct direction reply return\n"
	    "\t\tcounter drop\n"
	    "\t}\n",
	    f->interface, f->interface);
	/* @th is the ICMP header of 8 bytes, then the quoted packet: IPv4 with
	 * its protocol at 9 and UDP's port at 22, IPv6 with 6 and 42. */
	(void)fprintf(out,
	    "\tchain silence {\n"
	    "\t\ttype filter hook output priority raw; policy accept;\n"
	    "\t\ticmp type destination-unreachable "
	    "@th,136,8 17 @th,240,16 %u drop\n"
	    "\t\ticmpv6 type destination-unreachable "
	    "@th,112,8 17 @th,400,16 %u drop\n"
	    "\t}\n",
	    f->port, f->port);
}

/* ---- whole, and change --------------------------------------------------- */

/* The text that was written to @out, which is closed. */
static int finish(FILE *out, char **text, char **to)
{
	bool bad = ferror(out);

	if (fclose(out) || bad) {
		free(STEAL(*text));
		return -ENOMEM;
	}
	*to = *text;
	return 0;
}

int firewall_write(const struct firewall *f, char **out)
{
	char *text = NULL;
	size_t n = 0;
	FILE *to = open_memstream(&text, &n);

	INVARIANT(f->sealed);
	if (!to)
		return -ENOMEM;
	/* A table cannot be deleted that is not there: make it first. */
	(void)fputs("table inet " FIREWALL_TABLE "\n"
		    "delete table inet " FIREWALL_TABLE "\n"
		    "table inet " FIREWALL_TABLE " {\n",
	    to);
	write_sets(to, f);
	write_pins(to, f);
	write_zones(to, f);
	write_door(to, f);
	write_rest(to, f);
	(void)fputs("}\n", to);
	return finish(to, &text, out);
}

static bool same_zone(
    const struct firewall_zone *a, const struct firewall_zone *b)
{
	if (strcmp(a->name, b->name) != 0 || a->n_services != b->n_services)
		return false;
	for (size_t i = 0; i < a->n_services; i++) {
		const struct localservice *x = &a->services[i];
		const struct localservice *y = &b->services[i];

		if (x->protocol != y->protocol || x->first != y->first ||
		    x->last != y->last)
			return false;
	}
	return true;
}

static bool same_shape(const struct firewall *a, const struct firewall *b)
{
	if (strcmp(a->interface, b->interface) != 0 || a->port != b->port ||
	    a->peer_to_peer != b->peer_to_peer ||
	    a->n_networks != b->n_networks || a->n_zones != b->n_zones)
		return false;
	for (size_t i = 0; i < a->n_networks; i++)
		if (prefix_compare(&a->networks[i], &b->networks[i]) != 0)
			return false;
	for (size_t i = 0; i < a->n_zones; i++)
		if (!same_zone(&a->zones[i], &b->zones[i]))
			return false;
	return true;
}

/* Elements of one set, of those members that @here has and @there has not. */
static void write_difference(FILE *out, const char *verb,
    const struct firewall *here, const struct firewall *there)
{
	const struct firewall_member *last = NULL;
	size_t at = 0;

	for (size_t i = 0; i < here->n_members; i++) {
		const struct firewall_member *m = &here->members[i];
		char text[PREFIX_TEXT_MOST + 1];
		int order = -1;

		while (at < there->n_members &&
		       (order = compare_members(&there->members[at], m)) < 0)
			at++;
		if (at < there->n_members && !order)
			continue;
		prefix_write_host(text, &m->address);
		if (last && last->zone == m->zone &&
		    last->address.family == m->address.family)
			(void)fprintf(out, ", %s", text);
		else
			(void)fprintf(out,
			    "%s%s element inet " FIREWALL_TABLE
			    " zone_%s_v%u { %s",
			    last ? " }\n" : "", verb, here->zones[m->zone].name,
			    m->address.family, text);
		last = m;
	}
	if (last)
		(void)fputs(" }\n", out);
}

int firewall_write_change(
    const struct firewall *from, const struct firewall *to, char **out)
{
	char *text = NULL;
	size_t n = 0;
	FILE *stream;

	INVARIANT(from->sealed && to->sealed);
	if (!same_shape(from, to))
		return FIREWALL_E_SHAPE;
	stream = open_memstream(&text, &n);
	if (!stream)
		return -ENOMEM;
	write_difference(stream, "delete", from, to);
	write_difference(stream, "add", to, from);
	return finish(stream, &text, out);
}
