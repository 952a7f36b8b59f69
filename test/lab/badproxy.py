#!/usr/bin/env python3
"""An HTTP proxy that misbehaves in one way: badproxy.py HOST:PORT HOW
[CERT KEY], with TLS if it has a certificate.

    hang     takes connections, says nothing
    close    reads the request, closes
    garbage  answers with something else, byte by byte
    slow     is a good proxy that answers byte by byte, and once the head is out
             sends what the target says without a pause
"""
import socket
import ssl
import sys
import threading


def relay(a, b):
    def pump(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass
    thread = threading.Thread(target=pump, args=(a, b), daemon=True)
    thread.start()
    pump(b, a)
    thread.join()


def trickle(connection, data):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for byte in data:
        connection.sendall(bytes([byte]))


def serve(connection, how, context):
    with connection:
        if context:
            try:
                connection = context.wrap_socket(connection, server_side=True)
            except OSError:
                return
        head = b""
        while b"\r\n\r\n" not in head:
            data = connection.recv(4096)
            if not data:
                return
            head += data
        if how == "hang":
            connection.recv(1)
        elif how == "garbage":
            trickle(connection, b"\x15\x03\x03 this is no HTTP\r\n" * 100)
        elif how == "slow":
            host, _, port = head.split()[1].decode().rpartition(":")
            with socket.create_connection((host, int(port))) as target:
                trickle(connection, b"HTTP/1.1 200 OK\r\nVia: lab\r\n\r\n")
                relay(connection, target)


def main():
    host, _, port = sys.argv[1].rpartition(":")
    context = None
    if len(sys.argv) > 3:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*sys.argv[3:5])
    with socket.create_server((host, int(port))) as door:
        print("listening", flush=True)
        while True:
            connection, _ = door.accept()
            threading.Thread(target=serve,
                             args=(connection, sys.argv[2], context),
                             daemon=True).start()


if __name__ == "__main__":
    main()
