#include "base/profile.h"
#include <libgen.h>
#include <unistd.h>

enum { PORT_DNS = 53 };

void profile_init(
    struct profile *p, const struct isolate_calls *const *calls, size_t n_calls)
{
	const char *notify = getenv("NOTIFY_SOCKET");

	*p = (struct profile){ .error = 0 };
	p->isolate = (struct isolate_profile){
		.landlock = true,
		/* where a service manager listens that is no systemd */
		.abstract_sockets = notify && *notify == '@',
		.paths = p->paths,
		.ports = p->ports,
		.calls = calls,
		.n_calls = n_calls,
	};
	/* accept() spends a descriptor held for this when none is left */
	profile_path(p, "/dev/null", ISOLATE_READ);
	/* OpenSSL, where the kernel's own call is missing */
	profile_path(p, "/dev/urandom", ISOLATE_READ);
}

void profile_deinit(struct profile *p)
{
	while (p->n_owned)
		free(p->owned[--p->n_owned]);
}

int profile_check(const struct profile *p, struct fault *fault)
{
	if (!p->error)
		return 0;
	return fault_set(fault, p->error,
	    p->error == -E2BIG ? "put the files into fewer folders" : NULL,
	    "isolation: %s",
	    p->error == -E2BIG ? "too many folders or ports are named"
			       : strerror(-p->error));
}

void profile_path(
    struct profile *p, const char *path, enum isolate_access access)
{
	size_t *n = &p->isolate.n_paths;

	if (*n == N_ELEMS(p->paths))
		p->error = -E2BIG;
	else
		p->paths[(*n)++] = (struct isolate_path){ path, access };
}

/* Takes @text, which may be NULL. Return: the same; NULL: it is not kept. */
static char *own(struct profile *p, char *text)
{
	if (!text || p->n_owned == N_ELEMS(p->owned)) {
		p->error = text ? -E2BIG : -ENOMEM;
		free(text);
		return NULL;
	}
	p->owned[p->n_owned++] = text;
	return text;
}

static void allow_folder_of(
    struct profile *p, char *file, enum isolate_access access)
{
	char *kept = own(p, file);

	if (kept)
		profile_path(p, dirname(kept), access);
}

void profile_beside(struct profile *p, const char *file)
{
	char *real;

	if (!file || !*file)
		return;
	allow_folder_of(p, strdup(file), ISOLATE_READ);
	real = realpath(file, NULL);
	if (real)
		allow_folder_of(p, real, ISOLATE_READ);
}

void profile_copy(
    struct profile *p, const char *path, enum isolate_access access)
{
	char *kept = own(p, strdup(path));

	if (kept)
		profile_path(p, kept, access);
}

void profile_folder(
    struct profile *p, const char *file, enum isolate_access access)
{
	allow_folder_of(p, strdup(file), access);
}

void profile_socket(struct profile *p, const char *path)
{
	allow_folder_of(p, strdup(path), ISOLATE_SOCKET);
}

void profile_port(struct profile *p, uint16_t port)
{
	size_t *n = &p->isolate.n_ports;

	for (size_t i = 0; i < *n; i++)
		if (p->ports[i] == port)
			return;
	if (!port)
		return;
	if (*n == N_ELEMS(p->ports))
		p->error = -E2BIG;
	else
		p->ports[(*n)++] = port;
}

/* resolv.conf may be replaced by renaming, in /etc or where a link leads. All
 * of /etc is allowed only to those for whom permission bits keep what is
 * private there; root has to be started again after a replacement. */
void profile_resolver(struct profile *p)
{
	static const char *const files[] = { "/etc/hosts", "/etc/resolv.conf",
		"/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf",
		"/etc/services" };
	char *real = realpath("/etc/resolv.conf", NULL);

	for (size_t i = 0; i < N_ELEMS(files); i++)
		profile_path(p, files[i], ISOLATE_READ);
	if (geteuid())
		profile_path(p, "/etc", ISOLATE_READ);
	if (real && strcmp(real, "/etc/resolv.conf") != 0)
		allow_folder_of(p, real, ISOLATE_READ);
	else
		free(real);
	profile_port(p, PORT_DNS);
}

/* Debian, Fedora, SUSE, Alpine; what an operator says to OpenSSL goes first.
 * Not /etc/ssl as a whole, which has private keys. */
void profile_system_cas(struct profile *p)
{
	static const char *const places[] = { "/etc/ssl/certs",
		"/etc/ssl/cert.pem", "/etc/ssl/openssl.cnf", "/usr/lib/ssl",
		"/usr/share/ca-certificates",
		"/usr/local/share/ca-certificates", "/etc/ca-certificates",
		"/etc/pki/tls/certs", "/etc/pki/tls/cert.pem",
		"/etc/pki/tls/openssl.cnf", "/etc/pki/ca-trust",
		"/var/lib/ca-certificates" };
	const char *folder = getenv("SSL_CERT_DIR");

	for (size_t i = 0; i < N_ELEMS(places); i++)
		profile_path(p, places[i], ISOLATE_READ);
	profile_beside(p, getenv("SSL_CERT_FILE"));
	if (folder)
		profile_path(p, folder, ISOLATE_READ);
}
