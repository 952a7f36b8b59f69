"""Keys that are made for one session, and gone with it: who has recorded the
session, and gets the key of a certificate later, has nothing. Between our own
programs test_false_beacon.py and test_false_broker.py look at it; here the other
end is a store, which may be older than TLS 1.3."""
import os
import socket
import ssl
import subprocess
import threading

import pytest

from lab import parts

BY_KEY_OF_CERTIFICATE = "AES128-GCM-SHA256:AES256-GCM-SHA384"
BY_KEY_OF_SESSION = "ECDHE-RSA-AES128-GCM-SHA256"


@pytest.fixture(scope="module")
def rsa(module_lab):
    """A server's certificate whose key can also decrypt."""
    folder = module_lab.folder
    cert, key = folder / "rsa.crt", folder / "rsa.key"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout",
         key, "-out", cert, "-days", "1", "-subj", "/CN=store", "-addext",
         "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return cert, key


class OldStore:
    """TLS 1.2, with these ciphers; it answers nothing."""

    def __init__(self, rsa, ciphers):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        context.set_ciphers(ciphers)
        context.load_cert_chain(*rsa)
        self.context, self.agreed = context, None
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        try:
            connection = self.server.accept()[0]
            connection.settimeout(20)
            with self.context.wrap_socket(connection, server_side=True) as tls:
                self.agreed = tls.cipher()[0]
                tls.recv(65536)
        except OSError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.close()
        self.thread.join(20)


def ask(store, ca):
    """A person's call, by the same client that bridge and broker have."""
    env = {name: value for name, value in os.environ.items()
           if not name.lower().endswith("_proxy")}
    return subprocess.run(
        [parts.program("pharos"), "source", "grants", "--secretstore-address",
         f"https://127.0.0.1:{store.port}", "--secretstore-ca", ca],
        text=True, capture_output=True, check=False, timeout=60,
        env=env | {"PHAROS_SECRETSTORE_TOKEN": "s.token"})


def test_a_store_that_has_no_keys_for_one_session(rsa):
    with OldStore(rsa, BY_KEY_OF_CERTIFICATE) as store:
        assert ask(store, rsa[0]).returncode == 1
    assert store.agreed is None


def test_a_store_of_tls_1_2(rsa):
    with OldStore(rsa, f"{BY_KEY_OF_CERTIFICATE}:{BY_KEY_OF_SESSION}") as store:
        ask(store, rsa[0])
    assert store.agreed == BY_KEY_OF_SESSION
