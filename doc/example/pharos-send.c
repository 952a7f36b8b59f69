/* A file, or any bytes, from one machine to another through a beacon:
 *   cc pharos-send.c $(pkg-config --cflags --libs pharos-leg) -o pharos-send
 *   pharos-send receive|send BEACON:PORT BEACON-CA CERT KEY CA */
#include <err.h>
#include <unistd.h>
#include <pharos/leg.h>

static struct pharos_stream *stream;
static struct pharos_error error;
static char bytes[16384];

static void on_offered(void *ctx, struct pharos_stream *offered)
{
	(void)ctx;
	if (stream || pharos_stream_accept(offered))
		pharos_stream_refuse(offered, "one at a time");
	else
		stream = offered;
}
static void wait_for(unsigned events)
{
	if (!(pharos_stream_wait(stream, events, -1) & PHAROS_GONE))
		return;
	pharos_stream_error(stream, &error);
	errx(1, "%s\n    %s", error.text, error.hint);
}
int main(int argc, char **argv)
{
	struct pharos_route_config config = { .size = sizeof(config) };
	struct pharos_route *route;
	ssize_t n, put;

	if (argc != 7)
		errx(2, "receive|send BEACON:PORT BEACON-CA CERT KEY CA");
	config.side = *argv[1] == 'r' ? PHAROS_LISTEN : PHAROS_CONNECT;
	config.beacons = (const char *[]){ argv[2], NULL };
	config.beacon_ca = argv[3], config.cert_file = argv[4];
	config.key_file = argv[5], config.ca_file = argv[6];
	config.offered = on_offered;
	if (pharos_route_open(&route, &config, &error) ||
	    (config.side == PHAROS_CONNECT &&
		pharos_stream_open(&stream, route, NULL)))
		errx(1, "%s\n    %s", error.text, error.hint);
	while (!stream)
		pharos_route_wait(route, -1);
	while (*argv[1] == 's' && (n = read(0, bytes, sizeof(bytes))) > 0)
		for (char *at = bytes; n > 0; at += put, n -= put)
			while ((put = pharos_stream_write(stream, at, n)) < 0)
				wait_for(PHAROS_WRITE);
	pharos_stream_finish(stream);
	while ((n = pharos_stream_read(stream, bytes, sizeof(bytes))) != 0)
		if (n < 0)
			wait_for(PHAROS_READ);
		else if (write(1, bytes, n) != n)
			err(1, "standard output");
	pharos_stream_close(stream);
	for (pharos_route_drain(route, 2000); pharos_route_busy(route);)
		pharos_route_wait(route, -1);
	pharos_route_close(route);
}
