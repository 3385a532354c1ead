"""A StarRocks-like server for tests, in this process and without dependencies.

::

    from sqlalchemy import create_engine
    from starrocks.testing import StarRocksServer

    with StarRocksServer() as server:
        engine = create_engine(server.url())
"""

from starrocks.testing.protocol import SQLError
from starrocks.testing.server import StarRocksServer

__all__ = ["SQLError", "StarRocksServer"]
