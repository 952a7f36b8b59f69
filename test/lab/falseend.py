"""A TLS server that should not be there: inside of what somebody carries, with
a certificate of his choice. It keeps every byte that it decrypts, so that a
test can tell what the other end has given away.

    end = FalseEnd(Shown(cert, key), b"pharos-boot/1")
    end.serve(read, write)      # until the other end has had enough
    assert end.refused and not end.heard
"""
import dataclasses
import ssl
import threading


class Gone(Exception):
    """The bytes have ended."""


@dataclasses.dataclass
class Shown:
    """The files of what is shown."""
    cert: object
    key: object


class FalseEnd:
    """@says: what it sends once the handshake is done, so that the other end
    has all it waits for."""

    def __init__(self, shown, *alpns, says=b""):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(shown.cert, shown.key)
        self.context.set_alpn_protocols([alpn.decode() for alpn in alpns])
        self.says = says
        self.hello = b""  # what came in the clear, up to our answer
        self.heard = b""
        self.done = False  # the handshake, by this end's reckoning
        self.refused = None  # the alert that came, in OpenSSL's words
        self.over = False
        self.news = threading.Condition()

    def serve(self, read, write):
        """@read returns b"" at the end; both are of the lower layer."""
        try:
            self._serve(read, write)
        finally:
            with self.news:
                self.over = True
                self.news.notify_all()

    def wait_until(self, true, what, seconds=20):
        with self.news:
            assert self.news.wait_for(lambda: true(self), seconds), what
        return self

    def _serve(self, read, write):
        come, go = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = self.context.wrap_bio(come, go, server_side=True)
        try:
            self._repeat(tls.do_handshake, (come, go), read, write)
            self.done = True
            if self.says:
                tls.write(self.says)
            while data := self._repeat(lambda: tls.read(65536), (come, go),
                                       read, write):
                with self.news:
                    self.heard += data
                    self.news.notify_all()
        except ssl.SSLError as error:
            self.refused = str(error)
        except (Gone, OSError):
            pass

    def _repeat(self, action, pipes, read, write):
        come, go = pipes
        while True:
            try:
                result = action()
                self._flush(go, write)
                return result
            except ssl.SSLWantReadError:
                self._flush(go, write)
                data = read()
                if not data:
                    raise Gone from None
                if not self.done:
                    self.hello += data
                come.write(data)
            except ssl.SSLError:
                self._flush(go, write)
                raise

    @staticmethod
    def _flush(go, write):
        if data := go.read():
            write(data)
