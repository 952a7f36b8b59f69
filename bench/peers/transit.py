"""magic-wormhole's transit relay: pairs plain TCP connections by a token."""
from .peer import Peer


class Transit(Peer):
    name = "transit relay"
    program = "twist3"
    package = "magic-wormhole-transit-relay"
    way = "transit"

    def command(self):
        return ["twist3", "transitrelay",
                f"--port=tcp:{self.port}:interface=127.0.0.1"]
