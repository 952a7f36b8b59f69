"""TLS inside of what a Peer carries, as either end of a session has it."""
from OpenSSL import SSL

from .beaconpeer import Ended, Reset


class InnerTLS:
    """self.peer carries, self.tls is an SSL.Connection without a socket."""

    peer = tls = None

    def flush(self):
        try:
            while True:
                self.peer.send(self.tls.bio_read(65536))
        except SSL.WantReadError:
            return

    def repeat(self, action):
        while True:
            try:
                result = action()
                self.flush()
                return result
            except SSL.WantReadError:
                self.flush()
                self.tls.bio_write(self.peer.read_some())
            except SSL.ZeroReturnError:
                raise Ended from None
            except SSL.SysCallError as error:
                raise Reset(str(error)) from None

    def read(self, size):
        data = b""
        while len(data) < size:
            data += self.repeat(lambda: self.tls.recv(size - len(data)))
        return data

    def send(self, data):
        self.tls.sendall(data)
        self.flush()
