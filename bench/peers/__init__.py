"""The programs that we are measured beside. Each is a class that says why it
cannot run here (missing()), starts on loopback, reports its process, and ends.
"""
from .derper import Derper
from .haproxy import HAProxyTCP, HAProxyTLS, HAProxyWait
from .nginx import Nginx, NginxPlain
from .reverse import Chisel, Frp
from .splice import Splice
from .strelay import Strelay
from .transit import Transit

__all__ = ["Chisel", "Derper", "Frp", "HAProxyTCP", "HAProxyTLS", "HAProxyWait",
           "Nginx", "NginxPlain", "Splice", "Strelay", "Transit"]
