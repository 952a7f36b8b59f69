"""The two stores that the cases are played on, and all cases of them."""
import os

from lab import openbao as bao

from . import registration, store
from .rows import Player, Row

CASES = store.CASES + registration.CASES


def devstore(lab):
    program = lab.start_devstore()
    return Player(f"https://127.0.0.1:{program.port}", lab.store.token,
                  lab.server_ca)


def openbao(lab):
    """The server that the environment names, or the one that was built; with
    neither, peers.NotHere."""
    address = os.environ.get("PHAROS_OPENBAO_ADDR")
    if address:
        return Player(address, os.environ["PHAROS_OPENBAO_TOKEN"],
                      os.environ.get("PHAROS_OPENBAO_CA"))
    server = bao.OpenBao(lab.folder / "openbao")
    lab.running.append(server.process)
    return Player(server.url, server.token)


def prepare(player):
    """An empty KV version 2 at kv/, which takes a moment to serve."""
    player.call("root", "DELETE", "sys/mounts/kv")
    player.play([
        Row("root", "POST", "sys/mounts/kv", {"type": "kv-v2"}, 204),
        Row("root", "POST", "kv/data/first", {"data": {}}, settles=True),
        Row("root", "DELETE", "kv/metadata/first", None, 204),
    ])
