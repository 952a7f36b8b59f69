"""Where we are stricter than Node, and why: (labels, reason).

A label may end in "*". Every row must be needed: one that no case uses fails the
test, so does a difference without a row.
"""
DIFFERENCES = [
    ("byte-target-23 byte-query-23 line-fragment",
     "RFC 9112, 3.2: a request target has no fragment"),
    ("byte-host-* host-port-empty host-old-port-empty host-port-bad "
     "host-old-port-bad host-port-large host-old-port-large host-v6-bare "
     "host-old-v6-bare host-v6-open host-old-v6-open host-path host-old-path "
     "host-user host-old-user host-list host-old-list host-space "
     "host-old-space host-quoted host-old-quoted",
     "RFC 9112, 3.2: a Host value that is no authority is refused; here ports "
     "are checked too"),
    ("host-two host-two-different host-old-two host-old-two-different",
     "RFC 9112, 3.2: more than one Host line is refused"),
    ("host-empty host-old-empty",
     "http and https always have a host (RFC 9110, 4.2), so nobody who means "
     "us sends an empty one"),
    ("method-QUERY", "an RFC younger than our parser; nobody here needs it"),
    ("line-two-spaces line-two-spaces-before-version",
     "RFC 9112, 3: one space; a lenient reading has been used for smuggling"),
    ("line-no-version line-0.9 line-2.0",
     "only HTTP/1.0 and HTTP/1.1 are spoken here"),
    ("line-RTSP line-ICE-source",
     "llhttp reads two other protocols; they are not HTTP"),
    ("line-absolute-no-path line-absolute-only-query",
     "a target without a path would have to be completed by guess"),
    ("line-absolute-other-host line-absolute-port line-absolute-no-host "
     "line-absolute-user",
     "RFC 9112, 3.2.2 prefers the target to Host; where they differ, somebody "
     "before us may have gone by the other"),
    ("line-absolute-https line-absolute-ftp",
     "we are no forward proxy: a target of another scheme is not for us"),
    ("line-asterisk line-asterisk-path",
     "RFC 9112, 3.2.4: asterisk form is for OPTIONS, and is just that"),
    ("line-long-4096", "our limit: a target of 4 KiB"),
    ("before-two-crlf between-two-crlf",
     "RFC 9112, 2.2: at least one empty line is skipped; one is enough"),
    ("before-lf between-lf before-cr between-cr",
     "RFC 9112, 2.2 lets a recipient take a bare LF; we take CRLF only, "
     "everywhere"),
    ("head-many-65 head-many-200", "our limit: 64 fields"),
    ("head-white-space-30k", "our limit counts white space as well"),
    ("head-expect-other",
     "both answer 417; we end the connection, since a body may follow"),
    ("length-2-to-63 length-2-to-63-old",
     "18 digits are enough for a length"),
    ("coding-chunked-old coding-Chunked-old coding-gzip-chunked-old "
     "coding-comma-chunked-old coding-empty-old",
     "RFC 9112, 6.1: Transfer-Encoding in HTTP/1.0 is faulty framing"),
    ("coding-gzip-chunked coding-comma-chunked framing-two-codings-different",
     "RFC 9112, 6.1: a coding that we do not understand is refused; chunked "
     "is the only one"),
    ("coding-empty", "both refuse, we before its handler is asked"),
    ("chunk-many-zeros", "15 digits are enough for a chunk's size"),
    ("chunk-extension chunk-extension-no-value chunk-extension-quoted "
     "chunk-extension-at-end",
     "RFC 9112, 7.1.1 lets a server refuse extensions; nobody sends them but "
     "to hide something in them"),
    ("chunk-all-64-bits", "15 digits are enough for a chunk's size"),
    ("chunk-trailer-host",
     "RFC 9110, 6.5.1: a field that routes or frames is not for trailers"),
    ("connect-other-host connect-no-host connect-no-port connect-path "
     "connect-absolute",
     "RFC 9112, 3.2.3: the target is host:port and Host says the same"),
    ("connect-length connect-chunked",
     "RFC 9110, 9.3.6: a CONNECT has no content; what would it be?"),
    ("sequence-old-keep-alive-then-get",
     "HTTP/1.0 connections carry one request, whatever they ask for"),
]
