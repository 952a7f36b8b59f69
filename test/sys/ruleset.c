/* ruleset: write the rules of a firewall that standard input describes, a line
 * a thing, to standard output, as the daemon loads them:
 *
 *   network 10.88.0.0/16
 *   peer-to-peer
 *   zone NAME
 *   service tcp/443         of the zone before it
 *   member 10.88.0.2        the same
 *
 * ruleset INTERFACE PORT
 */
#include "base/number.h"
#include "wire/firewall.h"
#include <stdio.h>

static int read_address(struct firewall *f, const char *word, bool member)
{
	struct prefix p;

	if (prefix_read(&p, word))
		return -EINVAL;
	return member ? firewall_add_member(f, (uint32_t)f->n_zones - 1, &p)
		      : firewall_add_network(f, &p);
}

static int read_service(struct firewall *f, const char *word)
{
	struct localservice s;

	return localservice_read(&s, word) ? -EINVAL
					   : firewall_add_service(f, &s);
}

static int read_line(struct firewall *f, char *line)
{
	char *rest = line;
	const char *verb = strsep(&rest, " \n");
	const char *word = rest ? strsep(&rest, " \n") : "";

	if (!strcmp(verb, "network"))
		return read_address(f, word, false);
	if (!strcmp(verb, "member"))
		return read_address(f, word, true);
	if (!strcmp(verb, "zone"))
		return firewall_add_zone(f, word);
	if (!strcmp(verb, "service"))
		return read_service(f, word);
	f->peer_to_peer = !strcmp(verb, "peer-to-peer");
	return f->peer_to_peer ? 0 : -EINVAL;
}

int main(int argc, char **argv)
{
	CLEANUP(firewall_deinit) struct firewall f = { .port = 0 };
	CLEANUP(free_p) char *text = NULL;
	char line[256];
	uint64_t port;

	if (argc != 3 || number_parse(argv[2], UINT16_MAX, &port) ||
	    firewall_init(&f, argv[1], (uint16_t)port))
		return 2;
	while (fgets(line, sizeof(line), stdin))
		if (read_line(&f, line)) {
			(void)fprintf(stderr, "ruleset: %s\n", line);
			return 1;
		}
	if (firewall_seal(&f) || firewall_write(&f, &text))
		return 1;
	return fputs(text, stdout) < 0;
}
