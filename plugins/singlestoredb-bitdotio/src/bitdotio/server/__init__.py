"""A local back end: bit.io's REST API on a PostgreSQL of your own.

>>> from bitdotio import server                                     # doctest: +SKIP
>>> with server.start() as local:                                   # doctest: +SKIP
...     b = bitdotio(local.token, api_url=local.api_url)

The service had no published schema: beyond what its client shows, the JSON here is our own choice,
described in the README.
"""

from bitdotio.server._http import LocalServer, start
from bitdotio.server._postgres import PostgresError, PrivatePostgres

__all__ = ["LocalServer", "PostgresError", "PrivatePostgres", "start"]
