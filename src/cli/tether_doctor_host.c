/* pharos tether doctor: what it asks of the host: /proc, /sys, the addresses of
 * its interfaces, and its DNS. */
#include "base/number.h"
#include "cli/tether_doctor.h"
#include "cli/tether_new.h"
#include "link/ownname.h"
#include "link/rtnet.h"
#include "net/loop.h"
#include <net/if.h>
#include <sys/utsname.h>
#include <unistd.h>

/* ---- who can carry it ---------------------------------------------------- */

static bool kernel_can(void)
{
	static const char *const ends[] = { "", ".xz", ".zst", ".gz" };
	struct utsname name;

	if (!access("/sys/module/wireguard", F_OK))
		return true;
	if (uname(&name))
		return false;
	for (size_t i = 0; i < N_ELEMS(ends); i++) {
		char path[400];

		(void)snprintf(path, sizeof(path),
		    "/lib/modules/%s/kernel/drivers/net/wireguard/wireguard.ko"
		    "%s",
		    name.release, ends[i]);
		if (!access(path, F_OK))
			return true;
	}
	return false;
}

static bool is_in(const char *folders, const char *program)
{
	char path[400];

	while (*folders) {
		const size_t n = strcspn(folders, ":");

		(void)snprintf(
		    path, sizeof(path), "%.*s/%s", (int)n, folders, program);
		if (n && *folders == '/' && !access(path, X_OK))
			return true;
		folders += n + (folders[n] == ':');
	}
	return false;
}

void doctor_driver(struct finding *out, const struct codex *c)
{
	const char *folders = getenv("PATH");
	const bool tun = !access("/dev/net/tun", F_OK);
	const bool program =
	    is_in(folders ? folders : "/usr/sbin:/usr/bin:/sbin:/bin",
		"wireguard-go");

	(void)c;
	if (kernel_can())
		finding_set(out, FINDING_GOOD, NULL, "the kernel's WireGuard");
	else if (tun && program)
		finding_set(out, FINDING_GOOD, NULL,
		    "wireguard-go, in user space; the kernel has none");
	else if (!program)
		finding_set(out, FINDING_BAD,
		    "Install wireguard-go, or a kernel that has WireGuard.",
		    "neither this kernel nor a program can carry WireGuard");
	else
		finding_set(out, FINDING_BAD,
		    "Load the module tun; a container has to be given "
		    "/dev/net/tun.",
		    "wireguard-go is here, and /dev/net/tun is not");
}

/* ---- the interface ------------------------------------------------------- */

/* One that can be ours: WireGuard of the kernel, or a TUN. */
static bool is_a_tunnel(const char *name)
{
	CLEANUP(rtnet_closep) struct rtnet *net = NULL;
	struct rtnet_link link;

	return !rtnet_open(&net) && !rtnet_find(net, name, &link) &&
	       (!strcmp(link.kind, "wireguard") || !strcmp(link.kind, "tun"));
}

void doctor_interface(struct finding *out, const struct codex *c)
{
	if (!if_nametoindex(c->interface))
		finding_set(out, FINDING_NOTE,
		    "pharos-tether makes it, when it runs.", "there is no %s",
		    c->interface);
	else if (is_a_tunnel(c->interface))
		finding_set(
		    out, FINDING_GOOD, NULL, "%s is there", c->interface);
	else
		finding_set(out, FINDING_BAD,
		    "Rename it, or write another `interface:` into the codex.",
		    "%s is somebody else's: no tunnel", c->interface);
}

/* ---- sockets ------------------------------------------------------------- */

enum heard { HEARD_NOT, HEARD_AT_HOME, HEARD };

struct ports {
	uint16_t first, last;
	unsigned state; /* as /proc/net says it */
};

/* The loopback, as /proc/net/{udp,tcp}{,6} write an address. */
static bool is_loopback(const char *address)
{
	static const char v6[] = "00000000000000000000000001000000";
	static const char v4_in_v6[] = "0000000000000000FFFF0000";
	const size_t n = strlen(address);

	if (n == 8)
		return !strcmp(address + 6, "7F");
	return !strcmp(address, v6) ||
	       (!strncmp(address, v4_in_v6, 24) && !strcmp(address + 30, "7F"));
}

static enum heard heard_in(const char *path, const struct ports *p)
{
	FILE *from = fopen(path, "re");
	char line[300], address[33];
	enum heard most = HEARD_NOT;
	unsigned port, state;

	while (from && most != HEARD && fgets(line, sizeof(line), from)) {
		/* NOLINTNEXTLINE(cert-err34-c): widths that cannot overflow */
		if (sscanf(line, " %*u: %32[0-9A-F]:%4x %*[0-9A-F:] %2x",
			address, &port, &state) != 3 ||
		    state != p->state || port < p->first || port > p->last)
			continue;
		most = is_loopback(address) ? HEARD_AT_HOME : HEARD;
	}
	if (from)
		(void)fclose(from);
	return most;
}

static enum heard heard(const struct localservice *s)
{
	const bool tcp = s->protocol == LOCALSERVICE_TCP;
	const struct ports p = { s->first, s->last, tcp ? 0x0a : 0x07 };
	const enum heard v4 =
	    heard_in(tcp ? "/proc/net/tcp" : "/proc/net/udp", &p);
	const enum heard v6 =
	    heard_in(tcp ? "/proc/net/tcp6" : "/proc/net/udp6", &p);

