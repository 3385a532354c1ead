"""Network fronts of the engine: what clients in other processes talk to.

:mod:`.mysql` speaks the MySQL protocol, :mod:`.http` the HTTP Data API.  A front knows
its wire; SQL is the session's business.
"""

from __future__ import annotations

from singlestoredb_embedded.engine import Engine, open_engine


def share(engine: Engine) -> Engine:
    """Count one more user of ``engine``, for a session that will release it when it closes."""
    return open_engine(engine.path, engine.key.partition(":")[2])
