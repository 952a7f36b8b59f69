#!/usr/bin/env python3
"""An HTTP proxy that misbehaves in one way: badproxy.py HOST:PORT HOW.

    hang     takes connections, says nothing
    close    reads the request, closes
    garbage  answers with something else, byte by byte
    slow     is a good proxy that answers byte by byte, and once the head is out
             sends what the target says without a pause
"""
import socket
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


def serve(connection, how):
    with connection:
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
    with socket.create_server((host, int(port))) as door:
        print("listening", flush=True)
        while True:
            connection, _ = door.accept()
            threading.Thread(target=serve, args=(connection, sys.argv[2]),
                             daemon=True).start()


if __name__ == "__main__":
    main()