	return v4 > v6 ? v4 : v6;
}

/* The first service of all that nobody answers, or HEARD. */
static enum heard first_unheard(const struct codex *c,
    const struct codex_zone **zone, const struct localservice **service)
{
	for (size_t i = 0; i < c->n_zones; i++)
		for (size_t j = 0; j < c->zones[i].n_services; j++) {
			*zone = &c->zones[i];
			*service = &(*zone)->services[j];
			if (heard(*service) != HEARD)
				return heard(*service);
		}
	return HEARD;
}

void doctor_services(struct finding *out, const struct codex *c)
{
	const struct codex_zone *zone;
	const struct localservice *service;
	char text[LOCALSERVICE_TEXT_MOST + 1];
	const enum heard how = first_unheard(c, &zone, &service);

	if (!c->n_zones) {
		finding_set(out, FINDING_NOTE,
		    "As in: pharos tether zone add admin tcp/22@ssh",
		    "there is no zone, so peers reach nothing here");
		return;
	}
	if (how == HEARD) {
		finding_set(out, FINDING_GOOD, NULL,
		    "each service of %zu zones is listened for", c->n_zones);
		return;
	}
	localservice_write(text, service);
	finding_set(out, FINDING_WARN,
	    how == HEARD_NOT
		? "Start the service, or take it out of the zone. One in a "
		  "container may listen in there alone."
		: "Have it listen on the tunnel's address, or on all.",
	    how == HEARD_NOT ? "nobody listens on %s, of zone %s"
			     : "only the loopback hears %s, of zone %s",
	    text, zone->name);
}

void doctor_port(struct finding *out, const struct codex *c)
{
	const struct localservice own = {
		.protocol = LOCALSERVICE_UDP, .first = c->port, .last = c->port
	};

	if (heard(&own) == HEARD_NOT)
		finding_set(out, FINDING_GOOD, NULL, "UDP %u is free", c->port);
	else if (if_nametoindex(c->interface))
		finding_set(out, FINDING_GOOD, NULL,
		    "UDP %u is in use, as it is when %s is there", c->port,
		    c->interface);
	else
		finding_set(out, FINDING_BAD,
		    "End who has it (`ss -ulpn` names it), or write another "
		    "`port:` into the codex, and into `endpoint:`.",
		    "UDP %u is somebody else's", c->port);
}

/* ---- networks, names ----------------------------------------------------- */

void doctor_routes(struct finding *out, const struct codex *c)
{
	struct fault fault = FAULT_NONE;
	char v4[PREFIX_TEXT_MOST + 1], v6[PREFIX_TEXT_MOST + 1];

	prefix_write(v4, &c->v4);
	prefix_write(v6, &c->v6);
	if (!tether_new_check_routes(c, &fault))
		finding_set(out, FINDING_GOOD, NULL,
		    "no other route has a part of %s or %s", v4, v6);
	else
		finding_set(out, FINDING_BAD,
		    "Two routes to one place: take the other one away, or "
		    "make a tether with another --network.",
		    "%s", fault.text);
}

struct asked {
	struct loop *loop;
	struct ownname_told told;
};

static void on_told(void *ctx, const struct ownname_told *told)
{
	struct asked *a = ctx;

	a->told = *told;
	loop_stop(a->loop);
}

static int ask_name(struct ownname_told *told, const struct codex *c)
{
	CLEANUP(loop_freep) struct loop *loop = NULL;
	struct asked a = { .told = { .verdict = OWNNAME_UNKNOWN } };
	struct ownname *own;
	int r = loop_new(&loop);

	a.loop = loop;
	if (!r)
		r = ownname_open(&own, loop,
		    &(struct ownname_order){
			c->endpoint, c->interface, on_told, &a });
	if (r)
		return r;
	loop_run(loop);
	*told = a.told;
	return 0;
}

/* A router may well have another port outside. */
static bool other_port(const struct codex *c)
{
	const char *colon = strrchr(c->endpoint, ':');
	uint64_t port;

	return colon && !number_parse(colon + 1, UINT16_MAX, &port) &&
	       port != c->port;
}

void doctor_endpoint(struct finding *out, const struct codex *c)
{
	struct ownname_told told;
	struct fault said = FAULT_NONE;
	bool warns;

	if (!*c->endpoint) {
		finding_set(out, FINDING_WARN,
		    "Write `endpoint: NAME:PORT` into the codex.",
		    "there is none, so no configuration can be made");
		return;
	}
	if (ask_name(&told, c)) {
		finding_set(out, FINDING_WARN, NULL,
		    "%s: the host's DNS could not be asked", c->endpoint);
		return;
	}
	warns = ownname_say(&said, c->endpoint, &told);
	if (!warns && other_port(c))
		finding_set(out, FINDING_WARN,
		    "Right, if a router passes the one on to the other.",
		    "%s is not the port that is listened on, %u", c->endpoint,
		    c->port);
	else
		finding_set(out, warns ? FINDING_WARN : FINDING_GOOD, said.hint,
		    "%s", said.text);
}
