"""The programs that we are measured beside. Each is a class that says why it
cannot run here (missing()), starts on loopback, reports its process, and ends.
"""
from .strelay import Strelay
from .transit import Transit

ALL = (Strelay, Transit)
