"""The cases: what a server may be sent on one connection, as (label, bytes).

Most are made from tables, so that every byte is tried in every place where the
grammar of RFC 9112 draws a line. A label is stable: the recorded verdicts and
the table of differences go by it.
"""
HOST = b"Host: h\r\n"
GET = b"GET / HTTP/1.1\r\n" + HOST
POST = b"POST / HTTP/1.1\r\n" + HOST
NEXT = GET + b"\r\n"  # a second request, to see where the first one ended


def byte_label(value):
    return f"{value:02x}"


def every_byte():
    """Each byte, in each place of a request."""
    places = {
        "method": (b"GE", b"T / HTTP/1.1\r\n" + HOST + b"\r\n"),
        "target": (b"GET /a", b"b HTTP/1.1\r\n" + HOST + b"\r\n"),
        "query": (b"GET /a?b", b"c HTTP/1.1\r\n" + HOST + b"\r\n"),
        "name": (GET + b"X-", b"a: b\r\n\r\n"),
        "name-first": (GET, b"a: b\r\n\r\n"),
        "value": (GET + b"X-A: b", b"c\r\n\r\n"),
        "host": (b"GET / HTTP/1.1\r\nHost: a", b"b\r\n\r\n"),
    }
    for place, (before, after) in places.items():
        for value in range(256):
            yield (f"byte-{place}-{byte_label(value)}",
                   before + bytes([value]) + after)


METHODS = ("GET HEAD POST PUT DELETE OPTIONS TRACE PATCH COPY LOCK MKCOL MOVE "
           "PROPFIND PROPPATCH SEARCH UNLOCK BIND REBIND UNBIND ACL REPORT "
           "MKACTIVITY CHECKOUT MERGE M-SEARCH NOTIFY SUBSCRIBE UNSUBSCRIBE "
           "PURGE MKCALENDAR LINK UNLINK SOURCE QUERY PRI DESCRIBE ANNOUNCE "
           "SETUP PLAY PAUSE TEARDOWN RECORD FLUSH get Get FROB GETX GE G"
           ).split()


def methods():
    for method in METHODS:
        yield (f"method-{method}",
               method.encode() + b" / HTTP/1.1\r\n" + HOST + b"\r\n" + NEXT)


LINES = {
    "plain": b"GET / HTTP/1.1",
    "two-spaces": b"GET  / HTTP/1.1",
    "two-spaces-before-version": b"GET /  HTTP/1.1",
    "space-before": b" GET / HTTP/1.1",
    "space-after": b"GET / HTTP/1.1 ",
    "tab": b"GET\t/ HTTP/1.1",
    "tab-before-version": b"GET /\tHTTP/1.1",
    "no-target": b"GET HTTP/1.1",
    "no-version": b"GET /",
    "only-method": b"GET",
    "empty-target": b"GET  HTTP/1.1",
    "1.0": b"GET / HTTP/1.0",
    "0.9": b"GET / HTTP/0.9",
    "1.2": b"GET / HTTP/1.2",
    "2.0": b"GET / HTTP/2.0",
    "1": b"GET / HTTP/1",
    "1.": b"GET / HTTP/1.",
    "1.10": b"GET / HTTP/1.10",
    "01.1": b"GET / HTTP/01.1",
    "-1.1": b"GET / HTTP/-1.1",
    "1,1": b"GET / HTTP/1,1",
    "lower": b"GET / http/1.1",
    "mixed": b"GET / Http/1.1",
    "HTTPS": b"GET / HTTPS/1.1",
    "RTSP": b"GET / RTSP/1.0",
    "ICE": b"GET / ICE/1.0",
    "ICE-source": b"SOURCE / ICE/1.0",
    "four-words": b"GET / / HTTP/1.1",
    "absolute": b"GET http://h/ HTTP/1.1",
    "absolute-query": b"GET http://h/a?b HTTP/1.1",
    "absolute-upper": b"GET HTTP://H/ HTTP/1.1",
    "absolute-no-path": b"GET http://h HTTP/1.1",
    "absolute-only-query": b"GET http://h?a HTTP/1.1",
    "absolute-other-host": b"GET http://x/ HTTP/1.1",
    "absolute-port": b"GET http://h:80/ HTTP/1.1",
    "absolute-user": b"GET http://u@h/ HTTP/1.1",
    "absolute-https": b"GET https://h/ HTTP/1.1",
    "absolute-ftp": b"GET ftp://h/ HTTP/1.1",
    "absolute-no-host": b"GET http:/// HTTP/1.1",
    "scheme-relative": b"GET //h/ HTTP/1.1",
    "fragment": b"GET /a#b HTTP/1.1",
    "two-queries": b"GET /a?b?c HTTP/1.1",
    "percent": b"GET /%61%2f%00 HTTP/1.1",
    "percent-broken": b"GET /%zz HTTP/1.1",
    "dots": b"GET /../a/./b HTTP/1.1",
    "no-slash": b"GET a HTTP/1.1",
    "question": b"GET ?a HTTP/1.1",
    "asterisk": b"GET * HTTP/1.1",
    "asterisk-options": b"OPTIONS * HTTP/1.1",
    "asterisk-path": b"OPTIONS *a HTTP/1.1",
    "authority-form": b"GET h:80 HTTP/1.1",
    "long-4095": b"GET /" + b"a" * 4095 + b" HTTP/1.1",
    "long-4096": b"GET /" + b"a" * 4096 + b" HTTP/1.1",
    "long-20000": b"GET /" + b"a" * 20000 + b" HTTP/1.1",
}


