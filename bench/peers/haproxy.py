"""HAProxy: with TLS on both sides, as a TCP proxy, or as a place where TLS
connections wait."""
from measure.bench import free_port

from .peer import Peer

COMMON = """
global
    nbthread 1
    maxconn 6000
    ssl-default-bind-options ssl-min-ver TLSv1.3 no-tls-tickets
    ssl-server-verify none
defaults
    timeout connect 10s
    timeout client 10m
    timeout server 10m
    timeout http-request 10m
    option splice-auto
listen relay
"""
TLS = "bind 127.0.0.1:{port} ssl crt {pem}"
SHAPES = {
    "tls": f"""
    mode tcp
    {TLS}
    server back 127.0.0.1:{{back}} ssl verify none
""",
    "tcp": """
    mode tcp
    bind 127.0.0.1:{port}
    server back 127.0.0.1:{back}
""",
    # waits for a request: TLS is made, and nothing behind it yet
    "wait": f"""
    mode http
    {TLS}
    http-request return status 200
""",
}


class HAProxy(Peer):
    name = "HAProxy"
    program = package = "haproxy"
    shape = "tls"

    def __init__(self, bench):
        super().__init__(bench)
        self.back_port = free_port()

    @property
    def way(self):
        return self.shape

    def command(self):
        config = self.folder / "haproxy.cfg"
        config.write_text((COMMON + SHAPES[self.shape]).format(
            port=self.port, back=self.back_port, pem=self.bench.server_pem))
        return ["haproxy", "-f", config, "-db"]


class HAProxyTLS(HAProxy):
    name = "HAProxy, TLS both sides"


class HAProxyTCP(HAProxy):
    name = "HAProxy, plain, splice-auto"
    shape = "tcp"


class HAProxyWait(HAProxy):
    name = "HAProxy, TLS accept"
    shape = "wait"
