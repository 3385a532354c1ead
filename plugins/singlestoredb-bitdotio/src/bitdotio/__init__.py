"""Client for bit.io's API, for pooled psycopg2 connections, and for its local stand-in.

``from bitdotio import bitdotio`` gives the factory; ``bitdotio.server`` runs the back end.
"""

from bitdotio._bitdotio import bitdotio
from bitdotio._version import __version__
from bitdotio.api_client import ApiError

__all__ = ["ApiError", "__version__", "bitdotio"]
