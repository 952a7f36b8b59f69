/* net/tlsfault.h: what OpenSSL says went wrong, in classes and in words; inner
 * part of net/tls.h. */
#pragma once
#include "base/fault.h"
#include "net/tls.h"

struct tls_reading {
	enum tls_failure failure;
	int code; /* -EACCES: a certificate; else -EPROTO */
	const char *text, *hint;
};

/** tlsfault_read() - the oldest entry of this thread's error queue; the queue
 * is cleared. Texts are constant or OpenSSL's own. */
struct tls_reading tlsfault_read(void);
