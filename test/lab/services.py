"""TCP services of our own for tests: what a tunnel leads to."""
import socket
import threading


class Service:
    """Listens on 127.0.0.1; each connection is served by a thread."""

    def __init__(self, serve):
        self._serve = serve
        self.accepted = 0
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=512)
        self.port = self._listening.getsockname()[1]
        self.address = f"127.0.0.1:{self.port}"
        threading.Thread(target=self._accept, daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._listening.close()

    def _accept(self):
        while True:
            try:
                connection, _ = self._listening.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._run, args=[connection],
                             daemon=True).start()

    def _run(self, connection):
        with connection:
            try:
                self._serve(connection)
            except OSError:
                pass


def echo(connection):
    """Sends back what comes; ends when the other side does."""
    while data := connection.recv(65536):
        connection.sendall(data)


def reset(connection):
    """Reads a little, then resets."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          b"\x01\0\0\0\0\0\0\0")


def read_all(connection):
    """Everything up to the end of the other direction."""
    parts = []
    while part := connection.recv(65536):
        parts.append(part)
    return b"".join(parts)
