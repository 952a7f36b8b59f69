#include "net/tlsfault.h"

#include <assert.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

static const char other_port[] =
    "check that address and port are those of the service that is meant";
static const char no_tls_13[] =
    "upgrade the peer; a proxy that inspects TLS can be the reason too";
static const char other_service[] =
    "the address is that of another service, or the versions do not match";
static const char our_certificate[] =
    "its log says why; check which CA, role and file each side was given";
static const char on_the_way[] =
    "something between the two sides changes the bytes";

/* By what OpenSSL calls the reason. An alert is what the peer told us. */
static const struct {
	int reason;
	enum tls_failure failure;
	const char *text, *hint;
} readings[] = {
	{ SSL_R_HTTP_REQUEST, TLS_FAILURE_NOT_TLS,
	    "expected TLS, got a plain HTTP request", other_port },
	{ SSL_R_HTTPS_PROXY_REQUEST, TLS_FAILURE_NOT_TLS,
	    "expected TLS, got a plain HTTP CONNECT request", other_port },
	{ SSL_R_WRONG_VERSION_NUMBER, TLS_FAILURE_NOT_TLS,
	    "expected TLS, got something else", other_port },
	{ SSL_R_UNEXPECTED_MESSAGE, TLS_FAILURE_NOT_TLS,
	    "expected a TLS handshake, got something else", other_port },
	{ SSL_R_UNSUPPORTED_PROTOCOL, TLS_FAILURE_VERSION,
	    "expected TLS 1.3, the peer has only an older version", no_tls_13 },
	{ SSL_R_TLSV1_ALERT_PROTOCOL_VERSION, TLS_FAILURE_VERSION,
	    "the peer refused our version of TLS", no_tls_13 },
	{ SSL_R_NO_APPLICATION_PROTOCOL, TLS_FAILURE_ALPN,
	    "the peer speaks none of our protocols (ALPN)", other_service },
	{ SSL_R_TLSV1_ALERT_NO_APPLICATION_PROTOCOL, TLS_FAILURE_ALPN,
	    "the peer speaks none of our protocols (ALPN)", other_service },
	{ SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE, TLS_FAILURE_TRUST,
	    "expected a client certificate, got none",
	    "give the peer its certificate and key" },
	{ SSL_R_CERTIFICATE_VERIFY_FAILED, TLS_FAILURE_TRUST,
	    "the peer's certificate was refused", NULL },
	{ SSL_R_BAD_SIGNATURE, TLS_FAILURE_TRUST,
	    "the peer does not hold the key of its certificate", on_the_way },
	{ SSL_R_TLSV1_ALERT_UNKNOWN_CA, TLS_FAILURE_TRUST,
	    "the peer refused our certificate: it does not know its CA",
	    our_certificate },
	{ SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, TLS_FAILURE_TRUST,
	    "the peer refused our certificate", our_certificate },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED, TLS_FAILURE_TRUST,
	    "the peer refused our certificate: expired or not yet valid",
	    "renew it; check the clocks of both machines" },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, TLS_FAILURE_TRUST,
	    "the peer refused our certificate: revoked", our_certificate },
	{ SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, TLS_FAILURE_TRUST,
	    "the peer refused our certificate", our_certificate },
	{ SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE, TLS_FAILURE_TRUST,
	    "the peer refused our certificate: not good for this use",
	    our_certificate },
	{ SSL_R_TLSV1_ALERT_ACCESS_DENIED, TLS_FAILURE_TRUST,
	    "the peer denied access", our_certificate },
	{ SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED, TLS_FAILURE_TRUST,
	    "the peer asks for a client certificate, and we have none",
	    "give this program its certificate and key" },
	{ SSL_R_TLSV1_ALERT_DECRYPT_ERROR, TLS_FAILURE_TRUST,
	    "the peer could not verify our signature", on_the_way },
	{ SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE, TLS_FAILURE_OTHER,
	    "the peer refused the handshake", our_certificate },
	{ SSL_R_DECRYPTION_FAILED_OR_BAD_RECORD_MAC, TLS_FAILURE_OTHER,
	    "a record was altered on its way", on_the_way },
	{ SSL_R_SSLV3_ALERT_BAD_RECORD_MAC, TLS_FAILURE_OTHER,
	    "a record was altered on its way to the peer", on_the_way },
};

struct tls_reading tlsfault_read(void)
{
	unsigned long error = ERR_peek_error();
	struct tls_reading r = { TLS_FAILURE_OTHER, -EPROTO,
		ERR_reason_error_string(error), NULL };

	ERR_clear_error();
	if (!r.text)
		r.text = "TLS failed without a reason";
	for (size_t i = 0; i < N_ELEMS(readings); i++) {
		if (ERR_GET_LIB(error) != ERR_LIB_SSL ||
		    ERR_GET_REASON(error) != readings[i].reason)
			continue;
		r.failure = readings[i].failure;
		r.text = readings[i].text;
		r.hint = readings[i].hint;
	}
	if (r.failure == TLS_FAILURE_TRUST)
		r.code = -EACCES;
	return r;
}

const char *tls_failure_name(enum tls_failure f)
{
	static const char *const names[] = {
		[TLS_FAILURE_NOT_TLS] = "notTls",
		[TLS_FAILURE_VERSION] = "version",
		[TLS_FAILURE_ALPN] = "alpn",
		[TLS_FAILURE_CLOSED] = "closed",
		[TLS_FAILURE_TRUST] = "trust",
		[TLS_FAILURE_TIMEOUT] = "timeout",
		[TLS_FAILURE_OTHER] = "other",
	};

	static_assert(N_ELEMS(names) == TLS_FAILURE_COUNT, "one name each");
	INVARIANT((unsigned)f < TLS_FAILURE_COUNT);
	return names[f];
}