def lines():
    for name, line in LINES.items():
        yield f"line-{name}", line + b"\r\n" + HOST + b"\r\n"


BEFORE = {
    "crlf": b"\r\n", "two-crlf": b"\r\n\r\n", "lf": b"\n", "cr": b"\r",
    "space": b" ", "nul": b"\0", "tls": b"\x16\x03\x01\x02\x00\x01\x00",
    "bom": b"\xef\xbb\xbf", "preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}


def before():
    for name, start in BEFORE.items():
        yield f"before-{name}", start + NEXT
        yield f"between-{name}", NEXT + start + NEXT


HEADS = {
    "none": b"",
    "two-fields": b"A: b\r\nC: d\r\n",
    "same-field-twice": b"A: b\r\nA: c\r\n",
    "no-colon": b"A\r\n",
    "no-name": b": b\r\n",
    "no-value": b"A:\r\n",
    "only-space": b"A: \r\n",
    "no-space": b"A:b\r\n",
    "colon-in-value": b"A: b:c\r\n",
    "tab-after-colon": b"A:\tb\r\n",
    "space-before-colon": b"A : b\r\n",
    "tab-before-colon": b"A\t: b\r\n",
    "space-first": b" A: b\r\n",
    "folded": b"A: b\r\n c\r\n",
    "folded-tab": b"A: b\r\n\tc\r\n",
    "folded-empty": b"A: b\r\n \r\n",
    "lf": b"A: b\nC: d\r\n",
    "lf-in-value": b"A: b\nc\r\n",
    "cr": b"A: b\rC: d\r\n",
    "cr-cr-lf": b"A: b\r\r\nC: d\r\n",
    "cr-then-header": b"A: b\r\n\rC: d\r\n",
    "lf-cr": b"A: b\n\rC: d\r\n",
    "empty-line-lf": b"A: b\r\n\n",
    "nul-in-value": b"A: b\0c\r\n",
    "nul-in-name": b"A\0B: c\r\n",
    "quoted": b'A: "b;c"\r\n',
    "many-64": b"".join(b"A%d: b\r\n" % i for i in range(63)),
    "many-65": b"".join(b"A%d: b\r\n" % i for i in range(64)),
    "many-200": b"".join(b"A%d: b\r\n" % i for i in range(200)),
    "large-8k": b"A: " + b"b" * 8192 + b"\r\n",
    "large-15k": b"A: " + b"b" * 15 * 1024 + b"\r\n",
    "large-17k": b"A: " + b"b" * 17 * 1024 + b"\r\n",
    "large-name-17k": b"A" * 17 * 1024 + b": b\r\n",
    "white-space-30k": b"A: " + b" " * 30 * 1024 + b"b\r\n",
    "connection-close": b"Connection: close\r\n",
    "connection-keep-alive": b"Connection: keep-alive\r\n",
    "connection-both": b"Connection: keep-alive, close\r\n",
    "connection-names-a-field": b"Connection: a\r\nA: b\r\n",
    "upgrade": b"Connection: upgrade\r\nUpgrade: x\r\n",
    "upgrade-alone": b"Upgrade: x\r\n",
    "h2c": b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
           b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n",
    "te": b"TE: trailers\r\n",
    "expect-other": b"Expect: x\r\n",
    "expect-no-body": b"Expect: 100-continue\r\n",
    "proxy-connection": b"Proxy-Connection: keep-alive\r\n",
}


def heads():
    for name, fields in HEADS.items():
        yield f"head-{name}", GET + fields + b"\r\n" + NEXT


HOSTS = {
    "none": b"",
    "one": b"Host: h\r\n",
    "lower": b"host: h\r\n",
    "upper": b"HOST: h\r\n",
    "two": b"Host: h\r\nHost: h\r\n",
    "two-different": b"Host: h\r\nHost: x\r\n",
    "empty": b"Host:\r\n",
    "port": b"Host: h:80\r\n",
    "port-empty": b"Host: h:\r\n",
    "port-bad": b"Host: h:x\r\n",
    "port-large": b"Host: h:65536\r\n",
    "v4": b"Host: 192.0.2.1\r\n",
    "v6": b"Host: [2001:db8::1]:80\r\n",
    "v6-bare": b"Host: 2001:db8::1\r\n",
    "v6-open": b"Host: [2001:db8::1\r\n",
    "path": b"Host: h/a\r\n",
    "user": b"Host: u@h\r\n",
    "list": b"Host: h, x\r\n",
    "space": b"Host: h x\r\n",
    "quoted": b'Host: "h"\r\n',
    "comma": b"Host: h,x\r\n",
    "folded": b"Host: h\r\n x\r\n",
}


def hosts():
    for name, field in HOSTS.items():
        yield f"host-{name}", b"GET / HTTP/1.1\r\n" + field + b"\r\n"
        yield f"host-old-{name}", b"GET / HTTP/1.0\r\n" + field + b"\r\n"


LENGTHS = {
    "none": None, "0": b"0", "5": b"5", "05": b"05", "+5": b"+5", "-5": b"-5",
    "5.0": b"5.0", "0x5": b"0x5", "5a": b"5a", "5-comma-5": b"5, 5",
    "5-comma-6": b"5,6", "5-space-5": b"5 5", "empty": b"", "5e0": b"5e0",
    "quoted": b'"5"', "underscore": b"5_0", "huge": b"9" * 30,
    "2-to-64": b"18446744073709551616", "2-to-64-and-5":
    b"18446744073709551621", "2-to-63": b"9223372036854775808",
    "unicode-digit": "٥".encode(), "vertical-tab": b"\v5",
    "trailing-tab": b"5\t",
}
CODINGS = {
    "none": None, "chunked": b"chunked", "Chunked": b"Chunked",
    "gzip": b"gzip", "identity": b"identity", "empty": b"",
    "gzip-chunked": b"gzip, chunked", "chunked-gzip": b"chunked, gzip",
    "chunked-chunked": b"chunked, chunked", "quoted": b'"chunked"',
    "comma-chunked": b", chunked", "chunked-comma": b"chunked,",
    "chunked-parameter": b"chunked;a=b", "xchunked": b"xchunked",
    "chunkedx": b"chunkedx", "vertical-tab": b"\vchunked",
    "nul": b"chunked\0", "cr": b"chunked\r", "space-in": b"chun ked",
    "tab-after": b"chunked\t",
}
BODY = b"5\r\nhello\r\n0\r\n\r\n"


def framing_fields(length, coding):
    fields = b""
    if length is not None:
        fields += b"Content-Length: " + length + b"\r\n"
    if coding is not None:
        fields += b"Transfer-Encoding: " + coding + b"\r\n"
    return fields


def framings():
    for name, length in LENGTHS.items():
        yield (f"length-{name}", POST + framing_fields(length, None)
               + b"\r\nhello" + NEXT)
        yield (f"length-{name}-old", b"POST / HTTP/1.0\r\n" + HOST
               + framing_fields(length, None) + b"\r\nhello")
    for name, coding in CODINGS.items():
        yield (f"coding-{name}", POST + framing_fields(None, coding)
               + b"\r\n" + BODY + NEXT)
        yield (f"coding-{name}-and-length", POST + framing_fields(b"5", coding)
               + b"\r\n" + BODY)
        yield (f"coding-{name}-old", b"POST / HTTP/1.0\r\n" + HOST
               + framing_fields(None, coding) + b"\r\n" + BODY)
    twice = {
        "two-lengths": framing_fields(b"5", None) * 2,
        "two-lengths-different": framing_fields(b"5", None)
        + framing_fields(b"6", None),
        "two-codings": framing_fields(None, b"chunked") * 2,
        "two-codings-different": framing_fields(None, b"gzip")
        + framing_fields(None, b"chunked"),
        "coding-then-length": framing_fields(None, b"chunked")
        + framing_fields(b"5", None),
        "coding-space-colon": b"Transfer-Encoding : chunked\r\n",
        "length-space-colon": b"Content-Length : 5\r\n",
        "coding-folded": b"Transfer-Encoding:\r\n chunked\r\n",
        "coding-first-space": b" Transfer-Encoding: chunked\r\n",
        "coding-lf": b"A: b\nTransfer-Encoding: chunked\r\n",
        "length-underscore": b"Content_Length: 5\r\n",
    }
    for name, fields in twice.items():
        yield f"framing-{name}", POST + fields + b"\r\n" + BODY


CHUNKS = {
    "plain": BODY,
    "upper-hex": b"A\r\n0123456789\r\n0\r\n\r\n",
    "lower-hex": b"a\r\n0123456789\r\n0\r\n\r\n",
    "leading-zeros": b"0005\r\nhello\r\n000\r\n\r\n",
    "many-zeros": b"0" * 40 + b"5\r\nhello\r\n0\r\n\r\n",
    "two": b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n",
    "extension": b"5;a=b\r\nhello\r\n0\r\n\r\n",
    "extension-no-value": b"5;a\r\nhello\r\n0\r\n\r\n",
    "extension-quoted": b'5;a="b c"\r\nhello\r\n0\r\n\r\n',
    "extension-empty": b"5;\r\nhello\r\n0\r\n\r\n",
    "extension-space": b"5 ;a=b\r\nhello\r\n0\r\n\r\n",
    "extension-lf": b"5;a\nhello\r\n0\r\n\r\n",
    "extension-cr": b"5;a\rb\r\nhello\r\n0\r\n\r\n",
    "extension-long": b"5;" + b"a" * 20000 + b"\r\nhello\r\n0\r\n\r\n",
    "extension-at-end": b"5\r\nhello\r\n0;a=b\r\n\r\n",
    "empty-size": b"\r\nhello\r\n0\r\n\r\n",
    "space-after": b"5 \r\nhello\r\n0\r\n\r\n",
    "space-before": b" 5\r\nhello\r\n0\r\n\r\n",
    "tab-after": b"5\t\r\nhello\r\n0\r\n\r\n",
    "prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "plus": b"+5\r\nhello\r\n0\r\n\r\n",
    "minus": b"-5\r\nhello\r\n0\r\n\r\n",
    "not-hex": b"g\r\nhello\r\n0\r\n\r\n",
    "underscore": b"5_\r\nhello\r\n0\r\n\r\n",
    "past-64-bits": b"10000000000000005\r\nhello\r\n0\r\n\r\n",
    "all-64-bits": b"ffffffffffffffff\r\nhello",
    "lf-after-size": b"5\nhello\r\n0\r\n\r\n",
    "cr-after-size": b"5\rhello\r\n0\r\n\r\n",
    "cr-x-after-size": b"5\rXhello\r\n0\r\n\r\n",
    "lf-after-data": b"5\r\nhello\n0\r\n\r\n",
    "cr-after-data": b"5\r\nhello\r0\r\n\r\n",
    "nothing-after-data": b"5\r\nhello0\r\n\r\n",
    "two-crlf-after-data": b"5\r\nhello\r\n\r\n0\r\n\r\n",
    "longer": b"4\r\nhello\r\n0\r\n\r\n",
    "shorter": b"6\r\nhello\r\n0\r\n\r\n",
    "no-last": b"5\r\nhello\r\n",
    "last-lf": b"5\r\nhello\r\n0\n\r\n",
    "last-cr": b"5\r\nhello\r\n0\r\r\n",
    "end-lf": b"5\r\nhello\r\n0\r\n\n",
    "end-cr": b"5\r\nhello\r\n0\r\n\rX",
    "end-missing": b"5\r\nhello\r\n0\r\n",
    "trailer": b"5\r\nhello\r\n0\r\nA: b\r\n\r\n",
    "trailer-length": b"5\r\nhello\r\n0\r\nContent-Length: 9\r\n\r\n",
    "trailer-coding": b"5\r\nhello\r\n0\r\nTransfer-Encoding: x\r\n\r\n",
    "trailer-host": b"5\r\nhello\r\n0\r\nHost: x\r\n\r\n",
    "trailer-no-colon": b"5\r\nhello\r\n0\r\nA\r\n\r\n",
    "trailer-space-colon": b"5\r\nhello\r\n0\r\nA : b\r\n\r\n",
    "trailer-folded": b"5\r\nhello\r\n0\r\nA: b\r\n c\r\n\r\n",
    "trailer-lf": b"5\r\nhello\r\n0\r\nA: b\n\r\n",
    "trailer-large": b"5\r\nhello\r\n0\r\nA: " + b"b" * 40000 + b"\r\n\r\n",
}


def chunks():
    head = POST + b"Transfer-Encoding: chunked\r\n\r\n"
    for name, body in CHUNKS.items():
        yield f"chunk-{name}", head + body + NEXT
    for value in range(256):
        yield (f"byte-chunk-size-{byte_label(value)}",
               head + b"1" + bytes([value]) + b"\r\nx\r\n0\r\n\r\n")


CONNECTS = {
    "plain": b"CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\n",
    "bytes": b"CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n\r\nhello",
    "v6": b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n",
    "old": b"CONNECT a.b:443 HTTP/1.0\r\n\r\n",
    "host-without-port": b"CONNECT a.b:443 HTTP/1.1\r\nHost: a.b\r\n\r\n",
    "other-host": b"CONNECT a.b:443 HTTP/1.1\r\nHost: x\r\n\r\n",
    "no-host": b"CONNECT a.b:443 HTTP/1.1\r\n\r\n",
    "no-port": b"CONNECT a.b HTTP/1.1\r\nHost: a.b\r\n\r\n",
    "path": b"CONNECT / HTTP/1.1\r\nHost: a.b\r\n\r\n",
    "absolute": b"CONNECT http://a.b/ HTTP/1.1\r\nHost: a.b\r\n\r\n",
    "length": b"CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n"
              b"Content-Length: 5\r\n\r\nhello",
    "chunked": b"CONNECT a.b:443 HTTP/1.1\r\nHost: a.b:443\r\n"
               b"Transfer-Encoding: chunked\r\n\r\n" + BODY,
}


def connects():
    for name, request in CONNECTS.items():
        yield f"connect-{name}", request


SEQUENCES = {
    "two": NEXT + NEXT,
    "body-then-get": POST + b"Content-Length: 5\r\n\r\nhello" + NEXT,
    "get-with-body": GET + b"Content-Length: 5\r\n\r\nhello" + NEXT,
    "head-with-body": b"HEAD / HTTP/1.1\r\n" + HOST
                      + b"Content-Length: 5\r\n\r\nhello" + NEXT,
    "post-without-length": POST + b"\r\n" + NEXT,
    "close-then-get": GET + b"Connection: close\r\n\r\n" + NEXT,
    "old-then-get": b"GET / HTTP/1.0\r\n" + HOST + b"\r\n" + NEXT,
    "old-keep-alive-then-get": b"GET / HTTP/1.0\r\n" + HOST
                               + b"Connection: keep-alive\r\n\r\n" + NEXT,
    "good-then-bad": NEXT + b"FROB\r\n\r\n",
    "ten": NEXT * 10,
    "body-cut": POST + b"Content-Length: 5\r\n\r\nhel",
    "head-cut": GET + b"A: b",
    "line-cut": b"GET / HT",
    "nothing": b"",
    "continue": POST + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"
                b"hello" + NEXT,
    "garbage": b"\x80\x81\x82\x83",
    "response": b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
}


def sequences():
    for name, text in SEQUENCES.items():
        yield f"sequence-{name}", text


def all_cases():
    cases = {}
    for make in (every_byte, methods, lines, before, heads, hosts, framings,
                 chunks, connects, sequences):
        for label, text in make():
            assert label not in cases, label
            cases[label] = text
    return cases
