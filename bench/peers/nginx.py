"""nginx's stream module with TLS on both sides, one process."""
import pathlib

from measure.bench import free_port

from .peer import Peer

MODULE = pathlib.Path("/usr/lib/nginx/modules/ngx_stream_module.so")
CONFIG = """
load_module {module};
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
worker_rlimit_nofile 20000;
events {{ worker_connections 12000; }}
stream {{
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {cert};
        ssl_certificate_key {key};
        ssl_protocols TLSv1.3;
        ssl_session_tickets off;
        proxy_ssl {back_tls};
        proxy_ssl_protocols TLSv1.3;
        proxy_pass 127.0.0.1:{back};
    }}
}}
"""


class Nginx(Peer):
    name = "nginx stream, TLS both sides"
    program = "nginx"
    package = "nginx-light libnginx-mod-stream"
    way = "tls"
    back_tls = "on"

    @classmethod
    def missing(cls):
        return super().missing() or (
            None if MODULE.exists() else
            "skipped, nginx has no stream module (libnginx-mod-stream)")

    def __init__(self, bench):
        super().__init__(bench)
        self.back_port = free_port()

    def command(self):
        pki = self.bench.lab.lab_pki
        config = self.folder / "nginx.conf"
        config.write_text(CONFIG.format(
            module=MODULE, folder=self.folder, port=self.port,
            back=self.back_port, back_tls=self.back_tls,
            cert=pki / "beacon.crt", key=pki / "beacon.key"))
        return ["nginx", "-p", self.folder, "-e", "stderr", "-c", config]


class NginxPlain(Nginx):
    name = "nginx stream, TLS to plain"
    back_tls = "off"
