"""Fixed ports for programs that cannot be asked which one they were given."""
import os
import socket

from .process import LabError

# Below the ports that the kernel hands out, so that nobody else is given one
# between our look and the program's.
RANGE = range(20000, 32000, 4)


def is_free(port):
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free(count):
    """The first of so many free ports in a row, at most four."""
    start = os.getpid() % len(RANGE)
    for port in [*RANGE[start:], *RANGE[:start]]:
        if all(is_free(port + more) for more in range(count)):
            return port
    raise LabError(f"no {count} free ports in a row")
