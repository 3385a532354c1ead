"""SQLAlchemy engines from the SDK's connection parameters.

::

    engine = singlestoredb.create_engine("user:password@host:3306/database", echo=True)

The dialect is the package ``sqlalchemy-singlestoredb``, whose names are also here.
"""

from __future__ import annotations

import inspect
import warnings
from functools import cache
from typing import Any
from urllib.parse import quote

from singlestoredb.connection import build_params, connect

__all__ = ["create_engine"]

try:
    from sqlalchemy_singlestoredb import *  # type: ignore[import-not-found] # noqa: F403
except ImportError:
    warnings.warn(
        "singlestoredb.alchemy needs its dialect: pip install sqlalchemy-singlestoredb",
        RuntimeWarning,
        stacklevel=2,
    )
    _HAS_DIALECT = False
else:
    _HAS_DIALECT = True


@cache
def _connect_arguments() -> frozenset[str]:
    parameters = inspect.signature(connect).parameters.values()
    return frozenset(p.name for p in parameters if p.kind is not p.VAR_KEYWORD)


def create_engine(*args: Any, **kwargs: Any) -> Any:
    """Return an SQLAlchemy engine.

    Args:
        args: at most one: a connection URL, as ``host`` of :func:`singlestoredb.connect`.
        kwargs: arguments of :func:`singlestoredb.connect`, resolved as it resolves them; all
            others go to ``sqlalchemy.create_engine``.

    Raises:
        RuntimeError: the package ``sqlalchemy-singlestoredb`` is not installed.
        ValueError: more than one positional argument, or a parameter that is not allowed.
    """
    if len(args) > 1:
        raise ValueError("create_engine() takes one positional argument, a URL; name the others")
    if not _HAS_DIALECT:
        raise RuntimeError(
            "sqlalchemy_singlestoredb package is not installed "
            "(pip install sqlalchemy-singlestoredb)"
        )
    import sqlalchemy

    names = _connect_arguments()
    own = {name: value for name, value in kwargs.items() if name in names}
    others = {name: value for name, value in kwargs.items() if name not in names}
    if args:
        own["host"] = args[0]
    url, connect_args = _url_and_arguments(own)
    return sqlalchemy.create_engine(url, connect_args=connect_args, **others)


def _url_and_arguments(given: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the engine's URL, and the parameters that it does not say."""
    deferred: dict[str, Any] = {
        name: given.pop(name) for name in ("cursorclass", "defer_connect") if name in given
    }
    params = build_params(**given)
    driver = params.pop("driver", None) or "mysql"
    if not driver.startswith("singlestoredb"):
        driver = f"singlestoredb+{driver}"
    user, password = params.pop("user", None), params.pop("password", None)
    host, port = params.pop("host", None) or "", params.pop("port", None)
    database = params.pop("database", None)
    credentials = "" if user is None else quote(user, safe="")
    if password is not None:
        credentials += ":" + quote(password, safe="")
    where = f"[{host}]" if ":" in host else host
    url = f"{driver}://{credentials}{'@' if credentials else ''}{where}"
    url += (f":{port}" if port else "") + (f"/{quote(database, safe='')}" if database else "")
    return url, {**params, **deferred}
